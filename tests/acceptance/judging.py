"""One cycle of the engine over the cases of a server, and what it said of each subject."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from storage.database import Store
from tests.app.rig import Rig, observations, settings
from tests.lab.cases import AT
from tests.lab.kubernetes_api import KubernetesApi

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from app.engine import Outcome
    from app.evaluation import RowResult
    from detectors.catalog import Catalogue, Row, RowSource
    from detectors.model import Coverage, Observation
    from tests.lab.cases import CaseSet
    from tests.lab.objects import Change
    from tests.lab.synthesis import Case

WATCHED_SECONDS = 600
"""How long before the cases are judged somebody has begun to watch."""
_METRIC = re.compile(r"([a-zA-Z_:][\w:]*)\{")


class Judged(NamedTuple):
    """What one cycle found and looked at, by (row, name of the entity)."""

    found: Mapping[tuple[str, str], list[Observation]]
    coverage: Mapping[tuple[str, str], Coverage]
    results: Mapping[str, RowResult]

    def observations(self, case: Case) -> list[Observation]:
        """What was found on the case's subject by the case's row, whichever convention told it."""
        return [each for name in names(case) for each in self.found.get((case.row.id, name), ())]

    def looked_at(self, case: Case) -> Coverage:
        """How well the subject could be seen."""
        seen = (self.coverage.get((case.row.id, name)) for name in names(case))
        return next((each for each in seen if each is not None), self.results[case.row.id].silence)


def judged(folder: Path, url: str, api: KubernetesApi | None = None) -> Judged:
    """One cycle with metrics, and with objects where there is an API."""
    kubeconfig = api.kubeconfig(folder / "kubeconfig") if api is not None else None
    loaded = settings(folder, prometheus=url, kubeconfig=kubeconfig)
    with Store.open(folder / "tocsin.db") as store, Rig(loaded, store, AT, api) as rig:
        return _sorted(rig.cycle())


def watched(cases: CaseSet, folder: Path, url: str = "") -> Outcome:
    """One cycle of somebody who has watched the cases' objects for ten minutes."""
    with KubernetesApi() as api, Store.open(folder / "tocsin.db") as store:
        begun = AT - WATCHED_SECONDS
        pending = _apply(api, list(cases.changes), begun)
        loaded = settings(folder, prometheus=url, kubeconfig=api.kubeconfig(folder / "kubeconfig"))
        with Rig(loaded, store, begun, api) as rig:
            for moment in range(begun + 60, AT + 60, 60):
                rig.clock.set(moment)
                pending = _apply(api, pending, moment)
                rig.catch_up()
            return rig.cycle(AT)


def _apply(api: KubernetesApi, changes: list[Change], until: float) -> list[Change]:
    for change in changes:
        if change.at <= until:
            (api.delete if change.deleted else api.put)(change.manifest)
    return [change for change in changes if change.at > until]


def _sorted(outcome: Outcome) -> Judged:
    found: dict[tuple[str, str], list[Observation]] = {}
    for each in observations(outcome):
        found.setdefault((each.signal, each.entity.name), []).append(each)
    coverage = {
        (row, key.partition(">")[0].rpartition("/")[2]): seen
        for row, result in outcome.results.items()
        for key, seen in result.coverage.items()
    }
    return Judged(found, coverage, outcome.results)


def names(case: Case) -> tuple[str, ...]:
    """What the subject may be called where there are no objects: by its name, behind its namespace's, by address."""
    subject = case.subject
    return subject.name, f"{subject.namespace}-{subject.name}", subject.ip


def tellers(catalogue: Catalogue, case: Case) -> frozenset[str]:
    """The conventions that may speak: those that read the same metrics, of which one is preferred."""
    own = _metrics(case.source)
    return frozenset(s.convention for s in catalogue.sources(case.row.id, "raw") if _metrics(s) & own)


def _metrics(source: RowSource) -> frozenset[str]:
    return frozenset(name for query in source.queries for name in _METRIC.findall(query.promql))


def assert_complete(cases: Iterable[Case], sources: Iterable[tuple[Row, RowSource]]) -> None:
    """Every one of these sources, and no other, has cases of all three kinds."""
    kinds: dict[tuple[str, str, str], set[str]] = {}
    for case in cases:
        kinds.setdefault((case.row.id, case.source.convention, case.source.instrument), set()).add(case.kind)
    wanted = {(row.id, source.convention, source.instrument) for row, source in sources}
    assert wanted
    assert kinds == {key: {"fault", "lookalike", "quiet"} for key in wanted}
