"""What one revision of a workload changed against another, as far as pod templates are read."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace as changed

from detectors.objects import PodTemplate
from detectors.objects.pods import TemplateSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from detectors.objects import Container, Pod, PodSpec, Probe, ReplicaSet

RESTARTED = "kubectl.kubernetes.io/restartedAt"
"""The annotation that `kubectl rollout restart` puts on a pod template."""
HISTORY = "deployment.kubernetes.io/revision-history"
"""The annotation on a ReplicaSet that was the newest once before: the numbers that it had then."""
PROBES = ("liveness", "readiness", "startup")


class Change(NamedTuple):
    """One thing that differs between two pod templates."""

    field: str
    """`image`, `memory limit`, `readiness probe`, `variable`, `reference`, `container`, `restart`, `unread`, ..."""
    text: str
    """In words, with both values where there are any."""
    container: str = ""
    before: str = ""
    after: str = ""


def differences(older: PodTemplate, newer: PodTemplate) -> tuple[Change, ...]:
    """What differs between two pod templates; never empty, for revisions differ by definition."""
    found = [*_of_containers(older.spec, newer.spec), *_of_references(older.spec, newer.spec)]
    if older.spec.service_account_name != newer.spec.service_account_name:
        found.append(_turned("service account", "", older.spec.service_account_name, newer.spec.service_account_name))
    if not found and older.metadata.annotations.get(RESTARTED) != newer.metadata.annotations.get(RESTARTED):
        found.append(Change("restart", "restarted by hand, nothing else"))
    return tuple(found) or (Change("unread", "what is not read of a template: arguments, values of variables"),)


def between(older: Pod, newer: Pod) -> tuple[Change, ...]:
    """What differs between the templates of two pods of one workload, but for volumes: a StatefulSet's are per pod."""
    first, second = (PodTemplate(spec=TemplateSpec.of(changed(pod.spec, volumes=()))) for pod in (older, newer))
    return differences(first, second)


def told(older: ReplicaSet, newer: ReplicaSet) -> str:
    """A rollout in one line: `rollout revision 4 -> 5: image shop/web:3.1 -> shop/web:3.2`."""
    what = ", ".join(change.text for change in differences(older.spec.template, newer.spec.template))
    return f"{'rollback' if is_back(older, newer) else 'rollout'} revision {older.revision} -> {newer.revision}: {what}"


def is_back(older: ReplicaSet, newer: ReplicaSet) -> bool:
    """Whether the newer of two revisions is an old pod template again: its ReplicaSet's age is no date then."""
    return HISTORY in newer.metadata.annotations or newer.metadata.created < older.metadata.created


def _of_containers(older: PodSpec, newer: PodSpec) -> Iterator[Change]:
    before, after = _named(older), _named(newer)
    for name in before.keys() - after.keys():
        yield Change("container", f"container {name} removed", name)
    for name, container in after.items():
        if name in before:
            yield from _of_container(before[name], container)
        else:
            yield Change("container", f"container {name} added", name)


def _named(spec: PodSpec) -> Mapping[str, Container]:
    return {container.name: container for container in (*spec.init_containers, *spec.containers)}


def _of_container(older: Container, newer: Container) -> Iterator[Change]:
    name = newer.name
    if older.image != newer.image:
        yield Change("image", f"image {older.image} -> {_version(older, newer)}", name, older.image, newer.image)
    for what in ("request", "limit"):
        before, after = getattr(older.resources, f"{what}s"), getattr(newer.resources, f"{what}s")
        for resource in dict.fromkeys((*before, *after)):
            if before.get(resource) != after.get(resource):
                values = (str(each.get(resource, "none")) for each in (before, after))
                yield _turned(f"{resource} {what}", name, *values)
    for kind in PROBES:
        old, new = getattr(older, f"{kind}_probe"), getattr(newer, f"{kind}_probe")
        if old != new:
            yield _turned(f"{kind} probe", name, *(_settings(each) for each in (old, new)))
    if older.ports != newer.ports:
        ports = (", ".join(str(port.container_port) for port in each.ports) or "none" for each in (older, newer))
        yield _turned("ports", name, *ports)
    yield from _of_variables(older, newer)


def _version(older: Container, newer: Container) -> str:
    """The newer image; of one repository what differs alone."""
    repository = older.image.rpartition(":")[0]
    return newer.image.removeprefix(f"{repository}:") if repository else newer.image


def _settings(probe: Probe | None) -> str:
    """A probe with the numbers that decide when it fails."""
    if probe is None:
        return "none"
    return (
        f"{probe.title} (initial delay {probe.initial_delay_seconds} s, timeout {probe.timeout_seconds} s, "
        f"every {probe.period_seconds} s, {probe.failure_threshold} failures)"
    )


def _of_variables(older: Container, newer: Container) -> Iterator[Change]:
    before, after = ({each.name: each for each in container.env} for container in (older, newer))
    for name in before.keys() - after.keys():
        yield Change("variable", f"variable {name} of {newer.name} removed", newer.name, before=name)
    for name, variable in after.items():
        if name not in before:
            yield Change("variable", f"variable {name} of {newer.name} added", newer.name, after=name)
        elif before[name] != variable:
            yield Change("variable", f"variable {name} of {newer.name} comes from elsewhere", newer.name, name, name)


def _of_references(older: PodSpec, newer: PodSpec) -> Iterator[Change]:
    before, after = ({each.title for each in spec.references} for spec in (older, newer))
    for title in sorted(before - after):
        yield Change("reference", f"no longer refers to {title}", before=title)
    for title in sorted(after - before):
        yield Change("reference", f"refers to {title}", after=title)


def _turned(field: str, container: str, before: str, after: str) -> Change:
    of = f" of {container}" if container else ""
    return Change(field, f"{field}{of} {before or 'none'} -> {after or 'none'}", container, before, after)
