"""`tocsin settings`: where the settings are, what they say, whether they hold, and an editor on them."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

from app.commands.common import loaded_settings
from app.exits import Exit
from app.findings import json_line
from app.settings.editing import list_settings
from app.settings.loading import SettingsError, load_settings

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

TEMPLATE = """\
# Settings of Tocsin. Every key has a default; `tocsin settings show` lists them all.

# [prometheus]
# url = "http://prometheus.example:9090"
# bearer_token_env = "PROMETHEUS_TOKEN"
"""


def declare(parser: argparse.ArgumentParser) -> None:
    """Its own options."""
    parser.add_argument("action", choices=("path", "show", "validate", "edit"), nargs="?", default="show")
    parser.add_argument("--json", action="store_true", help="print JSON lines")


def run(options: argparse.Namespace) -> int:
    """Do what the action says."""
    if options.action == "edit":
        return _edit(options)
    loaded = loaded_settings(options)
    if options.action == "path":
        print(loaded.path)
    elif options.action == "validate":
        print(f"{loaded.path}: {'valid' if loaded.path.exists() else 'absent; the defaults hold'}")
    else:
        for value in list_settings(loaded):
            if options.json:
                print(json_line(value))
            else:
                print(f"{value.key:<36} {value.value or '-':<32} from {value.origin}")
    return Exit.OK


def _edit(options: argparse.Namespace) -> int:
    try:
        path = loaded_settings(options).path
    except SettingsError as error:
        # A broken file is what the editor is for.
        print(error)
        path = _path(options)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(TEMPLATE, "utf-8")
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        subprocess.run([*shlex.split(editor), str(path)], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise SettingsError(f"the editor `{editor}` (VISUAL or EDITOR) did not run: {error}") from None
    load_settings(path)
    print(f"{path}: valid")
    return Exit.OK


def _path(options: argparse.Namespace) -> Path:
    from pathlib import Path

    from app.settings.loading import default_path

    return Path(options.config) if options.config else default_path()
