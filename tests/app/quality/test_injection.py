"""Faults over a healthy lab: large ones are seen soon, small ones are not, and absence is seen as absence."""

from __future__ import annotations

import json
import math
import threading
from typing import TYPE_CHECKING

import pytest

from app.cli import main
from app.exits import Exit
from app.opening import open_catalogue
from app.quality.injection import Injection
from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from detectors.quality.overlay import Fault
from tests.app.rig import settings
from tests.lab.demo import World
from tests.lab.fixtures import needs_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = needs_servers

START = 1_763_470_800
END = START + 900
ROWS = ("http-server-5xx-spike", "http-server-latency-p99", "http-server-request-rate-drop")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World((), START, END, days=0) as started:
        yield started


@pytest.fixture(scope="module")
def seen(world, tmp_path_factory):
    loaded = settings(tmp_path_factory.mktemp("inject"), prometheus=world.prometheus_url)
    metrics = PrometheusClient(PrometheusConnection(url=world.prometheus_url))
    injection = Injection(metrics, open_catalogue(loaded), loaded.settings, "lab", frozenset(ROWS))
    found = injection.run([END - 300, END], threading.Event())
    metrics.close()
    return {(each.row, each.fault): each for each in found}


def test_every_form_is_tried_on_every_row(seen):
    assert seen.keys() == {(row, fault) for row in ROWS for fault in Fault}
    assert all(each.trials > 5 for each in seen.values())


@pytest.mark.parametrize("row", ROWS)
def test_a_large_shift_is_seen_within_minutes(seen, row):
    shift = seen[row, Fault.SHIFT]
    assert shift.found >= 0.8 and 60 <= shift.delay <= 600
    assert shift.told


@pytest.mark.parametrize("row", ROWS[:2])
def test_what_is_better_than_usual_is_no_fault(seen, row):
    assert math.isnan(seen[row, Fault.DROP].smallest)


def test_a_ramp_is_seen_later_than_a_shift_of_the_same_size(seen):
    row = "http-server-5xx-spike"
    shift, ramp = seen[row, Fault.SHIFT], seen[row, Fault.RAMP]
    assert ramp.smallest >= shift.smallest
    if ramp.smallest == shift.smallest:
        assert ramp.delay >= shift.delay


@pytest.mark.parametrize("row", ROWS)
def test_lost_samples_are_not_taken_for_health(seen, row):
    assert seen[row, Fault.LOSS].found == 1.0


def test_by_command(capsys, tmp_path, world):
    (tmp_path / "config.toml").touch()
    common = (
        "inject", "--since", START, "--until", END, "--instants", "1", "--row", ROWS[0], "--no-kubernetes",
        "--prometheus", world.prometheus_url, "--config", tmp_path / "config.toml", "--db", tmp_path / "none.db",
    )  # fmt: skip
    assert main([*map(str, common), "--json"]) == Exit.OK
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {line["fault"] for line in lines} == set(Fault) and {line["row"] for line in lines} == {ROWS[0]}
    assert main([*map(str, common)]) == Exit.OK
    out = capsys.readouterr().out
    assert "SHIFT" in out and "more fail" in out
    assert main([*map(str, common), "--row", "no-such-row"]) == Exit.USAGE
    assert "no-such-row" in capsys.readouterr().err
    assert main([*map(str, common), "--instants", "0"]) == Exit.USAGE
