"""Slack: a bot that posts, edits and replies, or an incoming webhook that only posts; and what its answers mean."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import urlsplit

from app.notify.blocks import escaped, fitted, payload
from app.notify.courier import LATER, LOOK, TIMEOUT, Outcome
from app.redaction import redact
from app.secrets import Secrets, misconfigured
from storage.records import MessageState

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from app.notify.chart import Chart
    from app.notify.courier import Courier
    from app.notify.destinations import Destination
    from app.notify.message import Message, Summary

log = logging.getLogger(__name__)

RATE_SECONDS = 30.0
"""How long to wait where Slack names no time."""

FILES = "files:write"
FILE_NAME = "chart"
ALT = 1000
"""Characters of a picture's description."""

_CHART = f"Give the app the scope `{FILES}` and install it again, or set `chart = false`."
_TOKEN = "Put a valid bot token where the settings say; then `tocsin notify retry ID`."
_INVITE = "Invite the bot (/invite @name) or correct `channel`; then `tocsin notify retry ID`."
_ARCHIVED = "Unarchive the channel or name another; then `tocsin notify retry ID`."
_WEBHOOK = "Make a new incoming webhook and put its address where the settings say; then `tocsin notify retry ID`."
_POLICY = "A workspace setting forbids it: ask its administrators, or name another channel."
_OURS = "Slack does not take the message: please report this; the case itself is in `tocsin show`."

REFUSALS: Mapping[str, str] = {
    **dict.fromkeys(
        ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "not_allowed_token_type"),
        _TOKEN,
    ),
    "missing_scope": "Give the app the scope `chat:write`, install it again; then `tocsin notify retry ID`.",
    **dict.fromkeys(("channel_not_found", "not_in_channel", "no_permission", "user_not_found"), _INVITE),
    **dict.fromkeys(("is_archived", "channel_is_archived", "is_inactive"), _ARCHIVED),
    **dict.fromkeys(("no_service", "no_service_id", "no_team", "no_active_hooks", "invalid_token"), _WEBHOOK),
    **dict.fromkeys(
        (
            "restricted_action",
            "restricted_action_read_only_channel",
            "restricted_action_thread_only_channel",
            "action_prohibited",
            "posting_to_general_channel_denied",
            "ekm_access_denied",
            "access_denied",
            "enterprise_is_restricted",
            "team_access_not_granted",
        ),
        _POLICY,
    ),
    "message_not_found": "Somebody deleted the message: the case is told there no more.",
    "cant_update_message": "Another bot posted it: use its token, or leave the message as it is.",
    "edit_window_closed": "The workspace does not let messages be edited that late.",
}
"""Errors that stay until somebody does something, with what. Others that are not known stay too, as a fault of ours."""

PASSING = frozenset(
    ("ratelimited", "rate_limited", "service_unavailable", "request_timeout", "team_added_to_org", "org_login_required")
)
"""Nothing was done, and later it will be."""

UNCLEAR = frozenset(("fatal_error", "internal_error", "update_failed", "rollup_error"))
"""Slack: it's possible some aspect of the operation succeeded before the error was raised."""


class SlackBot:
    """Posts with a bot token, edits in place, replies in the thread."""

    def __init__(self, token: str, channel: str, api: str) -> None:
        from slack_sdk import WebClient

        # The library's own second try would post twice what arrived unanswered.
        self._client = WebClient(token, base_url=api, timeout=int(TIMEOUT), ssl=_trust(), retry_handlers=[])
        self._channel = channel
        self._scopes: frozenset[str] = frozenset()
        """What the bot may, as the last answer said; empty where none did."""

    def post(self, message: Message | Summary, key: str) -> Outcome:  # noqa: ARG002
        """A new message, in the channel of the settings."""
        more = {"unfurl_links": False, "unfurl_media": False}
        return self._call(
            self._client.chat_postMessage, MessageState.UNSURE, channel=self._channel, **payload(message), **more
        )

    def edit(self, message: Message | Summary, key: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """Another text in its place."""
        return self._call(self._client.chat_update, MessageState.WAITING, channel=channel, ts=ts, **payload(message))

    def reply(self, text: str, channel: str, ts: str) -> Outcome:
        """A line in its thread."""
        given = {"text": escaped(text), "parse": "none", "link_names": False}
        return self._call(self._client.chat_postMessage, MessageState.UNSURE, channel=channel, thread_ts=ts, **given)

    def attach(self, chart: Chart, channel: str, ts: str) -> Outcome:
        """A picture in its thread; not even tried where Slack has said that the bot may not."""
        if self._scopes and FILES not in self._scopes:
            return Outcome(MessageState.FAILED, f"the chart was not uploaded: the bot lacks {FILES}", _CHART)
        try:
            self._client.files_upload_v2(
                filename=f"{FILE_NAME}.png", content=chart.png, title=chart.title, alt_txt=fitted(chart.text, ALT),
                channel=channel, thread_ts=ts,
            )  # fmt: skip
        except Exception as error:
            # Whatever it is, the message is there, and half a chart is none: it is said, not tried again.
            why = getattr(error, "response", {}).get("error") or type(error).__name__
            hint = _CHART if why == "missing_scope" else ""
            return Outcome(MessageState.FAILED, f"the chart was not uploaded: {_short(str(why))}", hint)
        return Outcome(MessageState.SENT)

    def _call(self, method: Callable[..., Any], unclear: MessageState, **given: Any) -> Outcome:
        from slack_sdk.errors import SlackApiError

        try:
            answer = method(**given)
        except SlackApiError as error:
            answer = error.response
            return _refused(str(answer.get("error", "")), answer.status_code, answer.headers, unclear, answer)
        except Exception as error:
            return _unanswered(error, unclear)
        self._scopes = _scopes(answer.headers)
        return Outcome(MessageState.SENT, channel=str(answer["channel"]), ts=str(answer["ts"]))


class SlackWebhook:
    """Posts through an incoming webhook, which neither edits nor says what it posted: each news is a message."""

    def __init__(self, url: str) -> None:
        from slack_sdk.webhook import WebhookClient

        self._client = WebhookClient(url, timeout=int(TIMEOUT), ssl=_trust(), retry_handlers=[])

    def post(self, message: Message | Summary, key: str) -> Outcome:  # noqa: ARG002
        """A new message, in the webhook's channel."""
        try:
            answer = self._client.send_dict(payload(message))
        except Exception as error:
            return _unanswered(error, MessageState.UNSURE)
        if answer.status_code == 200:
            return Outcome(MessageState.SENT)
        return _refused(answer.body.strip(), answer.status_code, answer.headers, MessageState.UNSURE, {})

    def edit(self, message: Message | Summary, key: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """A new message: it cannot do otherwise."""
        return self.post(message, key)

    def reply(self, text: str, channel: str, ts: str) -> Outcome:  # noqa: ARG002
        """Nothing: a webhook knows no threads."""
        return Outcome(MessageState.SENT)


def slack(name: str, destination: Destination, secrets: Secrets) -> Courier:
    """What brings messages to a destination of the settings.

    Raises:
        SourceError: its secret cannot be read.
    """
    if url := destination.secret("webhook", name, secrets).reveal():
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
            raise misconfigured(f"notify.destinations.{name}.webhook: not an https address", "Copy it again.")
        return SlackWebhook(url)
    token = destination.secret("token", name, secrets).reveal()
    if not token:
        raise misconfigured(f"notify.destinations.{name}: its secret is empty", "Put the token or address there.")
    return SlackBot(token, destination.channel, destination.api)


def _trust() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def _refused(
    error: str, status: int, headers: Mapping[str, Any], unclear: MessageState, answer: Mapping[str, Any]
) -> Outcome:
    known = {name.lower(): value for name, value in headers.items()}
    if status == 429 or error in ("ratelimited", "rate_limited"):
        wait = _seconds(known.get("retry-after"))
        return Outcome(MessageState.WAITING, f"Slack wants no more for {wait:.0f} s (ratelimited)", LATER, wait=wait)
    if error in PASSING or status == 503:
        return Outcome(MessageState.WAITING, f"Slack: {_short(error)}", LATER)
    if error in UNCLEAR or status >= 500:
        hint = LATER if unclear is MessageState.WAITING else LOOK
        return Outcome(unclear, f"Slack: {_short(error)} ({status})", hint)
    needed = f", needed: {_short(str(answer['needed']))}" if "needed" in answer else ""
    return Outcome(MessageState.FAILED, f"Slack: {_short(error)}{needed}", REFUSALS.get(error, _OURS))


def _unanswered(error: Exception, unclear: MessageState) -> Outcome:
    """Nothing came back: what did not even leave can be tried again, of anything else nobody knows."""
    log.debug("slack: %s", type(error).__name__)
    if isinstance(error, URLError):
        reason = error.reason if isinstance(error.reason, Exception) else error
        text = redact(str(getattr(reason, "strerror", None) or reason))
        return Outcome(MessageState.WAITING, f"Slack cannot be reached: {text}", f"Check the network. {LATER}")
    hint = LATER if unclear is MessageState.WAITING else LOOK
    return Outcome(unclear, f"Slack did not answer ({type(error).__name__})", hint)


def _scopes(headers: Mapping[str, Any]) -> frozenset[str]:
    given = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), "")
    text = given[0] if isinstance(given, list) and given else given
    return frozenset(scope.strip() for scope in str(text).split(",")) - {""}


def _seconds(text: Any) -> float:
    given = text[0] if isinstance(text, list) else text
    try:
        return max(1.0, float(given))
    except (TypeError, ValueError):
        return RATE_SECONDS


def _short(error: str) -> str:
    return redact(error)[:120] or "no reason given"
