"""C2: requests or calls take longer than usual."""

from __future__ import annotations

from app.investigation.collectors.neighbours import callees, far_ends_of, nodes
from app.investigation.collectors.requests import few_requests
from app.investigation.collectors.splits import by_pod, by_route, by_version
from app.investigation.collectors.suspects import suspects
from app.investigation.collectors.symptoms import shape, symptoms
from app.investigation.model import Cause, Noise, Playbook, Scope
from app.investigation.shared_causes import CALLEE, FAR_END, NODE, ONE_POD, SHORT_OF, at_release
from storage.records import Priority

QUANTILES = (50, 90, 95, 99)

PLAYBOOK = Playbook(
    id="C2",
    title="Requests take longer",
    signals=(
        *(f"http-server-latency-p{q}" for q in QUANTILES),
        *(f"ext-http-latency-p{q}" for q in QUANTILES),
        *(f"server-latency-p{q}" for q in QUANTILES[:2]),
        *(f"external-latency-p{q}" for q in QUANTILES[:2]),
    ),
    collectors=(
        few_requests,
        symptoms,
        shape,
        by_pod,
        by_version,
        by_route,
        callees,
        far_ends_of,
        nodes,
        suspects,
    ),
    causes=(
        CALLEE,
        FAR_END,
        at_release("its requests take longer"),
        Cause(
            "throttled",
            "its CPU limit holds it back",
            requires=("signal.throttled",),
            supports=("latency.everything", "signal.surge"),
            contradicts=("near.callee",),
            scopes=(Scope.WORKLOAD,),
            points=60,
            commands=("kubectl --context {context} --namespace {ns} top pod --containers",),
        ),
        Cause(
            "traffic",
            "more requests than it can take",
            requires=("signal.surge",),
            supports=("signal.throttled", "signal.scaled-out", "latency.everything"),
            contradicts=("near.callee",),
            points=50,
            commands=("kubectl --context {context} --namespace {ns} get hpa",),
        ),
        ONE_POD,
        SHORT_OF,
        NODE,
        Cause("route", "one route is slow: {route}", requires=("split.route",), points=40),
        Cause(
            "network",
            "the cluster's network loses packets",
            requires=("signal.network",),
            supports=("latency.tail-only",),
            contradicts=("near.callee", "split.pod", "split.new-revision"),
            points=45,
        ),
        Cause(
            "memory",
            "its containers run out of memory",
            any_of=("signal.out-of-memory",),
            supports=("latency.tail-only",),
            contradicts=("near.callee",),
            points=45,
        ),
    ),
    noise=(
        Noise(
            "the first minutes of new pods",
            requires=("split.pod", "change.rollout", "latency.tail-only"),
            unless=("split.new-revision", "impact.errors", "impact.latency", "near.callee"),
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} top pod",
        "kubectl --context {context} --namespace {ns} get hpa",
        "kubectl --context {context} --namespace {ns} logs {kind}/{name} --since=15m",
    ),
    priority=Priority.P3,
    leads=25,
    decisive=False,
)
