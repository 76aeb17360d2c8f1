"""How values cross the border to SQLite: hostile text, numbers that are none, and names that are stored once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import msgspec

from detectors.model import Entity, EntityType, Severity, SourceRef

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

NAME_LIMIT = 1_000
"""Characters of a name; Kubernetes allows 253."""

TEXT_LIMIT = 8_000
"""Characters of a sentence, a log excerpt, a query: enough to understand, too little to fill the disk."""

SEVERITIES = (Severity.INFO, Severity.LOW, Severity.MEDIUM, Severity.HIGH, Severity.CRITICAL)
"""Stored as the position in this tuple: never reorder it."""

SEVERITY_CODES = {severity: code for code, severity in enumerate(SEVERITIES)}

read_names = msgspec.json.Decoder(tuple[str, ...]).decode
"""The inverse of `names_json`."""


def clean(text: str, limit: int = TEXT_LIMIT) -> str:
    """The text as it can be stored: valid Unicode (lone surrogates become `?`), and no longer than the limit."""
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isascii():
        return text
    return text.encode("utf-8", "replace").decode("utf-8")


def names_json(names: Iterable[str]) -> str:
    """A list of names as one text."""
    return msgspec.json.encode([clean(name, NAME_LIMIT) for name in names]).decode()


def struct_json(value: msgspec.Struct) -> bytes:
    """A record as JSON, each of its texts as it can be stored."""
    return msgspec.json.encode(_cleaned(msgspec.to_builtins(value)))


def _cleaned(tree: object) -> object:
    if isinstance(tree, str):
        return clean(tree)
    if isinstance(tree, dict):
        return {key: _cleaned(item) for key, item in tree.items()}
    return [_cleaned(item) for item in tree] if isinstance(tree, list | tuple) else tree


def number(value: float | None) -> float:
    """A stored number: SQLite keeps NaN as NULL."""
    return math.nan if value is None else value


class Names:
    """The ids of clusters, entities and subjects within one write transaction; unknown ones are added.

    Lives as long as the transaction: another process may delete a name that nothing refers to any more.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._clusters: dict[str, int] = {}
        self._entities: dict[Entity, int] = {}
        self._subjects: dict[tuple[Entity, str, str, SourceRef], int] = {}

    def cluster(self, name: str) -> int:
        """The id of a cluster."""
        found = self._clusters.get(name)
        if found is None:
            found = self._clusters[name] = self._intern("cluster", ("name",), (clean(name, NAME_LIMIT),))
        return found

    def entity(self, entity: Entity) -> int:
        """The id of an entity."""
        found = self._entities.get(entity)
        if found is None:
            texts = (entity.namespace, entity.name, entity.type.value, entity.kind, entity.peer)
            values = (self.cluster(entity.cluster), *(clean(text, NAME_LIMIT) for text in texts))
            columns = ("cluster", "namespace", "name", "type", "kind", "peer")
            found = self._entities[entity] = self._intern("entity", columns, values)
            # What is known of its environment may change; it is still the same entity.
            self._connection.execute(
                "UPDATE entity SET environment = ?1 WHERE id = ?2 AND environment <> ?1",
                (clean(entity.environment, NAME_LIMIT), found),
            )
        return found

    def subject(self, entity: Entity, signal: str, unit: str, source: SourceRef) -> int:
        """The id of one signal of one entity as one source gives it."""
        key = (entity, signal, unit, source)
        found = self._subjects.get(key)
        if found is None:
            texts = (clean(signal, NAME_LIMIT), clean(unit, NAME_LIMIT), clean(source.convention, NAME_LIMIT))
            values = (self.entity(entity), *texts, clean(source.query))
            columns = ("entity", "signal", "unit", "convention", "query")
            found = self._subjects[key] = self._intern("subject", columns, values)
        return found

    def _intern(self, table: str, columns: tuple[str, ...], values: tuple[object, ...]) -> int:
        where = " AND ".join(f"{column} = ?" for column in columns)
        row = self._connection.execute(f"SELECT id FROM {table} WHERE {where}", values).fetchone()  # noqa: S608
        if row is not None:
            return int(row[0])
        marks = ", ".join("?" * len(columns))
        into = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608
        return int(self._connection.execute(into, values).lastrowid or 0)


ENTITY_COLUMNS = (
    "entity.type, entity_cluster.name, entity.namespace, entity.kind, entity.name, entity.peer, entity.environment"
)
"""What `read_entity` expects, in a query that has `ENTITY_JOIN`."""

ENTITY_JOIN = """
    JOIN entity ON entity.id = {owner}.entity JOIN cluster AS entity_cluster ON entity_cluster.id = entity.cluster
"""


def read_entity(row: Iterable[str]) -> Entity:
    """An entity from `ENTITY_COLUMNS`."""
    kind_of_thing, cluster, namespace, kind, name, peer, environment = row
    return Entity(EntityType(kind_of_thing), cluster, namespace, kind, name, peer, environment)


def cluster_id(connection: sqlite3.Connection, name: str) -> int:
    """The id of a cluster that may be unknown (then one that nothing has), for reading."""
    row = connection.execute("SELECT id FROM cluster WHERE name = ?", (clean(name, NAME_LIMIT),)).fetchone()
    return int(row[0]) if row else -1


def next_ids(connection: sqlite3.Connection, name: str, count: int) -> range:
    """Reserve consecutive ids; they start at 1 and are never given twice."""
    connection.execute(
        "INSERT INTO sequence VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET last = last + excluded.last", (name, count)
    )
    last = int(connection.execute("SELECT last FROM sequence WHERE name = ?", (name,)).fetchone()[0])
    return range(last - count + 1, last + 1)
