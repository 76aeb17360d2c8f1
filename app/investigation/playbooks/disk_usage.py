"""C17: disks that fill: claims, a workload's volumes, the nodes' file systems."""

from __future__ import annotations

from app.investigation.collectors.disks import growth_by_node, node_disks
from app.investigation.collectors.storage import fullness, growth
from app.investigation.model import Cause, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C17",
    title="Disk usage",
    signals=("pvc-usage", "workload-disk-usage", "cluster-disk-usage-spike"),
    collectors=(fullness, growth, growth_by_node, node_disks),
    causes=(
        Cause(
            "release",
            "claim {claim} fills since revision {revision}: {change}",
            requires=("change.rollout", "volume.filling"),
            points=50,
        ),
        Cause(
            "volume-full",
            "claim {claim} is {used} full",
            requires=("volume.nearly-full",),
            supports=("volume.filling",),
        ),
        Cause(
            "volume-fills",
            "claim {claim} will be full in {time}",
            requires=("volume.filling",),
            contradicts=("volume.nearly-full",),
            points=50,
        ),
        Cause("node-full", "the disk of node {node} is {used} full", requires=("disk.node-full",)),
        Cause(
            "one-node",
            "{instance} holds most of the {amount} that were added",
            requires=("disk.one-node-grows",),
            points=50,
        ),
        Cause(
            "all-nodes",
            "{nodes} nodes hold the {amount} that were added: images, logs or data of something that runs on all",
            requires=("disk.all-nodes-grow",),
            points=40,
        ),
    ),
    commands=("kubectl --context {context} --namespace {ns} get persistentvolumeclaims",),
    priority=Priority.P3,
    leads=55,
    decisive=False,
)
