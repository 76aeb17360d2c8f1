"""C9: pods that no node takes."""

from __future__ import annotations

from app.investigation.collectors.claims import unbound
from app.investigation.collectors.scheduling import gates, node_autoscaler, placement, scheduler, scheduling_events
from app.investigation.model import Cause, Noise, Playbook
from app.investigation.playbooks.event_surge import MOUNTING, MOUNTS
from storage.records import Priority

SAYS = ("scheduler.events",)

PLAYBOOK = Playbook(
    id="C9",
    title="Pods are not scheduled",
    signals=("pod-stuck-pending", "pod-unschedulable-spike", "events-failedscheduling"),
    collectors=(placement, scheduler, scheduling_events, node_autoscaler, gates, unbound, *MOUNTING),
    causes=(
        Cause(
            "requests-too-large",
            "each pod requests {wanted}, the largest node has {there} allocatable",
            requires=("placement.too-small",),
            supports=SAYS,
            commands=("kubectl --context {context} describe node {node}",),
        ),
        Cause(
            "nodes-full",
            "the nodes are full: each pod requests {wanted}, at most {there} left on a node",
            requires=("placement.full",),
            supports=(*SAYS, "scheduling.no-scale-up"),
            contradicts=("placement.cordon", "placement.unwell"),
            commands=("kubectl --context {context} describe node {node}",),
        ),
        Cause(
            "no-such-node",
            "no node has {label}",
            requires=("placement.label",),
            supports=SAYS,
            commands=("kubectl --context {context} get nodes --show-labels",),
        ),
        Cause(
            "cordoned",
            "{nodes}: cordoned, and would have room",
            requires=("placement.cordon",),
            supports=SAYS,
            commands=("kubectl --context {context} describe node {node}",),
        ),
        Cause(
            "node-unwell",
            "{nodes}: not well ({taint}), and would have room",
            requires=("placement.unwell",),
            supports=SAYS,
            commands=("kubectl --context {context} describe node {node}",),
        ),
        Cause(
            "taint",
            "{nodes}: taint {taint} is not tolerated",
            requires=("placement.taint",),
            supports=SAYS,
            contradicts=("placement.full",),
            commands=("kubectl --context {context} describe node {node}",),
        ),
        Cause(
            "claim-not-bound",
            "claim {claim} is not bound",
            requires=("claim.unbound",),
            supports=SAYS,
            commands=("kubectl --context {context} --namespace {ns} describe persistentvolumeclaim {claim}",),
        ),
        Cause(
            "placement-rule",
            "no node satisfies {rule}",
            requires=("scheduler.rule",),
            supports=("placement.fits", *SAYS),
            points=45,
        ),
        Cause(
            "scheduler",
            "the scheduler finds no node: {reason} ({number})",
            requires=("scheduler.counts",),
            supports=SAYS,
            contradicts=("placement.known", "scheduler.rule", "claim.unbound"),
            points=55,
        ),
        *MOUNTS,
    ),
    noise=(
        Noise("a node is being added for its pods", ("scheduling.scales-up",)),
        Noise("its pods are held back on purpose", ("scheduling.gated",)),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe pod {pod}",
        "kubectl --context {context} get nodes",
    ),
    priority=Priority.P3,
    leads=40,
)
