"""Which cases prove each row, by name: plain data for `docs/coverage.md`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.app import missing, sized
from tests.lab.cases import EVENT_STORIES, NODE_SHAPES, POD_SHAPES
from tests.lab.plights import API_SERVER, PLIGHTS
from tests.lab.synthesis import acceptance_cases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.catalog import Catalogue

OBJECTS = "kubernetes-api"
"""The convention of what the Kubernetes API itself tells."""


class Proof(NamedTuple):
    """One case, whoever tells it."""

    row: str
    told_by: str
    name: str
    kind: str
    """`fault`, `lookalike` or `quiet`."""


def proofs(catalogue: Catalogue) -> dict[str, dict[str, list[str]]]:
    """By row and convention: the names of its cases."""
    found: dict[str, dict[str, list[str]]] = {}
    for each in (*from_metrics(catalogue), *from_objects()):
        found.setdefault(each.row, {}).setdefault(each.told_by, []).append(each.name)
    return found


def from_metrics(catalogue: Catalogue) -> Iterator[Proof]:
    """What every convention tells."""
    return (Proof(case.row.id, case.told_by, case.story.name, case.kind) for case in acceptance_cases(catalogue))


def from_objects() -> Iterator[Proof]:
    """What objects tell: those of the simulated shop over time, and plights of a moment."""
    for shape in (*POD_SHAPES, *NODE_SHAPES):
        yield from (Proof(row, OBJECTS, shape.id, shape.kind) for row in shape.rows)
    for name, kind in EVENT_STORIES.items():
        yield Proof("events-warning-cluster", OBJECTS, name, kind)
    for name, plight in API_SERVER.items():
        yield Proof("apiserver-not-ready", OBJECTS, name, plight.kind)
    yield from (Proof(each.row, OBJECTS, each.name, each.kind) for each in PLIGHTS)
    yield from (Proof(*each) for each in (*sized.proofs(), *missing.proofs()))
