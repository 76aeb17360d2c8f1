"""The expressions that the composed ones have to be worth, and a way to compare PromQL without a parser.

`reference.json.gz` holds hand-written and separately verified expressions: row, convention, role, PromQL. Where ours
differ on purpose, `DIFFERENCES` and `OTHER_ROLES` say why.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Expected(NamedTuple):
    """One reference source."""

    row: str
    convention: str
    role: str
    promql: str


class Difference(NamedTuple):
    """What is not as the reference has it, and why."""

    why: str
    sources: int = 1
    """How many of the convention's sources for the row differ."""
    same_numbers: bool = False
    """Written differently, worth the same."""


_NEW_EVENTS = Difference("new occurrences are asked for, as the reference's own note says, not their total")

DIFFERENCES = {
    ("rightsizing-memory-limit-low", "otel-kubeletstats+k8s-cluster"): Difference("all sources judge the maximum"),
    ("events-backoff", "kube-state-metrics"): Difference("init containers wait for the same reasons"),
    ("pod-oomkilled", "kube-state-metrics"): Difference("a container that ended long ago is no new kill"),
    ("events-warning-cluster", "event-exporter"): _NEW_EVENTS,
    ("events-failedscheduling", "event-exporter"): _NEW_EVENTS,
    ("events-backoff", "event-exporter"): _NEW_EVENTS,
    ("events-failedmount", "event-exporter"): _NEW_EVENTS,
    ("pvc-creation-failure", "event-exporter"): _NEW_EVENTS,
    ("pvc-deletion-failure", "kube-state-metrics"): Difference("parentheses", same_numbers=True),
    ("pvc-unhealthy", "kube-state-metrics"): Difference("an expansion under way is no failure"),
    ("pvc-usage", "kubelet-volume"): Difference("zeros go before the maximum, not after", 2, same_numbers=True),
}

OTHER_ROLES = {
    "a state cannot be judged from counts of events or errors": {
        *(
            (row, convention)
            for row in ("pvc-creation-failure", "pvc-deletion-failure")
            for convention in ("external-provisioner", "csi-sidecar", "kube-controller-manager", "eventrouter")
        ),
        ("pvc-creation-failure", "event-exporter"),
        ("pvc-unhealthy", "eventrouter"),
        ("node-not-ready", "eventrouter"),
        ("node-memory-pressure", "eventrouter"),
        ("node-disk-pressure", "eventrouter"),
        ("apiserver-not-ready", "kube-apiserver"),
    },
    "a mean or an unwindowed summary is no quantile": {
        ("database-latency-p95", "mysqld-exporter"),
        ("database-latency-p95", "postgres-exporter"),
        ("database-latency-p95", "mongodb-exporter"),
    },
    "what is told of other things than the row's does not say which of those is meant": {
        ("node-pressure-eviction-spike", "kube-state-metrics"),
        ("node-pressure-eviction-spike", "eventrouter"),
        ("events-failedscheduling", "kube-scheduler"),
        ("pvc-unhealthy", "node-exporter"),
    },
    "failures without a total have no share": {("external-error-spike", "obi-tcp")},
}


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads(gzip.decompress((Path(__file__).parent / "reference.json.gz").read_bytes()))
    return content


def reference() -> list[Expected]:
    """Every reference source, in the coverage matrix' order."""
    return [Expected(*row) for row in _content()["rows"]]


def owners() -> str:
    """The reference's own join of pods and workloads."""
    return str(_content()["owners"])


def normalised(promql: str) -> str:
    """The same expression with sorted matchers and labels and without spaces and needless parentheses."""
    strings: list[str] = []

    def kept(found: re.Match[str]) -> str:
        strings.append(found[0])
        return f"\0{len(strings) - 1}\1"

    def restored(text: str) -> str:
        return re.sub("\0(\\d+)\1", lambda found: strings[int(found[1])], text)

    def ordered(text: str) -> str:
        return ",".join(sorted(filter(None, (item.strip() for item in text.split(","))), key=restored))

    text = re.sub(r'"(?:[^"\\]|\\.)*"', kept, promql)
    text = re.sub(r"\{([^}]*)\}", lambda found: f"{{{ordered(found[1])}}}", text)
    text = re.sub(r"\b(by|on|group_left) \(([^)]*)\)", lambda found: f"{found[1]}[{ordered(found[2])}]", text)
    return restored(_bare(re.sub(r"\s", "", text)))


def _bare(text: str) -> str:
    """Without parentheses around parentheses and around single calls."""
    for start, character in enumerate(text):
        if character != "(":
            continue
        end = _closing(text, start)
        inner = text[start + 1 : end]
        if inner.startswith("(") and _closing(inner, 0) == len(inner) - 1:
            return _bare(text[:start] + inner + text[end + 1 :])
        grouping = not start or not (text[start - 1].isalnum() or text[start - 1] in "_]")
        call = re.match(r"\w+(?:by\[[^\]]*\])?\(", inner)
        if grouping and call and _closing(inner, call.end() - 1) == len(inner) - 1:
            return _bare(text[:start] + inner + text[end + 1 :])
    return text


def _closing(text: str, start: int) -> int:
    depth = 0
    for place in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[place], 0)
        if not depth:
            return place
    raise ValueError(f"unbalanced: {text}")
