"""C12: volume claims that are not provided, not removed, or not well; C17 is about full ones."""

from __future__ import annotations

from app.investigation.collectors.claims import consumers, held, lost, provisioners, unbound
from app.investigation.collectors.quotas import refusals
from app.investigation.model import Cause, Noise, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C12",
    title="Volume claim",
    signals=("pvc-creation-failure", "pvc-deletion-failure", "pvc-unhealthy"),
    collectors=(unbound, provisioners, held, lost, refusals, consumers),
    causes=(
        Cause(
            "storage-class-missing",
            "StorageClass {class} does not exist",
            requires=("claim.class-missing",),
            supports=("claim.provisioning-fails",),
            commands=("kubectl --context {context} get storageclasses",),
        ),
        Cause(
            "no-storage-class",
            "claim {claim} names no StorageClass, and no default provides for it",
            requires=("claim.no-class",),
            supports=("claim.provisioning-fails",),
            points=50,
            commands=("kubectl --context {context} get storageclasses",),
        ),
        Cause(
            "no-volume",
            "no volume of StorageClass {class} is free, and nobody provides them",
            requires=("claim.no-volume",),
            commands=("kubectl --context {context} get persistentvolumes",),
        ),
        Cause(
            "provisioner",
            "the provisioner of StorageClass {class} fails: {message}",
            requires=("claim.provisioning-fails",),
            contradicts=("claim.class-missing",),
            points=50,
        ),
        Cause("in-use", "pod {pod} still uses claim {claim}", requires=("claim.in-use",)),
        Cause(
            "finalizer",
            "{item} is held by finalizer {finalizers}",
            requires=("claim.held",),
            supports=("claim.deletion-fails",),
        ),
        Cause(
            "backend-keeps-it",
            "the storage does not delete volume {volume}: {message}",
            requires=("claim.deletion-fails",),
            supports=("volume.not-deleted", "volume.failed"),
            points=55,
        ),
        Cause("volume-gone", "volume {volume} of claim {claim} no longer exists", requires=("claim.volume-gone",)),
        Cause("volume-failed", "volume {volume} has failed: {message}", requires=("volume.failed",)),
        Cause("resize", "the expansion of claim {claim} fails: {message}", requires=("claim.resize-fails",)),
        Cause(
            "quota",
            "ResourceQuota {quota} is used up: {resource} {used} of {hard}",
            requires=("quota.used-up", "claim.unbound"),
            points=45,
        ),
    ),
    noise=(
        Noise("its storage class waits for a first consumer, and there is none", ("claim.no-consumer",)),
        Noise("it goes when the pod that uses it does", ("claim.in-use",)),
    ),
    commands=(
        "kubectl --context {context} --namespace {ns} describe persistentvolumeclaim {subject}",
        "kubectl --context {context} --namespace {ns} get events --field-selector involvedObject.name={subject}",
    ),
    priority=Priority.P3,
    leads=60,
)
