"""C30: Jobs that gave up."""

from __future__ import annotations

from app.investigation.collectors.jobs import history, outcome
from app.investigation.container_causes import CAUSES, COLLECTORS
from app.investigation.model import Cause, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C30",
    title="Job failed",
    signals=("job-failed",),
    collectors=(outcome, history, *COLLECTORS),
    causes=(
        Cause(
            "job-deadline",
            "Job {job} did not end within {deadline}",
            requires=("job.deadline",),
            commands=("kubectl --context {context} --namespace {ns} logs job/{job} --tail=100",),
        ),
        *CAUSES,
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe job {subject}",
        "kubectl --context {context} --namespace {ns} logs {pod} --all-containers --tail=100",
    ),
    priority=Priority.P3,
    leads=60,
)
