from __future__ import annotations

import time

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
        (r'{"body": "{\"password\":\"hunter2\"}"}', "hunter2"),
        ("Authorization: ApiKey abcdef", "abcdef"),
        ("Authorization: Basic YTpi", "YTpi"),
        ("curl -H 'authorization: Negotiate YIIabc=' http://web", "YIIabc"),
        (r'password="a\"bc"', "bc"),
        ('password="cut off here', "here"),
        ("SECRET_KEY=abc", "abc"),
        ("private_key=abc", "abc"),
        ("passphrase: abc", "abc"),
        ("AccountName=x;AccountKey=abc==;Suffix=y", "abc"),
        ("MYSQL_PWD=abc", "abc"),
        ("mysqldump --password abc -h db", "abc"),
        ("run --db-token 'a b' now", "a b"),
        ("POST https://hooks.slack.com/services/T000/B000/abcdef failed", "abcdef"),
        ("dsn shop:hunter2@tcp(db:3306)/shop", "hunter2"),
        ("dial postgres://u:p/w@h failed", "p/w"),
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
        'MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found',
        "couldn't find key password in Secret shop/db",
        "GET http://web:8080/users?mail=x@home 500",
        "run --token-file /var/run/secrets/token --verbose",
        "the token --force was refused",
    ],
)
def test_ordinary_messages_stay_as_they_are(text):
    assert redact(text) == text


def test_every_text_of_a_structure_is_masked():
    tree = redact_tree({"a": ["password=hunter2", 3, None], "b": {"c": "fine"}})
    assert tree == {"a": [f"password={MASK}", 3, None], "b": {"c": "fine"}}


@pytest.mark.parametrize("run", ["a%20b", "a.", "eyJabcdefgh-", "token ", "x://", "user:", "--token", '\\"', "a@b."])
def test_a_long_line_takes_no_longer_than_its_length(run):
    def seconds(length):
        text = (run * length)[:length]
        began = time.process_time()
        for tail in ("", "@"):
            redact(text + tail)
        return time.process_time() - began

    seconds(1000)
    assert seconds(400_000) < 6.0, "linear: 0.5 s; quadratic: minutes"
