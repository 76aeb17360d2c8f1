"""C13: nodes whose kubelet is not heard, or says that it is not ready."""

from __future__ import annotations

from app.investigation.collectors.nodes import leaving, node_events, others, readiness, workloads_on
from app.investigation.model import Cause, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C13",
    title="Node not ready",
    signals=("node-not-ready",),
    collectors=(readiness, node_events, leaving, others, workloads_on),
    causes=(
        Cause(
            "control-plane-path",
            "{count} of {of} nodes are not ready at once: what they share, network or control plane",
            requires=("nodes.many",),
            supports=("node.silent",),
            scopes=(Scope.NODE,),
        ),
        Cause(
            "node-exhausted",
            "node {node} ran short of {resource} just before",
            requires=("node.short-before",),
            any_of=("node.silent", "node.not-ready"),
            points=65,
            scopes=(Scope.NODE,),
        ),
        Cause(
            "node-restarted",
            "node {node} or its kubelet began anew",
            requires=("node.restarted",),
            any_of=("node.silent", "node.not-ready"),
            points=50,
        ),
        Cause(
            "node-leaving",
            "node {node} is being taken out of service: {why}",
            requires=("node.leaving",),
            any_of=("node.silent", "node.not-ready"),
            points=70,
            scopes=(Scope.NODE,),
        ),
        Cause(
            "kubelet-not-ready",
            "the kubelet of {node} says why: {message}",
            requires=("node.not-ready",),
            supports=("node.event",),
            scopes=(Scope.NODE,),
        ),
        Cause(
            "kubelet-silent",
            "the kubelet of {node} stopped posting node status: host, network or kubelet",
            requires=("node.silent",),
            supports=("node.event",),
            contradicts=("nodes.many",),
            scopes=(Scope.NODE,),
        ),
    ),
    commands=(
        "kubectl --context {context} describe node {subject}",
        "kubectl --context {context} get pods --all-namespaces --output wide --field-selector spec.nodeName={subject}",
    ),
    priority=Priority.P2,
    leads=90,
)
