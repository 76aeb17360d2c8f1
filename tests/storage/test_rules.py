"""Rules are put in force, taken back and put back by the same undo as everything else."""

from __future__ import annotations

import pytest

from storage.errors import UndoError
from storage.history import Act, describe
from storage.records import Label, Pattern
from tests.storage.samples import CLUSTER, NOW, case, update

PATTERN = Pattern("http-server-5xx-spike", "jobs/*", below=2.5, hours=(22, 2))


def add(store, pattern=PATTERN, expires=NOW + 86400, actor="kim", at=NOW):
    return store.history.add_rule(CLUSTER, pattern, reason="nightly batch", expires=expires, actor=actor, at=at)


def test_a_rule_is_kept_whole_and_in_force_until_it_expires(store):
    add(store)
    (rule,) = store.rules.of(CLUSTER)
    assert (rule.id, rule.pattern, rule.owner, rule.reason) == (1, PATTERN, "kim", "nightly batch")
    assert rule.holds(NOW) and rule.holds(NOW + 86399) and not rule.holds(NOW + 86400)
    assert store.rules.of("elsewhere") == ()
    assert store.rules.get(1) == rule and store.rules.get(2) is None


def test_a_window_holds_from_its_begin_and_is_somebodys(store):
    window = Pattern(workload="shop/*", environment="prod")
    store.history.add_rule(
        CLUSTER, window, reason="", expires=NOW + 60, actor="kim", at=NOW, owner="the team", starts=NOW + 30
    )
    (rule,) = store.rules.of(CLUSTER)
    assert (rule.pattern, rule.owner, rule.starts) == (window, "the team", NOW + 30)
    assert [rule.standing(NOW + after) for after in (29, 30, 59, 60)] == [
        "to begin", "in force", "in force", "run out",
    ]  # fmt: skip
    store.history.undo(actor="kim", at=NOW + 1)
    assert store.rules.get(1).standing(NOW + 30) == "out of force"


def test_undo_and_redo_switch_it(store):
    add(store)
    (line,) = store.history.undo(actor="kim", at=NOW + 1)
    assert describe(line) == "kim undid, put the rule out of force"
    assert not store.rules.get(1).holds(NOW)
    store.history.redo(actor="kim", at=NOW + 2)
    assert store.rules.get(1).holds(NOW)


def test_rules_and_labels_share_one_stack(store):
    store.cycles.write(update(case(1)))
    add(store)
    values = {"label": Label.FALSE, "label_reason": ""}
    store.history.act([1], Act.LABEL, values, actor="kim", at=NOW + 1)
    store.history.undo(actor="kim", at=NOW + 2)
    assert store.investigations.get(1).label is None and store.rules.get(1).active
    store.history.undo(actor="kim", at=NOW + 3)
    assert not store.rules.get(1).active
    assert store.history.undo(actor="kim", at=NOW + 4) == ()


def test_what_another_changed_since_is_not_taken_back(store):
    add(store)
    assert store.history.switch_rule(1, active=False, actor="sam", at=NOW + 1) is not None
    with pytest.raises(UndoError, match="rule 1 has been changed"):
        store.history.undo(actor="kim", at=NOW + 2)


def test_switching_to_what_is_so_changes_nothing(store):
    add(store)
    assert store.history.switch_rule(1, active=True, actor="kim", at=NOW) is None
    assert store.history.switch_rule(7, active=True, actor="kim", at=NOW) is None


def test_what_hides_a_case_is_stored_with_it(store):
    store.cycles.write(update(case(1, held=False, muted=3), case(2, held=False)))
    assert [each.state(NOW) for each in store.investigations.many([1, 2])] == ["muted", "new"]
    before = store.investigations.listed(CLUSTER, since=0, limit=9)
    store.cycles.write(update(case(1, held=False)))
    assert store.investigations.listed(CLUSTER, since=0, limit=9)[1] != before[1]
