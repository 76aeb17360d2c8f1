"""The console in a browser: for whoever was given its address, and for nobody else."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import aiohttp
import pytest

from app.cli import build_parser, main
from app.commands.serve import console_command
from app.exits import Exit
from tests.app.rig import PATIENCE
from tests.lab.servers import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The address that the command prints, of a console without anything to connect to."""
    (tmp_path / "config.toml").touch()
    command = (
        "serve", "--port", str(free_port()), "--no-kubernetes", "--prometheus", "http://127.0.0.1:9",
        "--config", str(tmp_path / "config.toml"), "--db", str(tmp_path / "tocsin.db"),
    )  # fmt: skip
    boot = "from app.cli import main; raise SystemExit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", boot, *command], stdout=subprocess.PIPE, env=os.environ | {"HOME": str(tmp_path)}
    ) as process:
        assert process.stdout is not None
        yield process.stdout.readline().decode().split()[-1]
        process.terminate()
        process.wait(PATIENCE)


async def _page(session: aiohttp.ClientSession, url: str, **headers: str) -> tuple[int, str]:
    for _ in range(200):
        try:
            async with session.get(url, headers=headers) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientConnectorError:
            await asyncio.sleep(0.05)
    raise AssertionError("nothing is served")


async def test_the_console_paints_in_a_browser_that_has_the_address(served: str) -> None:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        status, page = await _page(session, served)
        assert status == 200
        [socket] = re.findall(r'"?(ws://127[^"\s?]*)', page)[:1]
        painted = b""
        async with session.ws_connect(f"{socket}?width=120&height=36") as console:
            while b"Inbox" not in painted:
                message = await console.receive(timeout=PATIENCE)
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), painted
                painted += message.data if isinstance(message.data, bytes) else message.data.encode()


async def test_nobody_else_gets_in(served: str) -> None:
    address, token = served.split("/?token=")
    async with aiohttp.ClientSession() as session:
        assert (await _page(session, served))[0] == 200
    async with aiohttp.ClientSession() as stranger:
        for url in (f"{address}/", f"{address}/?token=x", f"{address}/ws", f"{address}/static/"):
            assert (await _page(stranger, url))[0] == 403, url
        for elsewhere in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
            status, _ = await _page(stranger, f"{address}/ws", Cookie=f"tocsin={token}", **elsewhere)
            assert status == 403, elsewhere


def test_a_tab_has_the_same_options() -> None:
    words = ["serve", "--context", "prod eu", "--namespace", "a", "--namespace", "b", "--no-kubernetes"]
    command = console_command(build_parser(words).parse_args(words))
    assert command.endswith("console --context 'prod eu' --no-kubernetes --namespace a --namespace b")


def test_a_port_that_is_none_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--port", "0"]) == Exit.USAGE
    assert "--port is 0; allowed: 1 to 65535" in capsys.readouterr().err
