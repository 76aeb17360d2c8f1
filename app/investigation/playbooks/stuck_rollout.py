"""C24: a rollout past its deadline; what keeps its new pods from being ready names the case where it is known."""

from __future__ import annotations

from app.investigation.collectors.images import other_pulls, pull_secrets, pulls, registry_answers
from app.investigation.collectors.logs import REASONS
from app.investigation.container_causes import CAUSES, COLLECTORS, DESCRIBE, ENDED, HISTORY, UNDO
from app.investigation.model import Cause, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C24",
    title="Rollout past its deadline",
    signals=("rollout-stuck",),
    collectors=(pulls, registry_answers, other_pulls, pull_secrets, *COLLECTORS),
    causes=(
        *CAUSES,
        Cause(
            "release-not-ready",
            "revision {revision} does not become ready, {change}",
            requires=("change.rollout", "change.only-new-pods-fail"),
            supports=("probe.failing", "probe.status", "probe.refused", "probe.timeout", "image.cannot-pull"),
            contradicts=("change.old-pods-fail", *ENDED, *REASONS),
            scopes=(Scope.REVISION,),
            commands=(UNDO, HISTORY),
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} rollout status {kind}/{name} --timeout=1s",
        DESCRIBE,
        UNDO,
    ),
    priority=Priority.P3,
    leads=10,
)
