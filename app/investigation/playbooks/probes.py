"""C8: probes that fail, and pods that run without being ready."""

from __future__ import annotations

from app.investigation.collectors.logs import REASONS
from app.investigation.container_causes import CAUSES, COLLECTORS, DESCRIBE, HISTORY, LOGS, RELEASE_CAUSES, UNDO
from app.investigation.model import Cause, Noise, Playbook, Scope
from storage.records import Priority

_ANSWERS = ("probe.status", "probe.refused", "probe.timeout", "probe.no-route", "probe.command")
_WORDS = ("log.new", "log.surging", *REASONS)
_EXPLAINED = ("probe.undeclared-port", "change.probe", "change.only-new-pods-fail", "beside.throttled")
_ANYWHERE = (Scope.WORKLOAD, Scope.POD, Scope.REVISION)

PLAYBOOK = Playbook(
    id="C8",
    title="Probes fail",
    signals=("probe-failure-spike", "pod-readiness-failing"),
    collectors=COLLECTORS,
    causes=(
        Cause(
            "probe-changed",
            "revision {revision} changed how the container is probed: {change}",
            requires=("change.probe",),
            any_of=("probe.failing", "kill.by-kubelet"),
            supports=(*_ANSWERS, "change.only-new-pods-fail"),
            contradicts=("change.old-pods-fail",),
            scopes=(Scope.REVISION, Scope.WORKLOAD),
            points=65,
            commands=(UNDO, HISTORY),
        ),
        Cause(
            "probe-wrong-port",
            "the {kind_of_probe} probe knocks at port {port}, where container {container} does not listen ({ports})",
            requires=("probe.undeclared-port",),
            any_of=("probe.refused", "probe.failing"),
            supports=("probe.refused", "change.rollout"),
            contradicts=("probe.status",),
            scopes=(Scope.REVISION, Scope.WORKLOAD),
            points=60,
            commands=(HISTORY,),
        ),
        Cause(
            "not-ready",
            "the {kind_of_probe} probe {probe} {answer}: {line}",
            requires=("probe.failing",),
            any_of=_WORDS,
            supports=_ANSWERS,
            contradicts=_EXPLAINED,
            scopes=_ANYWHERE,
            points=50,
        ),
        Cause(
            "release-not-ready",
            "revision {revision} does not become ready, {change}",
            requires=("change.rollout", "probe.failing", "change.only-new-pods-fail"),
            supports=(*_WORDS, *_ANSWERS),
            contradicts=("change.old-pods-fail", "change.probe", "probe.undeclared-port"),
            scopes=(Scope.REVISION,),
            commands=(UNDO, HISTORY),
        ),
        Cause(
            "probe-starved",
            "container {container} gets too little CPU to answer its probe in time",
            requires=("beside.throttled",),
            any_of=("probe.timeout", "probe.failing"),
            contradicts=("probe.refused", "probe.status"),
            scopes=(Scope.WORKLOAD, Scope.POD, Scope.NODE),
        ),
        Cause(
            "probe-fails",
            "the {kind_of_probe} probe {probe} {answer}; the log does not say why",
            requires=("probe.failing",),
            contradicts=(
                *_WORDS,
                "change.only-new-pods-fail",
                "change.probe",
                "probe.undeclared-port",
                "beside.throttled",
            ),
            scopes=_ANYWHERE,
            points=40,
        ),
        *(each for each in CAUSES if each not in RELEASE_CAUSES),
    ),
    noise=(Noise("single probes failed, no pod became unready", ("probe.no-effect",), unless=("kill.by-kubelet",)),),
    commands=(
        DESCRIBE,
        LOGS,
        "kubectl --context {context} --namespace {ns} get pod {pod} --output jsonpath='{{..readinessProbe}}'",
    ),
    priority=Priority.P3,
    leads=30,
)
