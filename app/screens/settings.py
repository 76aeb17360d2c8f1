"""The settings: every value with where it came from, the connections, and a way to change them."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import SuspendNotSupported
from textual.containers import Container, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from app.actions import Situation, actions_of
from app.keymap import bindings
from app.messages import ConnectionsTested, SettingChanged, SettingsLoaded
from app.screens.chrome import said
from app.screens.edit import EditDialog
from app.screens.listed import ListedView
from app.screens.queries import QueryView
from widgets import palette
from widgets.facts import Facts
from widgets.filter import FilterBar
from widgets.row_list import RowList
from widgets.rows import Column
from widgets.text import NOTHING, age, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult

    from app.snapshot import CheckResult, SettingValue, Snapshot

MARKS = {True: palette.HEALTH["ok"], False: palette.HEALTH["down"], None: palette.HEALTH["off"]}
"""What a check's answer looks like."""


@dataclass(frozen=True, slots=True)
class SettingRow:
    """A setting with its place in the list."""

    number: int
    setting: SettingValue


COLUMNS = (
    Column[SettingRow]("key", "SETTING", lambda row, _: row.setting.key, 22, flex=3, limit=34,
                       sort=lambda row: row.setting.key),
    Column[SettingRow]("value", "VALUE", lambda row, _: row.setting.value or NOTHING, 16, flex=4),
    Column[SettingRow]("origin", "FROM", lambda row, _: row.setting.origin, 12, flex=3, limit=36,
                       sort=lambda row: row.setting.origin),
)  # fmt: skip


def fields(row: SettingRow) -> dict[str, str]:
    """What a filter sees."""
    setting = row.setting
    return {"key": setting.key, "value": setting.value, "from": setting.origin, "doc": setting.doc}


class SettingsScreen(ListedView, QueryView):
    """The list beside what the selected setting means and how the connections are."""

    place = "settings"
    CSS_PATH = "settings.tcss"
    BINDINGS = bindings(action for action in actions_of(place) if action.places)

    def __init__(self) -> None:
        super().__init__()
        self._path = ""
        self._checks: tuple[CheckResult, ...] = ()
        self._testing = False

    def body(self) -> ComposeResult:
        """Settings at the left, connections and meaning at the right."""
        yield FilterBar()
        with Container(id="settings-body"):
            yield RowList(COLUMNS, key=lambda row: row.number, fields=fields, empty="Reading the settings ...")
            with Container(id="settings-side"):
                with VerticalScroll(id="connections", can_focus=False) as connections:
                    connections.border_title = Content("Connections")
                    yield Static(id="connections-text", markup=False)
                with Container(id="meaning"):
                    yield Static(id="meaning-text", markup=False)
                    yield Facts()

    def on_screen_resume(self) -> None:
        """The file may have changed."""
        super().on_screen_resume()
        self.reload()

    def reload(self) -> None:
        """Read all values anew."""
        self.console.link.ask(
            "reads", "settings", lambda session: SettingsLoaded(session.settings(), session.settings_path()), self
        )

    @on(SettingsLoaded)
    def _loaded(self, message: SettingsLoaded) -> None:
        self._path = message.path
        self.replace(SettingRow(number, value) for number, value in enumerate(message.values))
        self.rows.border_title = plain(message.path, 70)
        self.selected()

    def fill(self, snapshot: Snapshot) -> None:
        """How the sources are."""
        self.query_one("#connections-text", Static).update(Content("\n").join(self._connections(snapshot)))

    def _connections(self, snapshot: Snapshot) -> Iterator[Content]:
        for source in snapshot.sources:
            since = "" if source.since is None else f" for {age(snapshot.now - source.since)}"
            mark = palette.HEALTH[source.health]
            yield Content.assemble(
                mark.sign, " ", plain(source.name), "  ", mark.label, f"{since}  ", plain(said(source))
            )
            if source.hint:
                yield plain(f"  {source.hint}", style=palette.DOUBTFUL)
        yield Content("")
        if self._testing:
            yield Content.styled("testing ...", palette.DOUBTFUL)
        elif not self._checks:
            yield Content.styled("T tests the connections and the rights", palette.MUTED)
        for check in self._checks:
            yield from check_lines(check)

    @property
    def current(self) -> SettingRow | None:
        """The row under the cursor."""
        row: SettingRow | None = self.rows.highlighted
        return row

    def selected(self) -> None:
        """What the setting means, and what is allowed."""
        meaning, row = self.query_one("#meaning"), self.current
        meaning.display = row is not None
        if row is None:
            return
        setting = row.setting
        meaning.border_title = plain(setting.key, 50)
        self.query_one("#meaning-text", Static).update(plain(setting.doc))
        facts = (("value", setting.value or NOTHING), ("from", setting.origin), ("allowed", setting.allowed))
        self.query_one(Facts).facts = tuple(fact for fact in facts if fact[1])

    def situation(self, connected: bool) -> Situation:
        """What the keys would act on."""
        row = self.current
        return Situation(connected, name=f"{row.setting.key} = {row.setting.value}" if row else "")

    @on(RowList.Opened)
    def _open(self, event: RowList.Opened) -> None:
        self.app.push_screen(EditDialog(event.row.setting), self._edited)

    def _edited(self, changed: bool | None) -> None:
        if changed:
            self.reload()

    def do_test(self) -> None:
        """Test connections and rights."""
        self._testing, self._checks = True, ()
        self.fill(self.console.snapshot)
        self.console.link.ask("checks", "test", lambda session: ConnectionsTested(session.test_connections()), self)

    @on(ConnectionsTested)
    def _tested(self, message: ConnectionsTested) -> None:
        self._testing, self._checks = False, message.results
        self.fill(self.console.snapshot)

    def do_edit_file(self) -> None:
        """The settings file in the engineer's editor."""
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            with self.app.suspend():
                subprocess.run([*shlex.split(editor), self._path], check=False)
        except SuspendNotSupported:
            self.console.say(f"this terminal cannot be given to an editor: edit {self._path} elsewhere", "warning")
        except (OSError, ValueError) as error:
            self.console.say(f"$EDITOR {editor!r} cannot be run: {error}", "error")
        else:
            self.console.link.ask(
                "acts", "settings", lambda session: SettingChanged("", session.reread_settings()), self
            )

    @on(SettingChanged)
    def _file_edited(self, message: SettingChanged) -> None:
        self.console.say(message.result.message, "information" if message.result.ok else "error")
        self.reload()


def check_lines(check: CheckResult) -> Iterator[Content]:
    """One line of a test, and what to do where it failed."""
    yield Content.assemble(MARKS[check.ok].sign, " ", plain(check.name), "  ", plain(check.detail, style=palette.MUTED))
    if check.hint and check.ok is not True:
        yield plain(f"  {check.hint}", style=palette.DOUBTFUL)
