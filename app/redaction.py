"""What must not be kept: credentials and addresses of people in text that came from the cluster."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

MASK = "[redacted]"

_KEYS = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?"
    r"|(?:secret|private|encryption|signing|shared|account|access|client|auth|api)[_-]?key)"
)
"""How the name of a setting ends whose value is a secret."""
_QUOTED = r"""\\"(?:(?!\\").)*(?:\\"|\Z)|"(?:[^"\\]|\\.)*(?:"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)"""
"""A value in quotes, those of JSON within JSON too; what was cut off goes to the end."""


# Where a pattern begins with a run of characters, it says what may not stand before it: `\b` would let it begin
# anew at every dot of the run, which takes minutes for a line of 100 KB, and Python's regular expressions hold the
# interpreter's lock.
@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    """What is masked, and by what; compiled when first wanted: that takes longer than importing all else."""
    return (
        (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), MASK),
        (re.compile(r"(?<![\w-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
        (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MASK),
        (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|glpat-[A-Za-z0-9_-]{16,})"), MASK),
        (re.compile(r"(https://hooks\.slack\.com/)[^\s\"'<>]+", re.I), rf"\1{MASK}"),
        (
            re.compile(r"(?<![a-z0-9+.-])([a-z][a-z0-9+.-]*://)[^\s/:@]{0,256}:(?!\d{1,5}[/?#])[^\s@]{1,256}@", re.I),
            rf"\1{MASK}@",
        ),
        (re.compile(r"(?<![\w.-])[\w.-]+:[^\s@]{1,256}@(?=(?:tcp|udp|unix)\()"), f"{MASK}@"),
        (
            re.compile(r"(authorization\\?[\"']?\s*[=:]\s*\\?[\"']?)(?!\[redacted\])[^\s\"'\\][^\r\n\"'\\]*", re.I),
            rf"\1{MASK}",
        ),
        (re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9+/._~=-]{8,}", re.I), rf"\1{MASK}"),
        (
            re.compile(rf"({_KEYS}\\?[\"']?\s*[=:]\s*)(?!\[redacted\])(?:{_QUOTED}|[^\s,;&\"'}}\\]+)", re.I | re.S),
            rf"\1{MASK}",
        ),
        (
            re.compile(
                rf"(?<![\w-])(--?[\w-]*{_KEYS}\s+)(?!\[redacted\])(?:{_QUOTED}|[^\s\"'-][^\s\"']*)", re.I | re.S
            ),
            rf"\1{MASK}",
        ),
        (re.compile(r"(?<![\w.%+-])[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b", re.A), MASK),
    )


def redact(text: str) -> str:
    """The text with tokens, passwords, keys, connection strings and mail addresses masked."""
    for pattern, replacement in _patterns():
        text = pattern.sub(replacement, text)
    return text


def redact_tree(value: Any) -> Any:
    """The same for every text in a structure of dicts, lists and scalars."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: redact_tree(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_tree(item) for item in value]
    return value
