"""What holds a first message back: the digest, the quiet hours and the limit of its destination. P1 is never held."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.notify.hours import end_of, minutes_of, within
from storage.records import HeldBy, Hold, Priority

if TYPE_CHECKING:
    from app.notify.settings import NotifySettings
    from storage.records import MessageRecord

DRY_RUN = Hold(
    HeldBy.DRY_RUN,
    "a dry run: it was not sent",
    "`tocsin notify show ID` shows it. Switch dry_run off; then `tocsin notify retry ID` sends it.",
)


def held(settings: NotifySettings, message: MessageRecord, posted: int, now: float) -> Hold | None:
    """Why a message that was never posted is held back; None where it may be sent.

    Args:
        settings: of notification.
        message: as it is due.
        posted: how many its destination got in the last hour.
        now: unix seconds.
    """
    name, destination = message.destination, settings.destinations[message.destination]
    if message.investigation is None or message.priority is Priority.P1 or destination.kind == "alertmanager":
        return None
    if message.priority in destination.digest:
        text = f"{message.priority} is told in a digest"
        hint = f"The digest comes at most {destination.digest_minutes} minutes later: digest_minutes."
        return Hold(HeldBy.DIGEST, text, hint, now + destination.digest_minutes * 60)
    hours = minutes_of("quiet_hours", destination.quiet_hours)
    if hours is not None and within(hours, now, settings.time_zone):
        text = f"the quiet hours of {name}, {destination.quiet_hours} {settings.time_zone}"
        return Hold(HeldBy.QUIET, text, "A summary tells of it when they end.", end_of(hours, now, settings.time_zone))
    if posted >= settings.hourly_limit:
        text = f"{name} has got its {settings.hourly_limit} messages of this hour"
        return Hold(HeldBy.LIMIT, text, "A summary tells of it as soon as the limit allows: notify.hourly_limit.")
    return None


def quiet(settings: NotifySettings, name: str, now: float) -> bool:
    """Whether a destination has its quiet hours: not even summaries are told then."""
    hours = minutes_of("quiet_hours", settings.destinations[name].quiet_hours)
    return hours is not None and within(hours, now, settings.time_zone)
