"""C3: fewer or more requests than usual."""

from __future__ import annotations

from app.investigation.collectors.neighbours import callees, callers
from app.investigation.collectors.symptoms import lost_requests, symptoms
from app.investigation.collectors.usage import calm, scaled, season
from app.investigation.model import Cause, Noise, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C3",
    title="Fewer or more requests",
    signals=(
        "http-server-request-rate-drop",
        "http-server-request-rate-surge",
        "ext-http-request-rate-drop",
        "ext-http-request-rate-surge",
    ),
    collectors=(symptoms, lost_requests, callers, callees, scaled, season, calm),
    causes=(
        Cause(
            "no-endpoints",
            "a Service has no ready endpoint",
            requires=("impact.no-endpoints", "signal.drop"),
            supports=("impact.not-ready",),
            commands=("kubectl --context {context} --namespace {ns} get endpointslices",),
        ),
        Cause(
            "scaled-to-zero",
            "it was scaled to no replica",
            requires=("scale.zero", "signal.drop"),
            commands=("kubectl --context {context} --namespace {ns} get {kind}/{name}",),
        ),
        Cause(
            "caller",
            "{caller}, which calls it, has trouble or sends other traffic",
            requires=("near.caller",),
            contradicts=("impact.no-endpoints",),
            scopes=(Scope.WORKLOAD, Scope.NAMESPACE, Scope.CLUSTER),
            points=60,
        ),
        Cause(
            "everywhere",
            "the traffic of all workloads fell: what is in front of them",
            requires=("signal.drop", "drop.everywhere"),
            contradicts=("impact.no-endpoints",),
            scopes=(Scope.NAMESPACE, Scope.CLUSTER),
            points=50,
            commands=("kubectl --context {context} get ingress --all-namespaces",),
        ),
        Cause(
            "release",
            "revision {revision} ({change}): since it came, other traffic reaches it",
            requires=("change.rollout",),
            supports=("signal.errors",),
            contradicts=("near.caller", "season.usual", "drop.everywhere"),
            points=45,
            commands=("kubectl --context {context} --namespace {ns} rollout history {kind}/{name}",),
        ),
        Cause(
            "retries",
            "callers try again: its own requests fail",
            requires=("signal.surge", "signal.errors"),
            supports=("near.caller",),
            points=45,
        ),
        Cause(
            "load",
            "more traffic than usual",
            requires=("signal.surge",),
            any_of=("signal.latency", "signal.throttled", "signal.scaled-out", "impact.latency", "impact.errors"),
            contradicts=("near.caller",),
            points=50,
            commands=("kubectl --context {context} --namespace {ns} get hpa",),
        ),
    ),
    noise=(
        Noise(
            "more traffic, and nobody suffers from it",
            requires=("signal.surge", "effect.none"),
            unless=(
                "impact.errors",
                "impact.latency",
                "impact.not-ready",
                "impact.dependents",
                "near.caller",
                "signal.errors",
                "signal.latency",
                "signal.throttled",
                "signal.scaled-out",
            ),
        ),
        Noise(
            "the same minutes of another day or week look like it",
            requires=("season.usual",),
            unless=("impact.errors", "impact.latency", "impact.not-ready", "impact.no-endpoints", "near.caller"),
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} get endpointslices",
        "kubectl --context {context} --namespace {ns} get {kind}/{name}",
        "kubectl --context {context} --namespace {ns} get events --sort-by=.lastTimestamp",
    ),
    priority=Priority.P3,
    leads=15,
    decisive=False,
)
