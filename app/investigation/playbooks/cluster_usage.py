"""C19: the whole cluster uses more CPU or memory."""

from __future__ import annotations

from app.investigation.collectors.contributions import capacity, effects, headroom, risers
from app.investigation.collectors.usage import jobs
from app.investigation.model import Cause, Noise, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C19",
    title="The cluster uses more",
    signals=("cluster-cpu-usage-spike", "cluster-memory-usage-spike"),
    collectors=(risers, capacity, headroom, jobs, effects),
    causes=(
        Cause(
            "riser",
            "{riser} uses {rise} more",
            requires=("rise.one-workload",),
            supports=("effect.elsewhere",),
            contradicts=("capacity.changed",),
            points=60,
        ),
        Cause(
            "job",
            "{job} began to run",
            requires=("usage.job",),
            supports=("rise.one-workload",),
            scopes=(Scope.CLUSTER,),
            points=40,
        ),
        Cause(
            "fewer-nodes",
            "fewer nodes do the same work",
            requires=("capacity.changed",),
            points=55,
            commands=("kubectl --context {context} get nodes",),
        ),
    ),
    noise=(
        Noise(
            "a Job that runs at its time, and enough is left",
            requires=("usage.job",),
            unless=("headroom.none", "effect.elsewhere", "rise.one-workload"),
        ),
    ),
    commands=(
        "kubectl --context {context} top node",
        "kubectl --context {context} top pod --all-namespaces --sort-by=cpu",
    ),
    priority=Priority.P4,
    leads=8,
    decisive=False,
)
