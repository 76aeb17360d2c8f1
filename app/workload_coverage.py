"""The coverage matrix by workload: for each one the worst of every group of signals, and each signal's own answer.

A cycle only keeps references (`seen`); the matrix is made of them when somebody looks (`by_workload`).
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING

import msgspec

from app.settings.schema import ScopeSettings
from app.snapshot import Face, WorkloadLine
from app.tuning import excluding, in_scope
from detectors.catalog import DetectorKind
from detectors.catalog.model import Kept
from detectors.model import Coverage, Entity, EntityType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from app.engine import Outcome
    from app.settings.loading import LoadedSettings
    from detectors.catalog import Catalogue

EXCLUDED = "scope.exclude_services"
"""The setting that names the workloads which are switched off."""
OF_WORKLOADS = frozenset({EntityType.WORKLOAD, EntityType.DEPENDENCY, EntityType.DATABASE, EntityType.POD})
_OWNED = frozenset({"ReplicaSet", "Job"})
WORST = (
    Coverage.QUERY_ERROR, Coverage.FORBIDDEN, Coverage.NO_DATA, Coverage.LEFT_OUT, Coverage.LEARNING,
    Coverage.NO_TRAFFIC, Coverage.LIVE, Coverage.NO_SOURCE, Coverage.DISABLED, Coverage.PLANNED,
)  # fmt: skip
"""The worst first. What nobody measures of a workload, or nobody wants, speaks only where nothing else does."""
RANK = {status: rank for rank, status in enumerate(WORST)}
_BEST = len(WORST) - 1

Name = tuple[str, str, str]
"""Kind, namespace and name."""


class SignalView(msgspec.Struct, frozen=True):
    """What a cycle saw of one signal: the engine's own answer, which nobody changes any more, so nothing is copied."""

    signal: str
    status: Coverage
    entities: Mapping[str, Coverage]
    """By entity key; empty where the row has one answer for all."""
    silence: Coverage
    """What it means for an entity that `entities` does not mention it."""
    left_out: tuple[Kept, ...] = ()
    """Of whom alone its sources tell, of each that was thinned to keep within the budget."""


class WorkloadCoverage(msgspec.Struct, frozen=True):
    """What the matrix is made of, as a cycle left it."""

    workloads: tuple[Name, ...] = ()
    """Those that the Kubernetes API lists."""
    signals: tuple[SignalView, ...] = ()
    """In the catalogue's order, of the rows that are about workloads."""
    scope: ScopeSettings | None = None
    """What was watched in this cycle."""
    origin: str = ""
    """Where `scope.exclude_services` was set."""


def seen(outcome: Outcome, catalogue: Catalogue, loaded: LoadedSettings) -> WorkloadCoverage:
    """What the matrix will be made of, without copying any answer."""
    off = loaded.settings.detection.disabled_signals
    signals = []
    for row in catalogue.rows:
        result = outcome.results.get(row.id)
        if row.entity not in OF_WORKLOADS or row.detector is DetectorKind.RIGHT_SIZING_PERCENTILE:
            # The advisor answers the latter, apart from the cycles and on its own screen.
            continue
        if row.id in off:
            signals.append(SignalView(row.id, Coverage.DISABLED, {}, Coverage.DISABLED))
        elif result is not None:
            signals.append(SignalView(row.id, result.status, result.coverage, result.silence, result.left_out))
    listed = outcome.state.workloads.values() if outcome.state is not None else ()
    workloads = tuple((each.kind, each.namespace, each.name) for each in listed if each.kind not in _OWNED)
    return WorkloadCoverage(workloads, tuple(signals), loaded.settings.scope, loaded.origin(EXCLUDED))


def by_workload(coverage: WorkloadCoverage, cluster: str, group_of: Mapping[str, str]) -> Face:
    """The matrix, in the order of the names.

    Takes some tenths of a second for 10,000 workloads.

    Args:
        coverage: What a cycle saw.
        cluster: The cluster's name, with which the keys of entities begin.
        group_of: The groups of signals by id, in the catalogue's order.
    """
    keys = _keys(coverage, cluster)
    places = {key: place for place, mine in enumerate(keys.values()) for key in mine}
    # Those come first. Without the API there is nothing to tell the others by.
    listed = len(set(coverage.workloads)) or len(keys)
    columns: dict[str, list[int]] = {}
    every = []
    for view in coverage.signals:
        group = group_of.get(view.signal, view.signal)
        ranks = _ranks(view, places, tuple(keys), listed)
        columns[group] = list(map(min, columns[group], ranks)) if group in columns else ranks
        every.append(ranks)
    lines, exclusion, off = [], _exclusion(coverage, cluster), bytes([RANK[Coverage.DISABLED]] * len(every))
    answers = map(bytes, zip(*every, strict=True)) if every else repeat(b"")
    for place, (name, mine) in enumerate(zip(keys, answers, strict=False)):
        reason = exclusion(name)
        worst = {group: Coverage.DISABLED if reason else WORST[ranks[place]] for group, ranks in columns.items()}
        lines.append(WorkloadLine(_number(name), *name, worst, off if reason else mine, place < listed, reason))
    # What only metrics name may be a scrape job: it comes after the workloads.
    lines.sort(key=lambda line: (not line.listed, line.namespace, line.name, line.kind))
    return Face(tuple(columns), tuple(view.signal for view in coverage.signals), tuple(lines))


def _exclusion(coverage: WorkloadCoverage, cluster: str) -> Callable[[Name], str]:
    """Tells why the settings leave a workload out, empty when they do not; environments are not looked at."""
    scope = coverage.scope
    if scope is None:
        return lambda _: ""
    wide = msgspec.structs.replace(scope, environments=())

    def reason(name: Name) -> str:
        kind, namespace, own = name
        if in_scope(Entity(EntityType.WORKLOAD, cluster, namespace, kind, own), wide):
            return ""
        if pattern := excluding(namespace, own, wide.exclude_services):
            return f"switched off by {EXCLUDED} = {pattern} ({coverage.origin})"
        return "outside of the scope that the settings set"

    return reason


def _keys(coverage: WorkloadCoverage, cluster: str) -> dict[Name, list[str]]:
    """The entity keys of every workload that the API lists or that a signal mentions."""
    keys: dict[Name, list[str]] = {name: [] for name in coverage.workloads}
    for key in dict.fromkeys(key for view in coverage.signals for key in view.entities):
        if (name := _name(key, f"{cluster}/")) is not None:
            keys.setdefault(name, []).append(key)
    return keys


def _name(key: str, prefix: str) -> Name | None:
    """Which workload an entity key is about; a cluster's name may hold slashes itself (ARNs do)."""
    parts = key.removeprefix(prefix).split("/", 3)
    if len(parts) < 4 or parts[1] not in OF_WORKLOADS:
        return None
    namespace, entity_type, kind, name = parts
    return kind, namespace, name if entity_type == EntityType.WORKLOAD else name.partition(">")[0]


def _ranks(view: SignalView, places: Mapping[str, int], names: Sequence[Name], listed: int) -> list[int]:
    """The rank of a signal's answer for every workload, of which the first ones are listed by the API."""
    mentioned: dict[int, int] = {}
    for key, status in view.entities.items():
        if (place := places.get(key)) is not None:
            mentioned[place] = min(mentioned.get(place, _BEST), RANK[status])
    ranks = [RANK[_unmentioned(view, listed=True)]] * listed
    ranks += [RANK[_unmentioned(view, listed=False)]] * (len(names) - listed)
    for place, (_, namespace, name) in enumerate(names[:listed] if view.left_out else ()):
        if any(not kept.has(namespace, name) for kept in view.left_out):
            # A source that could tell of it was not asked about it.
            ranks[place] = RANK[Coverage.LEFT_OUT]
    for place, rank in mentioned.items():
        ranks[place] = rank
    return ranks


def _unmentioned(view: SignalView, *, listed: bool) -> Coverage:
    """What it means for a workload that no entity of its is in the answer: mostly that nothing there measures it."""
    status = view.silence if view.entities else view.status
    if view.entities and status is Coverage.NO_DATA:
        return Coverage.NO_SOURCE
    return Coverage.NO_SOURCE if status is Coverage.LIVE and not listed else status


def _number(name: Name) -> int:
    text = "/".join(name).encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(text, digest_size=6).digest())


def signals_of(face: Face, line: WorkloadLine) -> Iterator[tuple[str, Coverage]]:
    """Every signal of a workload with its answer, the worst first."""
    for signal, rank in sorted(zip(face.signals, line.answers, strict=True), key=itemgetter(1)):
        yield signal, WORST[rank]
