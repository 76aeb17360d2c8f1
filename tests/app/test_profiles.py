"""What is normal at noon and what is not at three: profiles that outlive the server's history and the program."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import numpy as np
import pytest

from app.frame import HISTORY_STEP
from detectors.model import Views
from storage.database import Store
from storage.history import Act
from tests.app.rig import Rig, found, observations, settings
from tests.lab.cases import NO_STALENESS
from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from detectors.series import Grid

    Load = Callable[[np.ndarray], np.ndarray]

pytestmark = needs_servers

MIDNIGHT = 1_763_424_000
MINUTE, HOUR, DAY = 60, 3600, 86_400
USUAL, BUSY = 1000.0, 6000.0
"""Orders that wait: at most times, and from twelve to one."""
ROW, SURGE, DROP = "orders-waiting", "orders-surge", "orders-drop"

ROWS = """
[[row]]
id = "orders-waiting"
title = "Orders waiting"
detector = "level-shift"
unit = "orders"
promql = 'sum by (namespace, app, $by) (orders_waiting{$match})'
identity = { namespace = ["namespace"], workload = ["app"] }

[[row]]
id = "orders-surge"
title = "Orders surge"
detector = "rate-surge"
unit = "orders per second"
promql = 'sum by (namespace, app, $by) (orders_rate{$match})'
identity = { namespace = ["namespace"], workload = ["app"] }

[[row]]
id = "orders-drop"
title = "Orders drop"
detector = "rate-drop"
unit = "orders per second"
promql = 'sum by (namespace, app, $by) (orders_rate{$match})'
identity = { namespace = ["namespace"], workload = ["app"] }
"""


def by_the_clock(times: np.ndarray) -> np.ndarray:
    """Busy from twelve to one, every day."""
    return np.where((times % DAY >= 12 * HOUR) & (times % DAY < 13 * HOUR), BUSY, USUAL)


def busy(times: np.ndarray) -> np.ndarray:
    return np.full(len(times), BUSY)


def idle(times: np.ndarray) -> np.ndarray:
    return np.full(len(times), USUAL)


def samples(path: Path, begin: int, end: int, load: Load) -> Path:
    """OpenMetrics of a shop whose load is what it is, with noise, every minute."""
    times = np.arange(begin, end + 1, MINUTE)
    noise = np.random.default_rng(begin % 97).normal(1.0, 0.03, len(times))
    lines = []
    for metric, share in (("orders_waiting", 1.0), ("orders_rate", 0.05)):
        lines.append(f"# TYPE {metric} gauge")
        values = share * load(times) * noise
        labels = 'namespace="shop",app="billing",pod="billing-0"'
        lines += [f"{metric}{{{labels}}} {value:.3f} {at}" for at, value in zip(times, values, strict=True)]
    path.write_text("\n".join([*lines, "# EOF", ""]))
    return path


@contextmanager
def rig(folder: Path, store: Store, begin: int, end: int, load: Load, at: int) -> Iterator[Rig]:
    """A run over a server that has just these samples."""
    rows = folder / "catalog" / "rows"
    rows.mkdir(parents=True, exist_ok=True)
    (rows / "orders.toml").write_text(ROWS)
    path = samples(folder / f"{begin}-{end}.om", begin, end, load)
    with Prometheus(path, flags=NO_STALENESS) as server:
        loaded = settings(folder, prometheus=server.url)
        with Rig(loaded, store, at) as started:
            # Without Kubernetes a cluster is called by its server's address, and each server here has its own.
            with closing(sqlite3.connect(store.path)) as connection, connection:
                connection.execute("UPDATE cluster SET name = ?", (started.run.cluster,))
            started.engine.past.wanted = True
            yield started


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has learnt three days of a server."""
    folder = tmp_path_factory.mktemp("learnt")
    begin = MIDNIGHT - 3 * DAY
    with Store.open(folder / "tocsin.db") as store, rig(folder, store, begin, MIDNIGHT, by_the_clock, MIDNIGHT) as past:
        for minute in range(60):
            past.cycle(MIDNIGHT + minute)
            if minute and not past.engine.past.left:
                break
        assert not past.engine.past.left
    return folder / "tocsin.db"


def folders(*parents: Path) -> None:
    for each in parents:
        each.mkdir()


def judged(folder: Path, database: Path | None, at: int, load: Load, minutes: int = 50) -> set[str]:
    """The rows that find something in some minutes after an instant, on a server with no more than a window before."""
    if database is not None:
        (folder / "tocsin.db").write_bytes(database.read_bytes())
    ever: set[str] = set()
    begin, end = at - 45 * MINUTE, at + minutes * MINUTE
    with Store.open(folder / "tocsin.db") as store, rig(folder, store, begin, end, load, at) as started:
        for instant in range(at, end, 3 * MINUTE):
            ever |= {signal for signal, _ in found(started.cycle(instant))}
    return ever


def test_a_peak_of_every_day_is_silent_after_a_restart_on_a_server_without_history(
    tmp_path: Path, learnt: Path
) -> None:
    noon = MIDNIGHT + 12 * HOUR - 2 * MINUTE
    folders(known := tmp_path / "known", unknown := tmp_path / "unknown")
    assert judged(known, learnt, noon, by_the_clock) == set()
    assert judged(unknown, None, noon, by_the_clock) == {ROW, SURGE}


def test_what_is_normal_at_noon_is_found_at_three_though_it_has_lasted_longer_than_the_window(
    tmp_path: Path, learnt: Path
) -> None:
    three = MIDNIGHT + 3 * HOUR
    folders(known := tmp_path / "known", unknown := tmp_path / "unknown")
    assert judged(known, learnt, three, busy) == {ROW, SURGE}
    assert judged(unknown, None, three, busy) == set()


def test_what_is_normal_at_three_is_found_at_noon(tmp_path: Path, learnt: Path) -> None:
    assert judged(tmp_path, learnt, MIDNIGHT + 12 * HOUR + 10 * MINUTE, idle) == {DROP}


def test_a_normal_night_is_silent(tmp_path: Path, learnt: Path) -> None:
    assert judged(tmp_path, learnt, MIDNIGHT + 3 * HOUR, by_the_clock) == set()


def test_a_level_is_held_against_the_profile_until_the_engineer_decides_that_it_is_normal(
    tmp_path: Path, learnt: Path
) -> None:
    (tmp_path / "tocsin.db").write_bytes(learnt.read_bytes())
    at, hours = MIDNIGHT + 3 * HOUR, 3 * HOUR
    begin, end = at - 45 * MINUTE, at + hours
    with Store.open(tmp_path / "tocsin.db") as store, rig(tmp_path, store, begin, end, busy, at) as started:
        for instant in range(at, at + 2 * HOUR, 4 * MINUTE):
            outcome = started.cycle(instant)
        [seen] = [o for o in observations(outcome) if o.signal == ROW]
        assert seen.views == Views.LOCAL | Views.DAY
        assert seen.high < BUSY / 2
        lasting = store.anomalies.unresolved(started.run.cluster)
        assert {a.signal: a.onset <= at for a in lasting} == {ROW: True, SURGE: True}
        cases = {a.investigation for a in lasting}
        store.history.act(sorted(cases), Act.CLOSE, {"closed_at": float(instant)}, actor="me", at=float(instant))
        after = [found(started.cycle(later)) for later in range(instant + 2 * MINUTE, end, 2 * MINUTE)]
        assert not set().union(*after[3:])


def test_what_a_server_has_is_read_once_and_then_only_what_has_come_since(tmp_path: Path, learnt: Path) -> None:
    (tmp_path / "tocsin.db").write_bytes(learnt.read_bytes())
    begin, at = MIDNIGHT - 2 * DAY, MIDNIGHT + 6 * HOUR
    with Store.open(tmp_path / "tocsin.db") as store, rig(tmp_path, store, begin, at, by_the_clock, at) as started:
        grids: list[Grid] = []
        metrics = started.engine.look.metrics
        ranged = metrics.range
        metrics.range = lambda promql, grid: (grids.append(grid), ranged(promql, grid))[1]
        for second in range(20):
            started.cycle(at + second)
        assert not started.engine.past.left
        past = [grid for grid in grids if grid.step == HISTORY_STEP]
        assert {grid.start > MIDNIGHT - 2 * HISTORY_STEP for grid in past} == {True}
        # The two rows of rates, the level, and the question who is scraped beside each.
        assert len(past) == 6


def test_a_recording_neither_holds_nor_asks_for_a_past(tmp_path: Path) -> None:
    at = MIDNIGHT + HOUR
    with Store.open(tmp_path / "tocsin.db") as store, rig(tmp_path, store, at - DAY, at, idle, at) as started:
        started.engine.past.wanted = False
        started.cycle()
        assert not started.engine.past.left
