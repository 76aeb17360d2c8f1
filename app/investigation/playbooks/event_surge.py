"""C11: more events than usual: Warnings of the cluster, BackOff, FailedMount."""

from __future__ import annotations

from app.investigation.collectors.mounts import attachments, creating, mounts
from app.investigation.collectors.pods import presence
from app.investigation.collectors.surges import dominated, subjects
from app.investigation.container_causes import CAUSES, COLLECTORS
from app.investigation.model import Cause, Noise, Playbook
from storage.records import Priority

MOUNTING = (mounts, attachments, creating)
MOUNTS: tuple[Cause, ...] = (
    Cause(
        "object-missing",
        "{object} does not exist",
        requires=("mount.object-missing",),
        supports=("mount.pending",),
        points=60,
    ),
    Cause(
        "volume-held",
        "claim {claim} is still held by {other} on {node}",
        requires=("mount.held-elsewhere",),
        supports=("mount.fails", "mount.times-out"),
    ),
    Cause(
        "attach-times-out",
        "its volumes are not attached in time: {message}",
        requires=("mount.times-out",),
        supports=("mount.pending",),
        contradicts=("mount.object-missing", "mount.held-elsewhere"),
        points=45,
    ),
    Cause(
        "mount-fails",
        "its volumes cannot be mounted: {message}",
        requires=("mount.fails",),
        supports=("mount.pending",),
        contradicts=("mount.object-missing", "mount.held-elsewhere"),
        points=45,
    ),
)
"""Why a pod that has a node does not start: shared by the events about it and by pods that stay Pending."""

PLAYBOOK = Playbook(
    id="C11",
    title="Event surge",
    signals=("events-warning-cluster", "events-backoff", "events-failedmount"),
    collectors=(dominated, subjects, *MOUNTING, presence, *COLLECTORS),
    causes=(
        *MOUNTS,
        *CAUSES,
        Cause(
            "container-waits",
            "container {container} waits: {reason}",
            requires=("pods.waiting",),
            contradicts=("container.exit", "mount.pending"),
            points=45,
        ),
        Cause(
            "one-node",
            "node {node}: {count} of the events",
            requires=("surge.node", "surge.subject-unwell"),
            points=50,
        ),
        Cause(
            "one-owner",
            "{owner}: {count} of the events",
            requires=("surge.owner", "surge.subject-unwell"),
            points=45,
        ),
        Cause(
            "shared",
            "{reason} about {owners} owners at once: something that they share",
            requires=("surge.reason", "surge.subject-unwell"),
            contradicts=("surge.owner", "surge.node"),
            points=45,
        ),
    ),
    noise=(Noise("everything that the events are about is well or gone now", ("surge.subjects-well",)),),
    commands=(
        "kubectl --context {context} get events --all-namespaces --field-selector type=Warning "
        "--sort-by=.lastTimestamp",
        "kubectl --context {context} --namespace {ns} describe pod {pod}",
    ),
    priority=Priority.P4,
    leads=10,
)
