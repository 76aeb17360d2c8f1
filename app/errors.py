"""From an exception to a sentence on standard error and an exit code; nobody at 03:00 wants a traceback."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from app.exits import Exit, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable


def guarded(run: Callable[[argparse.Namespace], int], options: argparse.Namespace) -> int:
    """Run a command; known trouble becomes its exit code, unknown trouble stays a traceback."""
    try:
        return run(options)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) has had enough; Python would complain again when it flushes at exit.
        sys.stdout = None
        return Exit.OK
    except Exception as error:
        return _told(error)


def _told(error: Exception) -> int:
    # Imported now: the catalogue's and the store's modules would hold up the console's first paint.
    from app.settings.loading import SettingsError
    from app.sources.base import SourceError, UnusableSettingError
    from app.sources.recording import RecordingError
    from detectors.catalog import CatalogError
    from storage.errors import StoreError

    match error:
        case UsageError():
            return say(str(error), Exit.USAGE)
        case SettingsError() | CatalogError() | RecordingError():
            return say(str(error), Exit.SETTINGS)
        case UnusableSettingError():
            return say(f"{error.message}\n{error.hint}".strip(), Exit.SETTINGS)
        case SourceError():
            return say(f"{error.message}\n{error.hint}".strip(), Exit.SOURCE)
        case StoreError():
            return say(str(error), Exit.STORE)
        case _:
            raise error


def say(message: str, code: Exit) -> int:
    """Print to standard error; returns the code."""
    from widgets.text import clean

    lines = (clean(line) for line in message.splitlines())
    sys.stderr.write("tocsin: " + "\n    ".join(lines) + "\n")
    return code
