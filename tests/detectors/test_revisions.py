from __future__ import annotations

import msgspec
import pytest

from detectors.objects import Deployment, Metadata, PodTemplate, ReplicaSet, decode
from detectors.revisions import differences
from tests.app.investigation.playbooks.workloads import spec
from tests.detectors.states.objects import at


def template(container: dict) -> PodTemplate:
    return msgspec.convert({"spec": {"containers": [container]}}, PodTemplate)


UNPROBED = {name: value for name, value in spec().items() if name != "readinessProbe"}


@pytest.mark.parametrize(
    ("container", "words"),
    [
        (spec(image="x:2"), "image registry.example.com/shop/web:1 -> x:2"),
        (spec(resources={"limits": {"memory": "64Mi"}}), "memory limit of app 256Mi -> 64Mi"),
        (UNPROBED, "readiness probe of app GET /ready on port 8080"),
        (spec(env=[]), "variable DB of app removed"),
        (spec(env=[{"name": "URL", "value": "hunter2"}]), "variable URL of app added"),
        (spec(envFrom=[{"configMapRef": {"name": "flags"}}]), "refers to ConfigMap flags"),
        (spec(command=["/run", "hunter2"]), "not read"),
        (spec(name="side"), "container side added"),
    ],
)
def test_what_a_revision_changed_is_told_without_values(container, words):
    text = ", ".join(change.text for change in differences(template(spec()), template(container)))
    assert words in text
    assert "hunter2" not in text


def test_a_restart_by_hand_changes_nothing_else():
    again = msgspec.structs.replace(
        template(spec()), metadata=Metadata(annotations={"kubectl.kubernetes.io/restartedAt": at(60.0)})
    )
    assert [change.field for change in differences(template(spec()), again)] == ["restart"]


def test_what_a_template_refers_to_survives_encoding_and_holds_no_value():
    variables = [
        {"name": "A", "value": "hunter2"},
        {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}},
    ]
    volumes = [
        {"name": "kube-api-access-x", "projected": {"sources": [{"configMap": {"name": "kube-root-ca.crt"}}]}},
        {"name": "v", "projected": {"sources": [{"secret": {"name": "s", "optional": True}}]}},
    ]
    pods = {"spec": {"containers": [spec(env=variables)], "volumes": volumes}}
    raw = {"metadata": {"name": "r"}, "spec": {"template": pods}}
    found = decode(ReplicaSet, msgspec.json.encode(raw))
    assert "hunter2" not in repr(found)
    assert decode(ReplicaSet, msgspec.json.encode(found)) == found
    titles = {(each.title, each.optional) for each in found.spec.template.spec.references}
    assert titles == {("ConfigMap m", False), ("Secret s", True)}
    again = decode(Deployment, msgspec.json.encode(raw))
    assert again.spec.template.spec.containers[0].env is found.spec.template.spec.containers[0].env
