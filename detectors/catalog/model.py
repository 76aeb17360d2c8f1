"""The loaded catalogue: rows, conventions, and what each row can ask of each convention."""

from __future__ import annotations

import re
import shlex
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, NamedTuple

from detectors.catalog import compose
from detectors.catalog.identity import POD_RULE, Identifier, labels_of
from detectors.catalog.parameters import STREAMING
from detectors.catalog.promql import (
    duration,
    first_selector,
    matcher,
    matchers,
    owners_as,
    parse_matchers,
    quoted,
    relabelled,
    render,
)
from detectors.catalog.schema import Absence, Convention, DetectorKind, Owners, Role, Row, Statistic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from detectors.catalog.compose import QueryTemplate
    from detectors.catalog.schema import Instrument, Read, Sampled

OWN = Convention(id="own", title="an expression of its own", detect=())
"""The convention of a row that carries its own expression."""

_ROLES = list(Role)


class Kept(NamedTuple):
    """Of whom a thinned source still tells."""

    namespaces: bool
    """Whether the values are namespaces; else they are names."""
    values: frozenset[str]

    def has(self, namespace: str, name: str) -> bool:
        """Whether a workload is among those that are asked about."""
        return (namespace if self.namespaces else name) in self.values


class RowSource(NamedTuple):
    """One row as one convention tells it: what to ask, how to read the answer, what to show."""

    row: str
    convention: str
    role: Role
    instrument: str
    statistic: Statistic
    queries: tuple[QueryTemplate, ...]
    detect_metric: str
    """A metric without which there is no data."""
    detect_selector: str
    """The same with the matchers that tell the convention from others of the same name."""
    identity: Identifier
    errors: tuple[str, ...]
    """Matchers of failed series in a `counts` answer, alternatives; empty when failures are not told by labels."""
    status_labels: tuple[str, ...]
    """The labels those matchers look at."""
    scale: float
    """Factor from the answers' unit (bucket bounds, for histograms) to the row's."""
    unit: str
    """The row's unit, or the source's own where it differs: then it is judged only with `guards` of its own."""
    absence: Absence
    display: str
    """The row's own number as a template to render, show and paste."""
    summed: str
    """The same over all pods that match: a workload's own number where `display` is per pod."""
    labels: tuple[str, ...]
    """Labels that `display` groups by, besides `$by`."""
    note: str = ""
    complement: bool = False
    """Whether the number is 1 - the quotient of the answers."""
    parts: tuple[str, ...] = ()
    """Labels of an entity's parts (containers, mount points), each of which is judged alone."""
    guards: tuple[tuple[str, float | bool], ...] = ()
    """Names and values that replace the row's."""
    history: int = 0
    """Seconds that the row looks back on a coarser grid of its own; 0: the cycle's grid."""
    sampled: Sampled | None = None
    """Where the Kubernetes API has its numbers; None where a metrics server does."""
    thinned: str = ""
    """What was left out of its queries, and why; empty when they tell all there is."""
    kept: Kept | None = None
    """Of whom they tell where some were left out; None when they tell of everybody."""

    def judges(self, row: Row) -> bool:
        """Whether it may raise findings of its row: it is primary, in the row's unit or with guards of its own."""
        return self.role is Role.PRIMARY and (self.unit == row.unit or bool(self.guards))

    @property
    def status_label(self) -> str:
        """The label that tells failures; empty when there is none."""
        return self.status_labels[0] if self.status_labels else ""

    def is_error(self, labels: Mapping[str, str]) -> bool:
        """Whether a series of a `counts` answer counts failures."""
        return any(matcher(text)(labels) for text in self.errors)

    def evidence(
        self, labels: Mapping[str, str], window_seconds: float, by: str = "", workload: str = "", cluster: str = ""
    ) -> str:
        """An expression, or a kubectl command, that gives the number behind a finding.

        Args:
            labels: of one of the entity's series.
            window_seconds: see `render`.
            by: see `render`.
            workload: the workload's name, when the series are per pod and its other pods belong to it too.
            cluster: the context to ask, for what the Kubernetes API has.
        """
        names = [name for name in self.labels if name not in compose.OWNER_LABELS[1:]]
        pods = [name for name in self.identity.pod_labels if labels.get(name)] if workload else []
        exact = matchers(labels, (name for name in names if name not in pods))
        alike = [f"{name}=~{quoted(_pods_of(workload))}" for name in pods]
        template = self.summed if pods else self.display
        text = render(template, window_seconds, match=",".join(filter(None, (exact, *alike))), by=by)
        return self.told(text, cluster, labels.get("node", ""))

    def told(self, text: str, cluster: str = "", node: str = "") -> str:
        """An expression as anyone can ask for it: itself, or the command whose answer it is about."""
        if self.sampled is None:
            return text
        context = ("--context", cluster) if cluster else ()
        path = self.sampled.path.replace("{node}", node or "NODE")
        return f"{shlex.join(('kubectl', *context, 'get', '--raw', path))}  # {text}"

    def aliased(self, aliases: Mapping[str, str]) -> RowSource:
        """The same source on a server that calls some labels otherwise (`namespace` `exported_namespace`).

        A convention that knows both names keeps them, and so does an expression that the engineer wrote.
        """
        if self.convention == OWN.id:
            return self
        renamed = {label: name for label, name in aliases.items() if name not in self.labels}

        def rename(label: str) -> str:
            return renamed.get(label, label)

        return self._replace(
            queries=tuple(q._replace(promql=relabelled(q.promql, rename)) for q in self.queries),
            display=relabelled(self.display, rename),
            summed=relabelled(self.summed, rename),
            detect_selector=relabelled(self.detect_selector, rename),
            identity=Identifier(self.identity.rule, rename),
            errors=tuple(relabelled(f"{{{text}}}", rename)[1:-1] for text in self.errors),
            status_labels=tuple(map(rename, self.status_labels)),
            labels=tuple(map(rename, self.labels)),
            parts=tuple(map(rename, self.parts)),
        )

    def owned(self, aliases: Mapping[str, str], told: Mapping[str, str]) -> RowSource:
        """The same source where the metrics that tell pods' owners call labels otherwise than its own do.

        Args:
            aliases: of this source.
            told: of those metrics.
        """
        if self.convention == OWN.id:
            return self
        owners = owners_as(told, aliases)

        def fit(text: str) -> str:
            return text.replace("$owners", owners)

        return self._replace(
            queries=tuple(q._replace(promql=fit(q.promql)) for q in self.queries),
            display=fit(self.display),
            summed=fit(self.summed),
        )

    def split_by(self, labels: Iterable[str]) -> RowSource:
        """The same source with the parts of an entity told apart by further labels of its series."""
        names = tuple(dict.fromkeys(labels))

        def fit(text: str) -> str:
            return re.sub(r"\bby \(([^()]*)\$by\)", lambda found: f"by ({_with(found[1], names)}$by)", text)

        return self._replace(
            queries=tuple(q._replace(promql=fit(q.promql)) for q in self.queries),
            display=fit(self.display),
            parts=tuple(dict.fromkeys((*self.parts, *names))),
        )

    def scoped(self, window_seconds: float, match: str) -> RowSource:
        """The same source with a rate window (0: the cycle's) and matchers of its own; the cycle's come on top."""

        def fit(text: str) -> str:
            if window_seconds:
                text = re.sub(r"\$window_s\b", f"{window_seconds:g}", text)
                text = re.sub(r"\$window\b", duration(window_seconds), text)
            return text.replace("$match", f"{match},$match") if match else text

        return self._replace(
            queries=tuple(q._replace(promql=fit(q.promql)) for q in self.queries),
            display=fit(self.display),
            summed=fit(self.summed),
        )


def _with(listed: str, names: Iterable[str]) -> str:
    """A label list that ends with a comma, or is empty, with those names that it lacks."""
    known = [name.strip() for name in listed.split(",") if name.strip()]
    return "".join(f"{name}, " for name in dict.fromkeys((*known, *names)))


def _pods_of(workload: str) -> str:
    """A regular expression for the names of a workload's pods."""
    return re.escape(workload).replace(r"\-", "-") + "(-.+)?"


class Catalogue:
    """All rows and conventions; immutable, sources are composed when first asked for."""

    def __init__(
        self,
        conventions: tuple[Convention, ...],
        rows: tuple[Row, ...],
        preferences: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Keep what was loaded and checked."""
        self.conventions = conventions
        self.rows = rows
        self.preferences = preferences
        self._composed = lru_cache(maxsize=None)(self._compose)

    @cached_property
    def _by_id(self) -> dict[str, Row]:
        return {row.id: row for row in self.rows}

    @cached_property
    def _instruments(self) -> dict[str, list[tuple[Convention, Instrument]]]:
        found: dict[str, list[tuple[Convention, Instrument]]] = {}
        for convention in self.conventions:
            for instrument in convention.instrument:
                found.setdefault(instrument.name, []).append((convention, instrument))
        return found

    @cached_property
    def _conventions(self) -> dict[str, Convention]:
        """By their own ids and by those of their sub-conventions; of several with one id the first."""
        found: dict[str, Convention] = {}
        for convention in (*self.conventions, OWN):
            for name in (convention.id, *(instrument.convention for instrument in convention.instrument)):
                found.setdefault(name, convention)
        return found

    def row(self, row_id: str) -> Row:
        """A row by its id; KeyError when there is none."""
        return self._by_id[row_id]

    def convention(self, convention_id: str) -> Convention:
        """A convention by its id or by a sub-convention's; KeyError when there is none."""
        return self._conventions[convention_id]

    def sources(self, row_id: str, owners: Owners | str = Owners.NONE) -> tuple[RowSource, ...]:
        """Every way to feed a row, primary before evidence before surrogate, then in order of preference.

        Args:
            row_id: a row's id; KeyError when there is none.
            owners: who maps pods to workloads; `none` when the Kubernetes API is there.
        """
        return self._composed(row_id, Owners(owners))

    def _compose(self, row_id: str, owners: Owners) -> tuple[RowSource, ...]:
        row = self.row(row_id)
        if row.promql:
            return (_own_source(row),)
        found = [
            _source(row, read, convention, instrument, owners)
            for read in row.reads
            for convention, instrument in self._instruments[read.instrument]
            if compose.feeds(instrument, read.statistic or row.statistic)
        ]
        order = {name: place for place, name in enumerate(self.preferences.get(row.preference, ()))}
        found.sort(key=lambda source: (_ROLES.index(source.role), order.get(source.convention, len(order))))
        return tuple(found)


def _source(row: Row, read: Read, convention: Convention, instrument: Instrument, owners: Owners) -> RowSource:
    rule = POD_RULE if instrument.owners else convention.identity[instrument.identity]
    grouped = () if instrument.owners else labels_of(rule)
    reading = compose.Reading(
        instrument=instrument,
        convention=instrument.convention or convention.id,
        labels=tuple(dict.fromkeys((*grouped, *instrument.by))),
        statistic=read.statistic or row.statistic or Statistic.LEVEL,
        select=read.select,
        quantile=read.quantile or float(row.params.get("quantile", row.params.get("percentile", 0.95))),
        time_unit=convention.time_unit,
        owners=owners,
    )
    selector = _presence(convention, reading)
    identifier = Identifier(rule)
    queries = compose.queries_of(reading)
    per_workload = reading._replace(
        labels=tuple(label for label in reading.labels if label not in identifier.pod_labels),
        pod_labels=compose.POD_LABELS[:1],
    )
    return RowSource(
        row=row.id,
        convention=reading.convention,
        role=max(read.role, instrument.role, key=_ROLES.index),
        instrument=instrument.name,
        statistic=reading.statistic,
        queries=queries,
        detect_metric=selector.partition("{")[0],
        detect_selector=selector,
        identity=identifier,
        errors=instrument.errors,
        status_labels=compose.status_labels(instrument),
        scale=compose.scale_of(reading),
        unit=instrument.unit or row.unit,
        absence=instrument.absence,
        display=compose.display_of(reading),
        summed=compose.display_of(per_workload),
        labels=compose.grouping(reading),
        note=instrument.note,
        complement=instrument.complement,
        parts=instrument.by if queries[0].returns is compose.Returns.LEVEL else (),
        guards=tuple(instrument.guards.items()),
        history=_history(row),
        sampled=convention.sampled,
    )


def _presence(convention: Convention, reading: compose.Reading) -> str:
    """The selector that proves a source: the family's, where a series comes only with its first occurrence."""
    instrument = reading.instrument
    if instrument.absence is Absence.ZERO and not instrument.presence:
        return convention.detect[0]
    return compose.selector_of(reading)


_OWN_RETURNS = {
    DetectorKind.QUANTILE_SHIFT: compose.Returns.BUCKETS,
    DetectorKind.LEVEL_SHIFT: compose.Returns.LEVEL,
    DetectorKind.STATE_TRANSITION: compose.Returns.STATE,
    DetectorKind.THRESHOLD_FORECAST: compose.Returns.LEVEL,
    DetectorKind.RIGHT_SIZING_PERCENTILE: compose.Returns.LEVEL,
    **dict.fromkeys(STREAMING, compose.Returns.LEVEL),
}


def _own_source(row: Row) -> RowSource:
    """The one source of a row that carries its own expression."""
    returns = _OWN_RETURNS.get(row.detector, compose.Returns.COUNTS)
    selector = first_selector(row.promql)
    status = tuple(dict.fromkeys(label for text in row.errors for label, _, _ in parse_matchers(text)))
    return RowSource(
        row=row.id,
        convention=OWN.id,
        role=Role.PRIMARY,
        instrument="",
        statistic=row.statistic or Statistic.LEVEL,
        queries=(compose.QueryTemplate(f"{OWN.id}/{row.id}/{returns}", row.promql, returns),),
        detect_metric=selector.partition("{")[0],
        detect_selector=selector,
        identity=Identifier(row.identity),
        errors=row.errors,
        status_labels=status,
        scale=1.0,
        unit=row.unit,
        absence=Absence.UNKNOWN,
        display=row.promql,
        summed=row.promql,
        labels=labels_of(row.identity),
        history=_history(row),
    )


def _history(row: Row) -> int:
    return int(row.params.get("history_seconds", 0))
