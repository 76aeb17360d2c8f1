"""Labels from the catalogue's own words: what a matcher wants, what an identity rule reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from detectors.catalog.promql import matcher, parse_matchers

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from detectors.catalog.schema import IdentityRule

GOOD = ("200", "OK", "ok", "0", "-", "FORWARDED", "success", "STATUS_CODE_UNSET", "true", "")
"""Values of outcomes; the first that no matcher of failures takes is a success."""
USUAL = {
    "container": "app",
    "image": "registry.example.com/app:1",
    "le": "",
    "interface": "eth0",
    "device": "eth0",
    "mountpoint": "/",
    "proto": "",
    "datname": "orders",
    "schema": "orders",
    "job": "lab",
    "name": "etcd",
    "probe_type": "Readiness",
    "type": "Resizing",
    "resource": "cpu",
}
"""Values of labels that queries group by; others are called after themselves."""


class Subject(NamedTuple):
    """What a case is about, under every name that labels may call it."""

    name: str
    number: int
    cluster: str
    namespace: str = "cases"

    @property
    def ip(self) -> str:
        """Its own address."""
        return f"10.{64 + self.number // 65536}.{self.number // 256 % 256}.{self.number % 256}"

    @property
    def peer(self) -> str:
        """What it calls, outside the cluster."""
        return f"api.{self.name}.example.com"

    def pod(self, replica: int = 0) -> str:
        """One of its pods, as a ReplicaSet names them."""
        return f"{self.replicaset}-7x2k{'bcdfghjklmnpqrstvwxz'[replica % 20]}"

    @property
    def replicaset(self) -> str:
        """What owns its pods."""
        return f"{self.name}-6d4cf56db6"


def identifying(rule: IdentityRule, subject: Subject, replica: int = 0) -> dict[str, str]:
    """The labels by which a rule recognises a subject: of each list the first, and what is cut out of one label."""
    values = {
        "namespace": subject.namespace,
        "workload": subject.name,
        "kind": "Deployment",
        "pod": subject.pod(replica),
        "service": subject.name,
        "node": subject.name,
        "address": f"{subject.ip}:9100",
        "peer": subject.peer,
        "peer_port": "443",
        "claim": subject.name,
    }
    labels: dict[str, str] = {}
    told: set[str] = set()
    if rule.workload_of_kind:
        labels[next(iter(rule.workload_of_kind))] = subject.name
        told |= {"workload", "service"}
    for field, value in values.items():
        names = getattr(rule, field)
        if names and field not in told:
            labels[names[0]] = value
            told.add(field)
    if rule.object_kind:
        labels |= {rule.object_kind: "Pod", rule.object_name: values["pod"]}
    for split in rule.split:
        fields = set(re.compile(split.pattern).groupindex)
        if not fields <= told:
            labels.setdefault(split.label, _joined(split.label, fields, values))
            told |= fields
    return labels


def names_service(rule: IdentityRule) -> bool:
    """Whether all that a rule can tell of a workload is the name of what it serves."""
    told = {field for split in rule.split for field in re.compile(split.pattern).groupindex}
    closer = (rule.workload, rule.workload_of_kind, rule.pod, rule.address, rule.node)
    return not any(closer) and not told & {"workload", "pod"}


_JOINED = {
    "container_id": "/k8s/{namespace}/{pod}/app",
    "job": "{namespace}/{service}",
    "exported_service": "{namespace}-{service}-80@kubernetes",
    "service": "{namespace}-{service}-80@kubernetes",
    "envoy_cluster_name": "{namespace}/{service}/80",
}
"""How exporters write several names into one label."""


def _joined(label: str, fields: set[str], values: Mapping[str, str]) -> str:
    return values["peer"] if fields == {"peer"} else _JOINED[label].format(**values)


def completed(labels: dict[str, str], texts: Iterable[str], by: Iterable[str] = ()) -> dict[str, str]:
    """Labels that satisfy matchers as well, and have values for what is grouped by.

    Raises:
        ValueError: no value is known that satisfies them.
    """
    wanted: dict[str, list[tuple[str, str, str]]] = {}
    for text in texts:
        for label, operator, value in parse_matchers(text):
            wanted.setdefault(label, []).append((label, operator, value))
    for label in by:
        wanted.setdefault(label, [])
    found = dict(labels)
    for label, tests in wanted.items():
        usual = USUAL.get(label, label) if label in by else ""
        candidates = [labels.get(label, usual), "", *named(tests), USUAL.get(label, "other"), "other"]
        found[label] = next((value for value in candidates if _passes(label, value, tests)), None) or ""
        if not _passes(label, found[label], tests):
            raise ValueError(f"no value of {label} satisfies {tests}")
    return {label: value for label, value in found.items() if value}


def successful(errors: Iterable[str]) -> dict[str, str]:
    """Labels of events that no matcher of failures takes: a value for the first label that tells."""
    label = parse_matchers(next(iter(errors)))[0][0]
    value = next(value for value in GOOD if not any(matcher(text)({label: value}) for text in errors))
    return {label: value}


def named(tests: Iterable[tuple[str, str, str]]) -> list[str]:
    """The values that matchers name, regular expressions spelt out."""
    found: list[str] = []
    for _, operator, value in tests:
        if operator == "=":
            found.append(value)
        elif operator == "=~":
            plain = re.sub(r"\(.*", "", value)
            found += [re.sub(r"\.[*+]", "x", part).replace("..", "00") for part in plain.split("|")]
            found += re.findall(r"\w+", value)
    return found


def _passes(label: str, value: str, tests: Iterable[tuple[str, str, str]]) -> bool:
    for _, operator, wanted in tests:
        equal = bool(re.fullmatch(wanted, value)) if "~" in operator else value == wanted
        if equal is operator.startswith("!"):
            return False
    return True
