"""What to do where the Kubernetes API does not give what is asked of it: the words that every part says it in."""

from __future__ import annotations

READ_ROLE = "deploy/clusterrole.yaml has the rights: get, list and watch only."
KUBELET_ROLE = (
    "Optional, for network, disk and volume usage without Prometheus: tocsin-kubelets in deploy/clusterrole.yaml. "
    "A strong right: its holder reaches all that kubelets serve, which can include running commands in pods."
)


def advice(detail: str) -> str:
    """What to do about an API server that gives nothing.

    Args:
        detail: What it answered, or why it did not.
    """
    if "nauthorized" in detail:
        return "The credential is wrong or has run out: log in again, or choose another --context."
    return "Check --context, --kubeconfig and the network."
