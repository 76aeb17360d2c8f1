"""Where messages can go: the tables `[notify.destinations.NAME]` of the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta

from app.notify.hours import minutes_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from app.secrets import Secret, Secrets

LOOPBACK = ("http://127.0.0.1:", "http://localhost:")

_EVERY = ("kind", "quiet_hours", "digest", "digest_minutes")
_TAKES: Mapping[str, tuple[str, ...]] = {
    "slack": (*_EVERY, "channel", "chart", "api", "token", "webhook"),
    "alertmanager": ("kind", "url", "username", "token"),
    "webhook": (*_EVERY, "url", "webhook", "secret"),
    "apprise": (*_EVERY, "urls"),
}
"""Kind -> its settings; of a secret the name without `_env`, `_file` and `_keyring`. An Alertmanager groups, holds and
mutes by its own configuration."""


class Destination(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table `[notify.destinations.NAME]`. Secrets are named here, never held."""

    kind: Annotated[Literal["slack", "alertmanager", "webhook", "apprise"], Meta(description="What it is.")] = "slack"
    channel: Annotated[
        str,
        Meta(
            description="slack, with a bot token: the channel's id (`C0123456789`) or `#name`; the bot must be in it."
        ),
    ] = ""
    url: Annotated[
        str,
        Meta(description="alertmanager: its address, `http://alertmanager:9093`; webhook: where the JSON is posted."),
    ] = ""
    username: Annotated[
        str, Meta(description="alertmanager: with it, the token is this user's password (basic authentication).")
    ] = ""
    token_env: Annotated[
        str,
        Meta(
            description="Environment variable that holds the bot token (slack: `xoxb-...`, scope `chat:write`) or the "
            "bearer token (alertmanager)."
        ),
    ] = ""
    token_file: Annotated[str, Meta(description="File that holds it; read again when it changes.")] = ""
    token_keyring: Annotated[str, Meta(description="`service/name` of it in the system keyring.")] = ""
    webhook_env: Annotated[
        str,
        Meta(
            description="Environment variable that holds an address: slack: the incoming webhook's, in place of a "
            "token; webhook: in place of `url` where the address is a secret."
        ),
    ] = ""
    webhook_file: Annotated[str, Meta(description="File that holds it; read again when it changes.")] = ""
    webhook_keyring: Annotated[str, Meta(description="`service/name` of it in the system keyring.")] = ""
    secret_env: Annotated[
        str, Meta(description="webhook: environment variable that holds the secret that signs what is posted.")
    ] = ""
    secret_file: Annotated[str, Meta(description="File that holds it; read again when it changes.")] = ""
    secret_keyring: Annotated[str, Meta(description="`service/name` of it in the system keyring.")] = ""
    urls_env: Annotated[
        str,
        Meta(description="apprise: environment variable that holds its URLs (`discord://...`), separated by spaces."),
    ] = ""
    urls_file: Annotated[str, Meta(description="File that holds them; read again when it changes.")] = ""
    urls_keyring: Annotated[str, Meta(description="`service/name` of them in the system keyring.")] = ""
    api: Annotated[str, Meta(description="slack: address of the Web API; GovSlack has its own.")] = (
        "https://slack.com/api/"
    )
    chart: Annotated[
        bool,
        Meta(description="slack, with a bot token that has the scope `files:write`: put a chart into the thread."),
    ] = True
    quiet_hours: Annotated[
        str,
        Meta(
            description="`22:00-07:00` of notify.time_zone: what is new then, except P1, is told in one summary when "
            "they end; empty: none."
        ),
    ] = ""
    digest: Annotated[
        tuple[Literal["P2", "P3", "P4", "P5"], ...],
        Meta(description="Priorities that are never told one by one, but together in a digest."),
    ] = ()
    digest_minutes: Annotated[
        int, Meta(ge=5, le=1440, description="How long a digest collects, from the first case that waits for it.")
    ] = 60

    def __post_init__(self) -> None:
        for field in self.__struct_fields__:
            base = field.rsplit("_", 1)[0] if field.endswith(("_env", "_file", "_keyring")) else field
            if base not in _TAKES[self.kind] and getattr(self, field) != _DEFAULTS[field]:
                allowed = ", ".join(name for name in _TAKES[self.kind] if name != "kind")
                raise ValueError(f"{field} is nothing that {self.kind} takes; allowed: {allowed}")
        _CHECKS[self.kind](self)
        minutes_of("quiet_hours", self.quiet_hours)

    def has(self, what: str) -> bool:
        """Whether a secret (`token`, `webhook`, `secret`, `urls`) is named."""
        return any(getattr(self, f"{what}_{place}") for place in ("env", "file", "keyring"))

    def secret(self, what: str, name: str, secrets: Secrets) -> Secret:
        """One of its secrets, as it is now; empty where none is named.

        Args:
            what: `token`, `webhook`, `secret` or `urls`.
            name: of the destination, for messages.
            secrets: reads it.

        Raises:
            SourceError: it cannot be read.
        """
        places = (getattr(self, f"{what}_{place}") for place in ("env", "file", "keyring"))
        return secrets.read(f"notify.destinations.{name}.{what}", *places)


_DEFAULTS = {field.name: field.default for field in msgspec.structs.fields(Destination)}


def _slack(given: Destination) -> None:
    if given.has("token") == given.has("webhook"):
        raise ValueError(
            "it takes a bot token (token_env, token_file or token_keyring) or an incoming webhook "
            "(webhook_env, webhook_file or webhook_keyring), one of the two"
        )
    if given.has("token") != bool(given.channel):
        raise ValueError("channel is needed with a bot token, and an incoming webhook brings its own")
    if not given.api.startswith(("https://", *LOOPBACK)):
        raise ValueError(f"api is {given.api!r}; allowed: an https address")


def _alertmanager(given: Destination) -> None:
    _address(given.url)
    if given.username and not given.has("token"):
        raise ValueError("username needs its password: token_env, token_file or token_keyring")


def _webhook(given: Destination) -> None:
    if bool(given.url) == given.has("webhook"):
        raise ValueError("it takes url or, where the address is a secret, webhook_env, webhook_file or webhook_keyring")
    if given.url:
        _address(given.url)
    if not given.has("secret"):
        raise ValueError("it signs what it posts: name secret_env, secret_file or secret_keyring")


def _apprise(given: Destination) -> None:
    if not given.has("urls"):
        raise ValueError("it takes urls_env, urls_file or urls_keyring")


def _address(url: str) -> None:
    scheme, _, rest = url.partition("://")
    if scheme not in ("http", "https") or not rest or "@" in rest.partition("/")[0]:
        raise ValueError("url is not allowed as it is; allowed: an http or https address without a password")


_CHECKS = {"slack": _slack, "alertmanager": _alertmanager, "webhook": _webhook, "apprise": _apprise}
