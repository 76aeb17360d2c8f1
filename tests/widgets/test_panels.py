"""The views of an investigation, help, the command line and notices."""

from __future__ import annotations

from msgspec.structs import replace

from storage.records import EvidenceRecord, Stance
from tests.widgets.builders import NOW, an_anomaly, entry, evidence
from tests.widgets.host import staged
from widgets.anomaly_list import AnomalyList, recent
from widgets.command_line import CommandLine
from widgets.facts import Facts
from widgets.help_panel import HelpEntry, HelpPanel
from widgets.ledger import Ledger, tally, together
from widgets.notice import Condition, ConditionPanel, Notice
from widgets.timeline import Timeline


async def test_the_ledger_tells_stances_apart_and_gives_the_source() -> None:
    ledger = Ledger()
    records = [evidence(number, stance) for number, stance in enumerate(Stance)]
    async with staged(ledger) as stage:
        ledger.show(records)
        await stage.pilot.pause()
        assert [line[2] for line in stage.lines()[1:5]] == ["+", "-", "·", "?"]
        ledger.focus()
        await stage.press("j", "enter")
        assert [event.record.source for event in stage.take(Ledger.SourceAsked)] == ["sum(up)"]


def test_the_tally_counts_what_is_unknown_apart() -> None:
    stances = [Stance.SUPPORTS, Stance.SUPPORTS, Stance.CONTRADICTS, Stance.UNKNOWN]
    told = tally(evidence(number, stance) for number, stance in enumerate(stances))
    assert told.plain == "Evidence  for 2  against 1  unknown 1"


def clue(number: int, stance: Stance, text: str) -> EvidenceRecord:
    """A line that an investigation wrote."""
    return replace(evidence(number, stance, text), clue="change")


def test_the_ledger_says_each_thing_once_and_of_what_grew_the_newest() -> None:
    first, again = evidence(1, Stance.SUPPORTS, "4 restarts"), evidence(2, Stance.SUPPORTS, "6 restarts")
    seen = (
        replace(first, anomaly=7, source="get pod a"),
        replace(again, anomaly=8, source="get pod a", recorded=NOW + 60),
    )
    other = replace(first, id=3, anomaly=7, source="get pod b")
    spoken, silent = clue(4, Stance.SUPPORTS, "image v1 -> v2"), clue(5, Stance.SILENT, "image v1 -> v2")
    part, later = clue(6, Stance.SILENT, "v1 -> v2"), replace(clue(7, Stance.SILENT, "v1 -> v2"), at=NOW + 60)
    shown = together([*seen, other, silent, spoken, spoken, part, later])
    assert [(line.id, line.text) for line in shown] == [
        (2, "6 restarts"), (3, "4 restarts"), (4, "image v1 -> v2"), (7, "v1 -> v2"),
    ]  # fmt: skip


def test_a_convention_that_agreed_and_does_so_no_more_is_told_with_both() -> None:
    agreed = replace(evidence(1, Stance.SUPPORTS, "istio agrees"), anomaly=7, convention="istio")
    later = replace(agreed, id=2, text="istio does not agree", stance=Stance.CONTRADICTS, recorded=NOW + 60)
    assert together([agreed, later]) == [agreed, later]


def test_what_speaks_against_is_never_taken_for_a_repetition() -> None:
    lines = [clue(1, Stance.SUPPORTS, "2 of 3 pods"), clue(2, Stance.CONTRADICTS, "2 of 3 pods")]
    assert together(lines) == lines


async def test_the_timelines_times_take_no_more_cells_than_they_need() -> None:
    timeline = Timeline()
    async with staged(timeline) as stage:
        timeline.show([entry(NOW - 86_400, "event", "old"), entry(NOW, "rollout", "rollout of v2")], now=NOW)
        await stage.pilot.pause()
        assert stage.lines()[2].startswith("  22:13       rollout  of v2")
        timeline.show([entry(NOW, "rollout", "rollout of v2")], now=NOW)
        await stage.pilot.pause()
        assert "▌ 22:13 rollout  of v2" in stage.lines()[1]


async def test_the_timeline_is_in_order_with_the_onset_and_dates() -> None:
    timeline = Timeline()
    async with staged(timeline) as stage:
        timeline.show([entry(NOW, "ack", "me"), entry(NOW - 86_400, "rollout", "v2")], now=NOW, onset=NOW - 60)
        await stage.pilot.pause()
        lines = stage.lines()
        assert "11-13 22:13 rollout  v2" in lines[1]
        assert "22:12" in lines[2]
        assert "onset" in lines[2]
        assert "ack" in lines[3]


async def test_what_two_signals_see_alike_is_told_once() -> None:
    anomalies, timeline = AnomalyList(), Timeline()
    one, other, third = an_anomaly(1, "http"), an_anomaly(2, "rpc"), an_anomaly(3, "cpu")
    other = replace(other, entity=one.entity)
    async with staged(anomalies) as stage:
        anomalies.show([one, other, replace(third, entity=one.entity, observed=9.0)], now=NOW)
        await stage.pilot.pause()
        assert anomalies.rows.order == [1, 3]
    async with staged(timeline) as stage:
        entries = [entry(NOW + n, "anomaly", f"{name} began") for n, name in enumerate(("http", "rpc", "cpu"))]
        timeline.show(entries, now=NOW, titles={"http": "P90 latency", "rpc": "P90 latency"})
        await stage.pilot.pause()
        assert [timeline.told(each) for each in timeline.rows.items.values()] == ["P90 latency began", "cpu began"]


async def test_anomalies_show_what_is_and_what_was_expected() -> None:
    anomalies = AnomalyList()
    async with staged(anomalies, size=(120, 10)) as stage:
        anomalies.show([an_anomaly(1, "latency")], now=NOW, titles={"latency": "Slow requests"})
        await stage.pilot.pause()
        line = stage.lines()[1]
        for text in ("!", "Slow requests", "▄▄▄", "█", "2.41 s", "0.30-0.42 s", "4m", "open"):
            assert text in line


def test_an_unreadable_band_is_no_reason_to_fail() -> None:
    anomaly = an_anomaly()
    assert (
        recent(
            type(anomaly)(**{**{f: getattr(anomaly, f) for f in anomaly.__struct_fields__}, "band": b"x" * 21}), 9
        ).plain
        == ""
    )


async def test_facts_align_and_wrap() -> None:
    facts = Facts()
    async with staged(facts, size=(30, 10)) as stage:
        facts.facts = (("url", "http://prometheus:9090"), ("what", "one two three four five six seven"))
        await stage.pilot.pause()
        lines = [line.rstrip() for line in stage.lines()]
        assert lines[0] == "url   http://prometheus:9090"
        assert lines[1].startswith("what  one two three")
        assert lines[2].startswith("      ")
        assert facts.size.height == 3


async def test_a_long_fact_is_cut_where_the_panel_says_so_and_whole_elsewhere() -> None:
    facts = Facts()
    text = "one two three four five six seven eight nine ten eleven"
    async with staged(facts, size=(30, 10)) as stage:
        facts.facts = (("what", text), ("next", "enter"))
        await stage.pilot.pause()
        assert " ".join(" ".join(stage.lines()).split()) == f"what {text} next enter"
        facts.most = 2
        facts.facts = (("what", text), ("next", "now"))
        await stage.pilot.pause()
        lines = [line.rstrip() for line in stage.lines()]
        assert lines[1].endswith("…")
        assert lines[2] == "next  now"
        assert facts.size.height == 3
        assert all(len(line) <= 30 for line in lines)


async def test_help_filters_by_key_and_by_word() -> None:
    panel = HelpPanel()
    async with staged(panel) as stage:
        panel.entries = (
            HelpEntry("a", "acknowledge", "Inbox"),
            HelpEntry("t", "label true", "Inbox"),
            HelpEntry("S", "send", "Inbox", False, "no destination"),
            HelpEntry("P", "pause", "Everywhere", custom=True),
        )
        await stage.press("S")
        assert [line.plain.strip() for line in panel.lines()] == ["Inbox", "S  send (no destination)"]
        await stage.press("backspace", "t", "r", "u", "e")
        text = "\n".join(stage.lines())
        assert "label true" in text
        assert "acknowledge" not in text
        await stage.press(*["backspace"] * 4, "z", "z")
        assert "no key and no action" in "\n".join(stage.lines())
        await stage.press("backspace", "backspace")
        assert "P* pause" in "\n".join(stage.lines())


async def test_the_command_line_completes_remembers_and_submits() -> None:
    line = CommandLine()
    async with staged(line) as stage:
        assert not line.display
        line.names = ("coverage", "context", "context prod-eu-1")
        line.open()
        await stage.press("c", "o", "n", "tab")
        await stage.press("enter")
        assert [(event.name, event.arguments) for event in stage.take(CommandLine.Submitted)] == [("context", "")]
        assert not line.display
        assert stage.take(CommandLine.Left)
        line.open()
        await stage.press(*"Ns Shop", "enter")
        assert [(event.name, event.arguments) for event in stage.take(CommandLine.Submitted)] == [("ns", "Shop")]
        line.open()
        await stage.press("up", "up", "up", "down", "enter")
        assert [event.arguments for event in stage.take(CommandLine.Submitted)] == ["Shop"]
        assert line.history == ("context", "Ns Shop")
        line.open()
        await stage.press("x", "escape")
        assert stage.take(CommandLine.Left)
        assert not stage.take(CommandLine.Submitted)


async def test_a_notice_is_there_only_when_something_is_the_matter() -> None:
    notice = Notice()
    async with staged(notice) as stage:
        assert not notice.display
        notice.show("prometheus down for 4m")
        await stage.pilot.pause()
        assert "prometheus down for 4m" in stage.lines()[0]
        notice.show("")
        await stage.pilot.pause()
        assert not notice.display


async def test_conditions_say_what_and_what_to_do() -> None:
    panel = ConditionPanel()
    async with staged(panel) as stage:
        panel.tell(Condition.FORBIDDEN, "events", "403: cannot list", "kubectl apply -f deploy/role.yaml")
        await stage.pilot.pause()
        text = "\n".join(stage.lines())
        for told in ("events # forbidden", "403: cannot list", "kubectl apply"):
            assert told in text
