"""How wide a problem is: one pod, one node, one revision, the whole workload, or more than that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.model import Scope

if TYPE_CHECKING:
    from app.investigation.scene import Scene

SHARED = 3
"""Workloads with a problem of the same time from which it is nothing of their own."""


def scope_of(scene: Scene) -> tuple[Scope, str]:
    """The scope, and what is in it in words."""
    if scene.subject.kind == "Node":
        return Scope.NODE, f"node {scene.subject.name}"
    others = {a.entity.title: a.entity.namespace for a in scene.related if a.entity.key != scene.subject.key}
    if len(others) + 1 >= SHARED and len({*others.values(), scene.subject.namespace}) > 1:
        return Scope.CLUSTER, f"{len(others) + 1} workloads in several namespaces"
    if len(others) + 1 >= SHARED:
        return Scope.NAMESPACE, f"{len(others) + 1} workloads of {scene.subject.namespace}"
    return _of_pods(scene)


def _of_pods(scene: Scene) -> tuple[Scope, str]:
    unwell, pods = scene.affected, scene.pods
    if not pods:
        return Scope.UNKNOWN, "its pods are not known"
    if not unwell:
        return Scope.WORKLOAD, f"all {len(pods)} pods are ready"
    revisions = {scene.state.owner(pod).revision for pod in unwell}
    others = {scene.state.owner(pod).revision for pod in pods if pod not in unwell}
    if len(revisions) == 1 and others and not revisions & others:
        newest = scene.revisions[0].metadata.labels.get("pod-template-hash", "") if scene.revisions else ""
        which = "the newest revision" if revisions == {newest} else f"revision {next(iter(revisions))}"
        return Scope.REVISION, f"{which}: {len(unwell)} of {len(pods)} pods"
    if len(unwell) == len(pods):
        return Scope.WORKLOAD, f"all {len(pods)} pods"
    if len(unwell) == 1:
        return Scope.POD, f"one of {len(pods)} pods: {unwell[0].name}"
    nodes = {pod.spec.node_name for pod in unwell}
    if len(nodes) == 1 and nodes != {""} and any(pod.spec.node_name not in nodes for pod in pods):
        return Scope.NODE, f"{len(unwell)} of {len(pods)} pods, all on node {next(iter(nodes))}"
    return Scope.WORKLOAD, f"{len(unwell)} of {len(pods)} pods"
