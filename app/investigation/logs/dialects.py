"""One line of a log: its level and its message, in the dialects that programs write.

JSON (zap, pino, bunyan, logstash, MongoDB), logfmt, klog, Redis, and plain text with a level in its head: after a time,
in brackets, or as the first word, in English or German.
"""

from __future__ import annotations

import json
import re
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST = 4096
"""Characters of a line that are read; what is longer is a dump, not a message."""
_HEAD = 160
"""Characters in which the level of plain text stands."""
_MOST_WORDS = 2
"""Words (a host, a logger) that may stand between the time and the level of plain text."""


class Level(IntEnum):
    """How grave a line calls itself."""

    UNKNOWN = 0
    DEBUG = 1
    INFO = 2
    WARN = 3
    ERROR = 4
    FATAL = 5


class Line(NamedTuple):
    """What a line says."""

    level: Level
    text: str
    """The message, without time and level."""


_WORDS = {
    word: level
    for level, words in {
        Level.DEBUG: "trace debug fine finer finest verbose trce dbug",
        Level.INFO: "info information informational notice log hint detail statement config hinweis meldung",
        Level.WARN: "warn warning wrn warnung achtung",
        Level.ERROR: "error err eror fail failure severe fehler",
        Level.FATAL: "fatal ftl critical crit emerg emergency alert panic dpanic panik kritisch",
    }.items()
    for word in words.split()
}
_LETTERS = {"F": Level.FATAL, "E": Level.ERROR, "W": Level.WARN, "I": Level.INFO, "D": Level.DEBUG}
_PINO = ((60, Level.FATAL), (50, Level.ERROR), (40, Level.WARN), (30, Level.INFO), (1, Level.DEBUG))
"""From which number on a level is what, in pino and bunyan."""
_LEVEL_KEYS = ("level", "severity", "lvl", "levelname", "log.level", "loglevel", "log_level", "@l", "s", "priority")
_TEXT_KEYS = ("msg", "message", "@m", "@message", "short_message", "text", "log", "event", "body")
_ERROR_KEYS = ("error", "err", "exception", "exc_info", "stack_trace", "@x", "cause", "reason")

_TIME = re.compile(
    r"[\[(]?(?:\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ]|$)|[A-Z][a-z]{2} [ \d]?\d )?(?:\d{1,2}:\d{2}:?[\d.,]*)?"
    r"(?: ?(?:Z|UTC|CET|CEST|[+-]\d{2}:?\d{2})\b)?[\])]?[\s:|-]*"
)
"""A time at the start of a line; matches nothing where there is none."""
_KLOG = re.compile(r"([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [\w.-]+:\d+\] ")
_REDIS = re.compile(r"\d+:[XCSM] \d\d \w{3} \d{4} [\d:.]+ ([.*#-]) ")
_REDIS_LEVELS = {".": Level.DEBUG, "-": Level.INFO, "*": Level.INFO, "#": Level.WARN}
_PAIR = re.compile(r'(?<![\w.@/-])([A-Za-z_][\w.@/-]*+)=(?:"((?:[^"\\]|\\.)*+)"?|([^\s"]*+))')
_WORD = re.compile(r"[A-Za-z][\w.$/-]*+")
_BRACKETS = re.compile(r"\[[^\]\n]{0,60}\]")
_MONTHS = frozenset(("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"))
_DAYS = frozenset(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
_CALENDAR = _MONTHS | _DAYS | {"t", "z", "utc", "cet", "cest"}
"""Words of a time, which are not counted."""
_ORIGIN = re.compile(r"\d+ --- \[[^\]]*\] \S+\s*: |\d+#\d+: (?:\*\d+ )?|(?:\[[\w.-]{1,30}\] )+")
"""What stands between level and message: Spring's process, thread and logger, nginx' process, MySQL's codes."""
_FAILING = re.compile(
    r"(?:fatal|panic|error|fehler|failed|failure|cannot|can't|could not|couldn't|unable to|uncaught|unhandled|"
    r"traceback|exception|segmentation fault|kann nicht|konnte nicht|thread '[^']*' panicked|npm err!)(?=\W|$)",
    re.IGNORECASE,
)
"""How a line begins that has no level and tells of a failure all the same."""
_EXCEPTION = re.compile(r"[A-Za-z_$][\w$.]{0,200}(?:Error|Exception|Failure|Fault|Interrupt|Exit)(?=: |:?$|\s\[)")
_FATAL_STARTS = ("panic:", "fatal error:", "thread '", "segmentation fault")


def read(line: str) -> Line:
    """The level and the message of a line; of what is no known dialect the text itself, its time taken off."""
    line = line[:LONGEST].strip()
    for dialect in _DIALECTS:
        found = dialect(line)
        if found is not None:
            return found
    return _plain(line)


def is_exception(text: str) -> bool:
    """Whether a line begins with the name of an exception: `java.lang.IllegalStateException: no pool`."""
    return _EXCEPTION.match(text) is not None


def _json(line: str) -> Line | None:
    if not line.startswith("{"):
        return None
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict):
        return None
    inner = fields.get("log")
    known: dict[str, object] = {**(inner if isinstance(inner, dict) else {}), **fields}
    level = next((found for key in _LEVEL_KEYS if (found := _level(known.get(key)))), Level.UNKNOWN)
    return _told(known, level)


def _logfmt(line: str) -> Line | None:
    if "msg=" not in line and "level=" not in line and "lvl=" not in line:
        return None
    fields = {key: quoted or bare for key, quoted, bare in _PAIR.findall(line)}
    level = next((found for key in _LEVEL_KEYS if (found := _level(fields.get(key)))), Level.UNKNOWN)
    return _told(fields, level) if level or "msg" in fields else None


def _told(fields: Mapping[str, object], level: Level) -> Line | None:
    """The message of structured fields, with the error that they carry beside it."""
    message = next((str(fields[key]) for key in _TEXT_KEYS if isinstance(fields.get(key), str)), "")
    error = next((text for key in _ERROR_KEYS if (text := _error(fields.get(key)))), "")
    if error and error not in message:
        message = f"{message}: {error}" if message else error
        level = level or Level.ERROR
    return Line(level, message) if message else None


def _error(value: object) -> str:
    if isinstance(value, dict):
        value = next((value[key] for key in ("message", "msg", "type", "stack") if isinstance(value.get(key), str)), "")
    return value.strip() if isinstance(value, str) else ""


def _level(value: object) -> Level:
    if isinstance(value, bool):
        return Level.UNKNOWN
    if isinstance(value, int | float):
        return next((level for least, level in _PINO if value >= least), Level.UNKNOWN)
    if not isinstance(value, str):
        return Level.UNKNOWN
    return _WORDS.get(value.lower(), _LETTERS.get(value, Level.UNKNOWN))


def _klog(line: str) -> Line | None:
    found = _KLOG.match(line)
    if found is None:
        return None
    text = line[found.end() :]
    fields = {key: quoted or bare for key, quoted, bare in _PAIR.findall(text)}
    said, _, _ = text.partition('" ')
    error = fields.get("err", "")
    return Line(_LETTERS[found[1]], f"{said.strip(chr(34))}: {error}" if error and text.startswith('"') else text)


def _redis(line: str) -> Line | None:
    found = _REDIS.match(line)
    return Line(_REDIS_LEVELS[found[1]], line[found.end() :]) if found is not None else None


_DIALECTS: tuple[Callable[[str], Line | None], ...] = (_json, _logfmt, _klog, _redis)


def _plain(line: str) -> Line:
    found = _header(line)
    if found is not None:
        return found
    head = _TIME.match(line)
    text = line[head.end() :] if head is not None else line
    # A program's own prefix (`nginx: `) does not hide what follows.
    if _EXCEPTION.match(text) or _FAILING.match(text):
        fatal = text.lower().startswith(_FATAL_STARTS)
        return Line(Level.FATAL if fatal else Level.ERROR, text)
    return Line(Level.UNKNOWN, text)


def _header(line: str) -> Line | None:
    """A level in the head of the line, and the message behind it."""
    head, words = line[:_HEAD], 0
    brackets = [(found.start(), found.end()) for found in _BRACKETS.finditer(head)]
    stamped = bool(head) and (head[0].isdigit() or head[0] == "[" or head[:3].lower() in _MONTHS)
    for found in _WORD.finditer(head):
        word, start, end = found[0], found.start(), found.end()
        inside = any(begin < start < stop for begin, stop in brackets)
        level = _WORDS.get(word.lower().rstrip("-.:"), Level.UNKNOWN)
        if level and _is_level(head, start, end, word, inside=inside, first=words == 0):
            return Line(level, _after(line, end))
        words += word.lower() not in _CALENDAR and not inside
        if words > (_MOST_WORDS if stamped else 1):
            break
    return None


def _is_level(head: str, start: int, end: int, word: str, *, inside: bool, first: bool) -> bool:
    """Whether a word in the head of a line is its level: in capitals, alone in brackets, or the first with a colon."""
    before, after = head[start - 1] if start else "", head[end] if end < len(head) else ""
    if inside:
        return before in "[:| " and after in "]:| "
    if word.isupper() and len(word) > 2:
        return after in ":]|- \t" or not after
    return first and after == ":" and before in ("", " ", "]", "|")


def _after(line: str, end: int) -> str:
    text = line[end:].lstrip(" \t]:|>)-")
    origin = _ORIGIN.match(text)
    return text[origin.end() :] if origin is not None else text
