"""Silences and maintenance windows: what somebody types as a rule with owner, reason and end; what it would hide."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from app.durations import DAY, seconds_of
from app.quality.proposals import replay
from app.quality.rules import told
from app.redaction import redact
from detectors.words import counted
from storage.records import Lifecycle, Pattern

if TYPE_CHECKING:
    from collections.abc import Collection

    from app.quality.proposals import Stored

LONGEST = 90 * DAY
"""A silence that nobody remembers hides what is new."""
MATCHERS = ("namespace", "workload", "signal", "environment")
MOST_NAMED = 5
"""Investigations that a preview names."""


class SilenceError(ValueError):
    """What was typed is no silence: names the field, the value and what is allowed."""


class Wish(Struct, frozen=True):
    """A silence as it is typed; all fields are text."""

    namespace: str = ""
    workload: str = ""
    """A name, or `namespace/name`; shell patterns are allowed, as they are for namespace and environment."""
    signal: str = ""
    environment: str = ""
    owner: str = ""
    reason: str = ""
    lasting: str = "2h"
    begin: str = ""
    """Empty: now. In so long (`30m`), or a time (ISO 8601, UTC where no zone is given)."""


class Silence(Struct, frozen=True):
    """What nobody wants to hear of, and when."""

    pattern: Pattern
    owner: str
    reason: str
    starts: float | None
    """Unix seconds; None: at once."""
    expires: float


class Foreseen(Struct, frozen=True):
    """What would come of a wish."""

    text: str
    """What it would hide; or what is wrong with it."""
    ok: bool = True


def parse_matchers(words: list[str]) -> Wish:
    """Matchers as they stand on the command line: `namespace=shop workload=cart*`.

    Raises:
        SilenceError: one is none.
    """
    found = dict(word.partition("=")[::2] for word in words)
    if unknown := [word for word in words if word.partition("=")[0] not in MATCHERS or "=" not in word]:
        raise SilenceError(f"{unknown[0]!r} is no matcher; allowed: {', '.join(f'{name}=...' for name in MATCHERS)}")
    return Wish(**found)


def silence(wish: Wish, now: float, signals: Collection[str]) -> Silence:
    """What was typed, as a rule.

    Args:
        wish: what was typed.
        now: unix seconds.
        signals: the ids that there are.

    Raises:
        SilenceError: a field is wrong or missing.
    """
    if not any(getattr(wish, name) for name in MATCHERS):
        raise SilenceError(f"name at least one of {', '.join(MATCHERS)}; workload * is everything")
    if wish.signal and wish.signal not in signals:
        raise SilenceError(f"no signal is called {wish.signal!r}; the coverage screen lists them")
    if not wish.reason.strip():
        raise SilenceError("a reason is needed: who reads it at night wants to know")
    seconds = seconds_of(wish.lasting)
    if seconds is None or seconds > LONGEST:
        raise SilenceError(f"for {wish.lasting!r}: a number with s, m, h, d or w, at most 90d")
    starts = _moment(wish.begin, now)
    if starts is not None and starts - now > LONGEST:
        raise SilenceError(f"from {wish.begin!r}: it has to begin within 90 days")
    pattern = Pattern(wish.signal.strip(), _workload(wish), environment=wish.environment.strip())
    return Silence(pattern, wish.owner.strip(), redact(wish.reason.strip()), starts, (starts or now) + seconds)


def _workload(wish: Wish) -> str:
    namespace, workload = wish.namespace.strip(), wish.workload.strip()
    if not namespace:
        return workload or "*"
    if "/" in workload:
        raise SilenceError(f"workload {workload!r} names a namespace: leave the field namespace empty, or name it once")
    return f"{namespace}/{workload or '*'}"


def _moment(text: str, now: float) -> float | None:
    """A time from now on; None where it is now."""
    if not text.strip():
        return None
    if (after := seconds_of(text)) is not None:
        return now + after
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise SilenceError(f"from {text!r}: 30m (from now), or a time like 2026-03-14T22:00Z") from None
    at = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    if at < now:
        raise SilenceError(f"from {text!r}: that is over; leave it empty for now")
    return at


def foreseen(wanted: Silence, stored: Stored, days: float) -> Foreseen:
    """How many open and past cases it would hide, and which of them were true."""
    effect = replay(wanted.pattern, stored)
    living = [number for number in effect.cases if stored.cases[number].lifecycle is Lifecycle.OPEN]
    past = len(effect.cases) - len(living)
    numbers = ", ".join(f"#{number}" for number in living[-MOST_NAMED:])
    text = (
        f"{told(wanted.pattern)}, {lasting(wanted)}: hides {counted(len(living), 'open cases')}"
        f"{f' ({numbers})' if living else ''} and would have hidden {past} of the last {days:g} days"
    )
    lost = ", ".join(f"#{number}" for number in effect.lost[:MOST_NAMED])
    return Foreseen(f"{text}; {effect.true} of them labelled true: {lost}" if effect.true else text)


def lasting(wanted: Silence) -> str:
    """From when, and until when."""
    begin = f"from {_time(wanted.starts)} " if wanted.starts is not None else ""
    return f"{begin}until {_time(wanted.expires)}"


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
