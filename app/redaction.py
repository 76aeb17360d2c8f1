"""What must not be kept: credentials and addresses of people in text that came from the cluster."""

from __future__ import annotations

import re
from typing import Any

MASK = "[redacted]"

_PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S), MASK),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), MASK),
    (re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"), MASK),
    (re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|xox[abeoprs]-[A-Za-z0-9-]{10,}|glpat-[A-Za-z0-9_-]{16,})"), MASK),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/:@]*:[^\s/@]+@", re.I), rf"\1{MASK}@"),
    (re.compile(r"\b((?:bearer|basic)\s+)[A-Za-z0-9+/._~=-]{8,}", re.I), rf"\1{MASK}"),
    (
        re.compile(
            r"((?:pass(?:word|wd)?|secret|token|api[_-]?key|access[_-]?key|authorization|credential)[\"']?\s*[=:]\s*)"
            r"(?!\[redacted\]|bearer|basic)(?:\"[^\"]*\"|'[^']*'|[^\s,;&\"'}]+)",
            re.I,
        ),
        rf"\1{MASK}",
    ),
    (re.compile(r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b"), MASK),
)


def redact(text: str) -> str:
    """The text with tokens, passwords, keys, connection strings and mail addresses masked."""
    for pattern, replacement in _PATTERNS:
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
