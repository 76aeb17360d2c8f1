"""The few families that are read of cAdvisor's metrics, out of the text format in which a kubelet exposes them.

A kubelet tells some megabytes of which less than a tenth is read. The official parser takes 0.4 s for 1.8 MB, and
0.07 s for the lines that are read; this takes 0.02 s, of an interpreter that others wait for.
"""

from __future__ import annotations

import math
import re

from detectors.objects import ContainerCounters

_FIELDS = {
    "container_cpu_cfs_periods_total": "periods",
    "container_cpu_cfs_throttled_periods_total": "throttled_periods",
    "container_fs_reads_bytes_total": "read_bytes",
    "container_fs_writes_bytes_total": "written_bytes",
}
_WANTED = tuple(f"{family}{{".encode() for family in _FIELDS)
_SAMPLE = re.compile(r"(?P<name>\w+)\{(?P<labels>.*)\}\s+(?P<value>\S+)(?:\s+(?P<at>-?\d+))?\s*")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")
_SANDBOX = ("", "POD")
"""Container names of a pod's own cgroup, which holds those of its containers."""


def container_counters(body: bytes) -> tuple[ContainerCounters, ...]:
    """The containers of a node; lines that are no samples are left out.

    A container that has just been restarted may be there twice, and one that uses several devices is: these are sums.

    Args:
        body: Prometheus' text format 0.0.4; time stamps in milliseconds.

    Raises:
        ValueError: it is no such text.
    """
    if b"# TYPE " not in body:
        raise ValueError("no metrics")
    found: dict[tuple[str, str, str], dict[str, float]] = {}
    for line in body.splitlines():
        if not line.startswith(_WANTED) or (sample := _SAMPLE.fullmatch(line.decode(errors="replace"))) is None:
            continue
        labels = {name: _ESCAPE.sub(_unescaped, text) for name, text in _LABEL.findall(sample["labels"])}
        key = labels.get("namespace", ""), labels.get("pod", ""), labels.get("container", "")
        value = _number(sample["value"])
        if key[2] in _SANDBOX or not all(key) or not math.isfinite(value):
            continue
        told, field = found.setdefault(key, {}), _FIELDS[sample["name"]]
        told[field] = told.get(field, 0.0) + value
        if sample["at"]:
            told["at"] = max(told.get("at", 0.0), int(sample["at"]) / 1000)
    return tuple(
        ContainerCounters(namespace=namespace, pod=pod, name=name, **told)
        for (namespace, pod, name), told in found.items()
    )


def _unescaped(escape: re.Match[str]) -> str:
    return {"n": "\n"}.get(escape[1], escape[1])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
