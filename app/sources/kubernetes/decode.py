"""Pages of lists and lines of watches to objects, in one pass where everything is as the API says it is.

The first pass decodes straight into the structs. What it does not accept (a `null` for a list, one object of another
shape, a Status in place of an object) is taken apart on a second one, object by object.
"""

from __future__ import annotations

import logging
import time
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from app.sources.base import SourceError, Trouble
from app.sources.kubernetes.troubles import Status
from detectors.objects import Object, decode

log = logging.getLogger(__name__)

T = TypeVar("T")

_PIECE = 50
"""Objects decoded between two moments in which other threads may run."""
_ONE_PIECE = 4 << 20
"""Bytes of a page that are decoded without such a moment: some milliseconds' worth."""


class _ListMeta(msgspec.Struct, rename="camel", gc=False):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class _List(msgspec.Struct, Generic[T], gc=False):
    items: list[T] | None = None
    metadata: _ListMeta = msgspec.field(default_factory=_ListMeta)


class _Event(msgspec.Struct, Generic[T], gc=False):
    type: str
    object: T


class Page(NamedTuple):
    """One answer to a list request."""

    items: list[Any]
    token: str
    """For the next page; empty on the last one."""
    version: str


class Decoder:
    """Decodes what the API says about one kind of object."""

    def __init__(self, kind: type[Object]) -> None:
        self._kind = kind
        self._list, self._event = _decoders(kind)

    def page(self, body: bytes) -> Page:
        """A page of a list; objects that cannot be read are left out and logged.

        Raises:
            SourceError: it is no list.
        """
        if len(body) <= _ONE_PIECE:
            try:
                page = self._list.decode(body)
                return Page(page.items or [], page.metadata.continue_, page.metadata.resource_version)
            except (msgspec.DecodeError, UnicodeDecodeError):
                log.debug("a page of %s needs a second pass", self._kind.__name__)
        try:
            page = _raw_list.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SourceError(
                Trouble.PROTOCOL,
                "the answer is no list of the Kubernetes API",
                "Check the server's address in the kubeconfig: something else answers there.",
            ) from None
        items = []
        for index, raw in enumerate(page.items or [], 1):
            if index % _PIECE == 0:
                time.sleep(1e-4)
            if (item := self._object(raw)) is not None:
                items.append(item)
        return Page(items, page.metadata.continue_, page.metadata.resource_version)

    def event(self, line: bytes) -> tuple[str, Object | Status | None]:
        """A line of a watch: its type, and its object; None for one that cannot be read, which is logged.

        Raises:
            SourceError: it is no watch event.
        """
        try:
            event = self._event.decode(line)
            if event.type != "ERROR":
                return event.type, event.object
        except (msgspec.DecodeError, UnicodeDecodeError):
            log.debug("a watch event of %s needs a second pass", self._kind.__name__)
        try:
            event = _raw_event.decode(line)
            if event.type == "ERROR":
                return event.type, msgspec.json.decode(event.object, type=Status)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise SourceError(Trouble.PROTOCOL, "a line of a watch is no event") from None
        return event.type, self._object(event.object)

    def _object(self, raw: msgspec.Raw) -> Object | None:
        try:
            return decode(self._kind, raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("a %s cannot be read: %s", self._kind.__name__, error)
            return None


@cache
def _decoders(kind: type[Object]) -> tuple[Any, Any]:
    return msgspec.json.Decoder(_List[kind]), msgspec.json.Decoder(_Event[kind])  # type: ignore[valid-type]


_raw_list = msgspec.json.Decoder(_List[msgspec.Raw])
_raw_event = msgspec.json.Decoder(_Event[msgspec.Raw])
