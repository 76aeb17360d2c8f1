"""C4: containers that end again and again."""

from __future__ import annotations

from app.investigation.collectors.containers import exits, last_words
from app.investigation.model import Cause, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C4",
    title="Containers end again and again",
    signals=("pod-crashloopbackoff", "pod-restart-spike"),
    collectors=(exits, last_words),
    causes=(
        Cause(
            "release",
            "revision {revision} fails: {change}",
            requires=("change.rollout", "container.exit"),
            supports=("log.last-words",),
            contradicts=("change.old-pods-fail",),
            scopes=(Scope.REVISION,),
            commands=("kubectl --context {context} --namespace {ns} rollout undo {kind}/{name} --dry-run=server",),
        ),
        Cause(
            "application-error",
            "container {container} exits with code {code}: {line}",
            requires=("container.exit", "log.last-words"),
            supports=("change.no-rollout",),
            scopes=(Scope.WORKLOAD, Scope.POD),
            points=50,
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe pod {pod}",
        "kubectl --context {context} --namespace {ns} logs {pod} --container {container} --previous --tail=100",
    ),
    priority=Priority.P3,
    leads=50,
)
