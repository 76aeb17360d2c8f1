"""Jobs that gave up: why the controller says so, and whether earlier ones of the same CronJob did as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation.collectors import collector
from app.investigation.model import Step
from detectors.states.paths import condition_path
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from app.investigation.model import Clue
    from app.investigation.scene import Scene
    from detectors.objects import Workload


def failed_jobs(scene: Scene) -> tuple[Workload, ...]:
    """The Jobs of the subject that failed, the newest first."""
    subject, found = scene.subject, []
    for (kind, namespace, name), job in scene.state.workloads.items():
        controller = job.metadata.controller
        mine = name == subject.name or (controller is not None and controller.name == subject.name)
        failed = job.status.condition("Failed")
        if kind == "Job" and namespace == subject.namespace and mine and failed is not None and failed.status == "True":
            found.append(job)
    return tuple(sorted(found, key=lambda job: job.metadata.created, reverse=True))


@collector(Step.CAUSE, "job.backoff-limit", "job.deadline", "job.failed", needs=("jobs",))
def outcome(scene: Scene) -> Iterator[Clue]:
    """Why the newest Job of the subject is given up."""
    for job in failed_jobs(scene)[:1]:
        failed = job.status.condition("Failed")
        if failed is None:
            continue
        names = {"BackoffLimitExceeded": "job.backoff-limit", "DeadlineExceeded": "job.deadline"}
        deadline = job.spec.active_deadline_seconds
        text = f"Job {job.name} gave up ({failed.reason}) after {counted(job.status.failed, 'failed pods')}"
        fills = {"job": job.name, "reason": failed.reason, "deadline": f"{deadline} s" if deadline else "its deadline"}
        path = condition_path("Failed", "reason")
        name = names.get(failed.reason, "job.failed")
        yield scene.of_field(name, True, job, text, path, value=failed.reason, at=failed.since, fills=fills)


@collector(Step.SCOPE, "job.failed-before", needs=("jobs",))
def history(scene: Scene) -> Iterator[Clue]:
    """Whether earlier Jobs of the same CronJob failed as well."""
    found = failed_jobs(scene)
    if len(found) > 1:
        text = f"{len(found)} Jobs of {scene.subject.name} failed, the first of those kept at {found[-1].name}"
        yield scene.of_field("job.failed-before", True, found[-1], text, condition_path("Failed", "reason"))
