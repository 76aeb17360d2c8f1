"""C30: Jobs that gave up."""

from __future__ import annotations

from app.investigation.collectors.containers import exits, last_words
from app.investigation.collectors.jobs import history, outcome
from app.investigation.model import Cause, Playbook, Scope
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C30",
    title="Job failed",
    signals=("job-failed",),
    collectors=(outcome, history, exits, last_words),
    causes=(
        Cause(
            "job-out-of-memory",
            "container {container} of Job {job} ran out of memory",
            requires=("container.oom-killed",),
            any_of=("job.backoff-limit", "job.failed"),
            scopes=(Scope.WORKLOAD, Scope.POD),
        ),
        Cause(
            "job-deadline",
            "Job {job} did not end within {deadline}",
            requires=("job.deadline",),
            commands=("kubectl --context {context} --namespace {ns} logs job/{job} --tail=100",),
        ),
        Cause(
            "job-error",
            "container {container} of Job {job} ends with code {code}: {line}",
            requires=("container.exit", "log.last-words"),
            any_of=("job.backoff-limit", "job.failed"),
            scopes=(Scope.WORKLOAD, Scope.POD),
            points=60,
        ),
        Cause(
            "job-exit",
            "container {container} of Job {job} ends with code {code}",
            requires=("container.exit",),
            any_of=("job.backoff-limit", "job.failed"),
            contradicts=("log.last-words",),
            points=50,
        ),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe job {subject}",
        "kubectl --context {context} --namespace {ns} logs {pod} --all-containers --tail=100",
    ),
    priority=Priority.P3,
    leads=60,
)
