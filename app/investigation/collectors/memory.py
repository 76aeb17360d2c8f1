"""Kills for memory: against which limit, how far the container had come, how it grew, who else was hit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from app.investigation.collectors import collector
from app.investigation.collectors.containers import ends, way_of
from app.investigation.model import Clue, Origin, Step
from detectors.growth import leak
from detectors.objects import quantity
from detectors.states.containers import OOM_KILLED
from detectors.states.paths import condition_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.collectors.containers import End
    from app.investigation.scene import Scene
    from detectors.objects import Container

AT_LIMIT, FAR_BELOW = 0.95, 0.6
"""Shares of the limit: from the first on the limit was reached, below the second it was nowhere near."""
START_SECONDS = 120.0
"""A container that is killed within so many seconds of its start never had enough."""
WINDOW_SECONDS, STEP_SECONDS = 7200, 60
VICTIM_SECONDS = 600.0
"""Other containers killed for memory within so many seconds are victims of the same shortage."""
MEBI = 2.0**20


@collector(Step.CAUSE, "memory.limit", "memory.no-limit", "memory.at-start")
def memory_limits(scene: Scene) -> Iterator[Clue]:
    """The limit of the containers that were killed for memory, and whether they ever lived long."""
    for each, container in _killed(scene):
        limit = container.resources.limits.get("memory")
        fills = {"container": container.name, "pod": each.pod.name, "limit": str(limit or "none")}
        path = "{.spec.containers[*].resources.limits.memory}"
        name = "memory.limit" if limit is not None else "memory.no-limit"
        text = f"memory limit of {container.name}: {limit or 'none'}"
        yield scene.of_field(name, True, each.pod, text, path, value=str(limit or ""), fills=fills)
        if each.ran is not None:
            early = each.ran <= START_SECONDS
            text = f"{container.name} had run for {each.ran:.0f} s when it was killed"
            path = "{.status.containerStatuses[*].lastState.terminated}"
            yield scene.of_field("memory.at-start", early, each.pod, text, path, value=f"{each.ran:.0f} s", fills=fills)
        return


@collector(Step.CAUSE, "memory.at-limit", "memory.below-limit", "memory.growing")
def memory_usage(scene: Scene) -> Iterator[Clue]:
    """The working set before the kill, and whether it grew until then."""
    for each, container in _killed(scene)[:1]:
        matchers = f"namespace={json.dumps(each.pod.namespace)},pod={json.dumps(each.pod.name)}"
        query = (
            f"max by (pod) (container_memory_working_set_bytes{{{matchers},container={json.dumps(container.name)}}})"
        )
        if not scene.sources.has_metrics:
            yield _unmeasured(query, "there are no metrics")
            return
        block = scene.sources.range(query, scene.newest - WINDOW_SECONDS, scene.newest, STEP_SECONDS)
        values = block.values[0] if len(block.values) else np.array([])
        if not np.isfinite(values).any():
            yield _unmeasured(query, "there are no samples of it")
            return
        limit = quantity(container.resources.limits.get("memory", "none"))
        peak, fills = float(np.nanmax(values)), {"container": container.name, "limit": f"{limit / MEBI:.0f} Mi"}
        fills["peak"] = f"{peak / MEBI:.0f} MiB"
        share = peak / limit
        text = f"its working set reached {peak / MEBI:.0f} MiB" + (f", {share:.0%} of the limit" if limit > 0 else "")
        for name, holds in (("memory.at-limit", share >= AT_LIMIT), ("memory.below-limit", share < FAR_BELOW)):
            if limit > 0:
                yield _measured(name, holds, text, query, fills["peak"], fills)
        growth = leak(values, STEP_SECONDS, limit)
        text = "its memory does not grow steadily"
        if growth is not None:
            fills["growth"] = f"{growth.hourly / MEBI:.0f} MiB an hour"
            text = f"its memory grows by {fills['growth']} without falling back"
        since = float(block.times[growth.since]) if growth is not None else None
        yield _measured("memory.growing", growth is not None, text, query, fills.get("growth", ""), fills, since)


@collector(Step.CAUSE, "node.memory-pressure", "node.memory-well", "node.other-victims", needs=("pods", "nodes"))
def node_memory(scene: Scene) -> Iterator[Clue]:
    """Whether the node itself ran short: it says so, or containers of others were killed at the same time."""
    for each, _ in _killed(scene)[:1]:
        node = scene.state.nodes.get(each.pod.spec.node_name)
        pressure = node.status.condition("MemoryPressure") if node is not None else None
        if node is not None and pressure is not None and pressure.status in ("True", "False"):
            short = pressure.status == "True"
            name = "node.memory-pressure" if short else "node.memory-well"
            text = f"node {node.name} reports {'' if short else 'no '}memory pressure"
            path = condition_path("MemoryPressure")
            yield scene.of_field(name, True, node, text, path, value=pressure.status, fills={"node": node.name})
        others = _other_victims(scene, each)
        if others:
            text = f"{counted(len(others), 'other workloads')} on {each.pod.spec.node_name} lost containers as well"
            source = scene.kubectl("get", "pods", "--all-namespaces", "--field-selector",
                                   f"spec.nodeName={each.pod.spec.node_name}")  # fmt: skip
            fills = {"node": each.pod.spec.node_name, "victims": ", ".join(sorted(others)[:3])}
            yield Clue(name="node.other-victims", holds=True, text=text, source=source, fills=fills)


def _killed(scene: Scene) -> list[tuple[End, Container]]:
    """The containers that were killed for memory, the latest first."""
    found = []
    for each in ends(scene):
        specified = (*each.pod.spec.init_containers, *each.pod.spec.containers)
        container = next((c for c in specified if c.name == each.status.name), None)
        if container is not None and way_of(each.last)[0] == "container.oom-killed":
            found.append((each, container))
    return found


def _other_victims(scene: Scene, killed: End) -> set[str]:
    state, found = scene.state, set()
    at = killed.last.finished or scene.onset
    for pod in state.pods.values():
        if pod.spec.node_name != killed.pod.spec.node_name or state.owner(pod).key == scene.owner.key:
            continue
        for status in pod.statuses:
            last = status.state.terminated or status.last_state.terminated
            if last is not None and last.reason == OOM_KILLED and abs((last.finished or 0.0) - at) <= VICTIM_SECONDS:
                found.add(state.owner(pod).name)
    return found


def _unmeasured(query: str, why: str) -> Clue:
    text = f"its working set before the kill is not known: {why}"
    return Clue(name="memory.at-limit", holds=None, text=text, source=query, unseen=why)


def _measured(
    name: str, holds: bool, text: str, query: str, value: str, fills: dict[str, str], at: float | None = None
) -> Clue:
    return Clue(
        name=name, holds=holds, text=text, source=query, origin=Origin.METRIC, value=value, fills=dict(fills), at=at
    )
