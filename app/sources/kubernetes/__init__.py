"""The Kubernetes API as a source: listed, watched and kept as one immutable state; read-only by construction."""

from __future__ import annotations

from app.sources.kubernetes.cache import ClusterCache
from app.sources.kubernetes.client import KubernetesClient
from app.sources.kubernetes.source import KubernetesSource

__all__ = ["ClusterCache", "KubernetesClient", "KubernetesSource"]
