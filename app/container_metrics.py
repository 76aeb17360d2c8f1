"""What containers ask for and may use, and what became of them, as far as metrics tell it."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING

from app.containers import ContainerKey
from app.past_usage import PodOwners, present_sources
from app.sources.base import SourceError
from detectors.catalog import Returns
from detectors.rightsizing import Container
from detectors.series import Grid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from app.past_usage import Asking
    from detectors.catalog import Catalogue, Row, RowSource

log = logging.getLogger(__name__)

THROTTLING, KILLS = "throttling-in-lookback", "oom-in-lookback"
"""Instruments whose one number speaks of the whole look-back."""

_SCALED = """
    max by (namespace, horizontalpodautoscaler, metric_name, $by)
        (kube_horizontalpodautoscaler_spec_target_metric{metric_target_type="utilization",$match})
    * on (namespace, horizontalpodautoscaler, $by) group_left (scaletargetref_kind, scaletargetref_name)
    max by (namespace, horizontalpodautoscaler, scaletargetref_kind, scaletargetref_name, $by)
        (kube_horizontalpodautoscaler_info{$match})
"""


class ContainerMetrics:
    """Asks a metrics server about containers as they are at present.

    Args:
        asking: the server.
        catalogue: for the rows' sources.
        rows: the advisor's.
        owners: of the pods that series name.
    """

    def __init__(self, asking: Asking, catalogue: Catalogue, rows: Iterable[Row], owners: PodOwners) -> None:
        self._asking, self._catalogue, self._rows, self._owners = asking, catalogue, tuple(rows), owners
        self.troubles: list[str] = []
        """What could not be asked, in the server's words."""

    def containers(self) -> dict[ContainerKey, Container]:
        """Every container with a request or limit, without the Kubernetes API: rollouts and restarts stay unknown."""
        bounds: dict[ContainerKey, dict[str, dict[str, float]]] = {}
        pods: dict[ContainerKey, set[str]] = {}
        for row in self._rows:
            resource, _, bound = row.instrument.partition("-of-")
            for source in present_sources(self._catalogue, row, self._asking.discovery):
                template = next((each.promql for each in source.queries if each.returns is Returns.PER), "")
                for key, pod, value in self._values(source, template):
                    own = bounds.setdefault(key, {"request": {}, "limit": {}})[bound]
                    own[resource] = max(value, own.get(resource, 0.0))
                    pods.setdefault(key, set()).add(pod)
        scaled = self._autoscalers()
        return {
            key: Container(
                kind=key.entity.kind,
                replicas=len(pods[key]),
                requests=own["request"],
                limits=own["limit"],
                autoscalers=None
                if scaled is None
                else scaled.get((key.entity.namespace, key.entity.kind, key.entity.name), {}),
            )
            for key, own in bounds.items()
        }

    def over_look_back(self, instrument: str) -> dict[ContainerKey, float]:
        """One of the numbers that speak of the whole look-back, of the pod with the largest."""
        found: dict[ContainerKey, float] = {}
        for row in self._rows:
            for source in present_sources(self._catalogue, row, self._asking.discovery):
                if source.instrument == instrument:
                    for key, _, value in self._values(source, source.queries[0].promql):
                        found[key] = max(value, found.get(key, -math.inf))
                    return found
        return found

    def _values(self, source: RowSource, template: str) -> Iterator[tuple[ContainerKey, str, float]]:
        if not template:
            return
        try:
            block = self._asking.metrics.instant(
                self._asking.rendered(template, source.convention), float(self._asking.frame.grid.end)
            )
        except SourceError as error:
            log.warning("advisor: %s: %s", source.instrument, error.message)
            self.troubles.append(f"{source.instrument}: {error.message}")
            return
        for each, value in zip(self._owners.containers(block, source), block.values[:, 0].tolist(), strict=True):
            if each is not None and math.isfinite(value):
                yield ContainerKey(each.entity, each.container), each.pod, value

    def _autoscalers(self) -> Mapping[tuple[str, str, str], dict[str, str]] | None:
        """Namespace, kind and name of a target -> resource -> what scales it by utilisation; None where not known."""
        query = self._asking.kube_state(" ".join(_SCALED.split()))
        if not query:
            return None
        try:
            labels = self._asking.metrics.instant(query, float(self._asking.frame.grid.end)).labels
        except SourceError as error:
            self.troubles.append(f"autoscalers: {error.message}")
            return None
        found: dict[tuple[str, str, str], dict[str, str]] = {}
        for each in map(dict, labels):
            namespace = each.get(self._asking.kube_state_label("namespace"), "")
            target = (namespace, each["scaletargetref_kind"], each["scaletargetref_name"])
            name = f"HorizontalPodAutoscaler {each.get('horizontalpodautoscaler', '')}"
            found.setdefault(target, {})[each.get("metric_name", "")] = name
        return found


def last_hours(asking: Asking, hours: int = 1) -> Grid:
    """The grid on which owners of the present pods are asked."""
    return Grid(asking.frame.grid.end, 3600, hours)
