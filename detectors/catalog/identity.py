"""From a series' labels to the identity of its entity, by a convention's rule."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from detectors.catalog.schema import IdentityRule
from detectors.model import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from detectors.series import Labels

CANONICAL_KINDS = {
    kind.lower(): kind
    for kind in (
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "ReplicationController",
        "DeploymentConfig",
        "Rollout",
        "Job",
        "CronJob",
        "Pod",
        "Node",
        "Service",
        "PersistentVolumeClaim",
        "PersistentVolume",
        "Namespace",
    )
}
"""Kubernetes' spelling of kinds that exporters write in lower case."""

_CLUSTER = ("cluster", "k8s_cluster_name", "cluster_name")
_ENVIRONMENT = ("env", "environment", "deployment_environment_name", "deployment_environment")
_FIELDS = ("namespace", "workload", "kind", "pod", "service", "node", "address", "peer", "claim")
_WHOLE = ("namespace", "workload", "service")
_OBJECT_FIELD = {"Pod": "pod", "Node": "node", "Service": "service", "PersistentVolumeClaim": "claim"}

SPLIT_FIELDS = frozenset((*_FIELDS, "cluster", "environment"))
"""The identity fields a rule's patterns may name."""


POD_RULE = IdentityRule(namespace=("namespace",), pod=("pod",), workload=("workload",), kind=("workload_type",))
"""Of series per pod, and of the same series joined with their owners."""


def labels_of(rule: IdentityRule) -> tuple[str, ...]:
    """Every label the rule reads, without those of cluster and environment, which the query's `$by` adds."""
    names = [label for field in _FIELDS for label in getattr(rule, field)]
    names += [*rule.workload_of_kind, *rule.peer_port, rule.object_kind, rule.object_name]
    names += [split.label for split in rule.split]
    return tuple(dict.fromkeys(filter(None, names)))


class Identifier:
    """An identity rule, compiled once; two that read the same labels in the same way are equal.

    Calling it per series is cheap (ten microseconds), but not as cheap as asking whether the labels that it reads
    (`relevant`) have been seen before.
    """

    __slots__ = ("_firsts", "_ignore", "_kinds", "_object", "_peer_port", "_reads", "_splits", "pod_labels", "rule")

    def __init__(self, rule: IdentityRule, rename: Callable[[str], str] = str) -> None:
        """Compile a rule; `rename` maps the labels it names to what this server calls them."""
        self.rule = rule
        self.pod_labels = tuple(map(rename, rule.pod))
        lists = {field: getattr(rule, field) for field in _FIELDS}
        lists |= {"cluster": rule.cluster or _CLUSTER, "environment": rule.environment or _ENVIRONMENT}
        self._firsts = tuple((field, tuple(map(rename, labels))) for field, labels in lists.items() if labels)
        self._kinds = tuple((rename(label), kind) for label, kind in rule.workload_of_kind.items())
        self._splits = tuple((rename(split.label), re.compile(split.pattern), split.kind) for split in rule.split)
        self._object = (rename(rule.object_kind), rename(rule.object_name)) if rule.object_kind else None
        self._peer_port = tuple(map(rename, rule.peer_port))
        self._ignore = frozenset(rule.ignore)
        lists_of = [names for _, names in self._firsts]
        read = {label for names in (*lists_of, self._peer_port, self._object or ()) for label in names}
        self._reads = frozenset((*read, *(label for label, _ in self._kinds), *(label for label, *_ in self._splits)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Identifier) and self._rules == other._rules

    def __hash__(self) -> int:
        return hash((self._firsts, self._kinds))

    @property
    def _rules(self) -> tuple[object, ...]:
        return self._firsts, self._kinds, self._splits, self._object, self._peer_port, self._ignore

    @property
    def namespace_labels(self) -> tuple[str, ...]:
        """Labels that name an entity's namespace, the first that a series has."""
        return dict(self._firsts).get("namespace", ())

    @property
    def whole_labels(self) -> tuple[str, ...]:
        """Labels whose every value has entities as a whole, the widest first: to leave a value out halves nobody.

        Names of pods, addresses and far ends are parts of a workload; and so are nodes, but where they are the entity.
        """
        names = dict(self._firsts)
        found = [label for field in _WHOLE for label in names.get(field, ())]
        found += [label for label, _ in self._kinds]
        cut = [(label, set(pattern.groupindex)) for label, pattern, _ in self._splits]
        parts = {label for label, fields in cut if "pod" in fields}
        found += [label for label, fields in cut if label not in parts and fields & {*_WHOLE}]
        return tuple(dict.fromkeys(found)) if found or self.pod_labels else names.get("node", ())

    def relevant(self, labels: Labels) -> Labels:
        """Those of a series' labels that its identity depends on."""
        return tuple([pair for pair in labels if pair[0] in self._reads])

    def identify(self, labels: Mapping[str, str]) -> Identity:
        """What the labels say; fields they do not tell stay empty."""
        found: dict[str, str] = {}
        for label, kind in self._kinds:
            if name := self._value(labels, label):
                found |= {"workload": name, "kind": kind}
                break
        for field, names in self._firsts:
            if field not in found and (value := self._first(labels, names)):
                found[field] = value
        for label, pattern, kind in self._splits:
            if match := pattern.match(self._value(labels, label)):
                cut = match.groupdict() | ({"kind": kind} if kind else {})
                found = {field: value for field, value in cut.items() if value} | found
        if self._object:
            self._read_object(labels, *self._object, found)
        if "peer" in found and (port := self._first(labels, self._peer_port)):
            found["peer"] += f":{port}"
        if "kind" in found:
            found["kind"] = CANONICAL_KINDS.get(found["kind"].lower(), found["kind"])
        return Identity(**found)

    def _value(self, labels: Mapping[str, str], label: str) -> str:
        value = labels.get(label, "")
        return "" if value in self._ignore else value

    def _first(self, labels: Mapping[str, str], names: tuple[str, ...]) -> str:
        for name in names:
            if value := self._value(labels, name):
                return value
        return ""

    def _read_object(self, labels: Mapping[str, str], kind_label: str, name_label: str, found: dict[str, str]) -> None:
        kind, name = labels.get(kind_label, ""), labels.get(name_label, "")
        if not kind or not name:
            return
        field = _OBJECT_FIELD.get(kind, "workload")
        found[field] = name
        if field == "workload":
            found["kind"] = kind
