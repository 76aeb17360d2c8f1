"""Triage: what the engineer can do to investigations, on every screen that shows them."""

from __future__ import annotations

import getpass
import math
from typing import TYPE_CHECKING

from textual import on

from app.durations import DAY, seconds_of
from app.messages import Drafted, MutesTold
from app.quality.silence import Wish
from app.screens.queries import QueryView
from storage.records import Label

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.quality.proposals import Proposal
    from app.snapshot import ActResult, Session
    from storage.records import Reason

LONGEST_SNOOZE = 30 * DAY


def duration(text: str) -> float | None:
    """Seconds of a time such as `15m` or `1h`; None when it is none, or longer than thirty days."""
    seconds = seconds_of(text)
    return seconds if seconds is not None and seconds <= LONGEST_SNOOZE else None


class CaseView(QueryView):
    """A screen whose selection is one or more investigations."""

    @property
    def marks(self) -> frozenset[int]:
        """Investigations that are marked, where the screen has marks."""
        return frozenset()

    def advance(self) -> None:
        """Go on to the next investigation: this one is dealt with."""

    def _act(
        self,
        what: str,
        work: Callable[[Session, tuple[int, ...]], ActResult],
        *,
        advance: bool = True,
        cases: tuple[int, ...] = (),
    ) -> None:
        """Act on the selected investigations, or on those that were selected when a dialog asked for more."""
        cases = cases or self.console.situation.cases
        self.console.act(what, lambda session: work(session, cases), marks=self.marks)
        if advance:
            self.advance()

    def do_label(self, label: str) -> None:
        """Judge."""
        self._act(f"label {label}", lambda session, cases: session.label(cases, Label(label)))

    def do_label_because(self, label: str) -> None:
        """Judge, and say why."""
        from app.screens.reason import ReasonDialog

        def judge(reason: Reason | None) -> None:
            if reason is not None:
                self._act(
                    f"label {label}", lambda session, cases: session.label(cases, Label(label), reason), cases=cases
                )

        cases = self.console.situation.cases
        self.app.push_screen(ReasonDialog(Label(label), len(cases)), judge)

    def do_mute(self) -> None:
        """Ask for the ways to mute its pattern."""
        case = self.console.situation.cases[0]
        self.console.link.ask("reads", "mute", lambda session: MutesTold(case, session.mutes(case)), self)

    @on(MutesTold)
    def _choose_mute(self, message: MutesTold) -> None:
        from app.screens.mute import MuteDialog

        def accept(proposal: Proposal | None) -> None:
            if proposal is not None:
                self.console.act("mute", lambda session: session.accept(proposal))

        if message.proposals:
            self.app.push_screen(MuteDialog(message.case, message.proposals, getpass.getuser()), accept)

    def do_silence(self) -> None:
        """Ask what nobody wants to hear of, beginning with the investigation that is selected."""
        from app.screens.silence import SilenceDialog

        def silence(wish: Wish | None) -> None:
            if wish is not None:
                self.console.act("silence", lambda session: session.silence(wish))

        cases = self.console.situation.cases
        rows = (row.investigation.entity for row in self.console.snapshot.rows if row.investigation.id in cases[:1])
        entity = next(rows, None)
        names = {} if entity is None else {"namespace": entity.namespace, "workload": entity.name}
        self.app.push_screen(SilenceDialog(Wish(owner=getpass.getuser(), **names)), silence)

    def do_send(self) -> None:
        """Ask for what would be sent."""
        cases = self.console.situation.cases
        self.console.link.ask("reads", "send", lambda session: Drafted(session.drafts(cases)), self)

    @on(Drafted)
    def _preview_message(self, message: Drafted) -> None:
        from app.screens.send import SendDialog

        drafts = [draft for draft in message.drafts if not draft.refusal]

        def send(destinations: tuple[str, ...] | None) -> None:
            if destinations:
                cases = tuple(draft.case for draft in drafts)
                self._act("send", lambda session, ids: session.send(ids, destinations), advance=False, cases=cases)

        if drafts:
            self.app.push_screen(SendDialog(message.drafts), send)
        elif message.drafts:
            self.console.say(f"Send: {message.drafts[0].refusal}", "warning")

    def do_acknowledge(self) -> None:
        """Take, or give back."""
        self._act("acknowledge", lambda session, cases: session.acknowledge(cases), advance=False)

    def do_close(self) -> None:
        """Close."""
        self._act("close", lambda session, cases: session.close_cases(cases))

    def do_pin(self) -> None:
        """Pin, or let go."""
        self._act("pin", lambda session, cases: session.pin(cases), advance=False)

    def do_snooze(self, text: str = "") -> None:
        """Snooze for a time, or ask for how long."""
        if not text:
            from app.screens.snooze import SnoozeDialog

            self.app.push_screen(SnoozeDialog(len(self.console.situation.cases)), self._snooze)
        elif (seconds := duration(text)) is None:
            self.console.say(f"snooze {text!r}: a time is a number with s, m, h or d, at most 30d", "warning")
        else:
            self._snooze(seconds)

    def _snooze(self, seconds: float | None) -> None:
        if seconds == math.inf:
            self._act("snooze", lambda session, cases: session.snooze_until_rollout(cases))
        elif seconds is not None:
            self._act("snooze", lambda session, cases: session.snooze(cases, seconds))
