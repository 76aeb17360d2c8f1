"""C1: more requests or calls fail than usual."""

from __future__ import annotations

from app.investigation.collectors.neighbours import callees, far_ends_of, nodes
from app.investigation.collectors.requests import burn, few_requests
from app.investigation.collectors.splits import by_pod, by_route, by_version
from app.investigation.collectors.suspects import suspects
from app.investigation.collectors.symptoms import symptoms
from app.investigation.container_causes import UNDO
from app.investigation.model import Cause, Noise, Playbook
from app.investigation.shared_causes import CALLEE, FAR_END, NODE, ONE_POD, SHORT_OF, at_release
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C1",
    title="More requests fail",
    signals=("http-server-5xx-spike", "ext-http-5xx-spike", "server-error-spike", "external-error-spike"),
    collectors=(
        burn,
        few_requests,
        symptoms,
        by_pod,
        by_version,
        by_route,
        callees,
        far_ends_of,
        nodes,
        suspects,
    ),
    causes=(
        at_release("its requests fail"),
        CALLEE,
        FAR_END,
        Cause(
            "no-endpoints",
            "a Service has no ready endpoint",
            requires=("impact.no-endpoints",),
            supports=("impact.not-ready",),
            commands=("kubectl --context {context} --namespace {ns} get endpointslices",),
        ),
        ONE_POD,
        NODE,
        Cause(
            "restarting",
            "its containers end again and again",
            any_of=("signal.restarts", "signal.out-of-memory"),
            supports=("impact.not-ready", "split.pod"),
            contradicts=("near.callee",),
            points=50,
            commands=("kubectl --context {context} --namespace {ns} describe pod {pod}",),
        ),
        SHORT_OF,
        Cause(
            "route",
            "one route fails: {route}",
            requires=("split.route",),
            contradicts=("near.callee",),
            points=40,
        ),
        Cause(
            "traffic",
            "more requests than it can take",
            requires=("signal.surge",),
            supports=("signal.throttled", "signal.scaled-out", "signal.latency"),
            contradicts=("near.callee",),
            points=45,
            commands=("kubectl --context {context} --namespace {ns} get hpa",),
        ),
    ),
    noise=(
        Noise(
            "a single route fails, with no effect on the rest",
            requires=("split.route",),
            unless=("impact.errors", "change.rollout", "near.callee", "near.far-end", "impact.dependents"),
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} rollout history {kind}/{name}",
        "kubectl --context {context} --namespace {ns} get endpointslices",
        "kubectl --context {context} --namespace {ns} logs {kind}/{name} --since=15m",
        UNDO,
    ),
    priority=Priority.P3,
    leads=30,
    decisive=False,
)
