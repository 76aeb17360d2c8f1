"""C18: an API server that says it is not ready."""

from __future__ import annotations

from app.investigation.collectors.control_plane import readyz, requests
from app.investigation.model import Cause, Playbook
from storage.records import Priority

PLAYBOOK = Playbook(
    id="C18",
    title="API server not ready",
    signals=("apiserver-not-ready",),
    collectors=(readyz, requests),
    causes=(
        Cause(
            "etcd",
            "etcd does not answer the API server ({check})",
            requires=("api.etcd-fails",),
            supports=("api.errors",),
            points=65,
        ),
        Cause(
            "overload",
            "too many requests: {share} are refused",
            requires=("api.overloaded",),
            contradicts=("api.etcd-fails",),
            points=50,
        ),
        Cause(
            "starting",
            "the API server has not finished starting: {component}",
            requires=("api.hook-fails",),
            contradicts=("api.etcd-fails",),
            points=55,
        ),
        Cause(
            "check",
            "its check {check} fails",
            requires=("api.check-fails",),
            supports=("api.errors",),
            points=60,
        ),
    ),
    commands=(
        "kubectl --context {context} get --raw '/readyz?verbose'",
        "kubectl --context {context} get --raw '/livez?verbose'",
    ),
    priority=Priority.P1,
    leads=100,
)
