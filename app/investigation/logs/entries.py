"""Entries of a log: lines without the kubelet's times, with stack traces and other continuations kept together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.investigation.logs.dialects import LONGEST, Level, Line, is_exception, read
from detectors.objects import unix

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MOST_TEXT = 300
"""Characters of an entry that are told."""
MOST_LINES = 200
"""Lines that are kept of one entry."""

_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))(?: |$)")
"""The kubelet's time before each line."""
_CONTINUES = re.compile(
    r"\s|Caused by: |Suppressed: |\.\.\. \d+ more|goroutine \d+ \[|created by |\[signal |\[running\]|at [\w.$<>/]+\(|"
    r"[})\]]+,?$|During handling of the above|The above exception was|note: run with |\d+: 0x|stack backtrace"
)
"""How a line begins that belongs to the one before."""
_FRAME = re.compile(r"[\w./*()\[\]{}$-]+\(.{0,400}\)$")
"""A frame of a Go stack: `net/http.(*conn).serve(0xc0000)`."""
_CAUSE = "Caused by: "
_TRACEBACK = "Traceback (most recent call last)"
_SOURCE_LINE = re.compile(r"(?:file://)?/\S{1,300}:\d+$")
"""How Node begins: the file and line that threw."""
_CATEGORY = re.compile(r"[\w.]+\[\d+\]$")
"""What .NET writes behind the level; the message is on the next line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that a program wrote, of one or more lines."""

    level: Level
    text: str
    """What it says in one line: the message with the innermost cause that its stack trace names."""
    lines: tuple[str, ...]
    at: float | None = None
    """Unix seconds by the kubelet's clock."""


@dataclass(slots=True)
class _Block:
    """Lines that belong together, while they are read."""

    head: Line
    lines: list[str]
    at: float | None
    trace: str = ""
    """What kind of stack trace is open: `go`, `python`, `node`, `rust`; `key` in a key; empty where none is."""


def entries(lines: Iterable[str]) -> tuple[Entry, ...]:
    """The entries of a log's tail, oldest first."""
    return tuple(_entry(block) for block in _blocks(lines))


def _blocks(lines: Iterable[str]) -> Iterator[_Block]:
    block: _Block | None = None
    for raw in lines:
        stamp = _STAMP.match(raw[:64])
        line = (raw[stamp.end() :] if stamp is not None else raw)[:LONGEST].rstrip()
        if not line:
            continue
        if block is not None and _belongs(block, line):
            if len(block.lines) < MOST_LINES:
                block.lines.append(line)
            continue
        if block is not None:
            yield block
        block = _Block(read(line), [line], unix(stamp[1]) if stamp is not None else None)
        block.trace = _opens(line)
    if block is not None:
        yield block


def _opens(line: str) -> str:
    if "-----BEGIN " in line:
        return "key"
    if line.startswith(("panic:", "fatal error:", "goroutine ")):
        return "go"
    if line.startswith(_TRACEBACK):
        return "python"
    return "rust" if _panicked(line) else "node" if _SOURCE_LINE.match(line) else ""


def _belongs(block: _Block, line: str) -> bool:
    """Whether a line continues the block; a trace that it ends or begins is noted."""
    if block.trace == "key":
        block.trace = "" if "-----END " in line else "key"
        return True
    if _CONTINUES.match(line):
        return True
    if block.trace in ("python", "rust"):
        block.trace = ""
        return True
    if line.startswith(_TRACEBACK) and (block.head.level >= Level.WARN or block.lines[0].startswith(_TRACEBACK)):
        block.trace = "python"
        return True
    if block.trace == "go":
        return _FRAME.match(line) is not None
    if is_exception(line):
        return block.trace == "node" or (block.head.level >= Level.WARN and not is_exception(block.lines[0]))
    return False


def _entry(block: _Block) -> Entry:
    inner = _innermost(block)
    head = "" if _silent(block) else block.head.text
    text = f"{head}: {inner}" if head and inner and inner not in head else inner or head or block.lines[0]
    level = max(block.head.level, Level.ERROR) if inner else block.head.level
    return Entry(level, " ".join(text.split())[:MOST_TEXT], tuple(block.lines), block.at)


def _silent(block: _Block) -> bool:
    """Whether the first line says nothing that the innermost cause does not say better."""
    first = block.lines[0]
    thrown = is_exception(first) or first.startswith((_TRACEBACK, "Exception in thread"))
    opening = _SOURCE_LINE.match(first) or _CATEGORY.match(block.head.text) or _panicked(first)
    return len(block.lines) > 1 and (thrown or bool(opening))


def _innermost(block: _Block) -> str:
    """The exception at the bottom of a stack trace; empty where there is none."""
    rest = block.lines[1:]
    caused = [line for line in rest if line.lstrip().startswith(_CAUSE)]
    if caused:
        return caused[-1].lstrip().removeprefix(_CAUSE)
    thrown = [line for line in rest if is_exception(line) and not line[:1].isspace()]
    if thrown:
        return thrown[-1]
    if any(line.startswith(_TRACEBACK) for line in block.lines):
        return next((line for line in reversed(rest) if not line[:1].isspace()), "")
    if rest and (_CATEGORY.match(block.head.text) or _panicked(block.head.text)):
        named = len(rest) > 1 and is_exception(rest[1].strip())
        return f"{rest[0].strip()}: {rest[1].strip()}" if named else rest[0].strip()
    first = block.lines[0]
    return first if rest and is_exception(first) else first.partition('" ')[2] if _in_thread(first) else ""


def _in_thread(line: str) -> bool:
    return line.startswith('Exception in thread "')


def _panicked(text: str) -> bool:
    """Whether Rust's panic tells its message on the next line."""
    return text.startswith("thread '") and text.endswith(":")
