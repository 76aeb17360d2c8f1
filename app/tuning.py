"""What the owners of a workload ask for by annotation, and what the engineer asks to watch."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from app.settings.schema import DetectionSettings, ScopeSettings
    from detectors.model import Entity

PREFIXES = ("tocsin.io/", "metoro.io/")
"""Ours wins over the other where both are set on one object."""

DISABLED = "anomaly-detection-disabled"
BASELINE = "anomaly-detection-baseline-minutes"
EVALUATION = "anomaly-detection-evaluation-minutes"
ENVIRONMENT_NAMES = {
    "production": "prod",
    "live": "prod",
    "stage": "staging",
    "preprod": "staging",
    "development": "dev",
    "testing": "test",
}
"""Names of environments, and the one that stands for them."""
MAX_DIGITS = 4
"""A longer number is out of range, and Python refuses to read one of thousands of digits."""
SHOWN = 60
"""Characters of a wrong value that a warning repeats."""
RANGES = {BASELINE: (5, 30), EVALUATION: (1, 10)}


class Tuning(msgspec.Struct, frozen=True):
    """How one workload is judged."""

    baseline_minutes: int
    evaluation_minutes: int
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class AnnotatedObject:
    """One place that may carry annotations, nearest to the workload first."""

    where: str
    """`Deployment shop/checkout`, its `pod template`, `Namespace shop`."""
    annotations: Mapping[str, str]


def read_tuning(layers: Sequence[AnnotatedObject], defaults: DetectionSettings) -> tuple[Tuning, tuple[str, ...]]:
    """The tuning of a workload and a warning for every value that had to be ignored."""
    warnings: list[str] = []
    minutes = {}
    for name, fallback in ((BASELINE, defaults.baseline_minutes), (EVALUATION, defaults.evaluation_minutes)):
        minutes[name] = _minutes(name, layers, warnings) or fallback
    if minutes[EVALUATION] * 2 > minutes[BASELINE]:
        where = layers[0].where if layers else "annotations"
        warnings.append(
            f"{where}: evaluation of {minutes[EVALUATION]} min is more than half of the baseline of "
            f"{minutes[BASELINE]} min; both ignored"
        )
        minutes = {BASELINE: defaults.baseline_minutes, EVALUATION: defaults.evaluation_minutes}
    return Tuning(minutes[BASELINE], minutes[EVALUATION], _disabled(layers, warnings)), tuple(warnings)


def _found(name: str, layers: Iterable[AnnotatedObject]) -> Iterable[tuple[str, str, str]]:
    for layer in layers:
        for prefix in PREFIXES:
            if (value := layer.annotations.get(prefix + name)) is not None:
                yield layer.where, prefix + name, value.strip()


def _minutes(name: str, layers: Sequence[AnnotatedObject], warnings: list[str]) -> int | None:
    low, high = RANGES[name]
    for where, key, value in _found(name, layers):
        if len(value) <= MAX_DIGITS and value.isascii() and value.isdigit() and low <= int(value) <= high:
            return int(value)
        warnings.append(f"{where}: {key} is {value[:SHOWN]!r}; allowed: a whole number from {low} to {high}; ignored")
    return None


def _disabled(layers: Sequence[AnnotatedObject], warnings: list[str]) -> bool:
    for where, key, value in _found(DISABLED, layers):
        if value in ("true", "false"):
            return value == "true"
        warnings.append(f'{where}: {key} is {value[:SHOWN]!r}; allowed: "true" or "false"; ignored')
    return False


def canonical(environment: str) -> str:
    """One name for what is called `prod` here and `production` there."""
    return ENVIRONMENT_NAMES.get(environment.lower(), environment.lower())


def in_scope(entity: Entity, scope: ScopeSettings) -> bool:
    """Whether the engineer wants to hear of it; nodes and the cluster, which have no namespace, always are."""
    if entity.namespace:
        if any(fnmatchcase(entity.namespace, pattern) for pattern in scope.exclude_namespaces):
            return False
        if scope.namespaces and not any(fnmatchcase(entity.namespace, pattern) for pattern in scope.namespaces):
            return False
        if scope.environments and canonical(entity.environment) not in map(canonical, scope.environments):
            return False
        if excluding(entity.namespace, entity.name, scope.exclude_services):
            return False
        return not scope.services or any(fnmatchcase(entity.name, pattern) for pattern in scope.services)
    return True


def excluding(namespace: str, name: str, patterns: Iterable[str]) -> str:
    """The pattern that leaves a workload out, empty when none does; one with a slash is about `namespace/name`."""
    title = f"{namespace}/{name}"
    return next((each for each in patterns if fnmatchcase(title if "/" in each else name, each)), "")
