"""Namespaces and nodes as the API server writes them, from the simulation's history at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.lab.history import UNREACHABLE
from tests.lab.manifests import Manifest, metadata, stamp
from tests.lab.shop import identifier

if TYPE_CHECKING:
    from tests.lab.history import History


def namespace(history: History, name: str) -> Manifest:
    """A Namespace, with its environment where the shop names one."""
    environment = dict(history.shop.environments).get(name)
    marks = {"kubernetes.io/metadata.name": name, **({"environment": environment} if environment else {})}
    who = metadata("Namespace", "", name, history.start - 90 * 86400, labels=marks)
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": who, "spec": {}, "status": {"phase": "Active"}}


CONDITIONS = {
    "MemoryPressure": ("KubeletHasSufficientMemory", "KubeletHasInsufficientMemory", "memory"),
    "DiskPressure": ("KubeletHasNoDiskPressure", "KubeletHasDiskPressure", "disk"),
    "PIDPressure": ("KubeletHasSufficientPID", "KubeletHasInsufficientPID", "PID"),
}
"""Condition to its reasons when good and when bad, and what it is about."""


def node(history: History, name: str, at: float) -> Manifest:
    """A Node with its conditions and taints."""
    number = history.shop.nodes.index(name)
    born = history.start - 60 * 86400
    who = metadata(
        "Node",
        "",
        name,
        born,
        labels={
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "node.kubernetes.io/instance-type": "m6i.xlarge",
            "topology.kubernetes.io/region": "eu-west-1",
            "topology.kubernetes.io/zone": f"eu-west-1{'abc'[number % 3]}",
        },
    )
    mine = [spell for spell in history.spells if spell.node == name and spell.start <= at]
    lost = next(
        (
            spell
            for spell in mine
            if spell.condition == "NotReady" and spell.covers(at - UNREACHABLE) and spell.covers(at)
        ),
        None,
    )
    taints = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}] if number == 0 else []
    spec: Manifest = {"podCIDR": f"10.244.{number + 1}.0/24", "providerID": f"lab://{name}"}
    if any(spell.condition in ("Cordoned", "Drained") and spell.covers(at) for spell in mine):
        spec["unschedulable"] = True
        taints.append({"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"})
    if lost:
        taints += [
            {"key": "node.kubernetes.io/unreachable", "effect": effect, "timeAdded": stamp(lost.start + UNREACHABLE)}
            for effect in ("NoSchedule", "NoExecute")
        ]
    for spell in mine:
        if spell.condition in CONDITIONS and spell.covers(at):
            key = f"node.kubernetes.io/{CONDITIONS[spell.condition][2]}-pressure"
            taints.append({"key": key, "effect": "NoSchedule"})
    if taints:
        spec["taints"] = taints
    status = {
        "capacity": {"cpu": "4", "memory": "16Gi", "pods": "110", "ephemeral-storage": "103079844Ki"},
        "allocatable": {"cpu": "3920m", "memory": "15Gi", "pods": "110", "ephemeral-storage": "94998384074"},
        "conditions": [_node_condition(history, name, kind, born, at) for kind in (*CONDITIONS, "Ready")],
        "addresses": [
            {"type": "InternalIP", "address": history.shop.address(name)},
            {"type": "Hostname", "address": name},
        ],
        "nodeInfo": {
            "machineID": identifier("machine", name).replace("-", ""),
            "kubeletVersion": "v1.36.2",
            "osImage": "Ubuntu 24.04.2 LTS",
            "containerRuntimeVersion": "containerd://2.1.4",
            "architecture": "amd64",
            "operatingSystem": "linux",
        },
    }
    return {"apiVersion": "v1", "kind": "Node", "metadata": who, "spec": spec, "status": status}


def _node_condition(history: History, name: str, kind: str, born: float, at: float) -> Manifest:
    mine = [spell for spell in history.spells if spell.node == name and spell.start <= at]
    lost = next((s for s in mine if s.condition == "NotReady" and s.start + UNREACHABLE <= at < s.end), None)
    if lost:
        silent = stamp(lost.start + UNREACHABLE)
        unknown = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
        times = {"lastHeartbeatTime": stamp(lost.start), "lastTransitionTime": silent}
        return {"type": kind, "status": "Unknown", **times, **unknown}
    own = kind if kind in CONDITIONS else "NotReady"
    over = [spell.end for spell in mine if spell.condition in (own, "NotReady") and spell.end <= at]
    bad = next((spell for spell in mine if spell.condition == kind and spell.covers(at)), None)
    since = stamp(bad.start if bad else max([born, *over]))
    times = {"lastHeartbeatTime": stamp(at), "lastTransitionTime": since}
    if kind == "Ready":
        return {
            "type": kind,
            "status": "True",
            **times,
            "reason": "KubeletReady",
            "message": "kubelet is posting ready status",
        }
    good, wrong, what = CONDITIONS[kind]
    word = "has no disk pressure" if kind == "DiskPressure" else f"has sufficient {what} available"
    text = f"kubelet has insufficient {what} available" if bad else f"kubelet {word}"
    return {
        "type": kind,
        "status": "True" if bad else "False",
        **times,
        "reason": wrong if bad else good,
        "message": text,
    }
