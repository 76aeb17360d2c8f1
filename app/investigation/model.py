"""The words of an investigation: clues, causes, playbooks."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Self

from storage.records import Priority

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from app.investigation.scene import Scene
    from detectors.model import FieldRef
    from storage.records import Verdict


class Step(StrEnum):
    """The steps of an investigation, in their order; each line of the ledger belongs to one."""

    TRUST = "trust"
    """Is the data good?"""
    NOW = "now"
    """Is it still true?"""
    EXPECTED = "expected"
    """Was it to be expected: a rollout, a drain, a job's life, a schedule, a silence?"""
    IMPACT = "impact"
    """Who notices?"""
    SCOPE = "scope"
    """How wide is it?"""
    CAUSE = "cause"
    """What speaks for which cause?"""


class Origin(StrEnum):
    """What kind of source told a clue: two kinds that agree are worth more than one."""

    OBJECT = "object"
    EVENT = "event"
    LOG = "log"
    METRIC = "metric"
    MEMORY = "memory"
    """What the store remembers."""


class Scope(StrEnum):
    """How wide a problem is."""

    POD = "one pod"
    NODE = "one node"
    REVISION = "one revision"
    WORKLOAD = "the whole workload"
    NAMESPACE = "several workloads of one namespace"
    CLUSTER = "several namespaces"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Clue:
    """One thing that a collector found out, or could not."""

    name: str
    """What causes and gates refer to: `container.oom-killed`, `rollout.before-onset`."""
    holds: bool | None
    """Whether it is so; None: it could not be told, which is no evidence of health."""
    text: str
    """One sentence; text from the cluster is possible in it."""
    source: str
    """The PromQL or kubectl command that shows it."""
    origin: Origin = Origin.OBJECT
    value: str = ""
    at: float | None = None
    """Unix seconds at which it happened in the cluster."""
    field: FieldRef | None = None
    """The object's field that holds the value."""
    fills: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What it puts into the title and the commands of a cause: `{secret}` -> `auth-signing-key`."""
    change: str = ""
    """Where it tells of a change at `at`: its kind on the timeline (`rollout`, `scale`, `node`, `change`)."""
    unseen: str = ""
    """Where it could not be told: why; what was missed for one reason counts once against a cause."""


@dataclass(frozen=True, slots=True)
class Collector:
    """Finds out one kind of thing about a scene; made by `app.investigation.collectors.collector`."""

    name: str
    step: Step
    tells: tuple[str, ...]
    """The names of the clues that it can give."""
    needs: tuple[str, ...]
    """Resources that must be readable, as `ClusterState.access` names them; `metrics`, `logs`."""
    collect: Callable[[Scene], Iterable[Clue]]
    """Raises SourceError where a source refuses: every clue that it tells is then unknown."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause in a class's table: what it needs, what speaks for and against it.

    Each name is a clue's. A cause is a candidate once all of `requires`, and one of `any_of` where there are any, hold.
    """

    id: str
    title: str
    """With `{names}` that its clues fill in."""
    requires: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    supports: tuple[str, ...] = ()
    contradicts: tuple[str, ...] = ()
    scopes: tuple[Scope, ...] = ()
    """How wide a problem with this cause is; empty: that tells nothing."""
    points: int = 60
    """What it starts with as a candidate: 60 where a structured field decides it, less where it only suggests it."""
    commands: tuple[str, ...] = ()
    """What to run next if it is this, with `{names}`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Every clue that it refers to."""
        return (*self.requires, *self.any_of, *self.supports, *self.contradicts)


class Ruling(NamedTuple):
    """What a gate says of a case."""

    applies: bool | None
    """None: what it needs could not be seen."""
    text: str


NOT = Ruling(False, "")
"""It does not apply."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One shared reason to call a case something."""

    id: str
    """`N1` to `N11`, `R1` to `R5`."""
    title: str
    verdict: Verdict
    rule: Callable[[Scene, Clues, str], Ruling]
    """Of a scene, its clues, and the id of its likely cause."""


@dataclass(frozen=True, slots=True)
class Noise:
    """A class's own reason to call a case noise: all of `requires` hold, and none of `unless` does or is unknown."""

    title: str
    requires: tuple[str, ...]
    unless: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Playbook:
    """How one class of anomalies is investigated."""

    id: str
    """`C4`."""
    title: str
    signals: tuple[str, ...]
    """Ids of the catalogue's rows that it is for."""
    collectors: tuple[Collector, ...]
    causes: tuple[Cause, ...]
    noise: tuple[Noise, ...] = ()
    commands: tuple[str, ...] = ()
    """What to run next whatever the cause, with `{ns} {pod} {kind} {name} {node} {container}`."""
    priority: Priority = Priority.P3
    """Of a real problem of this class, before impact raises it or the environment lowers it."""
    leads: int = 0
    """Of the classes in one case, the highest names it: what causes the others."""
    decisive: bool = True
    """Whether an object's own state proves a problem of this class; numbers always take an effect or a cause."""


@dataclass(frozen=True)
class Clues:
    """What has been collected about a case, by name; the same name may have been told of several objects."""

    by_name: Mapping[str, Sequence[Clue]] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, clues: Iterable[Clue]) -> Self:
        """These clues, by name."""
        found: dict[str, list[Clue]] = {}
        for clue in clues:
            found.setdefault(clue.name, []).append(clue)
        return cls(found)

    def holding(self, name: str) -> tuple[Clue, ...]:
        """Those of that name that hold."""
        return tuple(clue for clue in self.by_name.get(name, ()) if clue.holds)

    def hold(self, *names: str) -> bool:
        """Whether each of these holds of something."""
        return all(self.holding(name) for name in names)

    def unknown(self, name: str) -> bool:
        """Whether it was asked and could not be told of anything."""
        told = self.by_name.get(name, ())
        return bool(told) and all(clue.holds is None for clue in told)
