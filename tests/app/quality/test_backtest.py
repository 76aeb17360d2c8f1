"""A backtest says what a live run over the same past would have said, and how noisy it would have been."""

from __future__ import annotations

import json
import math
import threading
from typing import TYPE_CHECKING

import pytest

from app.cli import main
from app.exits import Exit
from app.opening import BUNDLED, open_catalogue
from app.quality.backtest import Trial, over_server, said
from app.quality.backtest_text import lines
from app.quality.echoes import echoes
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from storage.database import Store
from storage.history import Act
from storage.records import IncidentRecord, Label, Pattern
from tests.app.rig import Rig, settings
from tests.lab.demo import World
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_servers

START = 1_763_470_800
ERRORS, OVER = START + 600, START + 1200
END = START + 1800
FAULTS = (Fault("checkout-errors", "errors", "prod/checkout", ERRORS, OVER - ERRORS, 0.3),)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(FAULTS, START, END, days=0) as started:
        yield started


def trial(folder, world, name="as set", **more):
    folder.mkdir(exist_ok=True)
    loaded = settings(folder, prometheus=world.prometheus_url, **more)
    return Trial(name, loaded, open_catalogue(loaded), Store.open(folder / f"{name}.db"))


def ran(trials, world, stop=None, progress=lambda _: None, until=END):
    metrics = PrometheusClient(PrometheusConnection(url=world.prometheus_url))
    return over_server(
        trials, metrics, "lab", since=START, until=until, every=60, stop=stop or threading.Event(), progress=progress
    )


def found(anomalies):
    return {(a.signal, a.entity.key.partition("/")[2], a.onset, round(a.peak_score, 3)) for a in anomalies}


@pytest.fixture(scope="module")
def told(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("backtest")
    one = trial(folder, world)
    other = trial(folder, world, "quiet", detection__disabled_signals="http-server-5xx-spike")
    over = ran([one, other], world)
    incident = IncidentRecord(1, "lab", "prod/checkout", ERRORS, OVER, "", "kim", END)
    yield over, said(one, over, [incident]), said(other, over, [incident])
    one.store.close()
    other.store.close()


def test_it_says_what_a_run_at_those_times_says(told, world, tmp_path):
    with Store.open(tmp_path / "live.db") as store:
        loaded = settings(tmp_path, prometheus=world.prometheus_url, engine__interval_seconds="60")
        with Rig(loaded, store, START) as rig:
            for at in range(START, END + 1, 60):
                rig.cycle(float(at))
        live = [a for case in store.investigations.page(limit=1000) for a in store.anomalies.of(case.id)]
    over, backtested, _ = told
    assert over.cycles == 31 and over.complete
    assert live and found(backtested.anomalies) == found(live)


def test_it_measures_how_noisy_it_would_have_been_and_what_it_would_have_found(told):
    _, backtested, _ = told
    spike = next(line for line in backtested.report.lines if line.name == "http-server-5xx-spike")
    assert spike.fired == 1 and math.isnan(spike.per_day), "half an hour tells nothing of a day"
    (incident,) = backtested.report.incidents
    assert incident.investigation is not None and 0 < incident.seconds <= 300


def test_changed_settings_stand_beside(told):
    _, as_set, quiet = told
    assert "http-server-5xx-spike" in {a.signal for a in as_set.anomalies}
    assert "http-server-5xx-spike" not in {a.signal for a in quiet.anomalies}


def test_for_people_it_is_a_table_with_the_difference(told):
    over, *both = told
    text = "\n".join(lines(over, both))
    assert "would have told of" in text and "recorded incidents found: 100 % (21-100) of 1" in text
    (row,) = [line for line in text.splitlines() if line.startswith("http-server-5xx-spike")]
    assert row.endswith("-1")
    assert "the gravest:" in text


def test_labels_are_compared_with_what_is_said_again(told, tmp_path, world):
    over, as_set, quiet = told
    with (
        Store.open(tmp_path / "engineer.db") as store,
        Rig(settings(tmp_path, prometheus=world.prometheus_url), store, START) as rig,
    ):
        for at in range(ERRORS, OVER, 60):
            rig.cycle(float(at))
        (spike,) = [a for a in store.anomalies.unresolved(rig.run.cluster) if a.signal == "http-server-5xx-spike"]
        values = {"label": Label.TRUE, "label_reason": ""}
        store.history.act([spike.investigation], Act.LABEL, values, actor="kim", at=END)
        labels = [each for each in store.labels.valid(rig.run.cluster) if each.anomaly == spike.id]
    assert echoes(labels, as_set.anomalies, over.since, over.until).true_again == 1
    assert echoes(labels, quiet.anomalies, over.since, over.until).true_again == 0
    assert echoes(labels, as_set.anomalies, over.until, over.until).true == 0


def test_it_ends_when_it_is_asked_to_and_reports_so_far(world, tmp_path):
    stop, steps = threading.Event(), []

    def progress(step):
        steps.append(step)
        if len(steps) == 5:
            stop.set()

    one = trial(tmp_path, world)
    over = ran([one], world, stop, progress)
    assert (over.cycles, over.complete, over.until) == (5, False, START + 240)
    assert said(one, over).report.completeness.cycles == 5
    assert [step.done for step in steps] == pytest.approx([0, 1 / 30, 2 / 30, 3 / 30, 4 / 30])
    one.store.close()


def test_a_rule_hides_the_case_while_it_is_in_force_and_the_case_stays_listed(world, tmp_path):
    loaded = settings(tmp_path, prometheus=world.prometheus_url)
    with Store.open(tmp_path / "live.db") as store, Rig(loaded, store, ERRORS) as rig:
        for at in range(ERRORS, ERRORS + 301, 60):
            rig.cycle(float(at))
        cluster = rig.run.cluster
        (case,) = [each for each in store.investigations.open(cluster) if "http-server-5xx-spike" in each.signals]
        assert case.state(at) == "new"
        pattern = Pattern("", "prod/checkout")
        store.history.add_rule(cluster, pattern, reason="load test", expires=at + 90.0, actor="kim", at=at)
        rig.cycle(at + 60.0)
        assert store.investigations.get(case.id).state(at) == "muted"
        assert store.anomalies.of(case.id)[0].last_seen == at + 60.0
        rig.cycle(at + 120.0)
        assert store.investigations.get(case.id).state(at) == "new"
        store.history.add_rule(cluster, pattern, reason="load test", expires=None, actor="kim", at=at)
        rig.cycle(at + 180.0)
        assert store.investigations.get(case.id).muted == 2
        store.history.undo(actor="kim", at=at)
        rig.cycle(at + 240.0)
        assert store.investigations.get(case.id).muted is None


class Counting(PrometheusClient):
    """Counts what reaches the server."""

    asked = 0

    def range(self, promql, grid):
        type(self).asked += 1
        return super().range(promql, grid)


def test_the_server_is_asked_in_long_pieces(world, tmp_path):
    one = trial(tmp_path, world)
    Counting.asked = 0
    metrics = Counting(PrometheusConnection(url=world.prometheus_url))
    over_server([one], metrics, "lab", since=START, until=END, every=60, stop=threading.Event())
    queries = Counting.asked
    assert queries > 0
    one.store.close()
    with Store.open(tmp_path / "half.db") as store:
        half = Trial("half", one.loaded, one.catalogue, store)
        Counting.asked = 0
        metrics = Counting(PrometheusConnection(url=world.prometheus_url))
        over_server([half], metrics, "lab", since=START, until=START + 900, every=60, stop=threading.Event())
    # What is investigated on the way asks for itself; asked cycle by cycle it would be twice as much.
    assert queries <= 1.5 * Counting.asked


def tocsin(capsys, *arguments):
    code = main(list(map(str, arguments)))
    return code, *capsys.readouterr()


def test_a_recording_is_run_over_too_side_by_side(capsys, tmp_path):
    (tmp_path / "config.toml").touch()
    (tmp_path / "other.toml").write_text('[detection]\ndisabled_signals = ["http-server-latency-p99"]\n')
    common = ("backtest", "--recording", BUNDLED, "--db", tmp_path / "none.db", "--config", tmp_path / "config.toml")
    code, out, _ = tocsin(capsys, *common, "--against", tmp_path / "other.toml", "--json")
    report = json.loads(out)
    assert code == Exit.OK and report["complete"]
    first, second = report["runs"]
    assert first["settings"] == "as set" and second["settings"].endswith("other.toml")
    assert first["report"]["total"]["fired"] > 0
    assert "http-server-latency-p99" not in {each["signal"] for each in second["findings"]}


def test_over_a_server_by_command(capsys, tmp_path, world):
    (tmp_path / "config.toml").touch()
    code, out, _ = tocsin(
        capsys, "backtest", "--since", START, "--until", END, "--every", "5m", "--prometheus", world.prometheus_url,
        "--no-kubernetes", "--db", tmp_path / "none.db", "--config", tmp_path / "config.toml",
    )  # fmt: skip
    assert code == Exit.OK
    assert "7 cycles, one each 5m" in out and "http-server-5xx-spike" in out and "prod/checkout" in out


@pytest.mark.parametrize(
    "arguments", [["--since", "soon"], ["--until", "8d"], ["--every", "45s"], ["--against", "missing.toml"]]
)
def test_what_makes_no_sense_is_refused(capsys, tmp_path, world, arguments):
    (tmp_path / "config.toml").touch()
    code, _, err = tocsin(
        capsys, "backtest", *arguments, "--prometheus", world.prometheus_url, "--no-kubernetes",
        "--config", tmp_path / "config.toml", "--db", tmp_path / "none.db",
    )  # fmt: skip
    assert code == (Exit.SETTINGS if "--against" in arguments else Exit.USAGE)
    assert arguments[1] in err or arguments[0] in err
