"""A convention that disappears while what it told of goes on is missed, and what only looks so is not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from app.blind_rows import BlindSearch
from app.lost_conventions import FORGET_SECONDS, KIND, LASTING_SECONDS, ROW, remembered
from app.sources.base import ServerInfo
from app.sources.prometheus.discovery import Discovery, Presence
from detectors.catalog import load
from detectors.model import Coverage
from storage.database import Store
from storage.records import AnomalyState, ConventionRecord
from tests.app.listening import listen
from tests.app.rig import Rig, observations, settings
from tests.app.vanishing import (
    BLINKING,
    COLLECTED,
    DROPPED,
    END,
    GONE,
    IDLE,
    LOOK,
    MIGRATED,
    MISSED,
    SEEN,
    SHORT,
    STEADY,
    SUCCESSOR,
    backfill,
    backfill_collected,
    looks,
)
from tests.lab.cases import AT, NO_STALENESS
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.objects import timeline
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from app.engine import Outcome
    from detectors.model import Observation
    from storage.records import EvidenceRecord


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    path = tmp_path_factory.mktemp("vanishing") / "all.om"
    backfill(path)
    with Prometheus(path, flags=NO_STALENESS) as started:
        yield started


def _missing(outcome: Outcome) -> dict[str, Observation]:
    return {o.entity.name: o for o in observations(outcome) if o.signal == ROW and o.entity.kind == KIND}


@needs_servers[1]
def test_it_is_missed_with_its_rows_and_workloads_through_a_restart_until_it_is_back(
    server: Prometheus, tmp_path: Path
) -> None:
    loaded = settings(tmp_path, prometheus=server.url)
    with Store.open(tmp_path / "tocsin.db") as store:
        with Rig(loaded, store, SEEN) as rig:
            outcomes = {at: rig.cycle(at) for at in looks(SEEN, MISSED)}
            assert all(not _missing(outcome) for at, outcome in outcomes.items() if at < MISSED)
            missing = _missing(outcomes[MISSED])
            assert missing.keys() == {DROPPED}
            assert abs(missing[DROPPED].onset - GONE) <= 120
            told = [fact.text for fact in missing[DROPPED].facts]
            assert "http-server-5xx-spike" in told[0] and told[0].startswith("micrometer has no series any more")
            assert any("shop/metered is there and has no source for" in text for text in told)
            assert any(text.startswith("scrape job") and "targets are up" in text for text in told)
            assert not any("moved" in text or "blinked" in text or "steady" in text for text in told)
            metrics = rig.run.sources.metrics
            assert metrics is not None
            assert all(metrics.instant(missing[DROPPED].source.query, at).values.size for at in (GONE - 60,))
            assert not metrics.instant(missing[DROPPED].source.query, MISSED).values.size
            # Another convention tells of the same workload: a word, and no finding of any row.
            (word,) = (text for text in outcomes[MISSED].warnings if MIGRATED in text)
            assert f"told by {SUCCESSOR} now" in word
            assert not {o.signal for o in observations(outcomes[MISSED]) if o.entity.name == "moved"}
            assert not any(BLINKING in text or STEADY in text for text in outcomes[MISSED].warnings)
        with Rig(loaded, store, MISSED + 60) as rig:
            assert _missing(rig.cycle()).keys() == {DROPPED}
            (case,) = (c for c in store.investigations.open(rig.run.cluster) if c.entity.kind == KIND)
            assert (case.title, case.entity.name) == (load().row(ROW).title, DROPPED)
            lines: tuple[EvidenceRecord, ...] = store.evidence.of(case.id)
            assert any("shop/metered" in line.text for line in lines)
            for at in range(MISSED + LOOK, END + 1, LOOK // 5):
                rig.cycle(at)
            (anomaly,) = store.anomalies.of(case.id)
            assert anomaly.state is AnomalyState.CLOSED


@needs_servers[1]
def test_a_preferred_convention_that_falls_silent_gives_way(server: Prometheus, tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "tocsin.db") as store,
        Rig(settings(tmp_path, prometheus=server.url), store, GONE - 60) as rig,
    ):
        outcomes = [rig.cycle(at) for at in range(GONE - 60, GONE + 660, 60)]
    rates = [outcome.results["http-server-request-rate-drop"] for outcome in outcomes]
    assert all({MIGRATED, SUCCESSOR} <= set(rate.conventions) for rate in rates)
    (last,) = (seen for key, seen in rates[-1].coverage.items() if key.endswith("/moved"))
    assert last is Coverage.LIVE
    assert not {o.signal for outcome in outcomes for o in observations(outcome) if o.entity.name == "moved"}


@needs_servers[1]
def test_a_workload_without_pods_needs_no_metrics(tmp_path: Path) -> None:
    simulation = backfill_collected(tmp_path / "all.om")
    changes = timeline(simulation.history, simulation.faults, simulation.start)
    with (
        Prometheus(tmp_path / "all.om", flags=NO_STALENESS) as prometheus,
        KubernetesApi() as api,
        Store.open(tmp_path / "tocsin.db") as store,
    ):
        config = api.kubeconfig(tmp_path / "kubeconfig")
        with Rig(settings(tmp_path, prometheus=prometheus.url, kubeconfig=config), store, SHORT, api) as rig:
            for at in (SHORT, AT, AT + LOOK, MISSED):
                due, changes = [c for c in changes if c.at <= at], [c for c in changes if c.at > at]
                for change in due:
                    (api.delete if change.deleted else api.put)(change.manifest)
                outcome = rig.cycle(at)
            known = {record.convention: record for record in store.conventions.of(rig.run.cluster)}
    assert all(spell.absent for name in (COLLECTED, IDLE) for spell in known[name].selectors.values())
    assert _missing(outcome).keys() == {COLLECTED}
    assert any("Deployment shop/losing is there" in fact.text for fact in _missing(outcome)[COLLECTED].facts)
    assert not any(IDLE in text for text in outcome.warnings)


@needs_servers[1]
def test_who_first_looks_when_it_is_gone_misses_nothing(server: Prometheus, tmp_path: Path) -> None:
    with (
        Store.open(tmp_path / "tocsin.db") as store,
        Rig(settings(tmp_path, prometheus=server.url), store, GONE + LOOK) as rig,
    ):
        assert not any(_missing(rig.cycle(at)) for at in looks(GONE + LOOK, GONE + 3 * LOOK))


def _state(store: Store, rig: Rig) -> AnomalyState:
    (case,) = (c for c in store.investigations.open(rig.run.cluster) if c.entity.kind == KIND)
    (anomaly,) = store.anomalies.of(case.id)
    return anomaly.state


@needs_servers[1]
def test_an_open_finding_is_held_while_the_server_does_not_say_whom_it_told_of(
    server: Prometheus, tmp_path: Path
) -> None:
    loaded = settings(tmp_path, prometheus=server.url)
    with Store.open(tmp_path / "tocsin.db") as store:
        with Rig(loaded, store, SEEN) as rig:
            assert [_missing(rig.cycle(at)).keys() for at in looks(SEEN, MISSED)][-1] == {DROPPED}
        rig = Rig(loaded, store, MISSED + 60)
        listening = listen(rig)
        listening.failing = "http_server_requests_"
        with rig:
            for at in range(MISSED + 60, MISSED + 360, 60):
                outcome = rig.cycle(at)
                assert outcome.metrics is None
                assert not _missing(outcome)
                assert _state(store, rig) is AnomalyState.HELD
                assert not any(DROPPED in text for text in outcome.warnings)
            listening.failing = ""
            assert _missing(rig.cycle(MISSED + LOOK + 60)).keys() == {DROPPED}
            assert _state(store, rig) is AnomalyState.OPEN


@needs_servers[1]
def test_nobody_is_missed_because_the_successor_was_not_answered(server: Prometheus, tmp_path: Path) -> None:
    with Store.open(tmp_path / "tocsin.db") as store:
        rig = Rig(settings(tmp_path, prometheus=server.url), store, SEEN)
        listening = listen(rig)
        with rig:
            for at in looks(SEEN, MISSED - LOOK):
                rig.cycle(at)
            # Counted by discovery, and not told: it might tell of anybody.
            listening.failing = r"rate\((request_total|response_)"
            outcome = rig.cycle(MISSED)
            assert not _missing(outcome)
            assert not any(MIGRATED in text for text in outcome.warnings)
            listening.failing = ""
            outcome = rig.cycle(MISSED + LOOK)
            assert _missing(outcome).keys() == {DROPPED}
            assert any(MIGRATED in text and SUCCESSOR in text for text in outcome.warnings)


@needs_servers[1]
def test_what_goes_wrong_with_the_search_ends_no_cycle(
    server: Prometheus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object) -> None:
        raise ValueError("an odd series")

    with (
        Store.open(tmp_path / "tocsin.db") as store,
        Rig(settings(tmp_path, prometheus=server.url), store, SEEN) as rig,
    ):
        assert [_missing(rig.cycle(at)).keys() for at in looks(SEEN, MISSED)][-1] == {DROPPED}
        monkeypatch.setattr(BlindSearch, "blind", odd)
        outcome = rig.cycle(MISSED + LOOK)
        assert outcome.results[ROW].status is Coverage.LIVE
        assert _state(store, rig) is AnomalyState.HELD


# What is remembered of looks

MISSING = load().row(ROW)
HOLD = float(MISSING.params["hold_seconds"])


def _look(at: float, *series: str, absent: str = "", refused: str = "", newest: float | None = 0.0) -> Discovery:
    counts = {selector: int(selector in series) for selector in ("a_total", "b_total")}
    troubles = {refused: "limit exceeded"} if refused else {}
    presence = Presence("house", counts, frozenset(), {"pod": "exported_pod"}, ("job", "pushed"), 15.0, "", troubles)
    found = {"house": presence} if series else {}
    info = ServerInfo("prometheus", "2", "http://x", at)
    target = {"job": None}
    return Discovery(
        info,
        at,
        newest,
        0.0,
        15.0,
        found,
        target,
        absent=frozenset([absent] if absent else []),  # type: ignore[arg-type]
    )


def _after(*looked: Discovery) -> dict[str, ConventionRecord]:
    known: dict[str, ConventionRecord] = {}
    for each in looked:
        known = remembered(known, each, "lab", MISSING)
    return known


def _missed(known: dict[str, ConventionRecord], at: float) -> set[str]:
    spells = known["house"].selectors.items() if "house" in known else ()
    return {selector for selector, spell in spells if spell.missed(at, HOLD, LASTING_SECONDS)}


LONG = (_look(0, "a_total", "b_total"), _look(LASTING_SECONDS, "a_total", "b_total"))


def test_the_whole_of_it_and_a_part_of_it_are_missed() -> None:
    gone = [_look(4200, absent="house"), _look(4800, absent="house")]
    assert _missed(_after(*LONG, gone[0]), 4200) == set()
    assert _missed(_after(*LONG, *gone), 4800) == {"a_total", "b_total"}
    part = [_look(4200, "a_total"), _look(4800, "a_total")]
    assert _missed(_after(*LONG, *part), 4800) == {"b_total"}


def test_what_was_there_for_a_short_while_is_not_missed() -> None:
    brief = (_look(0, "a_total"), _look(LASTING_SECONDS - 1, "a_total"))
    assert _missed(_after(*brief, _look(4200, absent="house"), _look(9000, absent="house")), 9000) == set()


def test_what_comes_and_goes_begins_anew() -> None:
    again = (_look(4200, absent="house"), _look(4800, absent="house"), _look(5400, "a_total", "b_total"))
    known = _after(*LONG, *again, _look(6000, absent="house"), _look(6600, absent="house"))
    assert _missed(known, 6600) == set()
    blink = (_look(4200, absent="house"), _look(4200 + HOLD - 1, "a_total"))
    assert _after(*LONG, *blink)["house"].selectors["a_total"].since == 0


def test_a_look_that_could_not_see_proves_nothing() -> None:
    blind = [_look(at, absent="house", newest=None) for at in (4200, 4800)]
    assert _missed(_after(*LONG, *blind), 4800) == set()
    assert _missed(_after(*LONG, _look(4200), _look(4800)), 4800) == set()
    refused = [_look(at, "a_total", refused="b_total") for at in (4200, 4800)]
    assert _missed(_after(*LONG, *refused), 4800) == set()


def test_after_a_day_it_is_forgotten() -> None:
    gone = _look(4200, absent="house")
    assert "house" in _after(*LONG, gone, replace(gone, at=4200 + FORGET_SECONDS))
    assert "house" not in _after(*LONG, gone, replace(gone, at=4201 + FORGET_SECONDS))


def test_how_to_ask_for_it_again_is_remembered(tmp_path: Path) -> None:
    (record,) = _after(*LONG).values()
    assert (record.jobs, record.aliases, record.interval) == (("job",), {"pod": "exported_pod"}, 15.0)
    assert record.selectors["a_total"].last == LASTING_SECONDS
