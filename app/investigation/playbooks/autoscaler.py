"""C27: autoscalers that may not add what the load asks for."""

from __future__ import annotations

from app.investigation.collectors.autoscalers import limits, measurements
from app.investigation.model import Cause, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C27",
    title="Autoscaler at its maximum",
    signals=("hpa-at-maximum",),
    collectors=(limits, measurements),
    causes=(
        Cause(
            "maximum-too-low",
            "{metric} demand is above target ({ratio}) and maxReplicas ({most}) is reached",
            requires=("autoscaler.at-maximum", "autoscaler.load"),
            scopes=(Scope.WORKLOAD,),
            commands=("kubectl --context {context} --namespace {ns} describe horizontalpodautoscaler {autoscaler}",),
        ),
        Cause(
            "at-maximum",
            "{target} has reached maxReplicas ({most}) of autoscaler {autoscaler}",
            requires=("autoscaler.at-maximum",),
            contradicts=("autoscaler.load",),
            points=55,
        ),
        Cause(
            "no-metrics",
            "the autoscaler does not get its metrics: {reason}",
            requires=("autoscaler.blind",),
            commands=("kubectl --context {context} get --raw /apis/metrics.k8s.io/v1beta1",),
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe horizontalpodautoscaler {subject}",
        "kubectl --context {context} --namespace {ns} top pods",
    ),
    priority=Priority.P3,
    leads=30,
)
