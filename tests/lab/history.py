"""What happened in the simulated cluster: pods from birth to deletion, revisions, nodes. The one truth.

Metrics and objects are both derived from it. It is a function of shop, seed and faults alone, and causal: a fault that
starts (or ends) at some moment changes nothing before it, so a running lab can rebuild it at every switch.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.lab import lives
from tests.lab.shop import identifier, keyed, suffix

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy as np

    from tests.lab.faults import Fault
    from tests.lab.lives import Stage
    from tests.lab.shop import Shop, Workload

TERMINATING = 5.0
"""Seconds between a pod's deletion timestamp and its end."""
UNREACHABLE = 40.0
"""Seconds until the control plane notices that a node is silent."""
TOLERATION = 300.0
"""Seconds that pods stay bound to an unreachable node."""


@dataclass(slots=True)
class Pod:
    """One pod."""

    workload: Workload
    name: str
    owner: str
    """The ReplicaSet or Job, or the workload itself."""
    version: str
    template: str
    """The pod template's hash; empty where the kind has none."""
    node: str
    created: float
    stages: list[Stage]
    deleted: float = math.inf
    ip: str = ""
    fault: str = ""
    """Id of the fault whose rollout created it."""

    @property
    def uid(self) -> str:
        """A new pod under an old name has a new one."""
        return identifier(self.workload.namespace, self.name, self.created)

    @property
    def namespace(self) -> str:
        """Of its workload."""
        return self.workload.namespace

    @property
    def image(self) -> str:
        """With tag."""
        return f"{self.workload.image}:{self.version}"

    def stage(self, at: float) -> Stage:
        """The stage in effect; only for times from `created` on."""
        return self.stages[bisect_right(self.stages, at, key=lambda stage: stage.at) - 1]

    def exists(self, at: float) -> bool:
        """Whether the API has it."""
        return self.created <= at < self.deleted


@dataclass(frozen=True, slots=True)
class Revision:
    """One rollout of a workload."""

    workload: Workload
    number: int
    version: str
    at: float

    @property
    def template(self) -> str:
        """The pod template's hash: the same version has the same one, so a rollback reuses its ReplicaSet."""
        return suffix(10, "template", self.workload.key, self.version)


@dataclass(frozen=True, slots=True)
class Spell:
    """A node in a condition for a while."""

    node: str
    condition: str
    start: float
    end: float

    def covers(self, at: float) -> bool:
        """Whether it holds at that moment."""
        return self.start <= at < self.end


@dataclass(slots=True)
class History:
    """Everything that happened between `start` and `horizon`."""

    shop: Shop
    start: float
    horizon: float
    pods: list[Pod] = field(default_factory=list)
    revisions: list[Revision] = field(default_factory=list)
    desired: dict[str, list[tuple[float, int]]] = field(default_factory=dict)
    """Workload key to its desired replicas, from when on."""
    spells: list[Spell] = field(default_factory=list)

    def of(self, key: str) -> list[Pod]:
        """A workload's pods, oldest first."""
        return [pod for pod in self.pods if pod.workload.key == key]

    def replicas(self, key: str, at: float) -> int:
        """Desired replicas."""
        steps = self.desired[key]
        return steps[max(0, bisect_right(steps, at, key=lambda step: step[0]) - 1)][1]

    def silent(self, node: str) -> list[Spell]:
        """When the node did not answer at all."""
        return [spell for spell in self.spells if spell.node == node and spell.condition == "NotReady"]


@dataclass(frozen=True, slots=True)
class _Change:
    """Something that happens to one workload."""

    at: float
    act: str
    fault: Fault | None = None
    count: int = 0
    node: str = ""


class _Builder:
    """Plays the controllers for one workload."""

    def __init__(self, history: History, workload: Workload, seed: int) -> None:
        self.history = history
        self.workload = workload
        self.seed = seed
        self.version = workload.version
        self.generation = 0
        self.number = 0
        self.slots: list[Pod] = []
        self.extra: dict[str, list[Pod]] = {}

    def first(self) -> None:
        """The pods that were there before the history began."""
        age = keyed(self.seed, "age", self.workload.key).uniform(2 * 3600, 6 * 86400)
        born = math.floor(self.history.start - age)
        nodes = self.history.shop.nodes
        if self.workload.kind == "DaemonSet":
            self.slots = [self._pod(born, i, node=node) for i, node in enumerate(nodes)]
        else:
            self.slots = [self._pod(born + 2 * i, i) for i in range(self.workload.replicas)]
        self.history.desired[self.workload.key] = [(born, len(self.slots))]
        self._revise(born)

    def apply(self, change: _Change) -> None:
        """One change, in order of time."""
        getattr(self, f"_{change.act}")(change)

    def _revise(self, at: float) -> None:
        self.number += 1
        self.history.revisions.append(Revision(self.workload, self.number, self.version, at))

    def _pod(self, at: float, slot: int, fault: Fault | None = None, node: str = "") -> Pod:
        """Create a pod; a fault with a life decides how it goes on."""
        workload, self.generation = self.workload, self.generation + 1
        rng = keyed(self.seed, "pod", workload.key, self.generation, at)
        revision = Revision(workload, 0, self.version, at)
        owner, name, template = workload.name, f"{workload.name}-{slot}", ""
        if workload.kind == "Deployment":
            template, owner = revision.template, f"{workload.name}-{revision.template}"
        if workload.kind != "StatefulSet":
            name = f"{owner}-{suffix(5, self.seed, 'pod', workload.key, self.generation, at)}"
        life = fault.spec.life if fault and fault.spec.rollout else ""
        place = node or ("" if life == "pending" else self._node(at, slot))
        pod = Pod(workload, name, owner, self.version, template, place, at, [], fault=fault.id if fault else "")
        pod.stages = self._life(pod, life, fault, rng)
        self.history.pods.append(pod)
        return pod

    def _life(self, pod: Pod, life: str, fault: Fault | None, rng: np.random.Generator) -> list[Stage]:
        until = min(fault.end, self.history.horizon) if fault else 0.0
        if life == "pending":
            return lives.pending(pod.created)
        if life == "image":
            return lives.unpullable(pod.created, pod.image, until, rng)
        if life == "init":
            stages = lives.initialising(pod.created, rng)
            return lives.failing(
                stages,
                lives.PATTERNS["init"],
                pod.created,
                math.inf,
                until,
                self.workload.startup,
                rng,
            )
        return lives.starting(pod.created, self.workload.startup, rng)

    def _node(self, at: float, slot: int) -> str:
        shop = self.history.shop
        workers = [node for node in shop.nodes[1:] if node not in shop.reserved]
        closed = {spell.node for spell in self.history.spells if spell.covers(at) and spell.condition in CLOSED}
        free = [node for node in workers if node not in closed] or workers
        return free[(int(keyed("node", self.workload.key).integers(0, 97)) + slot) % len(free)]

    def _replace(self, slot: int, at: float, fault: Fault | None = None) -> None:
        """A new pod for an old one: first the new one, but a StatefulSet's and a DaemonSet's name or node is taken."""
        old = self.slots[slot]
        if self.workload.kind == "Deployment":
            new = self._pod(at, slot, fault)
            old.deleted = new.stages[-1].at + TERMINATING
        else:
            old.deleted = at + TERMINATING
            new = self._pod(at + TERMINATING + 1, slot, fault, old.node if self.workload.kind == "DaemonSet" else "")
        self.slots[slot] = new

    def _rollout(self, change: _Change) -> None:
        fault = change.fault
        assert fault is not None
        self.version = fault.version or bumped(self.version)
        self._revise(change.at)
        if fault.spec.life:
            surge = math.ceil(0.25 * max(1, len(self.slots)))
            self.extra[fault.id] = [self._pod(change.at + i, len(self.slots) + i, fault) for i in range(surge)]
            return
        for slot in range(len(self.slots)):
            self._replace(slot, change.at + slot * (self.workload.startup + 6), fault)

    def _rollback(self, change: _Change) -> None:
        fault = change.fault
        assert fault is not None
        self.version = next(
            r.version
            for r in reversed(self.history.revisions)
            if r.workload is self.workload and r.version != self.version
        )
        self._revise(change.at)
        for pod in self.extra.pop(fault.id, []):
            pod.deleted = change.at + TERMINATING
        for slot, pod in enumerate(list(self.slots)):
            if pod.fault == fault.id:
                self._replace(slot, change.at + slot * (self.workload.startup + 6))

    def _scale(self, change: _Change) -> None:
        self.history.desired[self.workload.key].append((change.at, change.count))
        for pod in self.slots[change.count :]:
            pod.deleted = change.at + TERMINATING
        del self.slots[change.count :]
        self.slots += [self._pod(change.at + 1, slot) for slot in range(len(self.slots), change.count)]

    def _fail(self, change: _Change) -> None:
        fault = change.fault
        assert fault is not None
        for pod in self.slots:
            rng = keyed(self.seed, fault.id, fault.start, pod.name)
            pattern = lives.PATTERNS[fault.spec.life]
            pod.stages = lives.failing(
                pod.stages, pattern, change.at, fault.end, self.history.horizon, self.workload.startup, rng
            )

    def _evict(self, change: _Change) -> None:
        for slot, pod in enumerate(list(self.slots)):
            if pod.node == change.node and self.workload.kind == "Deployment":
                self._replace(slot, change.at + 3 * slot)

    def runs(self) -> None:
        """Every run of a CronJob: three finished ones are kept."""
        workload, history = self.workload, self.history
        history.desired[workload.key] = [(history.start, 0)]
        first = math.ceil((history.start - 3 * workload.every) / workload.every)
        for number in range(first, math.ceil(history.horizon / workload.every)):
            at = number * workload.every
            rng = keyed(self.seed, "run", workload.key, number)
            job = f"{workload.name}-{int(at // 60)}"
            name = f"{job}-{suffix(5, self.seed, job)}"
            pod = Pod(workload, name, job, workload.version, "", self._node(at, number), at, [])
            pod.stages = lives.completing(at, workload.runs, rng)
            pod.deleted = at + 3 * workload.every + workload.runs * 1.4
            history.pods.append(pod)


CLOSED = frozenset({"NotReady", "Cordoned", "Drained"})


def bumped(version: str) -> str:
    """The next patch release."""
    head, _, last = version.rpartition(".")
    return f"{head}.{int(last) + 1}" if last.isdigit() else f"{version}.1"


def build(shop: Shop, seed: int, start: float, horizon: float, faults: Sequence[Fault]) -> History:
    """Play everything from `start` to `horizon`, unix seconds."""
    history = History(shop, start, horizon)
    history.spells = [
        Spell(fault.target, fault.spec.condition, fault.start, fault.end) for fault in faults if fault.spec.condition
    ]
    for workload in shop.workloads:
        builder = _Builder(history, workload, seed)
        if workload.kind == "CronJob":
            builder.runs()
            continue
        builder.first()
        changes = [*_changes(history, workload, faults), *_autoscaling(history, workload)]
        for change in sorted(changes, key=lambda change: change.at):
            if change.at < horizon:
                builder.apply(change)
    history.pods.sort(key=lambda pod: (pod.created, pod.namespace, pod.name))
    _address(history)
    return history


def _changes(history: History, workload: Workload, faults: Sequence[Fault]) -> Iterator[_Change]:
    for fault in faults:
        spec = fault.spec
        if spec.condition == "Drained":
            yield _Change(fault.start + 2, "evict", node=fault.target)
        if spec.condition == "NotReady" and fault.duration > UNREACHABLE + TOLERATION:
            yield _Change(fault.start + UNREACHABLE + TOLERATION, "evict", node=fault.target)
        if fault.target != workload.key:
            continue
        if spec.rollout:
            yield _Change(fault.start, "rollout", fault)
            if not spec.lookalike and fault.end < history.horizon:
                yield _Change(fault.end, "rollback", fault)
        elif spec.life:
            yield _Change(fault.start, "fail", fault)
        elif spec.scale:
            yield _Change(fault.start, "scale", fault, int(fault.amount))
            yield _Change(fault.end, "scale", fault, workload.replicas)


def _autoscaling(history: History, workload: Workload) -> Iterator[_Change]:
    """What a horizontal autoscaler does about the daily shape, looked at every ten minutes."""
    if not workload.per_replica:
        return
    now = workload.replicas
    for at in range(math.ceil(history.start / 600) * 600, math.ceil(history.horizon), 600):
        wanted = max(1, math.ceil(workload.rate * daily(history.shop.daily, at) / workload.per_replica))
        if wanted != now:
            now = wanted
            yield _Change(float(at), "scale", count=wanted)


def daily(amplitude: float, at: float) -> float:
    """The daily shape around 1: lowest at 03:00 UTC, highest at 15:00."""
    return 1.0 - amplitude * math.cos(2 * math.pi * (at / 86400 - 3 / 24))


def _address(history: History) -> None:
    """Addresses in order of creation, from each node's /24."""
    used = dict.fromkeys(history.shop.nodes, 1)
    for pod in history.pods:
        if pod.node:
            used[pod.node] += 1
            pod.ip = f"10.244.{history.shop.nodes.index(pod.node) + 1}.{used[pod.node] % 250 + 2}"
