"""The settings of notification: the rules that choose among destinations. Without a destination it is off."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

from app.notify.destinations import Destination
from app.notify.hours import Minutes, minutes_of
from app.notify.runbooks import check


class Rule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table `[[notify.rules]]`: a case that fits every list goes to `to`. An empty list fits everything."""

    name: Annotated[str, Meta(description="What `tocsin notify` calls it.")] = ""
    to: Annotated[tuple[str, ...], Meta(description="Names of destinations; none: what it takes is told nowhere.")] = ()
    services: Annotated[
        tuple[str, ...], Meta(description="Workload names, or `namespace/name`; shell patterns (`pay*`) are allowed.")
    ] = ()
    namespaces: Annotated[tuple[str, ...], Meta(description="Namespaces; patterns are allowed.")] = ()
    environments: Annotated[tuple[str, ...], Meta(description="Environments; patterns are allowed.")] = ()
    classes: Annotated[tuple[str, ...], Meta(description="Classes of issues: the playbook's id (`C4`).")] = ()
    priorities: Annotated[tuple[Literal["P1", "P2", "P3", "P4", "P5"], ...], Meta(description="Priorities.")] = (
        "P1",
        "P2",
        "P3",
    )
    verdicts: Annotated[
        tuple[Literal["real", "inconclusive"], ...],
        Meta(description="Verdicts that are posted. Recovery is told where the case was posted, nowhere else."),
    ] = ("real",)
    hours: Annotated[str, Meta(description="`08:00-18:00` of notify.time_zone; empty: always.")] = ""

    def __post_init__(self) -> None:
        minutes_of("hours", self.hours)

    @property
    def minutes(self) -> Minutes | None:
        """The hours; None is always."""
        return minutes_of("hours", self.hours)


class NotifySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom to tell of cases. Nothing is ever sent while there is no destination."""

    match: Annotated[
        Literal["first", "all"], Meta(description="Whether the first rule that takes a case decides, or all that do.")
    ] = "first"
    hourly_limit: Annotated[
        int,
        Meta(
            ge=1,
            le=1000,
            description="New messages of a destination in an hour; what is beyond, except P1, is told in one summary.",
        ),
    ] = 20
    attempts: Annotated[
        int,
        Meta(ge=1, le=1000, description="Tries after which a message that cannot be delivered is given up: failed."),
    ] = 40
    dry_run: Annotated[
        bool, Meta(description="Decide and write down everything, send nothing: `--dry-run` does the same.")
    ] = False
    time_zone: Annotated[str, Meta(description="IANA zone of the rules' hours and the quiet hours.")] = "UTC"
    destinations: Annotated[
        dict[str, Destination], Meta(description="Where messages can go: tables `[notify.destinations.NAME]`.")
    ] = {}
    rules: Annotated[
        tuple[Rule, ...],
        Meta(description="Tables `[[notify.rules]]`, in order; none: REAL, P1 to P3, to every destination."),
    ] = ()

    runbooks: Annotated[
        dict[str, str],
        Meta(
            description="Pattern of a class (`C4`) or a signal (`http-server-*`) -> address of the runbook; the first "
            "that fits is linked to in messages and shown by `tocsin show`."
        ),
    ] = {}

    def __post_init__(self) -> None:
        check(self.runbooks)
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError):
            raise ValueError(
                f"`notify.time_zone` is {self.time_zone!r}; allowed: UTC, or a name like Europe/Berlin"
            ) from None
        for number, rule in enumerate(self.rules, 1):
            if unknown := sorted(set(rule.to) - self.destinations.keys()):
                raise ValueError(
                    f"`to` of rule {rule.name or number} is {', '.join(unknown)}; "
                    f"allowed: {', '.join(self.destinations) or 'nothing, there are no destinations'}"
                )
