"""One investigation: its chart, its anomalies, the ledger of evidence, what happened around it, what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import on
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from app.actions import Situation, actions_of
from app.keymap import bindings
from app.messages import CaseLoaded, CatalogueLoaded, Narrated
from app.screens.case_text import changes, done, finding, headline, newest
from app.screens.cases import CaseView
from app.screens.inbox_rows import short_title
from app.screens.preview import expectation, fill_chart
from widgets import palette
from widgets.anomaly_list import AnomalyList
from widgets.band_chart import BandChart
from widgets.cause_list import CauseList
from widgets.ledger import Ledger, tally
from widgets.notice import Condition, ConditionPanel
from widgets.row_list import RowList
from widgets.text import plain, stamp
from widgets.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from app.snapshot import Case, Snapshot
    from storage.records import AnomalyRecord, TimelineEntry
    from widgets.cause_list import Line

PANES = ("causes", "ledger", "anomalies", "timeline", "history", "chart")
"""In the order of `tab`. Where there is little room, the chart and the active pane are shown."""
REASONS = 3
"""Of the selected cause, told below the panes."""
RIGHT = frozenset({"anomalies", "timeline", "history"})
"""Panes of the right half."""


class InvestigationScreen(CaseView):
    """The case that the console has open."""

    place = "investigation"
    CSS_PATH = "investigation.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)
    AUTO_FOCUS = "#causes"

    def __init__(self) -> None:
        super().__init__()
        self.case: Case | None = None
        self._number: int | None = None
        self._generation = 0
        self._seen: Snapshot | None = None
        """At the last look: a ledger may grow with every snapshot."""
        self._titles: Mapping[str, str] = {}
        self._pane = PANES[0]

    def body(self) -> ComposeResult:
        """The causes over everything else; chart and ledger at the left, the lists at the right."""
        yield Static(id="headline", markup=False)
        yield Static(id="finding", markup=False)
        yield ConditionPanel(id="condition", markup=False)
        with Container(id="case"):
            yield CauseList(id="causes", classes="pane")
            with Container(id="case-halves"):
                with Container(id="case-left"):
                    yield BandChart(id="chart")
                    yield Ledger(id="ledger", classes="pane")
                    yield Static(id="line", markup=False)
                with Container(id="case-right"):
                    yield AnomalyList(id="anomalies", classes="pane")
                    yield Timeline(id="timeline", classes="pane")
                    yield Timeline(id="history", classes="pane")

    def on_mount(self) -> None:
        """Names of the panes; titles of the signals come from the catalogue's files."""
        for name, title in (
            ("causes", "Causes, and what next"),
            ("anomalies", "Anomalies"),
            ("timeline", "Timeline"),
            ("history", "Done so far"),
        ):
            self.query_one(f"#{name}").border_title = plain(title)
        self.query_one("#history", Timeline).say_empty("Nothing yet.")
        self.console.link.load_catalogue(self.console.catalogue, self)
        self._activate(self._pane)

    @on(CatalogueLoaded)
    def _catalogue_loaded(self, message: CatalogueLoaded) -> None:
        self._titles = {row.id: short_title(row.title) for row in message.catalogue.rows}
        self._draw()

    # What is shown

    def fill(self, snapshot: Snapshot) -> None:
        """Another case, or news of this one: look it up."""
        number = self.console.case
        if number != self._number:
            self.case, self._number = None, number
            self._look(opened=True)
        elif snapshot is not self._seen:
            self._look(opened=False)
        self._seen = snapshot
        self._draw()

    def _look(self, *, opened: bool) -> None:
        """Ask for the case; whoever opens it has seen it."""
        number = self._number
        if number is None:
            return
        self._generation += 1
        generation = self._generation
        if opened:
            self.console.link.ask("acts", "open", lambda session: session.mark_seen(number))
        self.console.link.ask(
            "reads", f"case {number}", lambda session: CaseLoaded(number, generation, session.case(number)), self
        )

    @on(CaseLoaded)
    def _loaded(self, message: CaseLoaded) -> None:
        if message.generation != self._generation:
            return
        self.case = message.case
        self._draw(missing=message.case is None)
        self.refresh_keys()

    def _draw(self, *, missing: bool = False) -> None:
        case, panel = self.case, self.query_one(ConditionPanel)
        panel.display = case is None
        if case is None and self.focused is not None and self.focused.id in PANES:
            # Whoever is hidden with the focus passes it on, at a time when its neighbours may be shown again.
            self.set_focus(None)
        self.query_one("#case").display = case is not None
        self.query_one("#headline").display = self.query_one("#finding").display = case is not None
        if self._number is None:
            panel.tell(Condition.EMPTY, "", "No investigation is open.", "1 goes to the inbox, enter opens one")
        elif missing:
            panel.tell(Condition.EMPTY, f"#{self._number}", "There is no such investigation.", "1 goes to the inbox")
        elif case is None:
            panel.tell(Condition.LOADING, f"#{self._number}")
        else:
            self._draw_case(case)
            if self.focused is None:
                self.query_one(f"#{self._pane}").focus()

    def _draw_case(self, case: Case) -> None:
        now, zone = self.console.snapshot.now, self.console.zone
        self._draw_headline()
        ledger = self.query_one("#ledger", Ledger)
        ledger.show(case.evidence, zone)
        ledger.border_title = tally(case.evidence)
        self.query_one("#finding", Static).update(finding(case.conclusion))
        self.query_one(CauseList).show(case.conclusion)
        self.query_one(AnomalyList).show(case.anomalies, now=now, titles=self._titles)
        onset = case.investigation.onset
        self.query_one("#timeline", Timeline).show(case.timeline, now=now, zone=zone, onset=onset, titles=self._titles)
        self.query_one("#history", Timeline).show(done(case.history), now=now, zone=zone)
        self._draw_chart()

    def _draw_headline(self) -> None:
        if self.case is None:
            return
        now, zone, line = self.console.snapshot.now, self.console.zone, self.query_one("#headline", Static)
        width = self.console.size.width - line.styles.padding.width
        line.update(headline(self.case.investigation, self.case.anomalies, now, zone, width))

    def on_resize(self) -> None:
        """Its names take the room there is."""
        self._draw_headline()

    def _draw_chart(self) -> None:
        anomaly, chart = self.anomaly, self.query_one(BandChart)
        if anomaly is None or self.case is None:
            return
        title = self._titles.get(anomaly.signal, anomaly.signal)
        chart.border_title = plain(f"{title}   {expectation(anomaly)}", 90)
        chart.marks = changes(self.case.timeline)
        chart.empty = newest(self.case.evidence, self.console.zone)
        fill_chart(chart, anomaly, self.console.zone)

    def _draw_line(self) -> None:
        """The selected line of the pane that has the focus, whole: lists have room for its beginning and end only."""
        *told, source = self._line()
        parts = [*map(plain, told), plain(source, style=palette.ACCENT)]
        self.query_one("#line", Static).update(Content("\n").join(part for part in parts if part))

    def _line(self) -> tuple[str, ...]:
        """What the selected line says, and what gives it last."""
        if self._pane in {"timeline", "history"}:
            timeline = self.query_one(f"#{self._pane}", Timeline)
            return (timeline.told(timeline.highlighted), "") if timeline.highlighted else ("", "")
        if self._pane == "ledger":
            record = self.query_one("#ledger", Ledger).highlighted
            return (record.text, record.held, record.source) if record else ("", "")
        if self._pane == "causes":
            line = self.query_one(CauseList).highlighted
            return (line.text, *line.detail.splitlines()[:REASONS], line.command) if line else ("", "")
        anomaly = self.anomaly
        return (self._words(anomaly), anomaly.source.query) if anomaly else ("", "")

    def _words(self, anomaly: AnomalyRecord) -> str:
        """An anomaly in a line."""
        title = self._titles.get(anomaly.signal, anomaly.signal)
        return f"{title}, {anomaly.entity.title}: {expectation(anomaly)}"

    # What is selected

    @property
    def anomaly(self) -> AnomalyRecord | None:
        """The one whose values are drawn."""
        if self.case is None or not self.case.anomalies:
            return None
        return self.query_one(AnomalyList).highlighted or self.case.anomalies[0]

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        if self.case is None:
            return Situation(connected)
        number, title = self.case.investigation.id, self.case.investigation.entity.title
        return Situation(connected, (number,), title, self._query())

    def _query(self) -> str:
        """What is behind the line that has the focus; the chart's, where it has none."""
        if self._pane == "ledger":
            record = self.query_one("#ledger", Ledger).highlighted
            return record.source if record else ""
        if self._pane == "causes" and (line := self.query_one(CauseList).highlighted) is not None and line.command:
            return line.command
        return self.anomaly.source.query if self.anomaly else ""

    @on(RowList.Highlighted)
    def _highlighted(self, event: RowList.Highlighted) -> None:
        if event.control.id == "anomalies":
            self._draw_chart()
        self._draw_line()
        self.refresh_keys()

    @on(RowList.Opened, "Timeline")
    def _entry_opened(self, event: RowList.Opened) -> None:
        timeline = event.control
        assert isinstance(timeline, Timeline)
        entry: TimelineEntry = event.row
        now, zone = self.console.snapshot.now, self.console.zone
        self.explain(f"{stamp(entry.at, now, zone)}  {entry.kind}", timeline.told(entry), "")

    @on(Ledger.SourceAsked)
    def _source_asked(self, event: Ledger.SourceAsked) -> None:
        record = event.record
        told = (record.text, record.held or record.value)
        self.explain(record.step, "\n".join(part for part in told if part), record.source)

    @on(RowList.Opened, "#causes")
    def _cause_opened(self, event: RowList.Opened) -> None:
        line: Line = event.row
        self.explain(line.text, line.detail, line.command)

    @on(RowList.Opened, "#anomalies")
    def _anomaly_opened(self, event: RowList.Opened) -> None:
        anomaly: AnomalyRecord = event.row
        title = self._titles.get(anomaly.signal, anomaly.signal)
        self.explain(title, f"{anomaly.entity.title}\n{expectation(anomaly)}", anomaly.source.query)

    # Keys

    def advance(self) -> None:
        """The next investigation of the inbox; after the last, the inbox."""
        rows = [row.investigation.id for row in self.console.snapshot.rows]
        place = rows.index(self._number) if self._number in rows else len(rows)
        if place + 1 < len(rows):
            self.console.open_case(rows[place + 1])
        else:
            self.console.do_go("inbox")

    def do_export(self) -> None:
        """To a file, as it stands."""
        number = self._number
        if number is not None:
            self.console.act("export", lambda session: session.export(number), "")

    def do_narrate(self) -> None:
        """Ask the model; the case may be left meanwhile."""
        number = self._number
        if number is not None:
            self.console.say("asking the model")
            self.console.link.ask("checks", "narrate", lambda session: Narrated(number, session.narrate(number)), self)

    @on(Narrated)
    def _narrated(self, message: Narrated) -> None:
        if not message.result.ok:
            self.console.say(message.result.message, "warning")
        elif message.number == self._number:
            self.explain(f"#{message.number} in a model's words", message.result.message, "")

    def do_pane(self, step: str) -> None:
        """To another pane."""
        place = PANES.index(self._pane) + int(step)
        self._activate(PANES[place % len(PANES)])

    def _activate(self, pane: str) -> None:
        self._pane = pane
        self.set_class(pane in RIGHT, "-right")
        self.set_class(pane == "causes", "-top")
        for name in PANES:
            self.query_one(f"#{name}").set_class(name == pane, "-active")
        self.query_one(f"#{pane}").focus()
        self._draw_line()
        self.refresh_keys()

    def on_descendant_focus(self) -> None:
        """The mouse chooses panes too."""
        if self.focused is not None and self.focused.id in PANES and self.focused.id != self._pane:
            self._activate(self.focused.id)

    def state(self) -> dict[str, Any]:
        """The active pane."""
        return {"pane": self._pane}

    def resume(self, state: dict[str, Any]) -> None:
        """The pane as remembered."""
        if state.get("pane") in PANES:
            self._activate(state["pane"])
