"""C20: the cluster's network loses packets."""

from __future__ import annotations

from app.investigation.collectors.contributions import by_node, carriers, effects
from app.investigation.model import Cause, Noise, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C20",
    title="The network loses packets",
    signals=("cluster-network-error-spike", "cluster-tcp-retransmits"),
    collectors=(by_node, carriers, effects),
    causes=(
        Cause(
            "one-node",
            "one node's interface, host or connection tracking: {node}",
            requires=("network.one-node",),
            supports=("effect.elsewhere",),
            points=60,
            commands=(
                "kubectl --context {context} describe node {node}",
                "kubectl --context {context} get pods --all-namespaces --field-selector spec.nodeName={node}",
            ),
        ),
        Cause(
            "carrier",
            "{carrier}, which carries the network, restarted",
            requires=("network.carrier-restarted",),
            points=55,
            commands=("kubectl --context {context} get pods --namespace kube-system --output wide",),
        ),
        Cause(
            "fabric",
            "what all nodes share: the network between them",
            requires=("network.all-nodes", "effect.elsewhere"),
            scopes=(Scope.CLUSTER, Scope.NAMESPACE),
            points=40,
        ),
    ),
    noise=(
        Noise(
            "more lost packets, and nobody suffers from it",
            requires=("network.measured",),
            unless=("effect.elsewhere", "network.one-node", "network.carrier-restarted"),
        ),
    ),
    commands=(
        "kubectl --context {context} get nodes --output wide",
        "kubectl --context {context} get pods --namespace kube-system --output wide",
    ),
    priority=Priority.P3,
    leads=12,
    decisive=False,
)
