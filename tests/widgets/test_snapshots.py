"""How the widgets look together, at the two sizes that matter and without colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from textual.app import App
from textual.containers import Horizontal

from detectors.model import Severity
from storage.records import Stance
from tests.widgets.builders import NOW, a_band, an_anomaly, entry, evidence
from widgets.anomaly_list import AnomalyList
from widgets.band_chart import BandChart, ChartMark
from widgets.facts import Facts
from widgets.key_footer import FooterKey, KeyFooter
from widgets.ledger import Ledger, tally
from widgets.notice import Notice
from widgets.status_header import Source, Status, StatusHeader, Tab, TabLine
from widgets.text import plain
from widgets.timeline import Timeline

if TYPE_CHECKING:
    from textual.app import ComposeResult


@dataclass(frozen=True)
class Look:
    """A terminal and its theme."""

    size: tuple[int, int]
    theme: str = "textual-dark"
    no_color: bool = False


class Gallery(App[None]):
    """Everything an investigation is made of, on one screen."""

    CSS = """
    Horizontal { height: 1fr; }
    AnomalyList, Ledger, Timeline, BandChart { border: round $border-blurred; width: 1fr; }
    Facts { height: 3; padding: 0 1; }
    """

    def __init__(self, theme: str) -> None:
        super().__init__()
        self.animation_level = "none"
        self.theme = theme

    def compose(self) -> ComposeResult:
        yield StatusHeader()
        yield TabLine()
        yield Notice()
        yield AnomalyList()
        with Horizontal():
            yield BandChart()
            yield Timeline()
        with Horizontal():
            yield Ledger()
        yield Facts()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._lines()
        severities = enumerate(Severity)
        self.query_one(AnomalyList).show(
            [an_anomaly(n, f"signal-{n} [x]", severity) for n, severity in severities], now=NOW
        )
        chart = self.query_one(BandChart)
        chart.title, chart.unit, chart.band = plain("shop/checkout  latency p99"), "seconds", a_band()
        chart.onset, chart.marks = NOW - 540, (ChartMark(NOW - 2400, "rollout v2.14"),)
        happened = [entry(NOW - 86_400, "hpa", "6 -> 8"), entry(NOW - 600, "rollout", "checkout v2.14.0"), entry(NOW)]
        self.query_one(Timeline).show(happened, now=NOW, onset=NOW - 540)
        records = [evidence(number, stance) for number, stance in enumerate(Stance)]
        self.query_one(Ledger).show(records)
        self.query_one(Ledger).border_title = tally(records)
        self.query_one(Facts).facts = (("query", "sum(rate(http_requests_total[5m]))"), ("access", "list, watch"))

    def _lines(self) -> None:
        self.query_one(StatusHeader).status = Status(
            context="prod-eu-1",
            freshness="every 15s",
            sources=(
                Source("prom", "ok", "42 ms"),
                Source("k8s", "degraded", "events: forbidden"),
                Source("store", "ok"),
            ),
            counts=(("new", 3), ("open", 7), ("snoozed", 2)),
            clock="12:41:07Z",
        )
        self.query_one(TabLine).tabs = (Tab("inbox", "Inbox", "1", 3), Tab("case", "Investigate", "2"))
        self.query_one(TabLine).active = "case"
        self.query_one(Notice).show("kubernetes degraded: events are forbidden - kubectl apply -f deploy/role.yaml")
        self.query_one(KeyFooter).keys = (
            FooterKey("enter", "open", priority=1),
            FooterKey("t", "true", group="label", priority=1),
            FooterKey("f", "false", group="label", priority=1),
            FooterKey("S", "slack", False, "no destination"),
        )


LOOKS = {
    "wide": Look((120, 36)),
    "narrow": Look((80, 24)),
    "light": Look((80, 24), "textual-light"),
    "sixteen-colours": Look((80, 24), "ansi-dark"),
    "no-colour": Look((80, 24), no_color=True),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS.keys())
def test_gallery(snap_compare, monkeypatch, look: Look) -> None:
    if look.no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(Gallery(look.theme), terminal_size=look.size, press=["tab", "j", "j", "tab", "left"])
