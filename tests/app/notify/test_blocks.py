"""Messages within Slack's limits, whatever the cluster says."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.notify.blocks import OVER, escaped, payload
from app.notify.message import Message, Summary
from detectors.model import Confidence
from storage.records import CauseRecord, Priority, Verdict
from tests.app.notify.samples import case, message
from tests.app.notify.slack_server import _faults

HOSTILE = "<!here> @channel <@U123> <http://evil|ok> `x` *b* ~s~ &lt; http://evil.example #general \x1b[31m\n> quote"

ONCE = ("title", "subject", "cluster", "environment", "reason", "scope", "cause")
LONG = {"markup": HOSTILE, "long markup": HOSTILE * 200, "entities": "&" * 5000, "wide": "😀" * 5000, "ticks": "`" * 50}


def faults(sent: Message | Summary) -> list[str]:
    return list(_faults(payload(sent), hooked=True))


def texts(sent: Message | Summary) -> str:
    return msgspec.json.encode(payload(sent)).decode()


def filled(text: str, count: int = 3) -> Message:
    """A message that says one text everywhere."""
    fields: dict[str, Any] = dict.fromkeys(
        ("title", "subject", "cluster", "environment", "reason", "scope", "cause"), text
    )
    for name in ("impact", "readings", "supports", "contradicts", "unknown", "commands"):
        fields[name] = (text,) * count
    return msgspec.structs.replace(message(), **fields)


def test_a_message_says_what_where_since_when_why_and_what_next() -> None:
    said = texts(message(commands=("kubectl -n shop get pods",)))
    for part in (
        "P1 REAL", "Deployment shop/checkout", "prod", "0 of 2 replicas", "expected", "revision 2 fails",
        "confidence high", "it rolled out", "kubectl -n shop get pods", "tocsin show 1", "<!date^",
    ):  # fmt: skip
        assert part in said, part


def test_the_colour_says_whether_it_is_over() -> None:
    colours = {payload(message(verdict=verdict))["attachments"][0]["color"] == OVER for verdict in (Verdict.REAL,)}
    assert colours == {False}
    assert payload(message(verdict=Verdict.RECOVERED))["attachments"][0]["color"] == OVER


def test_credentials_do_not_leave() -> None:
    leaking = case(title="login with password=hunter2 failed")
    cause = CauseRecord("a", "token: abcdef123456", 9, Confidence.LOW, (), ("Bearer abcdefghijkl",), ())
    said = texts(message(leaking, causes=(cause,), commands=("curl -H 'Authorization: Bearer abcdefghijkl'",)))
    assert "[redacted]" in said
    assert not [secret for secret in ("hunter2", "abcdef123456", "abcdefghijkl") if secret in said]


@pytest.mark.parametrize("text", [*LONG.values(), ""], ids=[*LONG, "nothing"])
@pytest.mark.parametrize("count", [0, 3, 300])
def test_hostile_and_long_text_stays_text_within_the_limits(text: str, count: int) -> None:
    assert faults(filled(text, count)) == []
    assert count == 0 or faults(Summary(((1, text),) * count)) == []


@given(st.text(max_size=400), st.integers(1, 40))
def test_no_text_can_mention_link_or_break_a_block(text: str, count: int) -> None:
    assert faults(filled(text, count)) == []


@given(st.text(alphabet="<>&`@#:/ab é😀", max_size=60), st.integers(1, 50))
def test_what_is_cut_is_cut_between_entities_and_within_the_limit(text: str, limit: int) -> None:
    cut = escaped(text, limit)
    assert len(cut.encode("utf-16-le")) // 2 <= limit
    assert "<" not in cut and ">" not in cut


def test_what_cannot_harm_stays_as_it_is() -> None:
    assert escaped("shop/checkout-7c9: 2.41 s, expected 0.30-0.42 s (p99)") == (
        "shop/checkout-7c9: 2.41 s, expected 0.30-0.42 s (p99)"
    )


def test_a_summary_names_the_cases_and_is_no_alarm() -> None:
    said = Summary(((4, "REAL P2 a"), (9, "REAL P3 b")))
    assert "2 more cases" in texts(said) and "REAL P3 b" in texts(said)
    assert faults(said) == []
    assert payload(said)["attachments"][0]["color"] != payload(message(priority=Priority.P1))["attachments"][0]["color"]
