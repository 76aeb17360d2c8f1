"""The settings of notification: destinations, and the rules that choose among them. Without a destination it is off."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Literal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Meta

if TYPE_CHECKING:
    from app.secrets import Secret, Secrets

_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


class Destination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table `[notify.destinations.NAME]`. Secrets are named here, never held."""

    kind: Annotated[Literal["slack"], Meta(description="What it is.")] = "slack"
    channel: Annotated[
        str, Meta(description="With a bot token: the channel's id (`C0123456789`) or `#name`; the bot must be in it.")
    ] = ""
    token_env: Annotated[
        str, Meta(description="Environment variable that holds the bot token (`xoxb-...`, scope `chat:write`).")
    ] = ""
    token_file: Annotated[str, Meta(description="File that holds it; read again when it changes.")] = ""
    token_keyring: Annotated[str, Meta(description="`service/name` of it in the system keyring.")] = ""
    webhook_env: Annotated[
        str,
        Meta(description="Environment variable that holds an incoming webhook's address, in place of a token."),
    ] = ""
    webhook_file: Annotated[str, Meta(description="File that holds it; read again when it changes.")] = ""
    webhook_keyring: Annotated[str, Meta(description="`service/name` of it in the system keyring.")] = ""
    api: Annotated[str, Meta(description="Address of the Web API; GovSlack has its own.")] = "https://slack.com/api/"

    def __post_init__(self) -> None:
        token = any((self.token_env, self.token_file, self.token_keyring))
        webhook = any((self.webhook_env, self.webhook_file, self.webhook_keyring))
        if token == webhook:
            raise ValueError(
                "it takes a bot token (token_env, token_file or token_keyring) or an incoming webhook "
                "(webhook_env, webhook_file or webhook_keyring), one of the two"
            )
        if token != bool(self.channel):
            raise ValueError("channel is needed with a bot token, and an incoming webhook brings its own")
        if not self.api.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
            raise ValueError(f"api is {self.api!r}; allowed: an https address")

    def token(self, name: str, secrets: Secrets) -> Secret:
        """The bot token; empty where it goes through a webhook. Raises SourceError where it cannot be read."""
        return secrets.read(f"notify.destinations.{name}.token", self.token_env, self.token_file, self.token_keyring)

    def webhook(self, name: str, secrets: Secrets) -> Secret:
        """The webhook's address; empty where it goes by token. Raises SourceError where it cannot be read."""
        return secrets.read(
            f"notify.destinations.{name}.webhook", self.webhook_env, self.webhook_file, self.webhook_keyring
        )


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
        if self.hours and not _HOURS.fullmatch(self.hours):
            raise ValueError(f"hours is {self.hours!r}; allowed: HH:MM-HH:MM, or empty")

    @property
    def minutes(self) -> tuple[int, int] | None:
        """First and last minute of the day, the last one excluded; None is always."""
        found = _HOURS.fullmatch(self.hours)
        if found is None:
            return None
        first, first_minute, last, last_minute = map(int, found.groups())
        return first * 60 + first_minute, last * 60 + last_minute


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
    dry_run: Annotated[bool, Meta(description="Decide and record everything, send nothing.")] = False
    time_zone: Annotated[str, Meta(description="IANA zone of the rules' hours.")] = "UTC"
    destinations: Annotated[
        dict[str, Destination], Meta(description="Where messages can go: tables `[notify.destinations.NAME]`.")
    ] = {}
    rules: Annotated[
        tuple[Rule, ...],
        Meta(description="Tables `[[notify.rules]]`, in order; none: REAL, P1 to P3, to every destination."),
    ] = ()

    def __post_init__(self) -> None:
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
