"""One investigation: every line names its source, what is refused is unknown, and the same evidence gives the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.investigation.model import Playbook, Step
from app.investigation.pipeline import investigate
from app.investigation.playbooks import playbooks
from app.investigation.sources import AskedOnce
from app.sources.base import LogTail, SourceError, Trouble
from detectors.cluster import Access, AccessStatus
from storage.database import Store
from storage.records import AnomalyState, Stance, Verdict
from tests.app.investigation.scenes import ROWS, Answers, anomaly, investigated, scene
from tests.detectors.states.objects import LISTED, cluster, deployment, ended, pod, replica_set, waiting

CRASHED = waiting("CrashLoopBackOff", restarts=4, last=ended(60, code=2))
OBJECTS = [deployment(replicas=2), replica_set(), pod(0, CRASHED), pod(1, CRASHED)]
SECRET = "password=hunter2"


def crashing(**more):
    return scene(OBJECTS, anomaly("pod-crashloopbackoff"), **more)


def test_every_signal_has_one_playbook_or_none_and_every_clue_a_collector():
    found = playbooks()
    assert len({book.id for book in found}) == len(found)
    assert {signal for book in found for signal in book.signals} <= ROWS.keys()


def test_a_playbook_that_refers_to_a_clue_nobody_tells_is_refused():
    from app.investigation.model import Cause
    from app.investigation.playbooks import _check

    with pytest.raises(ValueError, match="C99: no collector of it tells no-such-clue"):
        _check((Playbook("C99", "x", (), (), (Cause("c", "c", requires=("no-such-clue",)),)),))
    book = playbooks()[0]
    with pytest.raises(ValueError, match="are both for"):
        _check((book, Playbook("C99", "x", book.signals[:1], (), ())))


def test_the_ledger_has_its_steps_in_order_and_every_line_that_tells_has_a_source():
    found = investigated(crashing())
    steps = [list(Step).index(Step(line.step)) for line in found.lines]
    assert steps == sorted(steps)
    assert all(line.source for line in found.lines if line.stance is not Stance.UNKNOWN)
    assert found.conclusion.verdict is Verdict.REAL


def test_the_same_evidence_gives_the_same_conclusion_on_one_thread_and_on_many():
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(8) as many:
        first, second = (investigate(crashing(), pool, clock=lambda: 0.0) for pool in (one, many))
    assert first == second


def test_lines_are_told_as_they_come():
    told = []
    with ThreadPoolExecutor(2) as pool:
        found = investigate(crashing(), pool, told.extend)
    assert {line.clue for line in told} == {line.clue for line in found.lines}


def test_logs_that_are_refused_are_unknown_and_cost_confidence():
    class Refusing(Answers):
        def log(self, *_: object, **__: object) -> LogTail:
            raise SourceError(Trouble.FORBIDDEN, "pods/log is forbidden")

    known = investigated(crashing(sources=Answers({"web-aaaa-0/app/previous": "FATAL no database"})))
    refused = investigated(crashing(sources=Refusing()))
    assert any("pods/log is forbidden" in text for text in refused.conclusion.unknown)
    assert {line.stance for line in refused.lines if line.step == "cause"} & {Stance.UNKNOWN}
    assert refused.conclusion.verdict is Verdict.REAL
    best = max((cause.points for cause in known.conclusion.causes), default=0)
    assert max((cause.points for cause in refused.conclusion.causes), default=0) < best


def test_objects_that_may_not_be_read_are_unknown_never_healthy():
    state = cluster([], access=LISTED | {name: Access(AccessStatus.FORBIDDEN) for name in ("pods", "replicasets")})
    found = investigated(scene(state, anomaly("pod-crashloopbackoff")))
    assert found.conclusion.verdict not in (Verdict.NOISE, Verdict.RECOVERED)
    assert any("pods" in text for text in found.conclusion.unknown)


def test_what_cannot_be_seen_at_the_moment_is_inconclusive():
    found = investigated(scene([], anomaly("http-server-5xx-spike", state=AnomalyState.HELD)))
    assert found.conclusion.verdict is Verdict.INCONCLUSIVE


def test_secrets_in_what_was_found_are_masked():
    words = f"starting with {SECRET} and user:pw failed: {SECRET}"
    found = investigated(crashing(sources=Answers({f"web-aaaa-{n}/app/previous": words for n in (0, 1)})))
    assert "hunter2" not in repr(found)


def test_names_of_the_cluster_cannot_break_out_of_a_command():
    evil = pod(0, CRASHED, owner="web; rm -rf /")
    found = investigated(scene([deployment("web; rm -rf /"), evil], anomaly("pod-crashloopbackoff"))).conclusion
    assert not any("; rm -rf" in command.replace("'web; rm -rf /", "") for command in found.commands)


def test_a_question_is_asked_once_and_not_at_all_when_the_time_is_over(tmp_path):
    asked, now = [], [0.0]

    class Logs:
        def log(self, *question: object, **_: object) -> LogTail:
            asked.append(question)
            return LogTail(("a",))

    with Store.open(tmp_path / "t.db") as store:
        sources = AskedOnce("lab", None, Logs(), store, 10.0, lambda: now[0])
        for _ in range(3):
            assert sources.log("prod", "a", "app", previous=False, lines=5).lines == ("a",)
        assert len(asked) == 1
        now[0] = 11.0
        assert sources.log("prod", "a", "app", previous=False, lines=5).lines == ("a",)
        with pytest.raises(SourceError) as error:
            sources.log("prod", "b", "app", previous=False, lines=5)
        assert error.value.trouble is Trouble.TIMEOUT
        with pytest.raises(SourceError):
            sources.range("up", 0, 60, 30)


def test_a_collector_that_breaks_is_unknown_and_costs_nothing_else(monkeypatch, caplog):
    def broken(scene):
        raise ZeroDivisionError("oops")

    whole = investigated(crashing())
    from app.investigation import pipeline

    replaced = tuple(replace(each, collect=broken) if each.name == "width" else each for each in pipeline.COMMON)
    monkeypatch.setattr(pipeline, "COMMON", replaced)
    found = investigated(crashing())
    assert found.conclusion.verdict is whole.conclusion.verdict
    assert any("ZeroDivisionError while looking" in text for text in found.conclusion.unknown)
    assert "collecting width of case 1" in caplog.text
