"""C15: containers, or a node's containers, are held back by their CPU limits."""

from __future__ import annotations

from app.investigation.collectors.contributions import risers
from app.investigation.collectors.neighbours import callees, far_ends_of, nodes
from app.investigation.collectors.splits import by_pod, by_version
from app.investigation.collectors.suspects import suspects
from app.investigation.collectors.symptoms import symptoms
from app.investigation.collectors.usage import calm, cpu_limits, starting
from app.investigation.model import Cause, Noise, Playbook, Scope
from app.investigation.shared_causes import at_release
from storage.records import Priority

EFFECTS = (
    "impact.errors", "impact.latency", "impact.not-ready", "impact.no-endpoints", "impact.dependents",
    "signal.errors", "signal.latency", "signal.probes",
)  # fmt: skip

PLAYBOOK = Playbook(
    id="C15",
    title="CPU limits hold it back",
    signals=("workload-cpu-throttling", "node-cpu-throttling"),
    collectors=(
        symptoms,
        by_pod,
        by_version,
        far_ends_of,
        cpu_limits,
        calm,
        starting,
        callees,
        nodes,
        suspects,
        risers,
    ),
    causes=(
        Cause(
            "cpu-limit",
            "the CPU limit of container {container} is too low: {limit}",
            requires=("limit.cpu",),
            any_of=EFFECTS,
            contradicts=("signal.surge", "limit.tiny", "usage.starting"),
            scopes=(Scope.WORKLOAD,),
            points=55,
            commands=(
                "kubectl --context {context} --namespace {ns} top pod --containers",
                "tocsin advise --namespace {ns}",
            ),
        ),
        Cause(
            "traffic",
            "more requests than its CPU limit lets it answer",
            requires=("signal.surge", "limit.cpu"),
            supports=("signal.latency", "impact.latency"),
            points=60,
            commands=("kubectl --context {context} --namespace {ns} get hpa",),
        ),
        at_release("it needs more CPU"),
        Cause(
            "neighbour",
            "{suspect}, on the same node, takes the CPU",
            requires=("metrics.neighbour",),
            contradicts=("limit.cpu",),
            scopes=(Scope.NODE,),
            points=50,
        ),
        Cause(
            "riser",
            "{riser} uses {rise} more",
            requires=("rise.one-workload",),
            points=45,
        ),
    ),
    noise=(
        Noise("a tiny limit on a container that nobody waits for", requires=("limit.tiny",), unless=EFFECTS),
        Noise("containers that had just started", requires=("usage.starting",), unless=EFFECTS),
        Noise(
            "held back, and nobody suffers from it: see the advice on its limit",
            requires=("effect.none",),
            unless=EFFECTS,
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} top pod --containers",
        "kubectl --context {context} --namespace {ns} get {kind}/{name} --output jsonpath={{..resources}}",
    ),
    priority=Priority.P4,
    leads=22,
    decisive=False,
)
