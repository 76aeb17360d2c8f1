"""From the command line to an opened store, catalogue and run; the same for every command."""

from __future__ import annotations

import math
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from app.clock import ManualClock, SystemClock
from detectors.catalog import load
from storage.database import Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from app.connection import Choice
    from app.session import EngineSession
    from app.settings.loading import LoadedSettings
    from app.snapshot import ActResult
    from detectors.catalog import Catalogue

CATALOG_FOLDER = "catalog"
"""Beside the settings file: the engineer's own rows and conventions."""

BUNDLED = Path(__file__).parent / "recordings" / "shop.tocsin.gz"
"""The recording of the demo."""


def open_catalogue(loaded: LoadedSettings) -> Catalogue:
    """Our rows and the engineer's. Raises CatalogError."""
    return load(loaded.configuration_folder / CATALOG_FOLDER)


@contextmanager
def temporary_store() -> Iterator[Store]:
    """A store that is gone afterwards: for what must not mix with the engineer's own."""
    with tempfile.TemporaryDirectory(prefix="tocsin-") as folder, Store.open(Path(folder) / "tocsin.db") as store:
        yield store


def live_session(loaded: LoadedSettings) -> EngineSession:
    """A session over the cluster that the settings name.

    Raises:
        SourceError: there is nothing to connect to.
        StoreError: the database cannot be used.
        CatalogError: the engineer's own rows are wrong.
    """
    from app.runs import LiveRun
    from app.session import EngineSession, owner_name

    catalogue, clock, owner = open_catalogue(loaded), SystemClock(), owner_name()
    store = Store.open(loaded.database)

    def run(settings: LoadedSettings) -> LiveRun:
        return LiveRun(settings, store, catalogue, clock, owner=owner)

    try:
        return EngineSession(loaded, store, catalogue, clock, run(loaded), run)
    except BaseException:
        store.close()
        raise


def console_session(loaded: LoadedSettings, choice: Choice | None) -> EngineSession:
    """What the console runs: the cluster that the settings name, or what was chosen on the connection screen.

    Raises:
        SettingsError: the settings file is wrong now.
        SourceError, StoreError, CatalogError: as for `live_session`.
    """
    if choice is not None and choice.demo:
        from app.commands.demo import SPEED

        return replay_session(BUNDLED, loaded, SPEED, "demo")
    return live_session(chosen(loaded, choice))


def replay_session(
    path: Path, loaded: LoadedSettings, speed: float, mode: str, *, length: float = math.inf
) -> EngineSession:
    """A session over a recording, with a store of its own that is forgotten afterwards.

    Args:
        path: the recording.
        loaded: the settings.
        speed: recorded seconds per second; 0 is as fast as it goes.
        mode: what the console calls it: `demo` or `replay`.
        length: recorded seconds after which it stands still.

    Raises:
        RecordingError: the file is no recording.
    """
    from app.runs import ReplayRun
    from app.session import EngineSession
    from app.sources.recording import read_header

    read_header(path)
    catalogue, clock = open_catalogue(loaded), ManualClock(0.0, speed)
    folder = tempfile.TemporaryDirectory(prefix="tocsin-")
    store = Store.open(Path(folder.name) / "tocsin.db")
    run = ReplayRun(path, loaded, store, catalogue, clock, mode, length=length)
    return EngineSession(loaded, store, catalogue, clock, run, keep=folder)


def chosen(loaded: LoadedSettings, choice: Choice | None) -> LoadedSettings:
    """The settings as they are now, with what was chosen on the connection screen on top where it is something else."""
    fresh = _again(loaded, {})
    if choice is None:
        return fresh
    other = {key: value for key, value in choice.settings.items() if fresh.value(key) != value}
    return _again(loaded, {key: (value, "the connection screen") for key, value in other.items()}) if other else fresh


def keep(loaded: LoadedSettings, choice: Choice) -> ActResult:
    """Write what was chosen on the connection screen to the settings file, or say why not."""
    from app.settings.editing import change_settings
    from app.settings.loading import SettingsError
    from app.snapshot import ActResult

    values = choice.settings
    if not values:
        return ActResult(False, "nothing is chosen that could be kept: type a URL, or choose a context")
    try:
        change_settings(loaded.path, values)
        fresh = _again(loaded, {})
    except SettingsError as error:
        return ActResult(False, str(error))
    covering = {fresh.origin(key) for key, value in values.items() if fresh.value(key) != value}
    later = f"; at the next start it is overruled by {', '.join(sorted(covering))}" if covering else ""
    return ActResult(True, f"{' and '.join(values)} written to {loaded.path}{later}")


def _again(loaded: LoadedSettings, extra: Mapping[str, tuple[str, str]]) -> LoadedSettings:
    """The same layers, read anew, and some values on top."""
    from app.settings.loading import load_settings

    path = loaded.path if loaded.path.exists() else None
    return load_settings(path, overrides={**loaded.overrides, **extra})
