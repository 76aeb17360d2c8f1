"""Containers that fail: crash loops, images that cannot be pulled, kills for memory, init containers, configuration.

One failing container has one finding. A container killed for memory that is now waiting for its restart is OOMKilled,
not also a crash loop; an init container's failure is Init:Error; ErrImagePull and ImagePullBackOff, which alternate
with every retry, are one failure to pull.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from detectors.model import Coverage
from detectors.objects import unix
from detectors.states.paths import container_path
from detectors.states.report import (
    Affected,
    StateResult,
    guard,
    is_sidecar,
    living,
    partial,
    unreadable,
    workload_observations,
)
from detectors.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from detectors.catalog.schema import Row
    from detectors.cluster import ClusterState, Restart
    from detectors.objects import ContainerStatus, Event, Pod, Terminated

CRASH_LOOP = "CrashLoopBackOff"
OOM_KILLED = "OOMKilled"
PULL_REASONS = frozenset(
    (
        "ImagePullBackOff",
        "ErrImagePull",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    )
)
CONFIG_REASONS = frozenset(
    (
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "PreCreateHookError",
        "PreStartHookError",
        "PostStartHookError",
    )
)
"""Between a pulled image and a running container: a Secret or ConfigMap is missing, or the command is."""
_REFUSALS = 5
"""The kubelet tries again every ten seconds or so: that many failures are as good as a minute."""
_BACK_OFF_SECONDS = 10.0
"""The kubelet's first pause before a restart; each further one is twice as long, up to five minutes."""
_LONGEST_BACK_OFF = 300.0


class _Crash(NamedTuple):
    pod: Pod
    status: ContainerStatus
    ended: Terminated
    """How its last run ended."""


def crash_loop(state: ClusterState, row: Row, now: float) -> StateResult:
    """Containers that wait in CrashLoopBackOff, or were restarted twice within the window and not for memory.

    The reason vanishes while the container runs between two crashes, hence the second clause. The least duration may
    also be proven by the restarts themselves: the pauses before n restarts add up.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = living(state.judged_pods)
    window = now - _window(row)
    affected = []
    for crash in _crashes(state, pods, window):
        onset = _crashing_since(state, crash, window)
        lasted = max(now - onset, back_off_seconds(crash.status.restart_count))
        if crash.ended.reason != OOM_KILLED and lasted >= guard(row, "min_duration_seconds", 60):
            affected.append(_crashed(crash, onset))
    return _result(row, state, pods, affected, guard(row, "min_affected_containers", 1))


def oom_killed(state: ClusterState, row: Row, now: float) -> StateResult:
    """Containers killed for memory within the window, or waiting for their restart after such a kill.

    `lastState` keeps the last kill for ever: its time decides. Exit code 137 alone is any SIGKILL.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = state.judged_pods
    window = now - _window(row)
    affected = []
    for pod in pods:
        for status in pod.statuses:
            ended, field = _last_end(status)
            finished = ended.finished if ended is not None else None
            if ended is None or finished is None or ended.reason != OOM_KILLED:
                continue
            if finished < window and not _waits(status, CRASH_LOOP):
                continue
            kills = [each for each in _seen_restarts(state, pod, status, window) if each.reason == OOM_KILLED]
            path = container_path(pod, status, f"{field}.terminated.reason")
            restarts = counted(status.restart_count, "restarts")
            text = f"{pod.name}/{status.name} OOMKilled (exit {ended.exit_code}), {restarts}"
            onset = min([finished, *(each.at for each in kills)])
            count = max(1.0, sum(each.delta for each in kills))
            affected.append(Affected(pod, text, path, ended.reason, onset, at=finished, count=count))
    return _result(row, state, pods, affected, guard(row, "min_kills", 1))


def image_pull_back_off(state: ClusterState, row: Row, now: float) -> StateResult:
    """Containers whose image cannot be pulled, again and again."""
    return _image_pull(state, row, now, backing_off=True)


def error_image_pull(state: ClusterState, row: Row, now: float) -> StateResult:
    """Containers whose image could not be pulled and that the kubelet does not yet back off from."""
    return _image_pull(state, row, now, backing_off=False)


def init_error(state: ClusterState, row: Row, now: float) -> StateResult:
    """What kubectl shows as Init:Error: the first init container that ended with an error, also while it waits.

    Sidecars (`restartPolicy: Always`) are ordinary containers here. Two failures, or one that lasts, are needed: init
    containers may wait for a dependency by failing until it is there.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = state.judged_pods
    affected = []
    for pod in pods:
        failure = next(_init_failures(pod), None)
        if failure is None or _completed_job(state, pod):
            continue
        status, ended, field = failure
        first = ended.finished or pod.metadata.created
        onset = min([first, *(each.at for each in _seen_restarts(state, pod, status, now - 3600))])
        lasted = max(now - onset, back_off_seconds(status.restart_count))
        gave_up = pod.finished and now - first <= _window(row)
        if gave_up or (not pod.finished and lasted >= guard(row, "min_duration_seconds", 60)):
            reason = ended.reason or (f"Signal:{ended.signal}" if ended.signal else f"ExitCode:{ended.exit_code}")
            restarts = counted(status.restart_count, "restarts")
            text = f"{pod.name}/{status.name} Init:{reason} (exit {ended.exit_code}), {restarts}"
            told, value = ("reason", reason) if ended.reason else ("exitCode", str(ended.exit_code))
            path = container_path(pod, status, f"{field}.terminated.{told}")
            affected.append(Affected(pod, text, path, value, onset, at=ended.finished))
    return _result(row, state, pods, affected, guard(row, "min_affected_containers", 1))


def config_error(state: ClusterState, row: Row, now: float) -> StateResult:
    """Containers that cannot be created or started as they are specified, for min_duration_seconds.

    The duration may also be proven by the failures themselves, which the events count. A Secret that comes with the
    same release is there before that.
    """
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = living(state.judged_pods)
    stuck = [
        (pod, status) for pod in pods for status in pod.statuses if (_waiting_reason(status) or "") in CONFIG_REASONS
    ]
    events = _events_of(state, {pod.metadata.uid for pod, _ in stuck})
    affected = []
    for pod, status in stuck:
        failures = [event for event in events.get(pod.metadata.uid, []) if event.reason == "Failed"]
        onset = min([event.first_seen for event in failures] or [_scheduled(pod)])
        repeated = sum(event.count for event in failures) >= _REFUSALS
        if repeated or now - onset >= guard(row, "min_duration_seconds", 60):
            waiting = status.state.waiting
            reason = _waiting_reason(status) or ""
            text = f"{pod.name}/{status.name} {reason}: {waiting.message if waiting is not None else ''}"
            affected.append(Affected(pod, text, container_path(pod, status, "state.waiting.reason"), reason, onset))
    return _result(row, state, pods, affected, guard(row, "min_affected_containers", 1))


def _image_pull(state: ClusterState, row: Row, now: float, *, backing_off: bool) -> StateResult:
    if (refused := unreadable(state, "pods")) is not None:
        return refused
    pods = living(state.judged_pods)
    stuck = [
        (pod, status) for pod in pods for status in pod.statuses if (_waiting_reason(status) or "") in PULL_REASONS
    ]
    events = _events_of(state, {pod.metadata.uid for pod, _ in stuck})
    early: list[Affected] = []
    late: list[Affected] = []
    for pod, status in stuck:
        told = events.get(pod.metadata.uid, [])
        failures = [event for event in told if event.reason == "Failed"]
        onset = min([event.first_seen for event in failures] or [_scheduled(pod)])
        repeated = max((event.count for event in failures), default=0) >= 2
        paused = _waiting_reason(status) != "ErrImagePull" or any(event.reason == "BackOff" for event in told)
        lasted = now - onset
        if repeated or lasted >= guard(row, "min_duration_seconds", 60):
            (late if paused or lasted >= 2 * _BACK_OFF_SECONDS * 6 else early).append(_unpulled(pod, status, onset))
    given_up = {state.owner(each.pod).key for each in late}
    early = [each for each in early if state.owner(each.pod).key not in given_up]
    return _result(row, state, pods, late if backing_off else early, guard(row, "min_affected_containers", 1))


def _crashes(state: ClusterState, pods: Sequence[Pod], window: float) -> Iterator[_Crash]:
    for pod in pods:
        for status in pod.statuses:
            ended, _ = _last_end(status)
            is_init = any(each.name == status.name for each in pod.status.init_container_statuses)
            if ended is None or (is_init and not is_sidecar(pod, status)):
                continue
            recent = ended.finished is not None and ended.finished >= window
            if _waits(status, CRASH_LOOP) or (recent and _restarts(state, pod, status, window) >= 2):
                yield _Crash(pod, status, ended)


def _crashed(crash: _Crash, onset: float) -> Affected:
    pod, status, ended = crash
    what = CRASH_LOOP if _waits(status, CRASH_LOOP) else "restarted again and again"
    how = f"{ended.reason or 'ended'}, exit {ended.exit_code}"
    text = f"{pod.name}/{status.name} {what} ({how}), {counted(status.restart_count, 'restarts')}"
    field = "state.waiting.reason" if _waits(status, CRASH_LOOP) else "restartCount"
    value = CRASH_LOOP if _waits(status, CRASH_LOOP) else str(status.restart_count)
    return Affected(pod, text, container_path(pod, status, field), value, onset, at=ended.finished)


def _unpulled(pod: Pod, status: ContainerStatus, onset: float) -> Affected:
    reason = _waiting_reason(status) or ""
    text = f"{pod.name}/{status.name} cannot pull {status.image} ({reason})"
    return Affected(pod, text, container_path(pod, status, "state.waiting.reason"), reason, onset)


def _crashing_since(state: ClusterState, crash: _Crash, window: float) -> float:
    """The first sign of this crash loop that is still known: a back-off event, a restart seen, the last end."""
    told = _events_of(state, {crash.pod.metadata.uid}).get(crash.pod.metadata.uid, [])
    signs = [event.first_seen for event in told if event.reason == "BackOff"]
    signs += [each.at for each in _seen_restarts(state, crash.pod, crash.status, window)]
    if crash.ended.finished is not None:
        signs.append(crash.ended.finished)
    return min(signs, default=crash.pod.metadata.created)


def _init_failures(pod: Pod) -> Iterator[tuple[ContainerStatus, Terminated, str]]:
    for status in pod.status.init_container_statuses:
        ended, field = _last_end(status)
        recovering = status.state.running is not None or (
            status.state.terminated is not None and status.state.terminated.exit_code == 0
        )
        pulling = (_waiting_reason(status) or "") in PULL_REASONS
        if ended is None or recovering or pulling or is_sidecar(pod, status):
            continue
        if ended.exit_code != 0 and ended.reason != OOM_KILLED:
            yield status, ended, field


def _last_end(status: ContainerStatus) -> tuple[Terminated | None, str]:
    """How a container's newest finished run ended, and the field that says so."""
    if status.state.terminated is not None:
        return status.state.terminated, "state"
    return status.last_state.terminated, "lastState"


def _waiting_reason(status: ContainerStatus) -> str | None:
    return status.state.waiting.reason if status.state.waiting is not None else None


def _waits(status: ContainerStatus, reason: str) -> bool:
    return _waiting_reason(status) == reason


def back_off_seconds(restarts: int) -> float:
    """How long the kubelet has paused at least before that many restarts, seconds."""
    return sum(min(_BACK_OFF_SECONDS * float(2**i), _LONGEST_BACK_OFF) for i in range(min(restarts, 20)))


def _seen_restarts(state: ClusterState, pod: Pod, status: ContainerStatus, since: float) -> list[Restart]:
    return [
        each
        for each in state.restarts
        if each.pod == pod.metadata.uid and each.container == status.name and each.at >= since
    ]


def _restarts(state: ClusterState, pod: Pod, status: ContainerStatus, since: float) -> int:
    if pod.metadata.created >= since:
        return status.restart_count
    return sum(each.delta for each in _seen_restarts(state, pod, status, since))


def _scheduled(pod: Pod) -> float:
    condition = pod.status.condition("PodScheduled")
    since = condition.since if condition is not None and condition.status == "True" else None
    return since if since is not None else unix(pod.status.start_time) or pod.metadata.created


def _events_of(state: ClusterState, uids: set[str]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in state.events if uids else ():
        if event.regarding.uid in uids:
            found.setdefault(event.regarding.uid, []).append(event)
    return found


def _completed_job(state: ClusterState, pod: Pod) -> bool:
    controller = pod.metadata.controller
    job = state.workloads.get(("Job", pod.namespace, controller.name)) if controller is not None else None
    done = job.status.condition("Complete") if job is not None else None
    return done is not None and done.status == "True"


def _window(row: Row) -> float:
    """Seconds within which a failure is news."""
    return 60 * guard(row, "window_minutes", 10)


def _result(row: Row, state: ClusterState, pods: Sequence[Pod], affected: list[Affected], least: float) -> StateResult:
    observations = workload_observations(row, state, affected, least=least)
    return StateResult(observations, Coverage.LIVE, state.workload_count(pods), partial(state, "pods"))
