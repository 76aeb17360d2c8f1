"""Every text input of every widget takes what whoever can name a pod can send."""

from __future__ import annotations

import pytest
from textual.content import Content

from detectors.model import Severity
from storage.records import Stance
from tests.widgets.builders import NOW, a_band, an_anomaly, entry, evidence
from tests.widgets.host import HOSTILE, staged
from widgets.anomaly_list import AnomalyList
from widgets.band_chart import BandChart, ChartMark
from widgets.command_line import CommandLine
from widgets.facts import Facts
from widgets.filter import FilterBar, parse
from widgets.help_panel import HelpEntry, HelpPanel
from widgets.key_footer import FooterKey, KeyFooter
from widgets.ledger import Ledger, tally
from widgets.notice import Condition, ConditionPanel, Notice
from widgets.row_list import RowList
from widgets.rows import Column
from widgets.status_header import Source, Status, StatusHeader, Tab, TabLine
from widgets.text import plain
from widgets.timeline import Timeline


def row_list(text: str) -> RowList[str]:
    columns = (
        Column[str]("a", text, lambda row, _: row, 8, flex=1, sort=str),
        Column[str]("b", "B", lambda row, _: Content(row), 8, right=True),
        Column[str]("c", "C", lambda row, _: plain(row, style="bold"), 8),
    )
    return RowList(columns, key=hash, empty=text, id="rows")


def fill(text: str, widgets: dict[type, object]) -> None:
    """Put the text wherever text goes."""
    widgets[RowList].replace([text, text + "2"])
    widgets[RowList].border_title = plain(text)
    widgets[RowList].filter(parse(text))
    widgets[StatusHeader].status = Status(text, text, text, text, (Source(text, text, text),), ((text, 1),), text, text)
    widgets[TabLine].tabs = (Tab(text or "x", text, text, 1),)
    widgets[TabLine].hint = text
    widgets[KeyFooter].keys = (FooterKey(text or "x", text, False, text, text), FooterKey("a", text, display=text))
    widgets[FilterBar].set_text(text)
    widgets[Ledger].show([evidence(1, Stance.SUPPORTS, text)])
    widgets[Ledger].border_title = tally([])
    widgets[Timeline].show([entry(NOW, text, text)], now=NOW)
    widgets[AnomalyList].show([an_anomaly(1, text, Severity.LOW)], now=NOW, titles={text: text})
    widgets[Facts].facts = ((text, text), ("content", Content(text)))
    widgets[Notice].show(text)
    widgets[ConditionPanel].tell(Condition.DOWN, text, text, text)
    widgets[CommandLine].names = (text,)
    widgets[CommandLine].open(text)
    widgets[HelpPanel].entries = (HelpEntry(text, text, text, False, text), HelpEntry(text, text))
    chart = widgets[BandChart]
    chart.title, chart.unit, chart.marks = plain(text), text, (ChartMark(NOW - 60, text),)
    chart.band, chart.cursor, chart.empty = a_band(), 3, text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("size", [(120, 100), (30, 60)], ids=["wide", "narrow"])
async def test_hostile_text_reaches_the_terminal_harmless(text: str, size: tuple[int, int]) -> None:
    plainly = (StatusHeader, TabLine, KeyFooter, FilterBar, Notice, ConditionPanel, CommandLine, Facts)
    lists = (Ledger, Timeline, AnomalyList, HelpPanel, BandChart)
    widgets = {kind: kind() for kind in (*plainly, *lists)} | {RowList: row_list(text)}
    async with staged(*widgets.values(), size=size) as stage:
        fill(text, widgets)
        await stage.pilot.pause()
        lines = stage.lines()
        assert all(line.isprintable() for line in lines)
        "\n".join(lines).encode()
        assert all(strip.cell_length == size[0] for strip in stage.app.screen._compositor.render_strips())
        if "[/healthz]" in text and size[0] == 120:
            assert sum("[/healthz] got [500" in line for line in lines) >= 8
