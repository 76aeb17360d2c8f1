"""Causes that several classes of requests share."""

from __future__ import annotations

from app.investigation.container_causes import UNDO
from app.investigation.model import Cause, Scope


def at_release(effect: str) -> Cause:
    """A new revision: suspected by its time alone, made out where its pods are worse than the old ones.

    Args:
        effect: what it does, as the title says it.
    """
    return Cause(
        "release",
        "revision {revision} ({change}): since it came, " + effect,
        requires=("change.rollout",),
        supports=("split.new-revision", "split.version", "verify.failed"),
        contradicts=("split.old-revision", "change.old-pods-fail", "near.callee", "near.far-end", "verify.passed"),
        scopes=(Scope.REVISION,),
        points=50,
        commands=(UNDO,),
    )


CALLEE = Cause(
    "callee",
    "{callee}, which it depends on, went out of band first",
    requires=("near.callee",),
    supports=("near.far-end", "metrics.callee"),
    contradicts=("split.pod", "split.new-revision"),
    scopes=(Scope.WORKLOAD, Scope.NAMESPACE, Scope.CLUSTER),
    points=60,
)

FAR_END = Cause(
    "far-end",
    "{peer}: calls to it fail or are slow",
    requires=("near.far-end",),
    supports=("far-end.all-clients",),
    contradicts=("far-end.one-client", "split.pod", "split.new-revision"),
    scopes=(Scope.NAMESPACE, Scope.CLUSTER),
    points=55,
)

ONE_POD = Cause(
    "pod",
    "one pod makes it: {pod}",
    requires=("split.pod",),
    contradicts=("split.new-revision", "split.node"),
    points=60,
    commands=(
        "kubectl --context {context} --namespace {ns} describe pod {pod}",
        "kubectl --context {context} --namespace {ns} logs {pod} --since=15m",
    ),
)

NODE = Cause(
    "node",
    "node {node} under its pods",
    any_of=("split.node", "near.node"),
    supports=("split.pod",),
    scopes=(Scope.NODE,),
    points=50,
    commands=("kubectl --context {context} describe node {node}",),
)

SHORT_OF = Cause(
    "resources",
    "it uses more {resource} than before: {change_of_resource}",
    requires=("metrics.own",),
    supports=("signal.throttled", "signal.out-of-memory", "signal.scaled-out"),
    contradicts=("near.callee", "near.far-end"),
    scopes=(Scope.WORKLOAD,),
    points=55,
    commands=("kubectl --context {context} --namespace {ns} top pod",),
)
