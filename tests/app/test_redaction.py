from __future__ import annotations

import pytest

from app.redaction import MASK, redact, redact_tree


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Bearer abcdef0123456789", "abcdef0123456789"),
        ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc_DEF-123 seen", "eyJzdWIiOiIxMjM0In0"),
        ("dial postgres://shop:hunter2@db:5432/shop failed", "hunter2"),
        ("env DB_PASSWORD=hunter2 next", "hunter2"),
        ('{"api_key": "s3cr3tvalue"}', "s3cr3tvalue"),
        ("AWS AKIAABCDEFGHIJKLMNOP used", "AKIAABCDEFGHIJKLMNOP"),
        ("mail jane.doe+ops@example.com now", "jane.doe+ops@example.com"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIEabc\n-----END RSA PRIVATE KEY-----", "MIIEabc"),
        ("xoxb-123456789012-abcdefghijkl", "123456789012"),
    ],
)
def test_secrets_are_masked(text, secret):
    assert secret not in redact(text)
    assert MASK in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "Back-off restarting failed container app in pod checkout-7d9-x2lfm_shop(1234)",
        'Failed to pull image "registry.example.com/web:3.15.0-rc1": not found',
        "Readiness probe failed: Get http://10.244.1.7:8080/healthz: 503",
        "0/5 nodes are available: 1 node(s) had untolerated taint, 4 Insufficient cpu.",
    ],
)
def test_ordinary_messages_stay_as_they_are(text):
    assert redact(text) == text


def test_every_text_of_a_structure_is_masked():
    tree = redact_tree({"a": ["password=hunter2", 3, None], "b": {"c": "fine"}})
    assert tree == {"a": [f"password={MASK}", 3, None], "b": {"c": "fine"}}
