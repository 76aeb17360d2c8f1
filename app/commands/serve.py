"""`tocsin serve`: the console in a browser on this machine, by textual-serve."""

from __future__ import annotations

import hmac
import secrets
import shlex
import sys
from typing import TYPE_CHECKING

from app.exits import Exit, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from aiohttp import web
    from textual_serve.server import Server

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LOOPBACK = "127.0.0.1"
PORT = 8017
COOKIE = "tocsin"
BOOT = "from app.cli import main; raise SystemExit(main())"
"""With `-P`: modules are never looked for in the folder that the engineer stands in."""
MISSING = "serving the console needs textual-serve: pip install 'tocsin[serve]'"


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("--port", type=int, default=PORT, help="on 127.0.0.1 only (default: %(default)s)")


def run(options: argparse.Namespace) -> int:
    """Serve until stopped; every tab of the browser is a console of its own."""
    from app.commands.common import loaded_settings

    if not 1 <= options.port <= 65_535:
        raise UsageError(f"--port is {options.port}; allowed: 1 to 65535")
    # What is wrong with the settings is better said here than in a tab.
    loaded_settings(options)
    try:
        from textual_serve.server import Server
    except ModuleNotFoundError:
        raise UsageError(MISSING) from None
    token = secrets.token_urlsafe(24)
    server = guarded(Server, console_command(options), options.port, token)
    print(f"The console is at http://{LOOPBACK}:{options.port}/?token={token}", flush=True)
    server.serve()
    return Exit.OK


def console_command(options: argparse.Namespace) -> str:
    """The command of one tab: the console with the same shared options, quoted for the shell."""
    from app.cli import shared_options

    words = [sys.executable, "-P", "-c", BOOT, "console"]
    for action in shared_options()._actions:
        value = getattr(options, action.dest)
        if value is True:
            words.append(action.option_strings[0])
        elif value:
            for each in value if isinstance(value, list) else [value]:
                words += [action.option_strings[0], each]
    return shlex.join(words)


def guarded(server: type[Server], command: str, port: int, token: str) -> Server:
    """A server that answers nobody but the browser that was given its address.

    Loopback alone is no guard: other people of this machine reach it, and so does any page that the engineer's browser
    shows, by a web socket or by a name that suddenly means 127.0.0.1.
    """
    from aiohttp import web

    at = f"{LOOPBACK}:{port}"

    @web.middleware
    async def known_only(request: web.Request, handler: Handler) -> web.StreamResponse:
        given = request.query.get("token", "") if request.path == "/" else request.cookies.get(COOKIE, "")
        elsewhere = request.headers.get("Origin", f"http://{at}") != f"http://{at}" or request.host != at
        if elsewhere or not hmac.compare_digest(given.encode(), token.encode()):
            raise web.HTTPForbidden(text="Open the address that `tocsin serve` printed.")
        response = await handler(request)
        if request.path == "/":
            response.set_cookie(COOKIE, token, httponly=True, samesite="Strict")
        return response

    class Guarded(server):  # type: ignore[misc, valid-type]
        async def _make_app(self) -> web.Application:
            made: web.Application = await super()._make_app()
            made.middlewares.append(known_only)
            return made

    return Guarded(command, host=LOOPBACK, port=port, title="Tocsin")
