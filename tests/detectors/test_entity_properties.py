"""Whatever labels say, or leave out: nothing breaks, and nobody is named who does not stand in them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.catalog import load
from detectors.catalog.identity import POD_RULE, Identifier, labels_of
from detectors.entities import Resolver
from detectors.model import EntityType
from tests.detectors.test_entities import shop

RULES = [
    POD_RULE,
    *(rule for convention in load().conventions for rule in convention.identity.values()),
]
NAMES = (
    "cart",
    "cart-55-1",
    "api",
    "shop",
    "bank",
    "cart-http",
    "10.0.0.1",
    "deployment",
    "Pod",
    "shop/cart",
    "nobody",
)
VALUES = st.one_of(st.just(""), st.sampled_from(NAMES), st.text(max_size=8))
KINDS = (
    EntityType.WORKLOAD,
    EntityType.DEPENDENCY,
    EntityType.DATABASE,
    EntityType.NODE,
    EntityType.CLAIM,
    EntityType.POD,
)
STATE = shop()
KNOWN = {each.name for each in (*STATE.workloads.values(), *STATE.services.values())}


@pytest.mark.parametrize("state", [None, STATE], ids=["metrics-only", "with-objects"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_any_labels_mean_somebody_they_name_or_nobody(state, data):
    rule = data.draw(st.sampled_from(RULES))
    read = (*labels_of(rule), "exported_namespace", "kubernetes_namespace", "k8s_namespace", "cluster", "env")
    labels = data.draw(st.dictionaries(st.sampled_from(read), VALUES))
    identity = Identifier(rule).identify(labels)
    found = Resolver(state, "lab", {}).entity(identity, data.draw(st.sampled_from(KINDS)))
    text = " ".join(labels.values()).lower()
    assert found.name in KNOWN or found.name.lower() in text
    spaces = {"", "shop", "bank"} if state is not None else {""}
    assert found.namespace in spaces or found.namespace.lower() in text
    if not any(labels.values()):
        assert (found.namespace, found.name) == ("", "")
