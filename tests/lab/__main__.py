"""`python -m tests.lab`: start the lab and switch faults at its prompt; with words, talk to the one that runs."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from tests.lab.control import HELP, Control, obey, send
from tests.lab.live import Lab, command_line
from tests.lab.servers import missing_packages


def main() -> int:
    """Returns the exit code: 1 when servers are missing or no lab runs."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__, epilog=HELP,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("words", nargs="*", help="a command for the running lab, for example: on checkout-errors")
    parser.add_argument("--folder", type=Path, default=Path(".lab"), help="kubeconfig, data, control port (.lab)")
    parser.add_argument("--victoria", action="store_true", help="also start a VictoriaMetrics with the same data")
    parser.add_argument("--days", type=int, default=1, help="days back whose same minutes exist too (1)")
    options = parser.parse_args()
    if options.words:
        return _send(options.folder, " ".join(options.words))
    if missing_packages():
        print(f"The lab needs real servers: apt-get install {' '.join(missing_packages())}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print("Filling the servers with the last hours ...", flush=True)
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        with Lab(options.folder, victoria=options.victoria, days=options.days) as lab:
            _serve(lab)
    except KeyboardInterrupt:
        print()
    return 0


def _send(folder: Path, line: str) -> int:
    try:
        print(send(folder, line))
    except ConnectionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _serve(lab: Lab) -> None:
    """Until `quit`, ctrl+c, or the same over the control port; without a terminal, until one of the latter two."""
    control = Control(lab)
    try:
        for name in lab.servers:
            print(f"\n  {command_line(lab, name)}\n")
        print(HELP, flush=True)
        if sys.stdin.isatty():
            threading.Thread(target=_prompt, args=(lab, control), daemon=True).start()
        control.quit.wait()
    finally:
        control.close()


def _prompt(lab: Lab, control: Control) -> None:
    while not control.quit.is_set():
        try:
            line = input("lab> ")
        except EOFError:
            line = "quit"
        if line.strip() == "quit":
            control.quit.set()
        else:
            print(obey(lab, line))


if __name__ == "__main__":
    sys.exit(main())
