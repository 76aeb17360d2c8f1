"""What the investigations of that night came to; one of them has not come to anything yet."""

from __future__ import annotations

from typing import Any

from detectors.model import Confidence
from storage.records import CauseRecord, Conclusion, GateRecord, Priority, Verdict

_FOUND: dict[int, tuple[Verdict, Priority, str]] = {
    412: (Verdict.REAL, Priority.P2, "revision 41 fails: image shop/checkout:2.13.4 -> shop/checkout:2.14.0"),
    411: (Verdict.REAL, Priority.P2, "shop/checkout, which it calls, is slow"),
    409: (Verdict.REAL, Priority.P3, "the memory limit of 2Gi is too small"),
    408: (Verdict.REAL, Priority.P3, "container app exits with code 1: connection refused by payments-db:5432"),
    405: (Verdict.INCONCLUSIVE, Priority.P3, ""),
    404: (Verdict.NOISE, Priority.P5, ""),
    402: (Verdict.REAL, Priority.P2, "pod ml/trainer-0 grew by 9Gi"),
    396: (Verdict.NOISE, Priority.P5, ""),
    390: (Verdict.RECOVERED, Priority.P4, ""),
}


def verdict(number: int) -> dict[str, Any]:
    """The fields of a case that its investigation fills."""
    found = _FOUND.get(number)
    return {} if found is None else dict(zip(("verdict", "priority", "cause"), found, strict=True))


def conclusion(number: int, at: float, hostile: str) -> Conclusion | None:
    """What a case came to, with a likely cause, a less likely one and one that was ruled out."""
    if number not in _FOUND:
        return None
    found, priority, title = _FOUND[number]
    likely = CauseRecord(
        "release", title, 95, Confidence.HIGH,
        (("what decides it", 60), ("a second kind of source agrees", 15), ("not later than the problem", 10),
         ("as wide as the problem", 10)),
        ("revision 41 rolled out at 08:48", "3 of 3 of its pods are out of band, 5 of 5 old ones are not"), (),
    )  # fmt: skip
    other = CauseRecord(
        "dependency", f"its dependency {hostile} is slow", 45, Confidence.LOW, (("what decides it", 45),),
        ("payments-db answers 40 ms later",), (), ("traces are not configured",),
    )  # fmt: skip
    out = CauseRecord("traffic", "a traffic surge", 0, Confidence.LOW, (), (), ("requests are in band: 812/s",))
    return Conclusion(
        investigation=number,
        at=at,
        playbook="C2",
        verdict=found,
        reason="5 of 8 replicas ready, since 4 minutes",
        confidence=Confidence.HIGH,
        priority=priority,
        priority_reason="5 of 8 replicas ready",
        scope="the newest revision: 3 of 8 pods",
        impact=("5 of 8 replicas ready",),
        causes=(likely, other) if title else (),
        ruled_out=(out,),
        gates=(GateRecord("R2", "too few replicas are ready", True, "5 of 8 replicas ready"),),
        commands=(
            "kubectl --context prod-eu-1 --namespace shop rollout undo deployment/checkout --dry-run=server",
            "kubectl --context prod-eu-1 --namespace shop describe pod checkout-7d9-x2lfm",
        ),
        unknown=("log: unknown, not permitted, or not there, to read pods/log",),
        seconds=0.8,
    )
