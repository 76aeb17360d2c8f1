from __future__ import annotations

from pathlib import Path

import yaml

from app.sources.kubernetes.resources import RESOURCES

MANIFEST = Path(__file__).parent.parent / "deploy" / "clusterrole.yaml"
ROLES = list(yaml.safe_load_all(MANIFEST.read_text()))
RULES = [rule for role in ROLES for rule in role["rules"]]


def test_nothing_can_be_written():
    assert {verb for rule in RULES for verb in rule["verbs"]} == {"get", "list", "watch"}


def test_no_secrets_and_no_wildcards():
    named = {name for rule in RULES for name in (*rule.get("resources", ()), *rule.get("apiGroups", ()))}
    assert not named & {"secrets", "*", "configmaps"}


def test_the_kubelets_are_a_right_of_its_own_that_nothing_here_binds():
    (role,) = [role for role in ROLES if any("nodes/proxy" in rule.get("resources", ()) for rule in role["rules"])]
    assert role["metadata"]["name"] == "tocsin-kubelets"
    assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes/proxy"], "verbs": ["get"]}]
    assert {each["kind"] for each in ROLES} == {"ClusterRole", "Role"}


def test_every_resource_that_is_read_is_granted():
    granted = {
        (group, resource)
        for rule in RULES
        for group in rule.get("apiGroups", ())
        for resource in rule.get("resources", ())
        if "list" in rule["verbs"]
    }
    for resource in RESOURCES:
        root = resource.roots[0].split("/")
        group = root[2] if root[1] == "apis" else ""
        assert (group, resource.plural) in granted, resource.name
