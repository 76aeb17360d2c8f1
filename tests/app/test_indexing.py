"""Which entity a series is about: parts by themselves, unknown peers, and a bound on external hosts."""

from __future__ import annotations

import numpy as np

from app.indexing import HOSTS, OTHER_HOSTS, Hosts, Index, workload_of
from detectors.model import Entity, EntityType
from detectors.series import SeriesBlock


def block(*labels: dict[str, str]) -> SeriesBlock:
    pairs = tuple(tuple(sorted(each.items())) for each in labels)
    return SeriesBlock(np.array([0]), np.zeros((len(pairs), 1)), pairs)


def entity_of(labels: tuple[tuple[str, str], ...]) -> Entity:
    known = dict(labels)
    kind = EntityType.DEPENDENCY if "peer" in known else EntityType.WORKLOAD
    return Entity(kind, "lab", "shop", "Deployment", known.get("app", ""), known.get("peer", ""))


def test_series_of_one_entity_share_a_place_and_nameless_ones_have_none() -> None:
    index = Index(entity_of)
    index.add(block({"app": "cart", "pod": "a"}, {"app": "cart", "pod": "b"}, {"app": ""}, {"app": "pay"}))
    assert index.rows[0].tolist() == [0, 0, -1, 1]
    assert [entity.name for entity in index.entities] == ["cart", "pay"]


def test_parts_are_judged_by_themselves() -> None:
    index = Index(entity_of, parts=("container",))
    index.add(block(*({"app": "cart", "container": name} for name in ("app", "proxy", "app"))))
    assert index.rows[0].tolist() == [0, 1, 0]
    assert index.keys[0] == index.keys[1]
    assert index.workloads == [index.keys[0]] * 2


def test_an_entity_is_asked_for_by_what_its_series_have_in_common() -> None:
    index = Index(entity_of, pods=("pod",))
    index.add(block({"app": "cart", "pod": "a", "port": "1"}, {"app": "cart", "pod": "b", "port": "2"}))
    assert dict(index.labels[0]) == {"app": "cart", "pod": "a"}


def test_what_tells_nothing_by_itself_adds_no_entity() -> None:
    index = Index(entity_of)
    index.add(block({"app": "cart"}))
    index.add_known(block({"app": "cart"}, {"app": "pay"}))
    assert index.rows[1].tolist() == [0, -1]
    assert index.size == 1


def test_calls_to_nobody_in_particular_count_only_where_all_peers_are_hidden() -> None:
    hidden, mixed = Index(entity_of), Index(entity_of)
    hidden.add(block({"app": "cart", "peer": ""}))
    mixed.add(block({"app": "cart", "peer": ""}, {"app": "cart", "peer": "api.example.com"}))
    assert hidden.rows[0].tolist() == [0]
    assert mixed.rows[0].tolist() == [-1, 0]


def test_hosts_beyond_the_bound_are_one() -> None:
    hosts = Hosts()
    calls = [Entity(EntityType.DEPENDENCY, "lab", "shop", "Deployment", "crawler", f"h{n}") for n in range(3 * HOSTS)]
    assert len({hosts.bounded(call).key for call in calls}) == HOSTS + 1
    assert hosts.bounded(calls[0]) == calls[0]
    assert hosts.bounded(calls[-1]).peer == OTHER_HOSTS
    other = Entity(EntityType.DEPENDENCY, "lab", "shop", "Deployment", "cart", "h1")
    database = Entity(EntityType.DATABASE, "lab", "shop", "Deployment", "crawler", "h299")
    assert hosts.bounded(other) == other
    assert hosts.bounded(database) == database
    assert workload_of(other).key == "lab/shop/workload/Deployment/cart"
