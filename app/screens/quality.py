"""Quality: how good findings are by labels and recorded incidents, against targets, and what to label next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual import on
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.actions import Situation, actions_of
from app.keymap import bindings
from app.messages import QualityTold
from app.quality.wording import completeness_text, labels_text, member_text
from app.screens.cases import CaseView
from app.screens.listed import ListedView
from app.screens.quality_rows import FACES, Face, QualityRow, targets_line
from widgets import palette
from widgets.facts import Facts
from widgets.filter import FilterBar, parse
from widgets.parts import Part, fit
from widgets.row_list import RowList
from widgets.text import plain

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from app.quality.report import Report
    from app.snapshot import InboxRow, Snapshot

FRESH_SECONDS = 60.0
"""How old the report may get while nothing was labelled."""
COUNTING = "Counting ..."


class QualityScreen(ListedView, CaseView):
    """Targets above, one of several lists, and an explanation of the line under the cursor."""

    place = "quality"
    CSS_PATH = "quality.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def __init__(self) -> None:
        super().__init__()
        self._report: Report | None = None
        self._face = 0
        """Place among the faces."""
        self._asked: tuple[float, tuple[InboxRow, ...]] = -FRESH_SECONDS, ()
        """When the report was asked for, and what was listed then."""

    @property
    def face(self) -> Face:
        """The list that is shown."""
        return FACES[self._face]

    @property
    def rows(self) -> RowList[Any]:
        """The list of the face."""
        return self.query_one(f"#quality-{self.face.id}", RowList)

    def body(self) -> ComposeResult:
        """Targets and faces, the lists, the explanation."""
        yield Static(id="quality-targets", markup=False)
        yield Static(id="quality-faces", markup=False)
        yield FilterBar()
        with Container(id="quality-body"):
            for face in FACES:
                yield RowList(
                    face.columns,
                    key=lambda row: row.number,
                    fields=face.fields,
                    empty=COUNTING,
                    id=f"quality-{face.id}",
                )
            with VerticalScroll(id="quality-detail", can_focus=False):
                yield Facts()

    def on_mount(self) -> None:
        """One list at a time."""
        self._turn(0)

    def on_resize(self) -> None:
        """More or less room for the targets."""
        self._draw_head()

    # What is shown

    def on_screen_resume(self) -> None:
        """Labels may have been given elsewhere."""
        super().on_screen_resume()
        self._ask()

    def fill(self, snapshot: Snapshot) -> None:
        """Ask anew where something was done, or the report has become old."""
        asked, listed = self._asked
        if snapshot.rows is not listed or snapshot.now - asked >= FRESH_SECONDS:
            self._ask()

    def _ask(self) -> None:
        self._asked = self.console.snapshot.now, self.console.snapshot.rows
        self.console.link.ask("reads", "quality", lambda session: QualityTold(session.quality()), self)

    @on(QualityTold)
    def _told(self, message: QualityTold) -> None:
        self._report = message.report
        self._show()

    def _show(self) -> None:
        """The report in the list of this face."""
        if self._report is not None:
            self.rows.say_empty(self.face.empty)
            self.replace(self.face.rows(self._report))
        self._draw_head()
        self.selected()
        self.refresh_keys()

    def _draw_head(self) -> None:
        if not self.is_mounted:
            return
        width = max(0, self.size.width - 2)
        report = self._report
        self.query_one("#quality-targets", Static).update(_targets(report, width) if report else Content(COUNTING))
        faces = [Part(self._face_title(place), abs(place - self._face)) for place in range(len(FACES))]
        if report is not None:
            learning = plain(f"learning {member_text(report.member)}", style=palette.MUTED)
            faces.append(Part(learning, len(FACES), right=True))
        self.query_one("#quality-faces", Static).update(fit(faces, width)[0])
        if report is not None:
            self.rows.border_title = plain(f"{report.targets.days} days  {labels_text(report.total)}")
            self.rows.border_subtitle = plain(completeness_text(report))

    def _face_title(self, place: int) -> Content:
        face = FACES[place]
        count = f" {len(face.rows(self._report))}" if self._report else ""
        if place == self._face:
            return Content.styled(f"[{face.title}{count}]", palette.ACCENT)
        return plain(f"{face.title}{count}")

    @property
    def current(self) -> QualityRow | None:
        """The line under the cursor."""
        row: QualityRow | None = self.rows.highlighted
        return row

    def selected(self) -> None:
        """Explain the line under the cursor."""
        row, detail = self.current, self.query_one("#quality-detail")
        detail.display = row is not None
        if row is None or self._report is None:
            return
        (_, heading), *facts = self.face.explain(row, self._report, self.console.zone)
        detail.border_title = plain(heading, 60)
        self.query_one(Facts).facts = tuple(facts)

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        row = self.current
        cases = (row.number,) if row is not None and self.face.id == "next" else ()
        return Situation(connected, cases, getattr(row.item, "workload", "") if row is not None else "")

    # What keys do

    def advance(self) -> None:
        """The next question."""
        self.rows.action_move(1)

    def do_face(self, step: str) -> None:
        """Another list."""
        self._turn(int(step))
        self._show()
        self.rows.filter(parse(self.bar.query_text))
        self.count()

    def do_accept(self) -> None:
        """Put the proposal in force; a rule out of it, or in it again."""
        row = self.current
        if row is None or self.face.id not in ("proposals", "rules"):
            self.console.say("accept: choose a proposal or a rule (w turns the lists)", "warning")
        elif self.face.id == "proposals":
            self.console.act("accept", lambda session: session.accept(row.item))
        else:
            self.console.act("rule", lambda session: session.switch_rule(row.number))
        self._ask()

    def _turn(self, step: int) -> None:
        self._face = (self._face + step) % len(FACES)
        for face in FACES:
            self.query_one(f"#quality-{face.id}").display = face is self.face
        self.rows.focus()

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        item = event.row.item
        if investigation := getattr(item, "investigation", None):
            self.console.open_case(investigation)

    def state(self) -> dict[str, Any]:
        """Which face, too."""
        return super().state() | {"face": self.face.id}

    def resume(self, state: dict[str, Any]) -> None:
        """The face first: filter, order and row are of its list."""
        wanted = state.get("face")
        self._turn(next((place for place, face in enumerate(FACES) if face.id == wanted), self._face) - self._face)
        super().resume(state)


def _targets(report: Report, width: int) -> Content:
    """The targets on one line, or where there is no room for them all on two."""
    told = targets_line(report)
    line = Content("   ").join(told)
    if line.cell_length <= width:
        return line
    half = len(told) // 2
    return Content("\n").join(Content("   ").join(part) for part in (told[:half], told[half:]))
