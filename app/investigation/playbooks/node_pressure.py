"""C14: nodes that are short of memory, disk or process ids."""

from __future__ import annotations

from app.investigation.collectors.growth import memory_growth
from app.investigation.collectors.nodes import evicted, node_events, pressure, readiness, users, workloads_on
from app.investigation.model import Cause, Noise, Playbook, Scope
from storage.records import Priority

TABLE: tuple[Cause, ...] = (
    Cause(
        "memory-growth",
        "pod {pod} grew by {growth}",
        requires=("memory.grew",),
        any_of=("node.pressure", "pods.evicted"),
        supports=("memory.over-request",),
        contradicts=("disk.greatest-user",),
        scopes=(Scope.NODE,),
        points=55,
    ),
    Cause(
        "over-request",
        "pod {pod} uses {used} of memory and requested {asked}",
        requires=("memory.over-request",),
        any_of=("node.pressure", "pods.evicted"),
        supports=("memory.grew",),
        scopes=(Scope.NODE,),
        points=55,
    ),
    Cause(
        "overcommitted",
        "node {node} is overcommitted: its pods together use more memory than it can give",
        requires=("memory.overcommitted",),
        any_of=("node.pressure", "pods.evicted"),
        scopes=(Scope.NODE,),
        points=55,
    ),
    Cause(
        "disk-filled",
        "pod {pod} fills the disk of {node}: {amount}",
        requires=("disk.greatest-user",),
        any_of=("node.pressure", "pods.evicted"),
        supports=("node.short-before",),
        scopes=(Scope.NODE,),
        points=55,
    ),
    Cause(
        "node-short",
        "node {node} is short of {resource}",
        requires=("node.pressure",),
        supports=("node.short-before", "pods.evicted"),
        contradicts=("memory.grew", "memory.over-request", "memory.overcommitted", "disk.greatest-user"),
        scopes=(Scope.NODE,),
        points=45,
    ),
)
"""Shared by the pressure of a node and the evictions that follow from it."""
COLLECTORS = (pressure, users, memory_growth, node_events, evicted, workloads_on)
COMMANDS = (
    "kubectl --context {context} describe node {node}",
    "kubectl --context {context} top pods --all-namespaces --sort-by=memory",
)

PLAYBOOK = Playbook(
    id="C14",
    title="Node under pressure",
    signals=("node-memory-pressure", "node-disk-pressure"),
    collectors=(*COLLECTORS, readiness),
    causes=TABLE,
    noise=(Noise("its kubelet is silent: nothing is known of its pressure", ("node.silent",)),),
    commands=COMMANDS,
    priority=Priority.P3,
    leads=80,
)
