"""C10: pods that kubelets put out because their node is short of something."""

from __future__ import annotations

from app.investigation.collectors.nodes import leaving
from app.investigation.model import Cause, Noise, Playbook
from app.investigation.playbooks.node_pressure import COLLECTORS, COMMANDS, TABLE
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C10",
    title="Pods are evicted",
    signals=("node-pressure-eviction-spike",),
    collectors=(*COLLECTORS, leaving),
    causes=(
        *TABLE,
        Cause("evicted", "node {node} evicted {count} pods", requires=("pods.evicted",), points=40),
    ),
    noise=(Noise("the node is being drained", ("node.leaving",), unless=("node.pressure",)),),
    commands=(
        *COMMANDS,
        "kubectl --context {context} get pods --all-namespaces --field-selector status.phase=Failed --output wide",
    ),
    priority=Priority.P3,
    leads=70,
)
