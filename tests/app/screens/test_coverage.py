"""The coverage screen: switching rows and workloads, the matrix by workload, Markdown."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual.widgets import Input

from app.settings.schema import ScopeSettings
from app.snapshot import SettingValue
from app.workload_coverage import SignalView, WorkloadCoverage
from detectors.catalog import load
from detectors.catalog.model import Kept
from detectors.model import Coverage, Entity, EntityType
from tests.app.screens.fake_session import FakeSession, signal_ids
from tests.app.screens.night import CLUSTER, HOSTILE
from tests.app.screens.running import console_of, eventually, painted, running, toasts
from widgets.filter import parse

FILE = "config.toml"
SWITCH, EXCLUDED = "detection.disabled_signals", "scope.exclude_services"
SPIKE = "http-server-5xx-spike"
HTTP = [row.id for row in load().rows if row.group == "HTTP server"]
SERVICES = ("cart", "checkout", "payments", "search")


def key_of(name, namespace="shop", kind="Deployment", entity_type=EntityType.WORKLOAD, peer=""):
    return Entity(entity_type, CLUSTER, namespace, kind, name, peer).key


def workloads(*extra, scope=None):
    """Services with one signal in each of the states, and a batch job that nothing measures."""
    keys = [key_of(name) for name in SERVICES]
    states = (Coverage.LIVE, Coverage.LEARNING, Coverage.NO_TRAFFIC, Coverage.QUERY_ERROR)
    http = SignalView(SPIKE, Coverage.LIVE, dict(zip(keys, states, strict=True)), Coverage.NO_DATA)
    far = key_of("cart", entity_type=EntityType.DEPENDENCY, peer="api.bank.example")
    calls = SignalView("ext-http-5xx-spike", Coverage.LIVE, {far: Coverage.LIVE}, Coverage.NO_DATA)
    pods = SignalView("pod-crashloopbackoff", Coverage.FORBIDDEN, {}, Coverage.NO_DATA)
    listed = tuple(("Deployment", "shop", name) for name in SERVICES)
    more = tuple(("CronJob", "jobs", name) for name in ("nightly", *extra))
    return WorkloadCoverage(listed + more, (http, calls, pods), scope or ScopeSettings(), f"{FILE}:4")


class Switchable(FakeSession):
    """A session whose settings have the two lists."""

    def __init__(self, *extra, origin="default", **values):
        super().__init__(signals=signal_ids())
        self.edited = {key.replace("__", "."): value for key, value in values.items()}
        self.origin = origin
        self.seen = workloads(*extra)

    def settings(self):
        lists = (SettingValue(key, self.edited.get(key, ""), self.origin, "", "") for key in (SWITCH, EXCLUDED))
        return (*super().settings(), *lists)

    def listed(self, key):
        return [each for each in self.edited.get(key, "").split(", ") if each]


async def at_matrix(console, pilot, by_workload=False):
    await pilot.press("3")
    await eventually(pilot, lambda: "HTTP server" in painted(console))
    if by_workload:
        await pilot.press("w")
        await eventually(pilot, lambda: "shop/checkout" in painted(console))


def move_to(console, name):
    rows = console.view.rows
    assert rows.move_to(next(line.number for line in rows.rows.items.values() if line.name == name))


async def test_a_row_is_switched_off_and_on_again_with_the_same_key():
    session = Switchable()
    async with running(session) as (console, pilot):
        await at_matrix(console, pilot)
        await pilot.press("d")
        await eventually(pilot, lambda: session.listed(SWITCH) == [HTTP[0]])
        await eventually(pilot, lambda: toasts(console))
        [said] = toasts(console)
        assert said.startswith(f"switched off: {HTTP[0]}") and said.endswith("d takes it back")
        await pilot.press("d")
        await eventually(pilot, lambda: session.listed(SWITCH) == [])
        await eventually(pilot, lambda: toasts(console)[0].startswith(f"switched on: {HTTP[0]}"))


async def test_a_group_is_switched_whole_and_leaves_others_alone():
    session = Switchable()
    session.edited[SWITCH] = f"pod-oomkilled, {HTTP[2]}"
    async with running(session) as (console, pilot):
        await at_matrix(console, pilot)
        await pilot.press("D")
        await eventually(pilot, lambda: set(session.listed(SWITCH)) == {"pod-oomkilled", *HTTP})
        assert len(session.listed(SWITCH)) == 1 + len(HTTP)
        await pilot.press("D")
        await eventually(pilot, lambda: session.listed(SWITCH) == ["pod-oomkilled"])
        await eventually(pilot, lambda: "HTTP server, 7 rows" in toasts(console)[0])


async def test_what_a_variable_says_is_not_written_into_the_file():
    session = Switchable(origin="environment TOCSIN_DETECTION_DISABLED_SIGNALS")
    async with running(session) as (console, pilot):
        await at_matrix(console, pilot)
        await pilot.press("d")
        await eventually(pilot, lambda: toasts(console))
        assert "set by environment TOCSIN_DETECTION_DISABLED_SIGNALS" in toasts(console)[0]
        assert not session.edited


async def test_every_workload_has_the_worst_of_each_group():
    async with running(Switchable()) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        worst = {line.title: tuple(line.worst.values()) for line in console.view.rows.rows.items.values()}
        assert worst == {
            "jobs/nightly": (Coverage.NO_SOURCE, Coverage.NO_SOURCE, Coverage.FORBIDDEN),
            "shop/cart": (Coverage.LIVE, Coverage.LIVE, Coverage.FORBIDDEN),
            "shop/checkout": (Coverage.LEARNING, Coverage.NO_SOURCE, Coverage.FORBIDDEN),
            "shop/payments": (Coverage.NO_TRAFFIC, Coverage.NO_SOURCE, Coverage.FORBIDDEN),
            "shop/search": (Coverage.QUERY_ERROR, Coverage.NO_SOURCE, Coverage.FORBIDDEN),
        }
        move_to(console, "checkout")
        await eventually(pilot, lambda: "◐ learning" in painted(console))
        await pilot.press("w")
        await eventually(pilot, lambda: "SIGNAL" in painted(console))


async def test_a_workload_is_left_out_of_the_scope_and_taken_in_again():
    session = Switchable()
    async with running(session) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        move_to(console, "checkout")
        await pilot.press("d")
        await eventually(pilot, lambda: session.listed(EXCLUDED) == ["shop/checkout"])
        session.seen = workloads(scope=ScopeSettings(exclude_services=("shop/checkout",)))
        session.refresh()
        await eventually(pilot, lambda: "(config.toml:4)" in painted(console).replace("\n", ""))
        line = console.view.current
        assert line.name == "checkout" and set(line.worst.values()) == {Coverage.DISABLED}
        await pilot.press("d")
        await eventually(pilot, lambda: session.listed(EXCLUDED) == [])
        await eventually(pilot, lambda: toasts(console)[0].startswith("watched again: shop/checkout"))


async def test_a_workload_left_out_by_a_wider_pattern_says_which():
    session = Switchable()
    session.edited[EXCLUDED] = "check*"
    async with running(session) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        move_to(console, "checkout")
        await pilot.press("d")
        await eventually(pilot, lambda: toasts(console))
        assert "scope.exclude_services = check*" in toasts(console)[0]
        assert session.edited == {EXCLUDED: "check*"}


async def test_groups_are_no_lines_of_the_matrix_by_workload():
    async with running(Switchable()) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        await pilot.press("D")
        await eventually(
            pilot, lambda: toasts(console) == ["groups are switched in the matrix by issue type: w shows it"]
        )


async def test_the_filter_holds_for_both_faces():
    async with running(Switchable()) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        await pilot.press("/", *"status:learning", "enter")
        await eventually(pilot, lambda: len(console.view.rows.rows.order) == 1)
        await pilot.press("w")
        await eventually(pilot, lambda: not console.view.by_workload)
        assert console.view.rows.rows.query == parse("status:learning")
        assert len(console.view.rows.rows.order) == 1


async def test_the_face_is_remembered():
    session = Switchable()
    async with running(session) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        assert console.view.state()["by_workload"]
        console.view.resume({"by_workload": "yes"})
        assert not console.view.by_workload


async def test_what_is_told_of_a_workload_is_told_once_for_signals_that_fare_alike():
    far = [SignalView(row, Coverage.NO_SOURCE, {}, Coverage.NO_DATA) for row in HTTP[1:4]]
    session = Switchable()
    session.seen = replace(session.seen, signals=(*session.seen.signals, *far))
    async with running(session, size=(120, 36)) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        move_to(console, "nightly")
        await pilot.press("enter")
        text = "- no data source  HTTP 5XX error rate spike, Request Rate Drop, Request"
        await eventually(pilot, lambda: text in painted(console))


async def test_what_metrics_alone_name_comes_last_and_says_so():
    session = Switchable()
    job = SignalView(
        HTTP[1], Coverage.LIVE, {key_of("a-job", "", "Service (unresolved)"): Coverage.LIVE}, Coverage.LIVE
    )
    session.seen = replace(session.seen, signals=(*session.seen.signals, job))
    async with running(session, size=(120, 36)) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        await pilot.press("G")
        await eventually(pilot, lambda: console.view.current.name == "a-job")
        await eventually(pilot, lambda: "Named by metrics alone" in painted(console))
        assert "unresolved" not in painted(console)


async def test_what_the_budget_left_out_says_so_and_why():
    session = Switchable()
    seen, why = session.seen, "1 of 2 values of namespace, the busiest when they were chosen, not jobs"
    [http, *others] = seen.signals
    thinned = replace(http, left_out=(Kept(True, frozenset({"shop"})),))
    records = tuple(replace(each, thinned=why) for each in session.snapshot.coverage)
    session.snapshot = replace(session.snapshot, coverage=records)
    session.seen = replace(seen, signals=(thinned, *others))
    async with running(session, size=(120, 36)) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        move_to(console, "nightly")
        await pilot.press("enter")
        await eventually(
            pilot, lambda: "÷ left out        HTTP 5XX error rate spike: 1 of 2 values of" in painted(console)
        )
        await pilot.press("escape", "C")
        await eventually(pilot, lambda: "| jobs/nightly | left out | no data source |" in console.clipboard)


async def test_both_faces_are_copied_as_markdown():
    async with running(Switchable()) as (console, pilot):
        await at_matrix(console, pilot)
        await pilot.press("C")
        await eventually(pilot, lambda: toasts(console))
        assert console.clipboard.startswith(f"# Coverage of {CLUSTER}")
        assert f"\n| {SPIKE} | live | " in console.clipboard
        await pilot.press("w")
        await eventually(pilot, lambda: "shop/checkout" in painted(console))
        await pilot.press("C")
        await eventually(
            pilot, lambda: "| shop/checkout | learning | no data source | forbidden |" in console.clipboard
        )


@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_hostile_names_stay_text(size):
    session = Switchable(HOSTILE)
    async with running(session, size=size) as (console, pilot):
        await at_matrix(console, pilot, by_workload=True)
        move_to(console, HOSTILE)
        await pilot.press("enter", "escape", "C", "d")
        await eventually(pilot, lambda: session.listed(EXCLUDED))
        [pattern] = session.listed(EXCLUDED)
        assert pattern.startswith("jobs/") and pattern.isascii() and pattern.isprintable()
        assert not {"\x1b", "\x07", "\u202e"} & set(painted(console) + console.clipboard)


@pytest.mark.parametrize("size", [(120, 36), (80, 24)], ids=["120x36", "80x24"])
def test_by_workload(snap_compare, monkeypatch, size):
    monkeypatch.setattr(Input, "cursor_blink", False, raising=False)
    session = Switchable()
    console = console_of(session)

    async def prepare(pilot):
        await eventually(pilot, lambda: console.snapshot is session.snapshot)
        await at_matrix(console, pilot, by_workload=True)
        move_to(console, "checkout")
        await eventually(pilot, lambda: console.view.query_one("#coverage-detail").border_title == "shop/checkout")

    assert snap_compare(console, terminal_size=size, run_before=prepare)
    console.link.close()
