"""C8: probes that fail, and pods that run without being ready."""

from __future__ import annotations

from app.investigation.collectors.logs import REASONS
from app.investigation.container_causes import (
    CAUSES,
    COLLECTORS,
    DESCRIBE,
    HISTORY,
    LOGS,
    PROBE_ANSWERS,
    RELEASE_CAUSES,
    UNDO,
)
from app.investigation.model import Cause, Noise, Playbook, Scope
from storage.records import Priority

_WORDS = ("log.new", "log.surging", *REASONS)
_EXPLAINED = ("probe.undeclared-port", "change.probe", "change.only-new-pods-fail", "signal.throttled")
_ANYWHERE = (Scope.WORKLOAD, Scope.POD, Scope.REVISION)

PLAYBOOK = Playbook(
    id="C8",
    title="Probes fail",
    signals=("probe-failure-spike", "pod-readiness-failing"),
    collectors=COLLECTORS,
    causes=(
        Cause(
            "not-ready",
            "the {kind_of_probe} probe {probe} {answer}: {line}",
            requires=("probe.failing",),
            any_of=_WORDS,
            supports=PROBE_ANSWERS,
            contradicts=_EXPLAINED,
            scopes=_ANYWHERE,
            points=50,
        ),
        Cause(
            "release-not-ready",
            "revision {revision} does not become ready, {change}",
            requires=("change.rollout", "probe.failing", "change.only-new-pods-fail"),
            supports=(*_WORDS, *PROBE_ANSWERS),
            contradicts=("change.old-pods-fail", "change.probe", "probe.undeclared-port"),
            scopes=(Scope.REVISION,),
            commands=(UNDO, HISTORY),
        ),
        Cause(
            "probe-starved",
            "container {container} gets too little CPU to answer its probe in time",
            requires=("signal.throttled",),
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
                "signal.throttled",
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
