"""Weighing: what makes a candidate, the visible sum of points, competitors, and what is ruled out."""

from __future__ import annotations

import string

from hypothesis import given
from hypothesis import strategies as st

from app.investigation.causes import filled, weigh
from app.investigation.model import Cause, Clue, Clues, Origin, Scope
from detectors.model import Confidence

ONSET = 1000.0
RELEASE = Cause(
    "release", "revision {n} fails", requires=("rollout", "exit"), supports=("log",), contradicts=("old-fails",),
    scopes=(Scope.REVISION,),
)  # fmt: skip


def clue(name, holds=True, origin=Origin.OBJECT, at=None, **fills):
    return Clue(name=name, holds=holds, text=f"about {name}", source="", origin=origin, at=at, fills=fills)


def likely(causes, *clues, scope=Scope.UNKNOWN, labelled=frozenset()):
    return weigh(causes, Clues.of(clues), scope, ONSET, labelled)[0]


def points(causes, *clues, **more):
    return [record.points for record in likely(causes, *clues, **more)]


def test_it_takes_all_that_it_requires():
    assert likely([RELEASE], clue("rollout")) == ()
    [found] = likely([RELEASE], clue("rollout", n="7"), clue("exit"))
    assert (found.title, found.points, found.confidence) == ("revision 7 fails", 60, Confidence.MEDIUM)


def test_one_of_several_is_enough_where_it_says_so():
    either = Cause("x", "x", any_of=("a", "b"))
    assert likely([either], clue("c")) == ()
    assert len(likely([either], clue("b"))) == 1


def test_the_sum_is_what_the_playbooks_say():
    full = [clue("rollout", at=ONSET - 60), clue("exit"), clue("log", origin=Origin.LOG)]
    [found] = likely([RELEASE], *full, scope=Scope.REVISION, labelled=frozenset({"release"}))
    assert found.points == 60 + 15 + 10 + 10 + 5 == sum(worth for _, worth in found.sum)
    assert found.confidence is Confidence.HIGH


def test_what_began_after_the_problem_gets_nothing_for_time():
    assert points([RELEASE], clue("rollout", at=ONSET + 600), clue("exit")) == [60]
    assert points([RELEASE], clue("rollout", at=ONSET + 30), clue("exit")) == [70]


def test_a_contradiction_weighs_more_than_any_support():
    told = [clue("rollout", at=ONSET), clue("exit"), clue("old-fails"), clue("old-fails")]
    assert points([RELEASE], *told) == [40]
    found = likely([RELEASE], *told)[0]
    assert (found.confidence, found.contradicts) == (Confidence.LOW, ("about old-fails",))


def test_what_could_not_be_seen_costs_and_is_named():
    [found] = likely([RELEASE], clue("rollout"), clue("exit"), clue("log", holds=None))
    assert (found.points, found.unknown) == (45, ("about log",))


def test_below_forty_it_is_not_given_but_told():
    told = [clue("rollout"), clue("exit"), clue("old-fails")]
    given_, out = weigh([RELEASE], Clues.of(told), Scope.UNKNOWN, ONSET)
    assert given_ == () and [record.id for record in out] == ["release"]


def test_two_that_are_as_likely_make_each_other_less_sure():
    other = Cause("other", "other", requires=("exit",), points=55)
    assert points([RELEASE, other], clue("rollout"), clue("exit")) == [50, 45]
    far = Cause("far", "far", requires=("exit",), points=45)
    assert points([RELEASE, far], clue("rollout"), clue("exit")) == [60, 45]


def test_what_is_known_not_to_be_is_ruled_out_and_what_nobody_asked_is_not():
    _, out = weigh([RELEASE], Clues.of([clue("rollout", holds=False), clue("exit")]), Scope.UNKNOWN, ONSET)
    assert [(record.id, record.contradicts) for record in out] == [("release", ("about rollout",))]
    assert weigh([RELEASE], Clues.of([clue("exit")]), Scope.UNKNOWN, ONSET) == ((), ())


def test_of_two_causes_with_one_id_the_first_counts():
    again = Cause("release", "another title", requires=("exit",))
    assert likely([again, RELEASE], clue("rollout"), clue("exit"))[0].title == "another title"


@given(st.text(), st.text(alphabet=string.printable))
def test_hostile_values_are_only_values(value, more):
    assert filled("a {x} b", [clue("c", x=value), clue("d", x=more)]) == f"a {value} b"


@given(st.lists(st.sampled_from(["rollout", "exit", "log", "old-fails"]), max_size=8), st.booleans())
def test_the_points_are_the_sum_that_is_shown(names, holds):
    given_, out = weigh([RELEASE], Clues.of([clue(n, holds) for n in names]), Scope.REVISION, ONSET)
    for record in (*given_, *(each for each in out if each.sum)):
        assert record.points == sum(worth for _, worth in record.sum)


def test_what_is_ruled_out_names_nobody_it_does_not_know():
    told = clue("rollout", holds=False)
    _, out = weigh([RELEASE], Clues.of([told]), Scope.UNKNOWN, ONSET)
    assert [record.title for record in out] == ["release"]
    _, out = weigh([RELEASE], Clues.of([clue("rollout", holds=False, n="7")]), Scope.UNKNOWN, ONSET)
    assert [record.title for record in out] == ["revision 7 fails"]
