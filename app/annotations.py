"""The tuning that workloads carry, read once for each state of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.tuning import PREFIXES, AnnotatedObject, Tuning, read_tuning
from detectors.model import Entity, EntityType

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.settings.schema import DetectionSettings
    from detectors.cluster import ClusterState


class Annotations:
    """Answers how a workload is to be judged, and remembers which values had to be ignored."""

    def __init__(self, defaults: DetectionSettings) -> None:
        self._defaults = defaults
        self._usual, _ = read_tuning((), defaults)
        self._state: ClusterState | None = None
        self._found: dict[str, Tuning] = {}
        self._warnings: dict[str, None] = {}

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for every value that was ignored this cycle."""
        return tuple(self._warnings)

    def begin(self, state: ClusterState | None) -> None:
        """Start a cycle with the objects of now."""
        self._state = state
        self._found.clear()
        self._warnings.clear()
        for entity in _annotated(state) if state is not None else ():
            self.tuning_of(entity.key, entity)

    def tuning_of(self, key: str, entity: Entity) -> Tuning:
        """The tuning of an entity, by its key; the settings' own where nothing is annotated."""
        if key not in self._found:
            layers = tuple(each for each in _layers(entity, self._state) if each.annotations)
            tuning, warnings = read_tuning(layers, self._defaults) if layers else (self._usual, ())
            self._found[key] = tuning
            self._warnings |= dict.fromkeys(warnings)
        return self._found[key]


def _annotated(state: ClusterState) -> Iterator[Entity]:
    """The workloads that carry annotations of their own: a value to ignore is worth a word before it matters."""
    for (kind, namespace, name), workload in state.workloads.items():
        keys = (*workload.metadata.annotations, *workload.spec.template.metadata.annotations)
        if workload.metadata.controller is None and any(key.startswith(PREFIXES) for key in keys):
            yield Entity(EntityType.WORKLOAD, state.cluster, namespace, kind, name)


def _layers(entity: Entity, state: ClusterState | None) -> Iterator[AnnotatedObject]:
    """The objects that may carry annotations for an entity, nearest first."""
    if state is None or not entity.namespace:
        return
    workload = state.workloads.get((entity.kind, entity.namespace, entity.name))
    if workload is not None:
        where = f"{entity.kind} {entity.title}"
        yield AnnotatedObject(where, workload.metadata.annotations)
        yield AnnotatedObject(f"pod template of {where}", workload.spec.template.metadata.annotations)
    namespace = state.namespaces.get(entity.namespace)
    if namespace is not None:
        yield AnnotatedObject(f"Namespace {entity.namespace}", namespace.metadata.annotations)
