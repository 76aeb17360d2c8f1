"""The objects behind the lab's Kubernetes API: kept in memory, versioned, with a history for watches to follow."""

from __future__ import annotations

import copy
import gzip
import json
import threading
import uuid
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

Json = dict[str, Any]

HISTORY = 20_000
"""At least so many changes can be watched from."""


class Served(NamedTuple):
    """A resource that the API serves."""

    root: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def name(self) -> str:
        """Its name in fixtures, in `forbid`, and in the store: plural, with the group where two APIs share it."""
        group = self.root.split("/")[2]
        shared = self.plural in ("pods", "nodes", "events") and group != "v1"
        return f"{self.plural}.{group}" if shared else self.plural

    @property
    def version(self) -> str:
        """Its `apiVersion`."""
        return self.root.removeprefix("/apis/").removeprefix("/api/")


SERVED = tuple(
    Served(root, plural, kind, plural not in ("nodes", "namespaces", "persistentvolumes", "storageclasses"))
    for root, kinds in {
        "/api/v1": {
            "pods": "Pod", "nodes": "Node", "namespaces": "Namespace", "services": "Service", "events": "Event",
            "persistentvolumeclaims": "PersistentVolumeClaim", "persistentvolumes": "PersistentVolume",
            "resourcequotas": "ResourceQuota", "configmaps": "ConfigMap",
        },
        "/apis/apps/v1": {
            "deployments": "Deployment", "replicasets": "ReplicaSet", "statefulsets": "StatefulSet",
            "daemonsets": "DaemonSet",
        },
        "/apis/batch/v1": {"jobs": "Job", "cronjobs": "CronJob"},
        "/apis/argoproj.io/v1alpha1": {"rollouts": "Rollout"},
        "/apis/discovery.k8s.io/v1": {"endpointslices": "EndpointSlice"},
        "/apis/storage.k8s.io/v1": {"storageclasses": "StorageClass"},
        "/apis/autoscaling/v2": {"horizontalpodautoscalers": "HorizontalPodAutoscaler"},
        "/apis/policy/v1": {"poddisruptionbudgets": "PodDisruptionBudget"},
        "/apis/networking.k8s.io/v1": {"ingresses": "Ingress"},
        "/apis/events.k8s.io/v1": {"events": "Event"},
        "/apis/metrics.k8s.io/v1beta1": {"pods": "PodMetrics", "nodes": "NodeMetrics"},
    }.items()
    for plural, kind in kinds.items()
)  # fmt: skip

BY_NAME = {served.name: served for served in SERVED}
BY_KIND = {(served.version, served.kind): served for served in SERVED}
BY_PATH = {(served.root, served.plural): served for served in SERVED}

Key = tuple[str, str]


class Change(NamedTuple):
    """One line of history."""

    version: int
    name: str
    type: str
    namespace: str
    line: bytes
    """The watch event as JSON."""


@dataclass
class Store:
    """All objects by resource; every change gets the next resource version."""

    version: int = 1000
    changed: threading.Condition = field(default_factory=threading.Condition)
    tables: dict[str, dict[Key, bytes]] = field(default_factory=dict)
    """Encoded objects, so that large lists cost no encoding."""
    history: list[Change] = field(default_factory=list)
    oldest: int = 0
    """Watches from before this version are too old."""

    def put(self, item: Json, name: str = "") -> Json:
        """Add or replace an object; what it lacks of metadata is filled in. Returns it as stored."""
        item = copy.deepcopy(item)
        name = name or BY_KIND[item["apiVersion"], item["kind"]].name
        served = BY_NAME[name]
        with self.changed:
            meta = item.setdefault("metadata", {})
            key = (meta.get("namespace", ""), meta["name"])
            known = self.tables.setdefault(name, {}).get(key)
            before = json.loads(known)["metadata"] if known is not None else {}
            meta.setdefault("uid", before.get("uid") or str(uuid.uuid4()))
            meta.setdefault("creationTimestamp", before.get("creationTimestamp") or "2026-01-01T00:00:00Z")
            if known is not None and _same(json.loads(known), item):
                return item
            replaced = bool(before) and before["uid"] == meta["uid"]
            if before and not replaced:
                self.delete(name, key)
            self.version += 1
            meta["resourceVersion"] = str(self.version)
            self.tables[name][key] = json.dumps(item).encode()
            self._remember(served, "MODIFIED" if replaced else "ADDED", key, item)
            return item

    def delete(self, name: str, key: Key) -> None:
        """Remove an object by resource, namespace and name."""
        with self.changed:
            item = json.loads(self.tables[name].pop(key))
            self.version += 1
            item["metadata"]["resourceVersion"] = str(self.version)
            self._remember(BY_NAME[name], "DELETED", key, item)

    def replace(self, name: str, items: list[Json]) -> None:
        """Make a resource hold exactly these, by the changes that this takes."""
        with self.changed:
            wanted = {(item["metadata"].get("namespace", ""), item["metadata"]["name"]) for item in items}
            for key in [key for key in self.tables.get(name, {}) if key not in wanted]:
                self.delete(name, key)
            for item in items:
                self.put(item, name)

    def compact(self) -> None:
        """Forget the past: new watches from an older version get 410, running ones go on."""
        with self.changed:
            self.oldest = self.version + 1

    def load(self, folder: Path) -> None:
        """Replace the resources that a folder of recorded lists has."""
        for file in sorted(folder.glob("*.json*")):
            name = file.name.removesuffix(".gz").removesuffix(".json")
            if name in BY_NAME:
                self.replace(name, read_json(file)["items"])

    def page(self, name: str, namespace: str, after: Key | None, limit: int) -> tuple[list[bytes], Key | None]:
        """Some objects in order of namespace and name, and the last key when there are more."""
        with self.changed:
            table = self.tables.get(name, {})
            keys = [key for key in sorted(table) if namespace in ("", key[0]) and (after is None or key > after)]
            chosen = keys[:limit] if limit else keys
            return [table[key] for key in chosen], chosen[-1] if len(chosen) < len(keys) else None

    def since(self, name: str, namespace: str, version: int) -> list[Change]:
        """What happened to a resource after a version."""
        first = bisect_right(self.history, version, key=lambda change: change.version)
        return [
            change for change in self.history[first:] if change.name == name and namespace in ("", change.namespace)
        ]

    def _remember(self, served: Served, kind: str, key: Key, item: Json) -> None:
        whole = {"kind": served.kind, "apiVersion": served.version, **item}
        line = json.dumps({"type": kind, "object": whole}).encode() + b"\n"
        self.history.append(Change(self.version, served.name, kind, key[0], line))
        if len(self.history) > 2 * HISTORY:
            del self.history[:HISTORY]
            self.oldest = max(self.oldest, self.history[0].version)
        self.changed.notify_all()


def _same(known: Json, item: Json) -> bool:
    """Equal but for the resource version, which is the store's own."""
    version = known["metadata"]["resourceVersion"]
    return known == {**item, "metadata": {**item["metadata"], "resourceVersion": version}}


def read_json(file: Path) -> Json:
    """A recorded answer, gzipped or not."""
    data = file.read_bytes()
    loaded: Json = json.loads(gzip.decompress(data) if file.suffix == ".gz" else data)
    return loaded
