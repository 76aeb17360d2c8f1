"""Empty, loading, down, forbidden: each says what it is and what to do."""

from __future__ import annotations

import re
from datetime import UTC

import pytest
from msgspec.structs import replace

from app.screens.conditions import empty_inbox, notice
from app.screens.queries import find_address, graph_address
from app.snapshot import DEMO, Health, SourceStatus
from detectors.model import Coverage
from tests.app.screens.fake_session import FakeSession, session_of
from tests.app.screens.night import DOWN, HOSTILE, NOW
from tests.app.screens.running import eventually, painted, running, toasts
from widgets.status_header import StatusHeader


def words(text):
    """Without line breaks and frames, as people read it."""
    return " ".join("".join(c if c.isprintable() and c not in "│╭╮╰╯─▌" else " " for c in text).split())


async def test_an_empty_inbox_explains_the_silence():
    async with running(session_of("empty")) as (console, _):
        text = words(painted(console))
        assert "Nothing is wrong." in text
        assert "212 workloads and 8134 series are watched since 08:53, every 15 s" in text
        assert re.search(
            r"\d+ of \d+ signals are live, 1 learning, 4 cannot be seen, 2 not built yet: :coverage says why", text
        )


async def test_the_empty_demo_says_that_it_replays_and_a_live_cluster_does_not():
    session = session_of("empty")
    async with running(session) as (console, pilot):
        assert "recorded hour" not in painted(console)
        session.publish(mode=DEMO)
        await eventually(pilot, lambda: "incidents unfold within a minute" in painted(console))


async def test_the_title_says_that_hidden_cases_are_shown():
    async with running(session_of("inbox")) as (console, pilot):
        assert "h hides them" not in console.view.rows.border_title
        await pilot.press("h")
        await eventually(pilot, lambda: "h hides them" in console.view.rows.border_title)


async def test_the_first_cycle_says_what_it_does():
    session = session_of("connecting")
    async with running(session) as (console, pilot):
        assert "reading 64 signals, 12 done ..." in painted(console)
        assert "Nothing is wrong" not in painted(console)
        session.publish(cycle=1, progress="")
        await eventually(pilot, lambda: "Nothing is wrong." in painted(console))


async def test_a_source_that_is_down_holds_the_rows_and_says_what_to_do():
    async with running(session_of("down")) as (console, _):
        text = words(painted(console))
        assert "prometheus down since 08:50: its rows are held, not resolved." in text
        assert "connection refused by prom.monitoring:9090" in text
        assert "check that the server runs" in text
        assert "shop/checkout" in text


def test_a_source_that_never_answered_has_nothing_to_hold():
    empty, night = session_of("empty").restored(), session_of("inbox").restored()
    never = replace(DOWN[0], answered=False)
    assert notice(replace(empty, sources=(never,)), UTC).startswith(
        "prometheus not reachable since 08:50: nothing is known. connection refused"
    )
    assert "what was found before is held" in notice(replace(night, sources=(never,)), UTC)
    assert "nothing is known" not in notice(replace(night, sources=DOWN), UTC)


@pytest.mark.parametrize(
    ("sources", "mode"),
    [((DOWN[0],), "offline"), (DOWN, "live"), ((replace(DOWN[0], name="kubernetes"), DOWN[0]), "offline")],
)
async def test_the_header_does_not_say_live_where_nothing_answers(sources, mode):
    session = session_of("empty")
    async with running(session) as (console, pilot):
        session.publish(sources=sources)
        await eventually(pilot, lambda: console.query_one(StatusHeader).status.mode == mode)


async def test_nothing_to_show_while_a_source_is_down_is_not_called_healthy():
    session = session_of("empty")
    async with running(session) as (console, pilot):
        session.publish(sources=DOWN)
        await eventually(pilot, lambda: "Nothing is known at the moment." in painted(console))
        assert "Nothing is wrong" not in painted(console)


async def test_a_filter_that_leaves_nothing_says_how_to_clear_it():
    async with running(FakeSession()) as (console, pilot):
        await pilot.press("/", *"zzz", "enter")
        await eventually(pilot, lambda: "No row matches the filter." in painted(console))


@pytest.mark.parametrize("place", ["1", "3", "4", "5"])
async def test_a_misspelt_field_of_a_filter_is_named_on_every_list(place):
    async with running(session_of("inbox")) as (console, pilot):
        await pilot.press(place)
        await eventually(pilot, lambda: console.view.rows.rows.order)
        await pilot.press("/", *"sevrity:crit", "enter")
        await eventually(pilot, lambda: "No field is called 'sevrity'." in painted(console))
        names = ", ".join(console.view.rows.rows.fields(next(iter(console.view.rows.rows.items.values()))))
        assert names.split(", ")[0] in painted(console).partition("There are: ")[2]


def test_hidden_rows_are_counted_where_nothing_else_is_left():
    snapshot = FakeSession().snapshot
    assert "3 snoozed, muted or closed not shown: h shows them" in empty_inbox(snapshot, "", 3)


def test_the_worst_source_speaks_first_and_warnings_last():
    snapshot = FakeSession().snapshot
    degraded = SourceStatus("kubernetes", Health.DEGRADED, "events: forbidden", "apply the role")
    assert notice(snapshot, UTC) == ""
    assert notice(replace(snapshot, sources=(degraded, *DOWN)), UTC).startswith("prometheus down since 08:")
    assert (
        notice(replace(snapshot, sources=(degraded,)), UTC) == "kubernetes degraded. events: forbidden - apply the role"
    )
    assert notice(replace(snapshot, warnings=("a", "b", "c")), UTC) == "a (and 2 more)"


async def test_coverage_explains_what_cannot_be_seen():
    async with running(session_of("inbox")) as (console, pilot):
        await pilot.press("3")
        await eventually(pilot, lambda: "HTTP server" in painted(console))
        await pilot.press("/", *'status:"query error"', "enter")
        await eventually(pilot, lambda: len(console.view.rows.rows.order) == 1)
        text = words(painted(console))
        assert "what happens here is invisible" in text
        assert "422: found duplicate series" in text
        await pilot.press("enter")
        await eventually(pilot, lambda: "c copies it" in painted(console))


async def test_every_word_of_coverage_stands_on_the_screen():
    async with running(session_of("inbox"), size=(120, 80)) as (console, pilot):
        await pilot.press("3")
        await eventually(pilot, lambda: "HTTP server" in painted(console))
        text = painted(console)
        # A row is never left out as a whole: some of its workloads are.
        for status in set(Coverage) - {Coverage.LEFT_OUT}:
            assert str(status) in text


async def test_settings_show_value_origin_and_meaning():
    async with running(session_of("inbox")) as (console, pilot):
        await pilot.press("4")
        await eventually(pilot, lambda: "prometheus.url" in painted(console))
        text = words(painted(console))
        assert "http://prom.monitoring:9090" in text
        assert "set (environment PROM_TOKEN)" in text or "PROM_TOKEN" in text
        assert "an http or https URL" in text
        await pilot.press("T")
        await eventually(pilot, lambda: "kubectl apply -f deploy/clusterrole.yaml" in words(painted(console)))


async def test_a_value_is_checked_before_it_is_kept():
    session = session_of("inbox")
    async with running(session) as (console, pilot):
        await pilot.press("4")
        await eventually(pilot, lambda: "prometheus.url" in painted(console))
        await pilot.press("j", "j", "j", "j", "j", "enter", "backspace", "backspace", *"3", "enter")
        await eventually(pilot, lambda: "is not allowed: seconds, 5 to 600" in painted(console))
        await pilot.press("0", "enter")
        await eventually(pilot, lambda: session.edited == {"engine.interval": "30"})
        await eventually(pilot, lambda: toasts(console) == ["set engine.interval to 30"])


async def test_the_settings_file_opens_in_the_editor(monkeypatch):
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("VISUAL", raising=False)
    async with running(FakeSession()) as (console, pilot):
        await pilot.press("4")
        await eventually(pilot, lambda: "prometheus.url" in painted(console))
        await pilot.press("e")
        # The headless driver cannot be suspended: this is what textual-serve would say.
        await eventually(pilot, lambda: any("edit config.toml elsewhere" in toast for toast in toasts(console)))


@pytest.mark.parametrize(
    ("server", "address"),
    [
        ("http://prom:9090", "http://prom:9090/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0&g0.range_input=2h"),
        ("https://me:secret@x/prom/", "https://x/prom/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0&g0.range_input=2h"),
        ("http://[::1]:9090", "http://[::1]:9090/graph?g0.expr=up%7Ba%3D%22b%22%7D&g0.tab=0&g0.range_input=2h"),
        ("", ""),
        ("file:///etc/passwd", ""),
        ("javascript:alert(1)", ""),
    ],
)
def test_the_browser_gets_the_exact_query_and_no_password(server, address):
    assert graph_address(server, 'up{a="b"}') == address


def test_a_kubectl_command_is_not_for_the_browser():
    assert find_address(FakeSession(), "kubectl get pods").url == ""
    assert find_address(FakeSession(), "up").url.startswith("http://prom.monitoring:9090/graph?")


SCREENS = {
    "inbox": (),
    "investigation": ("G", "k", "k", "enter"),
    "coverage": ("3",),
    "settings": ("4",),
    "advisor": ("5", "G"),
}


@pytest.mark.parametrize("keys", SCREENS.values(), ids=SCREENS)
@pytest.mark.parametrize("size", [(120, 36), (80, 24)])
async def test_hostile_text_is_shown_and_never_interpreted(keys, size):
    session = session_of("inbox")
    bad = SourceStatus(HOSTILE, Health.DOWN, HOSTILE, HOSTILE, NOW - 60)
    session.snapshot = replace(
        session.snapshot, cluster=HOSTILE, sources=(bad,), warnings=(HOSTILE,), progress=HOSTILE, namespaces=(HOSTILE,)
    )
    async with running(session, size=size) as (console, pilot):
        await pilot.press(*keys)
        await eventually(pilot, lambda: "[red]" in painted(console))
        await pilot.press("t", "?", "escape", "ctrl+p", *"probe", "escape", "enter", "escape")
        text = painted(console)
        assert not {"\x1b", "\x07", "\u202e"} & set(text)
        assert console.is_running
