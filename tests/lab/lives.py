"""The life of a pod's container as a list of stages: starting, running, crashing, waiting.

Kubelet behaviour: the first restart is immediate, then the back-off doubles from 10 s to 300 s.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

BACK_OFF = (10.0, 300.0)


@dataclass(frozen=True, slots=True)
class Exit:
    """How a container ended."""

    reason: str
    code: int
    started: float
    finished: float


@dataclass(frozen=True, slots=True)
class Stage:
    """What a pod's status says from `at` on, until the next stage."""

    at: float
    state: str
    """`waiting`, `running` or `terminated`: of the container, or of the init container where `init` is set."""
    reason: str = ""
    message: str = ""
    phase: str = "Pending"
    ready: bool = False
    restarts: int = 0
    started: float = math.nan
    """When the container last started."""
    last: Exit | None = None
    """How it ended before."""
    init: bool = False
    scheduled: bool = True


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a container fails again and again."""

    runs: tuple[float, float]
    """Seconds between start and exit."""
    reason: str = "Error"
    code: int = 1
    init: bool = False


PATTERNS = {
    "crash-loop": Pattern((2.0, 8.0)),
    "oom": Pattern((45.0, 110.0), "OOMKilled", 137),
    "init": Pattern((2.0, 4.0), init=True),
}


def starting(created: float, startup: float, rng: np.random.Generator) -> list[Stage]:
    """A pod that comes up and stays up."""
    run = created + rng.uniform(1.0, 4.0)
    return [
        Stage(created, "waiting", "ContainerCreating"),
        Stage(run, "running", phase="Running", started=run),
        Stage(run + startup, "running", phase="Running", started=run, ready=True),
    ]


def completing(created: float, runs: float, rng: np.random.Generator) -> list[Stage]:
    """A job's pod."""
    run = created + rng.uniform(1.0, 3.0)
    done = run + runs * rng.uniform(0.8, 1.3)
    last = Exit("Completed", 0, run, done)
    return [
        Stage(created, "waiting", "ContainerCreating"),
        Stage(run, "running", phase="Running", started=run, ready=True),
        Stage(done, "terminated", "Completed", phase="Succeeded", started=run, last=last),
    ]


def pending(created: float) -> list[Stage]:
    """A pod that no node can take."""
    message = (
        "0/5 nodes are available: 1 node(s) had untolerated taint(s), 4 Insufficient cpu. preemption: 0/5 nodes are "
        "available: 5 Preemption is not helpful for scheduling."
    )
    return [Stage(created, "waiting", "Unschedulable", message, scheduled=False)]


def unpullable(created: float, image: str, until: float, rng: np.random.Generator) -> list[Stage]:
    """A pod whose image does not exist."""
    cause = (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": failed to resolve reference '
        f'"{image}": {image}: not found'
    )
    stages = [Stage(created, "waiting", "ContainerCreating")]
    at, wait = created + rng.uniform(1.5, 2.5), BACK_OFF[0]
    while at < until:
        stages.append(Stage(at, "waiting", "ErrImagePull", cause))
        at += rng.uniform(11.5, 12.5)
        stages.append(
            Stage(at, "waiting", "ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {cause}')
        )
        at, wait = at + wait, min(2 * wait, BACK_OFF[1])
    return stages


def failing(
    stages: list[Stage],
    pattern: Pattern,
    start: float,
    until: float,
    horizon: float,
    startup: float,
    rng: np.random.Generator,
) -> list[Stage]:
    """The same life, with the container failing from `start` until `until`, when it comes up for good."""
    running = next(stage for stage in stages if stage.state == "running")
    at = max(start, running.at) + rng.uniform(*pattern.runs)
    life = [stage for stage in stages if stage.at < at]
    wait = 0.0
    while at < min(until, horizon):
        before = life[-1]
        ended = Exit(pattern.reason, pattern.code, before.started, at)
        again = at + 1.0 + wait
        phase = "Pending" if pattern.init else "Running"
        down = Stage(
            at, "terminated", pattern.reason, "", phase, False, before.restarts, before.started, ended, pattern.init
        )
        life.append(down)
        if wait:
            text = f"back-off {_duration(wait)} restarting failed container"
            life.append(replace(down, at=at + 1.0, state="waiting", reason="CrashLoopBackOff", message=text))
        if again > until:
            again = until + rng.uniform(1.0, 6.0)
        up = replace(down, at=again, state="running", reason="", restarts=before.restarts + 1, started=again)
        life.append(up)
        runs = rng.uniform(*pattern.runs)
        if runs > startup and not pattern.init:
            life.append(replace(up, at=again + startup, ready=True))
        at = again + runs
        wait = min(max(BACK_OFF[0], 2 * wait), BACK_OFF[1])
    if until <= horizon and not life[-1].ready:
        life.append(replace(life[-1], at=life[-1].at + startup, phase="Running", ready=True, init=False))
    return life


def initialising(created: float, rng: np.random.Generator) -> list[Stage]:
    """A pod whose init container has just started."""
    run = created + rng.uniform(1.0, 3.0)
    return [
        Stage(created, "waiting", "PodInitializing", init=True),
        Stage(run, "running", started=run, init=True),
    ]


def _duration(seconds: float) -> str:
    """As Go prints it: `10s`, `1m20s`, `5m0s`."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
