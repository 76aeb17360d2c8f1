"""Events: both APIs, the classic and the new recorder, read into one `Event` with its occurrences over time.

The classic recorder counts in `count` and `lastTimestamp`; the new one leaves these empty and uses `eventTime` and
`series`. A count says how often, not when: `Event.lumps` spreads what is not known evenly over the time it fell in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from detectors.objects.base import Object, ObjectReference, Part, unix

if TYPE_CHECKING:
    from collections.abc import Iterator

HISTORY_SECONDS = 3600.0
"""How far back the occurrences of an event are remembered: as long as the API server keeps events."""


class EventSeries(Part, frozen=True):
    """The new recorder's repetition count."""

    count: int = 0
    last_observed_time: str | None = None


class EventSource(Part, frozen=True):
    """Who wrote an event, in the classic form."""

    component: str = ""
    host: str = ""


class RawEvent(Object, frozen=True):
    """An event as core/v1 or events.k8s.io/v1 sends it."""

    kind: ClassVar[str] = "Event"
    type: str = ""
    reason: str = ""
    message: str = ""
    note: str = ""
    involved_object: ObjectReference = ObjectReference()
    regarding: ObjectReference = ObjectReference()
    source: EventSource = EventSource()
    deprecated_source: EventSource = EventSource()
    reporting_component: str = ""
    reporting_controller: str = ""
    count: int = 0
    deprecated_count: int = 0
    event_time: str | None = None
    first_timestamp: str | None = None
    last_timestamp: str | None = None
    deprecated_first_timestamp: str | None = None
    deprecated_last_timestamp: str | None = None
    series: EventSeries | None = None

    def normalised(self) -> Event:
        """The same event in the one form that everything else reads."""
        series = self.series or EventSeries()
        created = unix(self.metadata.creation_timestamp) or 0.0
        begun = self.first_timestamp or self.deprecated_first_timestamp or self.event_time
        ended = series.last_observed_time or self.last_timestamp or self.deprecated_last_timestamp
        first = unix(begun) or created
        last = max(first, unix(ended) or first)
        count = max(self.count, self.deprecated_count, series.count, 1)
        source = self.source if self.source.component else self.deprecated_source
        return Event(
            uid=self.metadata.uid,
            resource_version=self.metadata.resource_version,
            namespace=self.metadata.namespace,
            name=self.metadata.name,
            type=self.type,
            reason=self.reason,
            message=self.message or self.note,
            component=self.reporting_component or self.reporting_controller or source.component,
            regarding=self.involved_object if self.involved_object.kind else self.regarding,
            first_seen=first,
            last_seen=last,
            count=count,
            history=((first, 1),) if count == 1 else ((first, 1), (last, count)),
        )


class Event(Part, frozen=True):
    """What the cluster said about an object, how often and when."""

    uid: str
    resource_version: str
    namespace: str
    name: str
    type: str
    """`Normal` or `Warning`."""
    reason: str
    message: str
    component: str
    regarding: ObjectReference
    first_seen: float
    """Unix seconds."""
    last_seen: float
    count: int
    history: tuple[tuple[float, int], ...] = ()
    """Unix seconds and the count reached then, oldest first; the first entry stands for the first occurrence."""

    def lumps(self) -> Iterator[tuple[float, float, int]]:
        """Begin, end and number of its occurrences, unix seconds, as far as they are remembered.

        One occurrence falls on each remembered time (begin is end there); the others since the time before it are
        spread evenly between.
        """
        before, reached = self.history[0][0], self.history[0][1] - 1
        for at, count in self.history:
            fresh = count - reached
            if fresh > 0:
                yield at, at, 1
                if fresh > 1 and at > before:
                    yield before, at, fresh - 1
            before, reached = at, count

    def between(self, start: float, end: float) -> float:
        """Occurrences in `start < t <= end`."""
        total = 0.0
        for begin, stop, count in self.lumps():
            if begin == stop:
                total += start < begin <= end
            else:
                total += count * max(0.0, min(stop, end) - max(begin, start)) / (stop - begin)
        return total

    def followed_by(self, newer: Event) -> Event:
        """The newer version of this event, with what was remembered of this one."""
        if newer.count <= self.count and newer.last_seen <= self.last_seen:
            history = self.history
        else:
            horizon = newer.last_seen - HISTORY_SECONDS
            recent = tuple(entry for entry in self.history if entry[0] >= horizon) or self.history[-1:]
            history = (*recent, (newer.last_seen, max(newer.count, self.count)))
        values = {name: getattr(newer, name) for name in self.__struct_fields__ if name != "history"}
        return Event(**values, history=history)
