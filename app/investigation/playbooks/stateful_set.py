"""C25: StatefulSets that lack replicas: one pod that does not come up holds back those after it."""

from __future__ import annotations

from app.investigation.collectors.claims import consumers, unbound
from app.investigation.collectors.pods import leaving, presence
from app.investigation.collectors.scheduling import placement, scheduler
from app.investigation.container_causes import CAUSES, COLLECTORS
from app.investigation.model import Cause, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C25",
    title="StatefulSet lacks replicas",
    signals=("statefulset-degraded",),
    collectors=(presence, leaving, unbound, consumers, placement, scheduler, *COLLECTORS),
    causes=(
        Cause("node-lost", "pod {pod} is on {node}, which is not ready", requires=("pods.on-lost-node",), points=65),
        Cause("claim-not-bound", "pod {pod} waits for claim {claim}, which is not bound", requires=("claim.unbound",)),
        Cause(
            "requests-too-large",
            "each pod requests {wanted}, the largest node has {there} allocatable",
            requires=("placement.too-small",),
            supports=("scheduler.says",),
        ),
        Cause(
            "nodes-full",
            "the nodes are full: each pod requests {wanted}, at most {there} left on a node",
            requires=("placement.full",),
            supports=("scheduler.says",),
        ),
        Cause(
            "container-waits",
            "container {container} of {pod} waits: {reason}",
            requires=("pods.waiting",),
            contradicts=("container.exit", "claim.unbound"),
            points=50,
        ),
        Cause("terminating", "pod {pod} does not go: its place is taken", requires=("pods.stuck-terminating",)),
        *CAUSES,
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe pod {pod}",
        "kubectl --context {context} --namespace {ns} get pods,persistentvolumeclaims",
    ),
    priority=Priority.P3,
    leads=35,
)
