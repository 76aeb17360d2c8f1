"""The local copy of a cluster's objects: fed by watches or by a recording, read as immutable states.

Every input goes through an `apply_*` method and, under the same lock and in the same order, to the observer. Feeding
the observed inputs to another cache's `replay` gives the same states: nothing here asks the clock or the network.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from app.sources.kubernetes.resources import BY_NAME
from detectors.cluster import Access, AccessStatus, ClusterState, GonePod, Readiness, Restart
from detectors.objects import Event, Pod, RawEvent
from detectors.owners import OwnerMemory

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence

    from app.sources.kubernetes.resources import Resource
    from detectors.objects import Object

    Observer = Callable[[str, dict[str, Any]], None]
    """Takes an operation (`list`, `change`, ..., `state` when one is taken) and its payload, of structs and values."""

GONE_SECONDS = 24 * 3600.0
RESTART_SECONDS = 2 * 3600.0
_STRUCTS: dict[str, type[Any]] = {"access": Access, "readiness": Readiness, "version": str}


class ClusterCache:
    """One cluster's objects. All methods may be called from any thread."""

    def __init__(self, cluster: str, observer: Observer | None = None) -> None:
        self.cluster = cluster
        self.observer = observer
        self._changed = threading.Condition()
        self._tables: dict[str, dict[Any, Any]] = {resource.table: {} for resource in BY_NAME.values()}
        self._lent: set[str] = set()
        """Tables that a state holds: they are copied before the next change."""
        self._gone: dict[str, GonePod] = {}
        self._restarts: deque[Restart] = deque()
        self._access: dict[str, dict[str, Access]] = {}
        """By resource and the namespace that was asked for (empty: all)."""
        self._readyz: Readiness | None = None
        self._version = ""
        self._owners = OwnerMemory()

    def state(self, now: float) -> ClusterState:
        """What is known, as a value that never changes."""
        with self._changed:
            # The observer learns at which point among the inputs a state was taken.
            self._observe("state", at=now)
            self._forget(now)
            self._lent.update(self._tables)
            tables: dict[str, Any] = dict(self._tables)
            events = tuple(tables.pop("events").values())
            return ClusterState(
                cluster=self.cluster,
                at=now,
                gone=dict(self._gone),
                events=events,
                restarts=tuple(sorted(self._restarts, key=lambda restart: restart.at)),
                access={resource: _merged(scopes) for resource, scopes in self._access.items()},
                readyz=self._readyz,
                version=self._version,
                owner_memory=self._owners,
                **tables,
            )

    def keys(self, resource: str) -> tuple[Any, ...]:
        """Of all objects of a resource that has a table of its own."""
        with self._changed:
            return tuple(self._tables[BY_NAME[resource].table])

    def wait_for(self, done: Callable[[dict[str, Access]], bool], timeout: float) -> bool:
        """Wait until the access to the resources satisfies a predicate; False on timeout."""
        with self._changed:
            return self._changed.wait_for(
                lambda: done({resource: _merged(scopes) for resource, scopes in self._access.items()}), timeout
            )

    def apply_list(self, resource: str, items: Sequence[Object], at: float, namespace: str = "") -> None:
        """Replace all objects of a resource, in the cluster or in one namespace."""
        kind = BY_NAME[resource]
        with self._changed:
            self._observe("list", resource=resource, items=items, at=at, namespace=namespace)
            table = self._writable(kind.table)
            fresh = {kind.key(item): self._prepared(kind, item, table, at) for item in items}
            vanished = [
                key
                for key, known in table.items()
                if key not in fresh and _belongs(kind, known) and namespace in ("", known.namespace)
            ]
            for key in vanished:
                self._remove(key, table, at)
            # One by one: freeing twenty thousand old objects in one call would hold up every other thread.
            for key, item in fresh.items():
                table[key] = item

    def apply_change(self, resource: str, change: str, item: Object, at: float) -> None:
        """One watch event: `ADDED`, `MODIFIED` or `DELETED`."""
        kind = BY_NAME[resource]
        with self._changed:
            key = kind.key(item)
            known = self._tables[kind.table].get(key)
            if change != "DELETED" and known is not None and _version_of(known) == item.metadata.resource_version:
                return
            self._observe("change", resource=resource, change=change, item=item, at=at)
            table = self._writable(kind.table)
            if change == "DELETED":
                self._remove(key, table, at, item)
            else:
                table[key] = self._prepared(kind, item, table, at)

    def apply_access(self, resource: str, access: Access, namespace: str = "") -> None:
        """How a resource can be seen, in the cluster or in one namespace."""
        with self._changed:
            scopes = self._access.setdefault(resource, {})
            known = scopes.get(namespace)
            if known is not None and (known.status, known.detail) == (access.status, access.detail):
                return
            self._observe("access", resource=resource, access=access, namespace=namespace)
            scopes[namespace] = access
            self._changed.notify_all()

    def apply_readiness(self, readiness: Readiness) -> None:
        """What `/readyz` said."""
        with self._changed:
            self._observe("readiness", readiness=readiness)
            self._readyz = readiness.after(self._readyz)

    def apply_version(self, version: str) -> None:
        """What `/version` said."""
        with self._changed:
            if version != self._version:
                self._observe("version", version=version)
                self._version = version

    def replay(self, operation: str, payload: dict[str, Any]) -> None:
        """Apply an input as the observer got it, also after a journey through JSON.

        Raises:
            msgspec.ValidationError: it is no input of this cache.
        """
        if operation == "state":
            return
        try:
            values = _revived(operation, payload)
        except (KeyError, TypeError) as error:
            raise msgspec.ValidationError(f"{operation!r} lacks {error}") from None
        getattr(self, f"apply_{operation}")(**values)

    def _observe(self, operation: str, **payload: Any) -> None:
        if self.observer is not None:
            self.observer(operation, payload)

    def _writable(self, table: str) -> dict[Any, Any]:
        if table in self._lent:
            self._tables[table] = dict(self._tables[table])
            self._lent.discard(table)
        return self._tables[table]

    def _prepared(self, kind: Resource, item: Object, table: dict[Any, Any], at: float) -> object:
        """What the table keeps of an object, given what it kept before."""
        known = table.get(kind.key(item))
        if isinstance(item, RawEvent):
            event = item.normalised()
            return known.followed_by(event) if isinstance(known, Event) else event
        if isinstance(item, Pod) and isinstance(known, Pod):
            self._restarts.extend(restarts_between(known, item, at))
        return item

    def _remove(self, key: Hashable, table: dict[Any, Any], at: float, last: Object | None = None) -> None:
        known = table.pop(key, None)
        pod = last if isinstance(last, Pod) else known
        if isinstance(pod, Pod):
            self._gone[pod.metadata.uid] = GonePod(pod, at)

    def _forget(self, now: float) -> None:
        for uid in [uid for uid, gone in self._gone.items() if gone.at < now - GONE_SECONDS]:
            del self._gone[uid]
        while self._restarts and self._restarts[0].at < now - RESTART_SECONDS:
            self._restarts.popleft()


def _revived(operation: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The arguments of an `apply_*` method from an observed payload."""
    values = dict(payload)
    if operation in _STRUCTS:
        values[operation] = msgspec.convert(values[operation], _STRUCTS[operation])
        return values
    if operation not in ("list", "change"):
        raise msgspec.ValidationError(f"unknown operation {operation!r}")
    resource = BY_NAME.get(values["resource"])
    if resource is None:
        raise msgspec.ValidationError(f"unknown resource {values['resource']!r}")
    if operation == "list":
        values["items"] = [msgspec.convert(item, resource.kind) for item in values["items"]]
    else:
        values["item"] = msgspec.convert(values["item"], resource.kind)
    return values


def restarts_between(before: Pod, after: Pod, at: float) -> Iterable[Restart]:
    """The containers of a pod whose restart counter went up.

    Args:
        before: the pod as it was known.
        after: the same pod, newer.
        at: unix seconds of the observation, for containers whose last run has no end.
    """
    for status in after.statuses:
        if not status.restart_count:
            continue
        delta = status.restart_count - sum(each.restart_count for each in before.statuses if each.name == status.name)
        if delta > 0:
            ended = status.last_state.terminated
            yield Restart(
                at=(ended.finished if ended is not None else None) or at,
                pod=after.metadata.uid,
                container=status.name,
                delta=delta,
                reason=ended.reason if ended is not None else "",
                exit_code=ended.exit_code if ended is not None else 0,
            )


def _belongs(kind: Resource, known: object) -> bool:
    """Several resources share the table of workloads."""
    return isinstance(known, (kind.kind, Event))


def _version_of(known: Any) -> str:
    return str(known.resource_version if isinstance(known, Event) else known.metadata.resource_version)


def _merged(scopes: dict[str, Access]) -> Access:
    """One answer for a resource that was also asked for namespace by namespace."""
    whole = scopes[""]
    inside = {namespace: access for namespace, access in scopes.items() if namespace}
    if whole.readable or not inside:
        return whole
    if any(access.status is AccessStatus.LOADING for access in inside.values()):
        return Access(AccessStatus.LOADING, whole.detail, whole.since)
    listed = tuple(sorted(namespace for namespace, access in inside.items() if access.readable))
    if not listed:
        return whole
    return Access(AccessStatus.LISTED, whole.detail, max(inside[namespace].since for namespace in listed), listed)
