"""The command line: which commands there are, the options they share, and what their exit codes mean.

Nothing heavy is imported here: `tocsin --help` has to answer at once. Each command lives in `app/commands/` and
imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING

from app import __version__
from app.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

COLLECT_AFTER = 50_000
"""New containers before the collector looks at them, while a command starts. Imports make many that stay: at Python's
own 700 it walks them again and again, which is a twentieth of a start."""

COMMANDS = {
    "console": "open the console (what `tocsin` alone does)",
    "demo": "open the console on the bundled recording of an incident",
    "scan": "run one cycle over the cluster and print what is wrong",
    "watch": "run cycles without a console until stopped; prints what opens and closes",
    "list": "list investigations from the store",
    "show": "show one investigation with its evidence",
    "export": "write one investigation as Markdown, HTML, JSON or Slack blocks, or as the report of an incident",
    "verify": "list what became of the last rollouts: the new revision against the old",
    "label": "judge an investigation: true, false or unsure",
    "incident": "write down what went wrong, to measure what is found: add, list, remove",
    "quality": "show how good findings are: precision, recall, delays, what to label next",
    "rule": "show, accept and take back rules that mute findings",
    "silence": "hide what nobody wants to hear of for a while, or in a maintenance window: add, list, end",
    "backtest": "run the engine over the past: what it would have said, and how often",
    "inject": "measure how small a fault the detectors can see in this cluster, and how soon",
    "notify": "test which rule sends which case where, list the outbox, show a message, send again what was not sent",
    "coverage": "show what each row of the coverage matrix sees in this cluster",
    "advise": "compare requests and limits with what containers used, and say what to change",
    "doctor": "check connections, permissions, conventions, clocks and the store",
    "record": "write every input of a run to a file, redacted",
    "replay": "run the same engine over a recording",
    "score": "score the series of a CSV file: alerts, bands and a chart",
    "settings": "show, validate or edit the settings",
    "serve": "open the console in a browser on this machine",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    argv = list(sys.argv[1:] if arguments is None else arguments)
    gc.set_threshold(COLLECT_AFTER)
    argv = commanded(argv)
    parser = build_parser(argv)
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        options.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    if options.command is None:
        parser.print_help()
        return Exit.USAGE
    # numpy's threads only fight the interface for two cores; they have to be told before it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    module = importlib.import_module(f"app.commands.{options.command}")
    from app.errors import guarded

    return guarded(module.run, options)


def commanded(argv: list[str]) -> list[str]:
    """The same words with the command first, wherever it stood among the shared options; the console by default."""
    if {"-h", "--help", "--version"} & set(argv) and not set(argv) & COMMANDS.keys():
        return argv
    takes_value = {o for a in shared_options()._actions if a.nargs != 0 for o in a.option_strings}
    place = 0
    while place < len(argv) and argv[place].startswith("-"):
        place += 2 if argv[place] in takes_value else 1
    if place < len(argv) and argv[place] in COMMANDS:
        return [argv[place], *argv[:place], *argv[place + 1 :]]
    # The console is what one wants at 03:00: it needs no command, only options.
    return ["console", *argv] if place >= len(argv) else argv


def build_parser(argv: Sequence[str] = ()) -> argparse.ArgumentParser:
    """The parser: of the command that `argv` begins with, or of all of them, without the options of their own.

    A command's own options are declared in its module, which is imported for that.
    """
    parser = argparse.ArgumentParser(
        prog="tocsin",
        description="The terminal console for the on-call engineer of a Kubernetes cluster. Reads Prometheus and the "
        "Kubernetes API, writes to neither.",
        epilog="Without a command, the console opens. Exit codes: " + Exit.summary(),
    )
    parser.add_argument("--version", action="version", version=f"tocsin {__version__}")
    parser.set_defaults(parser=parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    shared = shared_options()
    named = [name for name in argv[:1] if name in COMMANDS]
    for name in named or COMMANDS:
        text = COMMANDS[name]
        sentence = f"{text[:1].upper()}{text[1:]}."
        command = commands.add_parser(name, help=text, description=sentence, parents=[shared])
        # What it does not know it says with its own usage, not with that of all commands.
        command.set_defaults(parser=command)
        if named:
            importlib.import_module(f"app.commands.{name}").declare(command)
    return parser


def shared_options() -> argparse.ArgumentParser:
    """The options of every command."""
    shared = argparse.ArgumentParser(add_help=False)
    group = shared.add_argument_group("which cluster, which settings")
    group.add_argument("--context", metavar="NAME", help="context of the kubeconfig")
    group.add_argument("--kubeconfig", metavar="FILE", help="kubeconfig file (default: KUBECONFIG, ~/.kube/config)")
    group.add_argument("--prometheus", metavar="URL", help="Prometheus server, with path prefix if it has one")
    group.add_argument("--no-kubernetes", action="store_true", help="work from Prometheus alone")
    group.add_argument("--namespace", metavar="NAME", action="append", help="watch only this namespace (repeatable)")
    group.add_argument("--environment", metavar="NAME", action="append", help="only this environment (repeatable)")
    group.add_argument("--dry-run", action="store_true", help="write down what would be told to others, tell nobody")
    group.add_argument("--db", metavar="FILE", help="database of investigations")
    group.add_argument("--config", metavar="FILE", help="settings file")
    group.add_argument("--log-file", metavar="FILE", help="write a debug log; it holds no secrets")
    return shared
