"""Where in an object a finding stands: as kubectl asks for it, and as a person reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from detectors.objects import ContainerStatus, Pod

_PLAIN_NAME = re.compile(r"[A-Za-z0-9._/-]+")
_CHOICE = re.compile(r'\[\?\(@\.\w+=="([^"]*)"\)\]')


def container_path(pod: Pod, status: ContainerStatus, field: str) -> str:
    """JSONPath to a field of a container's status."""
    init = any(each.name == status.name for each in pod.status.init_container_statuses)
    where = "initContainerStatuses" if init else "containerStatuses"
    return f"{{.status.{where}{_choice('name', status.name)}.{field}}}"


def condition_path(kind: str, field: str = "status") -> str:
    """JSONPath to a field of the condition of that type."""
    return f"{{.status.conditions{_choice('type', kind)}.{field}}}"


def readable(path: str) -> str:
    """A JSONPath without its syntax: `.status.conditions[Ready].status`; elements of lists go by name or type."""
    return _CHOICE.sub(r"[\1]", path.removeprefix("{").removesuffix("}"))


def pairs(mapping: Mapping[str, object]) -> str:
    """What a field holds that is a map: `app=web,tier=front`."""
    return ",".join(f"{name}={value}" for name, value in sorted(mapping.items()))


def _choice(key: str, value: str) -> str:
    """One element of a list; all of them where its name could break out of the expression."""
    return f'[?(@.{key}=="{value}")]' if _PLAIN_NAME.fullmatch(value) else "[*]"
