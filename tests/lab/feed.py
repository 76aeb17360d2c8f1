"""Keeps the lab's Kubernetes API in step with a simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.objects import log, timeline

if TYPE_CHECKING:
    from tests.lab.kubernetes_api import KubernetesApi
    from tests.lab.objects import Change
    from tests.lab.simulation import Simulation


class Feed:
    """Applies a simulation's changes to an API, up to a moment that only moves forward."""

    def __init__(self, api: KubernetesApi, simulation: Simulation, start: float) -> None:
        self.api = api
        self.start = start
        self.at = start - 1.0
        self.follow(simulation)
        self.advance(start)

    def follow(self, simulation: Simulation) -> None:
        """Go on with what this simulation says now; what was applied stays."""
        self.simulation = simulation
        self._pending: list[Change] = [
            change for change in timeline(simulation.history, simulation.faults, self.start) if change.at > self.at
        ]

    def advance(self, to: float) -> None:
        """Everything up to `to`, unix seconds."""
        done = 0
        for change in self._pending:
            if change.at > to:
                break
            if change.deleted:
                self.api.delete(change.manifest)
            else:
                self.api.put(change.manifest)
            done += 1
        del self._pending[:done]
        self.at = max(self.at, to)
        self._write_logs()

    def _write_logs(self) -> None:
        history, faults = self.simulation.history, self.simulation.faults
        for pod in history.pods:
            if not pod.exists(self.at):
                continue
            container = "init-schema" if any(stage.init for stage in pod.stages) else "app"
            for previous in (False, True):
                lines = log(history, faults, pod, self.at, previous=previous)
                if lines:
                    text = "".join(f"{line}\n" for line in lines)
                    self.api.set_log(pod.namespace, pod.name, container, text, previous=previous)
