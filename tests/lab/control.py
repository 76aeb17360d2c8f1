"""The switches of a running lab: one line of words in, one text out, from a prompt or over a loopback port."""

from __future__ import annotations

import json
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from tests.lab.faults import SWITCHES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab.live import Lab

HELP = """\
  faults                   what can be switched, and what is on
  on NAME, off NAME        start or end a fault now
  forbid RESOURCE          the API answers 403 for it (nodes, pods/log, events, ...)
  allow RESOURCE           take that back
  stop SERVER, start SERVER   prometheus or victoria
  quit                     end the lab"""


def obey(lab: Lab, line: str) -> str:
    """Carry out one command; what it answers is for people."""
    words = line.split()
    if not words:
        return ""
    verb, names = words[0], words[1:]
    if verb == "faults":
        return listing(lab)
    act = COMMANDS.get(verb)
    if act is None or len(names) != 1:
        return HELP
    try:
        return act(lab, names[0])
    except KeyError:
        known = {"on": list(SWITCHES), "off": list(lab.active())}.get(verb, list(lab.servers))
        return f"{names[0]}: unknown here; there is {', '.join(known) or 'nothing'}"


def listing(lab: Lab) -> str:
    """All faults, one line each; the ones that are on have a star."""
    active = lab.active()
    width = max(map(len, SWITCHES))
    return "\n".join(
        f"  {'*' if name in active else ' '} {name:{width}}  {fault.kind} on {fault.target}"
        f"{' (must stay silent)' if fault.spec.lookalike else ''}"
        for name, fault in SWITCHES.items()
    )


def _forbid(lab: Lab, name: str) -> str:
    lab.api.forbid(name)
    lab.api.disconnect()
    return f"{name} is forbidden"


def _allow(lab: Lab, name: str) -> str:
    lab.api.allow(name)
    lab.api.disconnect()
    return f"{name} is allowed"


def _stop(lab: Lab, name: str) -> str:
    lab.stop(name)
    return f"{name} is stopped"


def _start(lab: Lab, name: str) -> str:
    lab.start(name)
    return f"{name} answers at {lab.servers[name].url}"


COMMANDS: dict[str, Callable[[Lab, str], str]] = {
    "on": lambda lab, name: f"{name} is on: {lab.on(name).kind} on {lab.active()[name].target}",
    "off": lambda lab, name: f"{name} is off after {lab.off(name).duration:.0f} s",
    "forbid": _forbid,
    "allow": _allow,
    "stop": _stop,
    "start": _start,
}


class Control:
    """Takes commands over HTTP on loopback, and writes down where: `control.json` in the lab's folder."""

    def __init__(self, lab: Lab) -> None:
        self.quit = threading.Event()
        self._file = control_file(lab.folder)
        control = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                line = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                answer = "the lab ends" if line.strip() == "quit" else obey(lab, line)
                self.send_response(200)
                self.end_headers()
                self.wfile.write(answer.encode())
                if line.strip() == "quit":
                    control.quit.set()

            def log_message(self, *_: object) -> None:
                """Keep the terminal for the prompt."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self._file.write_text(json.dumps({"port": self._server.server_address[1]}))

    def close(self) -> None:
        """Take no more commands."""
        self._server.shutdown()
        self._server.server_close()
        self._file.unlink(missing_ok=True)


def control_file(folder: Path) -> Path:
    """Where a running lab says how to reach it."""
    return folder / "control.json"


def send(folder: Path, line: str) -> str:
    """Give a running lab a command; raises ConnectionError when none runs there."""
    try:
        port = json.loads(control_file(folder).read_text())["port"]
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", data=line.encode(), timeout=60) as answer:
            return str(answer.read().decode())
    except (FileNotFoundError, urllib.error.URLError) as error:
        raise ConnectionError(f"no lab runs in {folder}: start one with make lab") from error
