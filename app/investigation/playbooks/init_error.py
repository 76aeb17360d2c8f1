"""C7: init containers that fail, or wait for something that does not come."""

from __future__ import annotations

from app.investigation.container_causes import CAUSES, COLLECTORS, DESCRIBE, PREVIOUS
from app.investigation.model import Cause, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C7",
    title="Init containers fail",
    signals=("pod-init-error",),
    collectors=COLLECTORS,
    causes=(
        Cause(
            "init-waits",
            "init container {init} waits for something that does not come",
            requires=("init.waiting",),
            contradicts=("log.dependency", "log.error"),
            scopes=(Scope.WORKLOAD, Scope.REVISION, Scope.POD),
            points=50,
        ),
        *CAUSES,
    ),
    commands=(DESCRIBE, PREVIOUS, "kubectl --context {context} --namespace {ns} logs {pod} --container {init}"),
    priority=Priority.P3,
    leads=52,
)
