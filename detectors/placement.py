"""Where a pod could run: what it asks for, what nodes have left, and why each node refuses it.

The scheduler's own rules, as far as objects tell them: node selector and required node affinity, cordons, taints and
tolerations, and the resources that the pods of a node have requested. Rules between pods (anti-affinity, topology
spread), host ports and volumes' zones are not computed.
See https://kubernetes.io/docs/concepts/scheduling-eviction/ for what each of them means.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from detectors.objects import quantity

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from detectors.cluster import ClusterState
    from detectors.objects import Node, Pod, ResourceQuota
    from detectors.objects.pods import Requirement, TemplateSpec

CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
"""Labels, and taints, of nodes that are not for ordinary pods."""
NODE_TAINTS = "node.kubernetes.io/"
"""Prefix of the taints that the node controller sets on a node that is not well."""
_BINDING = ("NoSchedule", "NoExecute")


class Bar(StrEnum):
    """Why a node does not take a pod."""

    LABEL = "label"
    CORDON = "cordon"
    UNWELL = "unwell"
    TAINT = "taint"
    TOO_SMALL = "too small"
    FULL = "full"


@dataclass(frozen=True, slots=True)
class Refusal:
    """One node's reason to refuse a pod: the first that no waiting changes comes first."""

    node: Node
    bar: Bar
    what: str
    """The label, the taint or the resource that it fails on."""
    room: bool
    """Whether it has what the pod asks for, whatever else is against it."""
    wanted: float = 0.0
    """Of a resource, in base units."""
    left: float = 0.0
    """What the node has of it: of all, where it is too small; of what others did not request, where it is full."""


class _Wish(NamedTuple):
    """What a pod wants of a node."""

    requests: Mapping[str, float]
    selector: Mapping[str, str]
    template: TemplateSpec


def requests(pod: Pod) -> dict[str, float]:
    """What a pod asks for, by resource, in base units; init containers run one after the other, sidecars stay."""
    spec = pod.spec
    sidecars = [each for each in spec.init_containers if each.restart_policy == "Always"]
    total: dict[str, float] = {"pods": 1.0}
    for container in (*spec.containers, *sidecars):
        for name, wanted in container.resources.requests.items():
            total[name] = total.get(name, 0.0) + quantity(wanted)
    for container in spec.init_containers:
        for name, wanted in container.resources.requests.items() if container not in sidecars else ():
            total[name] = max(total.get(name, 0.0), quantity(wanted))
    return total


def refusals(state: ClusterState, pod: Pod) -> tuple[Refusal, ...] | None:
    """Why each node does not take a pod; of a node that has nothing against it there is none.

    Which taints a pod bears is read from its workload's template; None where that is not there to be read.
    """
    controller = pod.metadata.controller
    workload = (
        state.workloads.get((controller.kind, pod.namespace, controller.name)) if controller is not None else None
    )
    if workload is None:
        return None
    wish = _Wish(requests(pod), pod.spec.node_selector, workload.spec.template.spec)
    taken = _taken(state)
    found = (_refusal(node, wish, taken.get(node.name, {})) for node in state.nodes.values())
    return tuple(each for each in found if each is not None)


def _taken(state: ClusterState) -> dict[str, dict[str, float]]:
    """What the pods of each node have requested, by resource."""
    taken: dict[str, dict[str, float]] = {}
    for pod in state.pods.values():
        if pod.spec.node_name and not pod.finished:
            mine = taken.setdefault(pod.spec.node_name, {})
            for name, amount in requests(pod).items():
                mine[name] = mine.get(name, 0.0) + amount
    return taken


def for_everybody(node: Node) -> bool:
    """Whether ordinary pods may run there."""
    marks = {*node.metadata.labels, *(taint.key for taint in node.spec.taints)}
    return not marks.intersection(CONTROL_PLANE)


def _refusal(node: Node, wish: _Wish, taken: Mapping[str, float]) -> Refusal | None:
    wanted = wish.requests
    has = {name: quantity(amount) for name, amount in node.status.allocatable.items()}
    rest = {name: amount - taken.get(name, 0.0) for name, amount in has.items()}
    room = not has or _lacking(wanted, rest) is None
    if label := _unmatched(node, wish):
        return Refusal(node, Bar.LABEL, label, room)
    if node.spec.unschedulable:
        return Refusal(node, Bar.CORDON, "spec.unschedulable", room)
    if taint := _untolerated(node, wish.template):
        return Refusal(node, Bar.UNWELL if taint.startswith(NODE_TAINTS) else Bar.TAINT, taint, room)
    if has and (resource := _lacking(wanted, has)) is not None:
        return Refusal(node, Bar.TOO_SMALL, resource, room, wanted[resource], has.get(resource, 0.0))
    if has and (resource := _lacking(wanted, rest)) is not None:
        return Refusal(node, Bar.FULL, resource, room, wanted[resource], max(0.0, rest.get(resource, 0.0)))
    return None


def _lacking(wanted: Mapping[str, float], there: Mapping[str, float]) -> str | None:
    """The resource of which there is the smallest part of what is wanted; None where there is enough of all."""
    short = {name: there.get(name, 0.0) / amount for name, amount in wanted.items() if amount > there.get(name, 0.0)}
    return min(short, key=lambda name: short[name], default=None)


def _unmatched(node: Node, wish: _Wish) -> str:
    """The first label that a pod wants and a node does not have; empty where it has all."""
    labels = node.metadata.labels
    for name, value in sorted(wish.selector.items()):
        if labels.get(name) != value:
            return f"{name}={value}"
    affinity = wish.template.affinity.node_affinity
    terms = affinity.required.node_selector_terms if affinity is not None and affinity.required is not None else ()
    lacking = [next((each for each in term.match_expressions if not _meets(labels, each)), None) for term in terms]
    if terms and all(each is not None for each in lacking):
        return " or ".join(_told(each) for each in lacking if each is not None)
    return ""


def _untolerated(node: Node, template: TemplateSpec) -> str:
    """The first taint that keeps a pod off a node; empty where there is none."""
    for taint in node.spec.taints:
        borne = any(
            (each.effect in ("", taint.effect))
            and (not each.key or each.key == taint.key)
            and (each.operator == "Exists" or each.value == taint.value)
            for each in template.tolerations
        )
        if taint.effect in _BINDING and not borne:
            return f"{taint.key}={taint.value}:{taint.effect}" if taint.value else f"{taint.key}:{taint.effect}"
    return ""


def _meets(labels: Mapping[str, str], need: Requirement) -> bool:
    value = labels.get(need.key)
    rules = {
        "In": value in need.values,
        "NotIn": value not in need.values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
        "Gt": _number(value) > max(map(_number, need.values), default=inf),
        "Lt": -inf < _number(value) < min(map(_number, need.values), default=-inf),
    }
    return rules.get(need.operator, True)


def _number(text: str | None) -> float:
    try:
        return float(int(text or ""))
    except ValueError:
        return -inf


def _told(need: Requirement) -> str:
    return " ".join((need.key, need.operator, ",".join(need.values))).strip()


def widest(refused: Iterable[Refusal], bar: Bar) -> Refusal | None:
    """Of the nodes that refuse for one reason, the one that has most of what is wanted."""
    return max((each for each in refused if each.bar is bar), key=lambda each: each.left, default=None)


def exhausted(quota: ResourceQuota, pod: Pod | None, *, claims: float = 0.0) -> tuple[str, ...]:
    """The resources of which a quota has less left than one more pod like this one, and so many claims, would take."""
    wish = requests(pod) if pod is not None else {"pods": 1.0}
    wish |= {f"requests.{name}": wanted for name, wanted in wish.items() if name != "pods"}
    wish["persistentvolumeclaims"] = claims
    rest = {name: quantity(hard) - quantity(quota.status.used.get(name, 0)) for name, hard in quota.status.hard.items()}
    return tuple(name for name, there in rest.items() if wish.get(name, 0.0) > there)
