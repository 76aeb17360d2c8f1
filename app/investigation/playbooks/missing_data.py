"""C29: what stopped telling: scrape targets that do not answer, metrics that vanished."""

from __future__ import annotations

from app.investigation.collectors.pods import leaving, presence
from app.investigation.model import Cause, Noise, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C29",
    title="Nothing is told any more",
    signals=("target-missing", "metrics-missing"),
    collectors=(presence, leaving),
    causes=(
        Cause("node-lost", "pod {pod} is on {node}, which is not ready", requires=("pods.on-lost-node",)),
        Cause("pods-wait", "container {container} of {pod} waits: {reason}", requires=("pods.waiting",), points=55),
        Cause("no-pods", "there is no pod that could tell", requires=("pods.none",), points=55),
        Cause(
            "release",
            "revision {revision} tells nothing, or elsewhere: {change}",
            requires=("change.rollout", "pods.ready"),
            points=50,
        ),
        Cause(
            "scrape",
            "the pods are ready and not scraped: port, path, network policy or relabelling",
            requires=("pods.ready",),
            supports=("change.no-rollout",),
            points=45,
        ),
    ),
    noise=(Noise("it is scaled to zero", ("workload.scaled-to-zero",)),),
    commands=("kubectl --context {context} --namespace {ns} get pods --output wide",),
    priority=Priority.P4,
    leads=5,
)
