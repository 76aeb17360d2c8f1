"""What must not be imported before it is needed: help has to answer at once, the first paint soon after."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("numpy", "plotext", "kubernetes", "httpx", "sqlite_utils", "slack_sdk", "PIL", "apprise")
LOADED = "print('LOADED', *sorted({name.partition('.')[0] for name in sys.modules}))"


def _modules(code: str) -> set[str]:
    """The top-level modules that are loaded after some code ran in an interpreter of its own."""
    program = f"import sys, atexit\natexit.register(lambda: {LOADED})\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("LOADED ")]
    return set(line.split()[1:])


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["scan", "--help"], ["console", "--help"]])
def test_help_and_version_import_nothing_heavy(arguments: list[str]) -> None:
    loaded = _modules(f"from app.cli import main\nmain({arguments!r})")
    assert "argparse" in loaded
    assert not loaded & {"textual", *HEAVY}


def test_the_console_is_imported_without_what_its_first_paint_does_not_need() -> None:
    loaded = _modules("import app.console")
    assert "textual" in loaded
    assert not loaded & set(HEAVY)


def test_detectors_know_neither_the_network_nor_the_store() -> None:
    loaded = _modules("import detectors.kinds, detectors.states, detectors.catalog, detectors.entities")
    assert "numpy" in loaded
    assert not loaded & {"app", "storage", "widgets", "textual", "kubernetes", "httpx", "sqlite3", "sqlite_utils"}


def test_a_console_with_a_session_has_nothing_of_what_only_the_engine_needs() -> None:
    loaded = _modules(
        "import app.console\nfrom app.engine_process.session import open_remotely\n"
        "session = open_remotely('tests.app.engine_process.sessions:open_answering')\n"
        "session.restored()\nsession.start(lambda snapshot: None)\nsession.stop()"
    )
    assert "subprocess" in loaded
    assert not loaded & {*HEAVY, "sqlite3", "tests"}
