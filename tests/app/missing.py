"""Targets that answer, stop, blink, go with their pod or with their whole job: `up` as Prometheus writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

START = 1_763_470_800
AT = START + 3600
INTERVAL = 30

TARGETS, JOBS = "target-missing", "metrics-missing"


@dataclass(frozen=True)
class Target:
    """One target's last hour, and what it is a case of."""

    job: str
    pod: str
    until: int = AT
    """When its series ends."""
    down: tuple[int, int] = (AT, AT)
    """Between which instants it does not answer."""
    case: tuple[str, str] = ("", "")
    """Row and kind."""

    def samples(self) -> str:
        """OpenMetrics lines."""
        labels = f'job="{self.job}",namespace="shop",pod="{self.pod}",instance="{self.pod}:80"'
        times = range(START, self.until + 1, INTERVAL)
        return "".join(f"up{{{labels}}} {int(not self.down[0] < at <= self.down[1])} {at}\n" for at in times)


STORY = (
    Target("steady", "steady-7d9f5-hhhhh", case=(TARGETS, "quiet")),
    Target("watched", "watched-7d9f5-zzzzz", case=(JOBS, "quiet")),
    Target("stopped", "stopped-7d9f5-bbbbb", down=(AT - 900, AT), case=(TARGETS, "fault")),
    Target("blinked", "blinked-7d9f5-ccccc", down=(AT - 60, AT - 30), case=(TARGETS, "lookalike")),
    Target("one-of-two", "one-of-two-7d9f5-jjjjj", down=(AT - 900, AT), case=(TARGETS, "lookalike")),
    Target("one-of-two", "one-of-two-7d9f5-mmmmm"),
    # A rollout: the old pod's target ends with it, the new one answers.
    Target("replaced", "replaced-7d9f5-ddddd", until=AT - 900),
    Target("replaced", "replaced-8c6b4-kkkkk", case=(TARGETS, "lookalike")),
    Target("vanished", "vanished-7d9f5-fffff", until=AT - 1200, case=(JOBS, "fault")),
    Target("restarted", "restarted-7d9f5-ggggg", until=AT - 300, case=(JOBS, "lookalike")),
)


def openmetrics() -> str:
    """The whole hour."""
    return "# TYPE up gauge\n" + "".join(target.samples() for target in STORY) + "# EOF\n"


def proofs() -> Iterator[tuple[str, str, str, str]]:
    """Row, convention, name and kind of each case."""
    for target in STORY:
        if target.case[0]:
            yield target.case[0], "own", f"{target.job} target", target.case[1]
