"""C5: images that cannot be pulled."""

from __future__ import annotations

from app.investigation.collectors.images import other_pulls, pull_secrets, pulls, registry_answers
from app.investigation.container_causes import DESCRIBE, SPECIFIED, UNDO
from app.investigation.model import Cause, Playbook, Scope
from storage.records import Priority

_NEW = (Scope.REVISION, Scope.WORKLOAD)
_ANSWERS = (
    "image.not-found", "image.refused", "image.rate-limited", "image.other-platform", "image.registry-unreachable",
    "image.disk-full", "image.invalid-name", "image.never-pulled",
)  # fmt: skip

PLAYBOOK = Playbook(
    id="C5",
    title="Images cannot be pulled",
    signals=("pod-imagepullbackoff", "pod-errimagepull"),
    collectors=(pulls, registry_answers, other_pulls, pull_secrets),
    causes=(
        Cause(
            "image-not-found",
            "image tag {tag} of {registry}/{repository} does not exist",
            requires=("image.cannot-pull", "image.not-found"),
            supports=("image.new",),
            contradicts=("image.runs-elsewhere", "image.known"),
            scopes=_NEW,
            commands=(
                UNDO,
                SPECIFIED + "'{{..image}}'",
            ),
        ),
        Cause(
            "image-other-platform",
            "image {image} is not built for the architecture of node {node}",
            requires=("image.cannot-pull", "image.other-platform"),
            supports=("image.new",),
            scopes=(*_NEW, Scope.NODE),
            commands=("kubectl --context {context} get node {node} --label-columns kubernetes.io/arch",),
        ),
        Cause(
            "image-pull-secret",
            "the Secret {secret} for registry {registry} cannot be had",
            requires=("image.cannot-pull", "image.pull-secret-missing"),
            supports=("image.refused",),
            scopes=_NEW,
            points=65,
            commands=("kubectl --context {context} --namespace {ns} get secret {secret}",),
        ),
        Cause(
            "image-refused",
            "registry {registry} refuses {repository}: credentials, or a repository that does not exist",
            requires=("image.cannot-pull", "image.refused"),
            supports=("image.new", "image.registry-fails-others"),
            contradicts=("image.pull-secret-missing",),
            scopes=(*_NEW, Scope.NAMESPACE),
        ),
        Cause(
            "registry-unreachable",
            "registry {registry} cannot be reached",
            requires=("image.cannot-pull", "image.registry-unreachable"),
            supports=("image.registry-fails-others", "image.known"),
            contradicts=("image.node-fails-others",),
            scopes=(Scope.WORKLOAD, Scope.NAMESPACE, Scope.CLUSTER, Scope.REVISION),
        ),
        Cause(
            "registry-rate-limit",
            "registry {registry} limits how often images are pulled",
            requires=("image.cannot-pull", "image.rate-limited"),
            supports=("image.registry-fails-others",),
            scopes=(Scope.WORKLOAD, Scope.NAMESPACE, Scope.CLUSTER, Scope.REVISION),
        ),
        Cause(
            "image-disk-full",
            "node {node} has no room for the image",
            requires=("image.cannot-pull", "image.disk-full"),
            supports=("image.node-fails-others",),
            scopes=(Scope.NODE, Scope.POD),
            commands=("kubectl --context {context} describe node {node}",),
        ),
        Cause(
            "image-node",
            "node {node} cannot pull images",
            requires=("image.cannot-pull", "image.node-fails-others"),
            supports=("image.registry-unreachable", "image.runs-elsewhere"),
            contradicts=("image.not-found", "image.refused"),
            scopes=(Scope.NODE, Scope.POD),
            points=65,
            commands=("kubectl --context {context} describe node {node}",),
        ),
        Cause(
            "image-invalid-name",
            "{image} is no valid name of an image",
            requires=("image.cannot-pull", "image.invalid-name"),
            supports=("image.new",),
            scopes=_NEW,
            commands=(UNDO,),
        ),
        Cause(
            "image-never-pulled",
            "container {container} may never pull {image}, and node {node} does not have it",
            requires=("image.cannot-pull", "image.never-pulled"),
            scopes=(*_NEW, Scope.NODE, Scope.POD),
        ),
        Cause(
            "image-new",
            "the new image {image} cannot be pulled (before: {before})",
            requires=("image.cannot-pull", "image.new"),
            contradicts=("image.runs-elsewhere", "image.registry-fails-others", *_ANSWERS),
            scopes=_NEW,
            points=60,
            commands=(UNDO,),
        ),
        Cause(
            "image-gone",
            "image {image}, which ran before, can no longer be pulled",
            requires=("image.cannot-pull", "image.known"),
            contradicts=tuple(name for name in _ANSWERS if name != "image.not-found"),
            scopes=(Scope.WORKLOAD, Scope.POD, Scope.NODE),
            points=50,
        ),
    ),
    commands=(
        DESCRIBE,
        "kubectl --context {context} --namespace {ns} get events --field-selector involvedObject.name={pod}",
    ),
    priority=Priority.P3,
    leads=60,
)
