"""Several incidents at once on real servers: what belongs together is one case, what does not stays apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from detectors.model import Confidence
from storage.records import Outcome, Verdict
from tests.app.investigation.night import BEGIN, CLIENTS, Night
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.records import CauseRecord, Conclusion

pytestmark = needs_servers


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    yield Night(tmp_path_factory.mktemp("night"))


def _conclusion(night: Night, name: str) -> Conclusion:
    number = next(n for n, case in night.cases.items() if case.entity.name == name)
    return night.conclusions[number]


def _first(night: Night, name: str) -> CauseRecord:
    return _conclusion(night, name).causes[0]


def _told(night: Night, name: str) -> dict[str, str]:
    number = next(n for n, case in night.cases.items() if case.entity.name == name)
    return {line.clue: line.text for line in night.ledgers[number] if line.clue}


def test_a_chain_of_callers_is_one_case_named_after_what_they_wait_for(night: Night) -> None:
    assert [case.entity.name for case in night.listed("chain")] == ["payments"]
    said = " ".join(_conclusion(night, "payments").impact)
    assert "chain/checkout suffers from it" in said
    assert "chain/gateway suffers from it" in said


def test_callers_name_the_callee_and_the_callee_what_it_uses(night: Night) -> None:
    for caller in ("checkout", "gateway"):
        assert _first(night, caller).id == "callee"
        assert "chain/payments" in _first(night, caller).title
        assert _first(night, caller).confidence is Confidence.HIGH
    assert _first(night, "payments").id == "resources"
    assert "CPU" in _first(night, "payments").title


def test_a_database_that_says_nothing_of_itself_is_one_case_of_all_its_clients(night: Night) -> None:
    [case] = night.listed("store")
    assert len([c for c in night.cases.values() if c.entity.namespace == "store"]) == len(CLIENTS)
    lead = night.conclusions[case.id].causes[0]
    assert (lead.id, lead.confidence) == ("far-end", Confidence.HIGH)
    assert "store/postgres" in lead.title


def test_two_that_call_neither_stay_two(night: Night) -> None:
    assert {case.entity.name for case in night.listed("apart")} == {"left", "right"}


def test_they_are_one_as_soon_as_they_are_known(night: Night) -> None:
    early = [at for at, cases in night.steps.items() if any(c.entity.namespace == "chain" for c in cases)]
    assert [case.entity.name for case in night.listed("chain", min(early))] == ["payments"]
    kinds = {entry.text for n, entries in night.timelines.items() for entry in entries if entry.kind == "case"}
    assert any("a consequence of" in text for text in kinds)


def test_a_release_is_the_cause_where_its_own_pods_are_worse_than_the_old_ones(night: Night) -> None:
    told = _told(night, "bad")
    assert "split.new-revision" in told
    assert (_first(night, "bad").id, _first(night, "bad").confidence) == ("release", Confidence.HIGH)
    assert "2.0.0" in _first(night, "bad").title
    assert not night.listed("ship", 0)[1:]


def test_effects_make_it_real_and_the_ledger_says_by_which_query(night: Night) -> None:
    for name in ("payments", "left", "bad"):
        assert _conclusion(night, name).verdict is Verdict.REAL
    number = next(n for n, case in night.cases.items() if case.entity.name == "left")
    effect = next(line for line in night.ledgers[number] if line.clue == "impact.errors")
    assert effect.value == "19.8 %"
    assert 'destination_workload="left"' in effect.source


def test_without_anything_that_stands_out_no_cause_is_named(night: Night) -> None:
    assert not _conclusion(night, "left").causes
    assert "near.calls" in _told(night, "left")


def test_calm_workloads_have_no_case(night: Night) -> None:
    assert not [case for case in night.cases.values() if case.entity.namespace == "calm" or case.entity.name == "good"]


def test_every_rollout_is_verified_by_its_numbers(night: Night) -> None:
    assert {name: record.outcome for name, record in night.verified.items()} == {
        "bad": Outcome.FAIL,
        "good": Outcome.PASS,
        "rare": Outcome.INSUFFICIENT,
    }
    bad = {metric.name: metric for metric in night.verified["bad"].metrics}
    assert bad["failed requests"].failed
    assert bad["failed requests"].after == pytest.approx(0.3, abs=0.02)
    assert not bad["P95 latency"].failed
    assert night.verified["bad"].at - BEGIN < 1200 <= night.verified["good"].at - BEGIN
    assert "image" in night.verified["good"].change


def test_a_verification_stands_on_the_timeline_and_speaks_for_the_release(night: Night) -> None:
    number = next(n for n, case in night.cases.items() if case.entity.name == "bad")
    assert any(entry.kind == "verify" and "fail" in entry.text for entry in night.timelines[number])
    assert any("verified: fail" in text for text in night.conclusions[number].causes[0].supports)
