"""The engine on the lab's servers, for the tests of its parts: settings of nobody's machine, and cycles at instants."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

from app.clock import ManualClock
from app.opening import open_catalogue
from app.runs import LiveRun
from app.settings.loading import load_settings
from app.sources.kubernetes.cache import _version_of
from app.sources.kubernetes.resources import RESOURCES
from detectors.cluster import AccessStatus
from detectors.objects import Event

if TYPE_CHECKING:
    from pathlib import Path

    from app.engine import Outcome
    from app.settings.loading import LoadedSettings
    from app.sources.kubernetes.resources import Resource
    from app.sources.recording import RecordingWriter
    from detectors.model import Observation
    from storage.database import Store
    from tests.lab.kubernetes_api import KubernetesApi

PATIENCE = 60.0


def settings(folder: Path, *, prometheus: str = "", kubeconfig: Path | None = None, **more: str) -> LoadedSettings:
    """Settings that point at the lab's servers only; `detection__step_seconds="30"` sets `detection.step_seconds`."""
    file = folder / "config.toml"
    file.touch()
    chosen = {"prometheus.url": prometheus, "store.path": str(folder / "tocsin.db"), "prometheus.retries": "0"}
    chosen |= {"kubernetes.kubeconfig": str(kubeconfig)} if kubeconfig else {"kubernetes.enabled": "false"}
    chosen |= {key.replace("__", "."): value for key, value in more.items()}
    overrides = {key: (value, "the test") for key, value in chosen.items() if value}
    return load_settings(file, environment={}, overrides=overrides)


class Rig:
    """A run over the lab whose cycles come when the test says; use it as a context manager.

    Args:
        loaded: the settings.
        store: where findings go.
        at: unix seconds of the first cycle.
        api: the played Kubernetes API, where there is one: a cycle waits until its watches have told all.
        owner: names the lease; empty takes none.
        writer: gets every input.
        live: whether the clock shows the present, so that others' clocks can be compared with it.
        investigating: whether cases are investigated, which asks questions of its own.
    """

    def __init__(
        self,
        loaded: LoadedSettings,
        store: Store,
        at: float,
        api: KubernetesApi | None = None,
        *,
        owner: str = "",
        writer: RecordingWriter | None = None,
        live: bool = False,
        investigating: bool = True,
    ) -> None:
        self.store = store
        self.investigating = investigating
        self.clock = ManualClock(at)
        self.api = api
        self.run = LiveRun(loaded, store, open_catalogue(loaded), self.clock, owner=owner, live=live, writer=writer)
        self.played = False
        """Whether a cycle was run where the clock stands."""

    def __enter__(self) -> Rig:
        self.engine = self.run.prepare()
        return self

    def __exit__(self, *_: object) -> None:
        self.run.close()

    def cycle(self, at: float | None = None) -> Outcome:
        """One cycle, at an instant or where the clock stands, and what follows it."""
        if at is not None:
            self.clock.set(at)
        if self.api is not None:
            self.catch_up()
        outcome = self.engine.cycle()
        if not self.investigating:
            self.engine._unsolved = None
        self.engine.look_again()
        return outcome

    def catch_up(self) -> None:
        """Wait until the cache holds every object as the API has it; what may not be read is left out."""
        wait_for(lambda: self._known() == self._told(), lambda: f"not seen: {sorted(self._told() - self._known())[:5]}")

    @property
    def cache(self) -> Any:
        """The cache of the cluster's objects."""
        return self.run.sources.objects.cache  # type: ignore[union-attr]

    def _listed(self) -> list[Resource]:
        access = {resource: scopes.get("") for resource, scopes in self.cache._access.items()}
        listed = {name for name, each in access.items() if each is not None and each.status is AccessStatus.LISTED}
        return [resource for resource in RESOURCES if resource.watched and resource.name in listed]

    def _told(self) -> set[int]:
        assert self.api is not None
        tables = [self.api.store.tables.get(resource.name, {}) for resource in self._listed()]
        return {int(json.loads(item)["metadata"]["resourceVersion"]) for table in tables for item in table.values()}

    def _known(self) -> set[int]:
        """Versions of everything in the cache that still is watched; objects of refused kinds stay as they were."""
        kinds = {resource.kind for resource in self._listed()}
        tables = {resource.table for resource in self._listed()}
        items = [item for table in tables for item in list(self.cache._tables[table].values())]
        return {int(_version_of(item)) for item in items if isinstance(item, Event) or type(item) in kinds}


def wait_for(condition: Any, what: Any, timeout: float = PATIENCE) -> None:
    """Poll until something is so; raises TimeoutError with what is the matter."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what() if callable(what) else what)
        time.sleep(0.005)


def observations(outcome: Outcome) -> tuple[Observation, ...]:
    """Everything out of band in a cycle."""
    return tuple(o for result in outcome.results.values() for o in result.observations)


def found(outcome: Outcome) -> set[tuple[str, str]]:
    """(signal, name of the entity) of everything out of band in a cycle."""
    return {(o.signal, o.entity.name) for o in observations(outcome)}
