from __future__ import annotations

import pytest

from app.investigation.collectors.images import image_of
from storage.records import Verdict
from tests.app.investigation.playbooks.workloads import (
    IMAGE,
    NEW,
    a_pod,
    blank,
    causes,
    clues,
    come_to,
    first,
    rolled_out,
    spec,
    steady,
    stuck,
    told,
    well,
)
from tests.detectors.states.objects import pod

PULL = "pod-imagepullbackoff"
FRESH = spec(image=f"{IMAGE}:2")
HEAD = f'Back-off pulling image "{IMAGE}:2": ErrImagePull: rpc error: code = '


def pulling(message: str = "", reason: str = "ImagePullBackOff", container=FRESH, *more):
    """A rollout whose new image cannot be pulled, while the old pods serve."""
    waits = a_pod(0, stuck(reason, message), container, hash_=NEW, phase="Pending", age=650.0)
    return [*rolled_out(waits, well(7), well(8), new=container), *more], waits


@pytest.mark.parametrize(
    ("message", "cause", "words"),
    [
        (f"NotFound desc = failed to resolve reference: {IMAGE}:2: not found", "image-not-found", "tag 2 of"),
        ("Unknown desc = manifest unknown: manifest tagged by 2 is not found", "image-not-found", "tag 2 of"),
        ("Unknown desc = no match for platform in manifest: not found", "image-other-platform", "node n1"),
        (
            "Unknown desc = pull access denied, repository does not exist or may require authorization",
            "image-refused",
            "",
        ),
        ("Unknown desc = failed to authorize: 401 Unauthorized", "image-refused", "registry.example.com"),
        (
            "Unknown desc = dial tcp: lookup registry.example.com: no such host",
            "registry-unreachable",
            "cannot be reached",
        ),
        ("Unknown desc = tls: failed to verify certificate: x509: unknown authority", "registry-unreachable", ""),
        ("Unknown desc = 429 Too Many Requests - toomanyrequests", "registry-rate-limit", "limits how often"),
        ("Unknown desc = write /var/lib: no space left on device", "image-disk-full", "node n1"),
    ],
)
def test_the_registrys_answer_names_the_cause(message, cause, words):
    objects, waits = pulling(HEAD + message)
    found = come_to([*objects, told("Failed", f"Failed to pull image: {message}", waits)], PULL)
    assert causes(found)[0] == (cause, "high")
    assert words in first(found)
    assert found.conclusion.verdict is Verdict.REAL


def test_without_any_words_the_new_image_is_the_cause():
    objects, waits = pulling(HEAD + "NotFound desc = not found")
    found = come_to(blank([*objects, told("Failed", "not found", waits)]), PULL)
    assert causes(found)[0] == ("image-new", "high")
    assert f"{IMAGE}:2" in first(found) and f"{IMAGE}:1" in first(found)


@pytest.mark.parametrize(
    ("reason", "cause"), [("InvalidImageName", "image-invalid-name"), ("ErrImageNeverPull", "image-never-pulled")]
)
def test_some_reasons_need_no_words(reason, cause):
    objects, _ = pulling("", reason)
    assert causes(come_to(objects, PULL))[0] == (cause, "high")


def test_a_tag_that_runs_elsewhere_exists():
    message = HEAD + "NotFound desc = not found"
    elsewhere = pod(
        0, {"name": "app", "state": {"running": {}}}, owner="other", ready=True, containers=[FRESH], node="n2"
    )
    objects, _ = pulling(message, "ImagePullBackOff", FRESH, elsewhere)
    found = come_to(objects, PULL)
    assert "image.runs-elsewhere" in clues(found)
    assert dict(causes(found)).get("image-not-found") != "high"


def test_a_node_on_which_no_image_can_be_pulled_is_the_cause():
    waits = a_pod(0, stuck("ImagePullBackOff", HEAD + "dial tcp: i/o timeout"), phase="Pending", age=650.0, node="n2")
    more = {"phase": "Pending", "node": "n2", "containers": [{"name": "app", "image": "quay.io/x/y:1"}]}
    other = pod(0, stuck("ImagePullBackOff", "i/o timeout"), owner="other", **more)
    found = come_to([*steady(waits, well(7), well(8)), other], PULL)
    assert causes(found)[0][0] == "image-node"


def test_a_secret_for_the_registry_that_cannot_be_had_is_named():
    container = spec(image=f"{IMAGE}:2")
    status, names = stuck("ImagePullBackOff", HEAD + "401 Unauthorized"), [{"name": "registry-login"}]
    waits = a_pod(0, status, container, hash_=NEW, phase="Pending", age=650.0, imagePullSecrets=names)
    objects = rolled_out(waits, well(7), well(8), new=container)
    event = told("FailedToRetrieveImagePullSecret", "Unable to retrieve some image pull secrets", waits)
    found = come_to([*objects, event], PULL)
    assert causes(found)[0][0] == "image-pull-secret"
    assert "registry-login" in first(found)


def test_what_happens_to_a_known_image_is_no_matter_of_its_tag():
    status = stuck("ImagePullBackOff", "dial tcp: lookup registry.example.com: no such host")
    waits = a_pod(0, status, phase="Pending", age=650.0)
    found = come_to([*steady(waits, well(7)), told("Failed", "no such host", waits)], PULL)
    assert causes(found)[0] == ("registry-unreachable", "high")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("web", ("docker.io", "web", "latest")),
        ("shop/web:1", ("docker.io", "shop/web", "1")),
        ("registry.example.com:5000/shop/web", ("registry.example.com:5000", "shop/web", "latest")),
        ("registry.example.com/shop/web:1.2", ("registry.example.com", "shop/web", "1.2")),
        ("localhost/web@sha256:abc", ("localhost", "web", "sha256:abc")),
    ],
)
def test_names_of_images_have_three_parts(name, parts):
    assert image_of(name) == parts
