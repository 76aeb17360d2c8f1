"""What recorded incidents say was wrong (`truth.json`), and whether an answer says the same.

A truth is written in somebody else's words, so words are compared, not sentences. Of a stated cause the *names* (a
tag, a Secret, a storage class, a limit, a variable) must all be in the answer, and of its other words a third; where it
names nothing, half of them. Of "symptom: what brought it about" the second part is the cause. Where its evidence quotes
a log line, the answer may hold that line instead.

Only what an engineer reads first counts as the answer: a cause's title and three of the lines that speak for it, cut at
a fixed length. Listing everything that might be wrong therefore does not help, and neither does a third cause.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from detectors.model import Entity
    from storage.records import CauseRecord

SIGNALS: Mapping[str, frozenset[str]] = {
    kind: frozenset(rows.split())
    for kind, rows in {
        "pod-failure-crashloopbackoff": "pod-crashloopbackoff",
        "pod-failure-imagepullbackoff": "pod-imagepullbackoff pod-errimagepull",
        "pod-failure-oomkilled": "pod-oomkilled",
        "pod-failure-createcontainerconfigerror": "container-config-error",
        "pod-failure-init-crashloopbackoff": "pod-init-error",
        "pod-readiness-failing": "pod-readiness-failing",
        "pod-liveness-failing": "probe-failure-spike",
        "pod-unschedulable": "events-failedscheduling",
        "volume-mount-failed": "events-failedmount",
        "pvc-pending": "pvc-creation-failure",
        "pvc-lost": "pvc-unhealthy",
        "job-failed": "job-failed",
        "deployment-rollout-stuck": "rollout-stuck",
        "statefulset-degraded": "statefulset-degraded",
        "quota-exceeded": "quota-exceeded",
        "hpa-at-maximum": "hpa-at-maximum",
        "service-no-endpoints": "service-no-endpoints",
        "node-notready": "node-not-ready",
        "node-memorypressure": "node-memory-pressure",
        "node-diskpressure": "node-disk-pressure",
    }.items()
}
"""The truth's issue types, each with the row that speaks for it; any row does for a type that is not here."""

PRIORITIES = {"critical": ("P1", "P2", "P3"), "warning": ("P3", "P4", "P5")}
"""What a severity may come to: a stuck rollout whose old revision serves is critical there, and P3 here."""

MOST_LINES, MOST_CHARACTERS = 3, 600
NAMED_SHARE, UNNAMED_SHARE, FORBIDDEN_SHARE = 1 / 3, 1 / 2, 2 / 3

_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_NAME = re.compile(r"\d.*[A-Za-z]|[A-Za-z].*\d|\w[-_/.]\w")
"""Letters with digits, or parts joined by a mark: `512Mi`, `2.8.0`, `fast-ssd`, `FEATURE_FLAGS_URL`."""
_WHOLE = r"(?<![a-z0-9])(?<!\w[-_.])v?{}(?![a-z0-9])(?![-_.]\w)"
"""A name that is not part of a longer one."""
_ENDINGS = re.compile(r"(?:ation|ing|ed|es|ion|s|e)$")
_SMALL = (
    "a an and any all are as at be because bad by does each for from has have in into is it its less more most no not "
    "of on older one only or see separate that the their then they this to too was were which while with"
)
_ALIKE = {
    "found": "exist", "missing": "exist", "absent": "exist", "release": "rollout", "revision": "rollout",
    "outage": "down", "shortage": "lack", "insufficient": "lack", "small": "lack", "maximum": "maxreplica",
}  # fmt: skip
"""Words that say the same."""


@dataclass(frozen=True)
class Issue:
    """One thing that was wrong."""

    type: str
    severity: str
    kind: str
    namespace: str
    name: str
    cause: str
    evidence: tuple[str, ...]

    @property
    def signals(self) -> frozenset[str]:
        """The rows that speak for it; empty: any."""
        return SIGNALS.get(self.type, frozenset())

    def about(self, entity: Entity) -> bool:
        """Whether it is about that entity."""
        return (entity.kind, entity.namespace, entity.name) == (self.kind, self.namespace, self.name)

    def caused_by(self, cause: CauseRecord) -> bool:
        """Whether a cause that was given is the one that is stated."""
        said = f"{cause.title}\n" + "\n".join(cause.supports[:MOST_LINES])
        told = said[:MOST_CHARACTERS]
        logged = (text.partition(":")[2] for text in self.evidence if text.lower().startswith("log"))
        stated = self.cause.partition(": ")[2] or self.cause
        return any(agrees(text, told) for text in (stated, *logged))


@dataclass(frozen=True)
class Truth:
    """What is known of one incident."""

    scenario: str
    issues: tuple[Issue, ...]
    must_not: tuple[str, ...]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """From the folder's `truth.json`. Raises OSError, ValueError, KeyError."""
        known: Mapping[str, Any] = json.loads((folder / "truth.json").read_text())
        issues = tuple(
            Issue(
                each["type"], each["severity"], each["entity"]["kind"], each["entity"].get("namespace") or "",
                each["entity"]["name"], each["rootCause"], tuple(each.get("evidence") or ()),
            )
            for each in known["issues"]
        )  # fmt: skip
        return cls(known.get("scenario", folder.name), issues, tuple(known.get("mustNotReport") or ()))

    def forbidden(self, claims: Iterable[str]) -> tuple[str, ...]:
        """Which of the things that must not be reported some claim reports; each claim is one sentence."""
        known = tuple(claims)
        return tuple(
            text for text in self.must_not if any(agrees(_head(text), claim, FORBIDDEN_SHARE) for claim in known)
        )


def agrees(stated: str, told: str, share: float | None = None) -> bool:
    """Whether what was told holds the names, and enough of the other words, of what is stated."""
    words = dict.fromkeys(word for word in _words(stated) if word.lower() not in _SMALL.split())
    names = {_bare(word) for word in words if _NAME.search(word)}
    others = {_stem(word) for word in words if not _NAME.search(word)}
    there = _words(told)
    known = {_stem(word) for word in there}
    said = told.lower()
    if not all(re.search(_WHOLE.format(re.escape(name)), said) for name in names):
        return False
    least = share if share is not None else NAMED_SHARE if names else UNNAMED_SHARE
    return not others or len(others & known) >= least * len(others)


def _words(text: str) -> list[str]:
    return [word.strip("./-_") for word in _WORD.findall(text) if word.strip("./-_")]


def _bare(name: str) -> str:
    """A name without the namespace in front of it."""
    return name.rpartition("/")[2].lower()


def _stem(word: str) -> str:
    small = word.lower()
    small = _ALIKE.get(small, small)
    return _ENDINGS.sub("", small) if len(small) > 4 else small


def _head(text: str) -> str:
    """What must not be reported, without the reason why not."""
    return re.split(r"[:(]|, which", text)[0]
