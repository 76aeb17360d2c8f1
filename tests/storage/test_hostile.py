"""Text that whoever writes to the cluster can choose: it is stored as text, or cut, and never breaks anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.model import Entity, EntityType, SourceRef
from storage.codec import NAME_LIMIT, TEXT_LIMIT, clean
from storage.history import Act
from storage.records import TimelineEntry
from tests.storage import samples
from tests.storage.samples import CLUSTER, NOW

if TYPE_CHECKING:
    from storage.database import Store

HOSTILE = [
    "'; DROP TABLE investigation; --",
    '"quoted" `ticked` [bracketed] %_ \\',
    "nul\0inside",
    "\x1b[31mred\x1b[0m \x07 [bold]markup[/bold] \u202eright to left",
    "日本語 🔥 e\u0301",
    "",
    "../../etc/passwd",
]


def store_everywhere(store: Store, text: str) -> None:
    entity = Entity(EntityType.DEPENDENCY, CLUSTER, text, text, text, text)
    store.cycles.write(
        samples.update(
            samples.case(1, entity=entity, title=text, signals=(text,)),
            anomalies=[samples.anomaly(1, entity=entity, signal=text, unit=text, source=SourceRef(text, text))],
            evidence=[samples.evidence(text=text, step=text, source=text, value=text)],
            timeline=[(1, TimelineEntry(NOW, text, text))],
            events=[samples.event(text or "e", name=text, namespace=text, message=text, reason=text, owner_name=text)],
            coverage=[samples.coverage(text, detail=text, query=text, thinned=text, conventions=(text,))],
        )
    )
    values = {"label": "true", "label_reason": text}
    store.history.act([1], Act.LABEL, values, actor=text, at=NOW, session=text)
    store.screen.remember(text, text)


def read_everything(store: Store) -> list[object]:
    return [
        store.investigations.page(),
        store.anomalies.unresolved(CLUSTER),
        store.evidence.of(1),
        store.timeline.of(1),
        store.events.since(CLUSTER, 0),
        store.cycles.coverage(CLUSTER),
        store.history.of(1),
    ]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_is_stored_as_it_is(store: Store, text: str) -> None:
    store_everywhere(store, text)
    (record,) = store.investigations.page()
    assert (record.title, record.entity.name, record.entity.peer, record.label_reason) == (text, text, text, text)
    assert store.investigations.about(record.entity) == (record,)
    assert store.anomalies.of(1)[0].source == SourceRef(text, text)
    assert store.evidence.of(1)[0].text == text
    assert text in {entry.text for entry in store.timeline.of(1)}
    assert store.events.of(CLUSTER, text, "Pod", text)[0].message == text
    assert store.cycles.coverage(CLUSTER)[0].conventions == (text,)
    assert store.screen.recall(text) == text
    assert [line.actor for line in store.history.undo(actor=text, at=NOW)] == [text]


@pytest.mark.parametrize("text", ["lone \ud800 surrogate", "\udfff" * 3])
def test_what_is_no_unicode_is_replaced(store: Store, text: str) -> None:
    store_everywhere(store, text)
    (record,) = store.investigations.page()
    assert record.title == "".join("?" if "\ud800" <= char <= "\udfff" else char for char in text)
    assert store.history.undo(actor=text, at=NOW)
    assert all(read_everything(store))


def test_a_megabyte_is_cut(store: Store) -> None:
    huge = "é" * 1_000_000
    store_everywhere(store, huge)
    assert store.evidence.of(1)[0].text == "é" * (TEXT_LIMIT - 1) + "…"
    (record,) = store.investigations.page()
    assert len(record.title) == NAME_LIMIT
    assert store.screen.recall(huge) == ""
    assert store.statistics().bytes < 2_000_000


def test_writing_the_same_hostile_entity_twice_makes_one(store: Store) -> None:
    for _ in range(2):
        store_everywhere(store, "lone \ud800 surrogate")
    assert store.statistics().rows["entity"] == 1


def test_a_failed_undo_names_no_text_of_the_cluster(store: Store) -> None:
    """Messages go to toasts and logs; ids and field names are enough."""
    store_everywhere(store, "[red]x")
    store.history.act([1], Act.LABEL, {"label": None, "label_reason": ""}, actor="other", at=NOW)
    with pytest.raises(Exception, match=r"^#1 has been changed since \(label, label_reason\)"):
        store.history.undo(actor="[red]x", at=NOW)


@given(st.text(), st.integers(1, 20))
@settings(deadline=None)
def test_clean_text_is_valid_and_short(text: str, limit: int) -> None:
    cleaned = clean(text, limit)
    assert len(cleaned) <= limit
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned
    assert clean(cleaned, limit) == cleaned
