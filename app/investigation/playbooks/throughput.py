"""C16: network and disk rates of workloads and nodes."""

from __future__ import annotations

from app.investigation.collectors.contributions import effects, risers
from app.investigation.collectors.neighbours import callees, callers, far_ends_of
from app.investigation.collectors.splits import by_pod, by_version
from app.investigation.collectors.suspects import suspects
from app.investigation.collectors.symptoms import symptoms
from app.investigation.collectors.usage import calm, jobs, per_request, starting
from app.investigation.model import Cause, Noise, Playbook
from app.investigation.shared_causes import at_release
from storage.records import Priority

EFFECTS = (
    "impact.errors", "impact.latency", "impact.not-ready", "impact.no-endpoints", "impact.dependents",
    "signal.errors", "signal.latency", "signal.network", "effect.elsewhere",
)  # fmt: skip

PLAYBOOK = Playbook(
    id="C16",
    title="Network or disk rates",
    signals=(
        "workload-network-send",
        "workload-network-receive",
        "workload-disk-write",
        "workload-disk-read",
        "node-network-send",
        "node-network-receive",
    ),
    collectors=(
        symptoms,
        by_pod,
        by_version,
        far_ends_of,
        per_request,
        jobs,
        starting,
        callers,
        callees,
        calm,
        suspects,
        risers,
        effects,
    ),
    causes=(
        at_release("it moves other amounts of data"),
        Cause("job", "{job} began to run", requires=("usage.job",), points=50),
        Cause(
            "caller",
            "{caller}, which calls it, has trouble or sends other traffic",
            requires=("near.caller",),
            contradicts=("usage.job",),
            points=50,
        ),
        Cause("callee", "{callee}, which it depends on, went out of band first", requires=("near.callee",), points=50),
        Cause(
            "cold-cache",
            "its containers had just started, and read what they had cached",
            requires=("usage.starting",),
            contradicts=("usage.job", "near.caller"),
            points=45,
        ),
        Cause("riser", "{riser} moves {rise} more", requires=("rise.one-workload",), points=45),
        Cause(
            "unexplained",
            "more data than its requests explain",
            requires=("usage.not-requests",),
            any_of=EFFECTS,
            contradicts=("usage.job", "change.rollout", "near.caller", "near.callee"),
            points=40,
        ),
    ),
    noise=(
        Noise(
            "as much for each request as before: it is the traffic",
            requires=("usage.follows-requests",),
            unless=EFFECTS,
        ),
        Noise("a Job that runs at its time", requires=("usage.job",), unless=EFFECTS),
        Noise("another rate, and nobody suffers from it", requires=("effect.none",), unless=EFFECTS),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} top pod",
        "kubectl --context {context} get jobs --all-namespaces",
    ),
    priority=Priority.P4,
    leads=5,
    decisive=False,
)
