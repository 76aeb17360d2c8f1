"""C26: pods that the namespace's quota refuses."""

from __future__ import annotations

from app.investigation.collectors.quotas import creation, lacking, refusals
from app.investigation.model import Cause, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C26",
    title="Quota refuses pods",
    signals=("quota-exceeded",),
    collectors=(refusals, creation, lacking),
    causes=(
        Cause(
            "quota",
            "ResourceQuota {quota} allows {hard} {resource} in namespace {ns}, {used} are used",
            requires=("quota.used-up",),
            supports=("quota.refuses", "workload.lacks-pods"),
            commands=("kubectl --context {context} --namespace {ns} describe resourcequota {quota}",),
        ),
        Cause(
            "refused",
            "the API refuses its pods: {message}",
            any_of=("create.refused", "quota.refuses"),
            supports=("workload.lacks-pods",),
            contradicts=("quota.used-up",),
            points=45,
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe resourcequota",
        "kubectl --context {context} --namespace {ns} get events --field-selector reason=FailedCreate",
    ),
    priority=Priority.P3,
    leads=60,
)
