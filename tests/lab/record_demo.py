"""Makes the bundled recording of `tocsin demo`: the engine, stepped through the demo's hour on real servers.

python -m tests.lab.record_demo [FILE]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app import __version__
from app.clock import ManualClock
from app.opening import BUNDLED, open_catalogue, temporary_store
from app.runs import LiveRun
from app.settings.loading import load_settings
from app.sources.recording import FORMAT, Header, RecordingWriter
from tests.lab.demo import demo_world

if TYPE_CHECKING:
    from app.engine import Outcome
    from app.settings.loading import LoadedSettings
    from tests.lab.demo import World

INTERVAL = 30.0
CATCH_UP_SECONDS = 20.0


class CatchUp:
    """Knows how far the watches of a run have come, so that a step begins when they have seen all of the last one."""

    def __init__(self, run: LiveRun, world: World) -> None:
        self._store = world.api.store
        self._cache: Any = run.sources.objects.cache  # type: ignore[union-attr]
        self._inner = self._cache.observer
        self._seen: dict[str, int] = {}
        self._cache.observer = self._observe

    def wait(self) -> None:
        """Wait until every watched resource has told its last change."""
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while not self._reached():
            if time.monotonic() > deadline:
                raise TimeoutError(f"the watches did not catch up: {self._seen}")
            time.sleep(0.005)

    def _reached(self) -> bool:
        last = {change.name: change.version for change in self._store.history}
        return all(version <= self._seen[name] for name, version in last.items() if name in self._seen)

    def _observe(self, operation: str, payload: dict[str, Any]) -> None:
        if operation in ("list", "change"):
            items = payload["items"] if operation == "list" else [payload["item"]]
            versions = [int(item.metadata.resource_version or 0) for item in items]
            name = payload["resource"]
            self._seen[name] = max([self._seen.get(name, 0), *versions])
        if self._inner is not None:
            self._inner(operation, payload)


def settings_of(world: World, folder: Path) -> LoadedSettings:
    """Settings that point at the world's servers and at nothing of this machine's."""
    (folder / "config.toml").write_text("")
    chosen = {
        "prometheus.url": world.prometheus_url,
        "kubernetes.kubeconfig": str(world.kubeconfig),
        "kubernetes.context": world.context,
        "engine.interval_seconds": str(INTERVAL),
    }
    overrides = {key: (value, "the lab") for key, value in chosen.items()}
    return load_settings(folder / "config.toml", environment={}, overrides=overrides)


def record(file: Path, world: World) -> list[Outcome]:
    """Step the engine through a world, recording; returns what each cycle came to."""
    outcomes = []
    with tempfile.TemporaryDirectory() as folder, temporary_store() as store:
        loaded = settings_of(world, Path(folder))
        clock = ManualClock(world.start)
        step = loaded.settings.detection.step_seconds
        header = Header(FORMAT, "shop", __version__, step, INTERVAL, "A shop's bad afternoon", live=False)
        writer = RecordingWriter(file, header)
        run = LiveRun(loaded, store, open_catalogue(loaded), clock, live=False, writer=writer)
        follow = CatchUp(run, world)
        try:
            engine = run.prepare()
            while clock.now() < world.end:
                world.advance(clock.now())
                follow.wait()
                outcomes.append(engine.cycle())
                engine.look_again()
                sys.stderr.write(f"\r{(clock.now() - world.start) / 60:5.1f} min, {len(outcomes)} cycles ")
                clock.set(clock.now() + INTERVAL)
        finally:
            run.close()
            writer.close()
    return outcomes


def main() -> None:
    """Write the bundled recording, or the file that is named."""
    file = Path(sys.argv[1]) if len(sys.argv) > 1 else BUNDLED
    file.parent.mkdir(parents=True, exist_ok=True)
    with demo_world() as world:
        outcomes = record(file, world)
    opened = sum(len(outcome.changes.opened) for outcome in outcomes if outcome.changes is not None)
    sys.stderr.write(f"\n{file}: {file.stat().st_size / 1e6:.1f} MB, {opened} anomalies\n")


if __name__ == "__main__":
    main()
