"""The tables of notification: what is allowed, and errors that name file, line, key and value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.secrets import Secrets
from app.settings.editing import list_settings
from app.settings.loading import SettingsError, load_settings
from app.sources.base import SourceError

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """
[notify]
match = "all"

[notify.destinations.oncall]
channel = "#oncall"
token_env = "SLACK_TOKEN"

[notify.destinations."the team"]
webhook_file = "~/hook"

[[notify.rules]]
name = "critical"
services = ["pay*"]
to = ["oncall"]

[[notify.rules]]
priorities = ["P1"]
hours = "22:00-06:00"
to = ["the team"]
"""


def load(folder: Path, text: str = GOOD) -> object:
    file = folder / "config.toml"
    file.write_text(text)
    return load_settings(file, {})


def refusal(folder: Path, old: str, new: str) -> str:
    assert old in GOOD
    with pytest.raises(SettingsError) as caught:
        load(folder, GOOD.replace(old, new))
    return str(caught.value).removeprefix(str(folder))


def test_destinations_and_rules_are_read_and_listed(tmp_path: Path) -> None:
    loaded = load_settings(_written(tmp_path), {})
    notify = loaded.settings.notify
    assert list(notify.destinations) == ["oncall", "the team"]
    assert [rule.to for rule in notify.rules] == [("oncall",), ("the team",)]
    listed = {value.key: value.value for value in list_settings(loaded)}
    assert listed["notify.destinations"] == "oncall, the team"
    assert listed["notify.rules"] == "rule 1, rule 2"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('match = "all"', 'match = "some"', ":3: `notify.match` is 'some'; allowed: one of all, first"),
        ('channel = "#oncall"', "channel = []", ":6: `notify.destinations.oncall.channel` is []; allowed: a text"),
        ('channel = "#oncall"', "", ":5: `notify.destinations.oncall`: channel is needed with a bot token"),
        ('webhook_file = "~/hook"', "", ":9: `notify.destinations.the team`: it takes a bot token"),
        (
            'webhook_file = "~/hook"',
            'token = "xoxb"',
            ".the team.token` is not a setting; allowed: kind",
        ),
        (
            'priorities = ["P1"]',
            'priorities = ["P6"]',
            "`notify.rules[2].priorities` is ['P6']; allowed: a list of P",
        ),
        ('hours = "22:00-06:00"', 'hours = "night"', ":17: `notify.rules[2]`: hours is 'night'; allowed: HH:MM-HH:MM"),
        ('to = ["oncall"]', 'to = ["nobody"]', "`to` of rule critical is nobody; allowed: oncall, the team"),
        (
            'token_env = "SLACK_TOKEN"',
            'token_env = "SLACK_TOKEN"\nurl = "http://x"',
            ":5: `notify.destinations.oncall`: url is nothing that slack takes; allowed: quiet_hours, digest,",
        ),
        (
            'webhook_file = "~/hook"',
            'kind = "alertmanager"',
            ":9: `notify.destinations.the team`: url is not allowed as it is; allowed: an http or https address",
        ),
        (
            'webhook_file = "~/hook"',
            'kind = "alertmanager"\nurl = "http://kim:hush@am"',
            ":9: `notify.destinations.the team`: url is not allowed as it is; allowed: an http or https address",
        ),
        (
            'webhook_file = "~/hook"',
            'kind = "webhook"\nurl = "https://x"',
            ":9: `notify.destinations.the team`: it signs what it posts: name secret_env",
        ),
        ('webhook_file = "~/hook"', 'kind = "apprise"', ":9: `notify.destinations.the team`: it takes urls_env"),
        (
            'webhook_file = "~/hook"',
            'webhook_file = "~/hook"\nquiet_hours = "at night"',
            ":9: `notify.destinations.the team`: quiet_hours is 'at night'; allowed: HH:MM-HH:MM",
        ),
        (
            'webhook_file = "~/hook"',
            'webhook_file = "~/hook"\ndigest = ["P1"]',
            ":11: `notify.destinations.the team.digest` is ['P1']; allowed: a list of P2, P3, P4, P5",
        ),
        (
            'match = "all"',
            'runbooks = {C4 = "the wiki"}',
            ":3: `notify.runbooks` of C4 is 'the wiki'; allowed: an http or https address",
        ),
        (
            'match = "all"',
            'runbooks = {C4 = "https://x/<!channel>"}',
            ":3: `notify.runbooks` of C4 is 'https://x/<!channel>'; allowed: an http or https address",
        ),
        ('match = "all"', "attempts = 0", ":3: `notify.attempts` is 0; allowed: a whole number from 1 to 1000"),
        ('match = "all"', 'time_zone = "Mars"', ":3: `notify.time_zone` is 'Mars'; allowed: UTC"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_what_is_allowed(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    assert said in refusal(tmp_path, old, new)


def test_a_secret_in_the_file_is_refused_without_being_repeated(tmp_path: Path) -> None:
    assert "xoxb-12345" not in refusal(tmp_path, 'token_env = "SLACK_TOKEN"', 'token = "xoxb-12345"')


def test_secrets_come_from_where_the_settings_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    destination = load_settings(_written(tmp_path), {}).settings.notify.destinations["oncall"]
    monkeypatch.setenv("SLACK_TOKEN", "xoxb-1")
    assert destination.secret("token", "oncall", Secrets()).reveal() == "xoxb-1"
    monkeypatch.delenv("SLACK_TOKEN")
    with pytest.raises(SourceError, match=r"notify\.destinations\.oncall\.token_env"):
        destination.secret("token", "oncall", Secrets())


def _written(folder: Path) -> Path:
    (folder / "config.toml").write_text(GOOD)
    return folder / "config.toml"
