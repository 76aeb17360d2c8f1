"""One request to a destination that speaks plain HTTP, and what its answer means."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.notify.courier import LATER, LOOK, TIMEOUT, Outcome
from app.redaction import redact
from storage.records import MessageState

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

RATE_SECONDS = 30.0
"""How long to wait where a server wants no more and names no time."""

_REFUSED = "Correct the address or the secret in the settings; then `tocsin notify retry ID`."


def post(url: str, body: bytes, headers: Mapping[str, str], *, unclear: MessageState) -> Outcome:
    """Post JSON.

    Args:
        url: where to.
        body: what.
        headers: beside the content's type.
        unclear: what it is when nobody knows whether it arrived: waiting where twice is as good as once.
    """
    import httpx

    try:
        answer = httpx.post(url, content=body, headers={"Content-Type": "application/json", **headers}, timeout=TIMEOUT)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.InvalidURL) as error:
        return Outcome(MessageState.WAITING, f"cannot be reached: {redact(str(error))}", f"Check the network. {LATER}")
    except httpx.HTTPError as error:
        return Outcome(unclear, f"no answer ({type(error).__name__})", _hint(unclear))
    return _meaning(answer, unclear)


def _meaning(answer: httpx.Response, unclear: MessageState) -> Outcome:
    said = f"{answer.status_code} {' '.join(redact(answer.text[:200]).split())}".strip()
    if answer.is_success:
        return Outcome(MessageState.SENT)
    if answer.status_code == 429:
        wait = _seconds(answer.headers.get("Retry-After", ""))
        return Outcome(MessageState.WAITING, f"wants no more for {wait:.0f} s ({said})", LATER, wait=wait)
    if answer.status_code in (408, 503):
        return Outcome(MessageState.WAITING, said, LATER)
    if answer.is_server_error:
        return Outcome(unclear, said, _hint(unclear))
    return Outcome(MessageState.FAILED, said, _REFUSED)


def _hint(unclear: MessageState) -> str:
    return LATER if unclear is MessageState.WAITING else LOOK


def _seconds(text: str) -> float:
    return max(1.0, float(text)) if text.isdecimal() else RATE_SECONDS
