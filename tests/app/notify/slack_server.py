"""A Slack of one's own: takes what the Web API's documentation allows, refuses what it does not, fails when told to.

Limits: https://docs.slack.dev/reference/methods/chat.postMessage and /reference/block-kit/blocks.
"""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from tests.app.notify.http_server import Serving

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = "xoxb-1-test"
HOOK = "/services/T0/B0/secret"
CHANNEL = "C0123456789"
MAXIMUM = {"header": 150, "section": 3000, "context": 2000}
OWN = re.compile(r"<!date\^\d+\^[^<>|]*\|[^<>|]*>|<https://runbooks\.example/[^<>|]*\|Runbook>")
"""What only we write: times, and links to the runbooks of the settings."""
CHAT = {"channel", "text", "attachments", "parse", "link_names", "unfurl_links", "unfurl_media", "thread_ts", "ts"}
SILENT = "(no answer)"


class _Handler(BaseHTTPRequestHandler):
    of: SlackServer

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.startswith("/upload/"):
            self.of.files[self.path.removeprefix("/upload/")]["content"] = body
            return self._answer(200, b"OK")
        if self.path.startswith("/api/files."):
            return self._file(dict(parse_qsl(body.decode())))
        given = json.loads(body)
        self.of.requests.append((self.path, given))
        hooked = self.path == HOOK
        if not hooked and self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self._answer(200, {"ok": False, "error": "invalid_auth"})
        if faults := list(_faults(given, hooked)):
            self.of.faults += faults
            return (
                self._answer(400, b"invalid_payload")
                if hooked
                else self._answer(200, {"ok": False, "error": "invalid_blocks"})
            )
        status, error, headers = self.of.failures.pop(0) if self.of.failures else (200, "", {})
        if error and error != SILENT:
            return self._answer(status, error.encode() if hooked else {"ok": False, "error": error}, headers)
        if hooked:
            self.of.hooked.append(given)
            answer: Any = b"ok"
        else:
            answer = self.of.chat(self.path.removeprefix("/api/"), given)
        if error == SILENT:
            self.close_connection = True
            return None
        return self._answer(200, answer)

    def _file(self, given: dict[str, str]) -> None:
        """https://docs.slack.dev/reference/methods/files.getUploadURLExternal and files.completeUploadExternal."""
        self.of.requests.append((self.path, given))
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self._answer(200, {"ok": False, "error": "invalid_auth"})
        if "files:write" not in self.of.scopes:
            return self._answer(200, {"ok": False, "error": "missing_scope", "needed": "files:write"})
        if self.of.file_error:
            return self._answer(200, {"ok": False, "error": self.of.file_error})
        if self.path.endswith("getUploadURLExternal"):
            number = f"F{len(self.of.files)}"
            self.of.files[number] = given
            return self._answer(200, {"ok": True, "upload_url": f"{self.of.url}/upload/{number}", "file_id": number})
        [named] = json.loads(given["files"])
        file = self.of.files[named["id"]]
        self.of.faults += _file_faults(file, given, self.of.messages)
        file |= {**given, **named}
        return self._answer(200, {"ok": True, "files": [{"id": named["id"]}]})

    def _answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        said = {"X-OAuth-Scopes": self.of.scopes} if self.of.says_scopes else {}
        for name, value in {"Content-Length": str(len(data)), **said, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Type", "text/plain" if isinstance(body, bytes) else "application/json")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class SlackServer(Serving):
    """Messages by (channel, ts), every request, and what to answer instead; use it as a context manager."""

    handler = _Handler

    def __init__(self) -> None:
        self.messages: dict[str, dict[str, Any]] = {}
        self.replies: list[dict[str, Any]] = []
        self.hooked: list[dict[str, Any]] = []
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.failures: list[tuple[int, str, dict[str, str]]] = []
        """(status, error, headers) of the next answers; `SILENT` does what it was asked and hangs up."""
        self.scopes = "chat:write,files:write"
        """Of the bot."""
        self.says_scopes = True
        self.file_error = ""
        """What files are refused with."""
        self.files: dict[str, dict[str, Any]] = {}
        """By id: what was asked for, uploaded and shared."""
        self.faults: list[str] = []
        """What was wrong with requests."""

    def fail(self, error: str, status: int = 200, **headers: str) -> None:
        self.failures.append((status, error, {name.replace("_", "-"): value for name, value in headers.items()}))

    def chat(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        """What the Web API does."""
        if given.get("channel") != CHANNEL:
            return {"ok": False, "error": "channel_not_found"}
        if method == "chat.update":
            if given.get("ts") not in self.messages:
                return {"ok": False, "error": "message_not_found"}
            self.messages[given["ts"]] = given
            return {"ok": True, "channel": CHANNEL, "ts": given["ts"]}
        ts = f"1763470800.{len(self.messages) + len(self.replies):06d}"
        if "thread_ts" in given:
            self.replies.append(given)
        else:
            self.messages[ts] = given
        return {"ok": True, "channel": CHANNEL, "ts": ts}


def _file_faults(file: dict[str, Any], given: dict[str, str], messages: dict[str, Any]) -> Iterator[str]:
    if len(file.get("content", b"")) != int(file["length"]):
        yield f"{len(file.get('content', b''))} bytes where {file['length']} were announced"
    if len(file.get("alt_txt", "")) > 1000:
        yield "a description of more than 1000 characters"
    if given.get("channel_id") != CHANNEL:
        yield f"a file for {given.get('channel_id')}"
    if given.get("thread_ts") not in messages:
        yield f"a file in the thread of {given.get('thread_ts')}"


def _faults(given: dict[str, Any], hooked: bool) -> Iterator[str]:
    if unknown := given.keys() - (CHAT - {"channel"} if hooked else CHAT):
        yield f"unknown arguments {sorted(unknown)}"
    if not given.get("text") or _length(given["text"]) > 4000:
        yield f"text of {_length(given.get('text', ''))} characters"
    if given.get("parse") != "none" or given.get("link_names"):
        yield "Slack would look for names and addresses"
    yield from _markup(given.get("text", ""))
    for attachment in given.get("attachments", ()):
        blocks = attachment["blocks"]
        if not 0 < len(blocks) <= 50:
            yield f"{len(blocks)} blocks"
        if not re.fullmatch(r"#[0-9a-f]{6}", attachment["color"]):
            yield f"colour {attachment['color']}"
        for block in blocks:
            yield from _block(block)


def _block(block: dict[str, Any]) -> Iterator[str]:
    kind = block["type"]
    if kind not in MAXIMUM:
        yield f"unexpected block {kind}"
        return
    texts = block["elements"] if kind == "context" else [block["text"]]
    if not 0 < len(texts) <= 10:
        yield f"{len(texts)} elements"
    for text in texts:
        if not 0 < _length(text["text"]) <= MAXIMUM[kind]:
            yield f"{kind} of {_length(text['text'])} characters"
        if kind == "header" and text["type"] != "plain_text":
            yield "a header is plain text"
        if text["type"] == "mrkdwn":
            if text.get("verbatim") is not True:
                yield "Slack would look for names and addresses"
            yield from _markup(text["text"])


def _markup(text: str) -> Iterator[str]:
    """What could mention somebody, link somewhere or break the format."""
    rest = OWN.sub("", text)
    if "<" in rest or ">" in rest:
        yield f"markup in {rest[:200]!r}"
    if re.search(r"&(?!amp;|lt;|gt;)", rest):
        yield f"an entity cut in two in {rest[-60:]!r}"
    if re.search(r"@(here|channel|everyone)\b", rest):
        yield f"a mention in {rest[:200]!r}"
    if rest.count("`") % 2:
        yield f"a code span that does not end in {rest[-80:]!r}"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2
