"""C21: operations on a database fail or take longer."""

from __future__ import annotations

from app.investigation.collectors.contributions import connections, error_types
from app.investigation.collectors.neighbours import callees, far_ends_of, nodes
from app.investigation.collectors.requests import burn, few_requests
from app.investigation.collectors.splits import by_pod, by_version
from app.investigation.collectors.suspects import suspects
from app.investigation.collectors.symptoms import symptoms
from app.investigation.collectors.usage import calm
from app.investigation.model import Cause, Noise, Playbook
from app.investigation.shared_causes import CALLEE, FAR_END, ONE_POD, at_release
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C21",
    title="A database fails or is slow",
    signals=("database-error-spike", "database-latency-p95"),
    collectors=(
        burn,
        few_requests,
        symptoms,
        far_ends_of,
        callees,
        nodes,
        connections,
        error_types,
        by_pod,
        by_version,
        suspects,
        calm,
    ),
    causes=(
        Cause(
            "credentials",
            "{peer} refuses its credentials ({error})",
            requires=("database.refused", "near.far-end"),
            contradicts=("near.callee",),
            points=65,
        ),
        Cause(
            "connections",
            "{peer} has hardly any connections left",
            requires=("database.connections", "near.far-end"),
            supports=("far-end.all-clients",),
            points=60,
        ),
        CALLEE,
        FAR_END,
        at_release("its operations go wrong"),
        Cause(
            "client",
            "this client's own queries, pool or settings: others use {peer} well",
            requires=("far-end.one-client",),
            supports=("change.rollout", "signal.surge"),
            points=50,
        ),
        ONE_POD,
    ),
    noise=(
        Noise(
            "close to the threshold, and its clients' requests are well",
            requires=("effect.none",),
            unless=(
                "impact.errors",
                "impact.latency",
                "impact.dependents",
                "near.callee",
                "database.connections",
                "database.refused",
                "far-end.all-clients",
                "signal.errors",
                "signal.latency",
            ),
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} logs {kind}/{name} --since=15m",
        "kubectl --context {context} --namespace {ns} get pods --output wide",
    ),
    priority=Priority.P3,
    leads=35,
    decisive=False,
)
