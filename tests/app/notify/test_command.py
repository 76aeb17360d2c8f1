"""`tocsin notify`: the reasons of rules, the outbox, a trial, and sending again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from app.cli import main
from app.exits import Exit
from app.settings.loading import load_settings
from storage.database import Store
from storage.records import MessageState, Priority
from tests.app.notify.samples import NOW, case, conclude
from tests.app.notify.slack_server import CHANNEL, TOKEN, SlackServer
from tests.storage.samples import update

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RULES = """
[notify.destinations.oncall]
channel = "{channel}"
token_env = "SLACK_TOKEN"
api = "{url}/api/"

[[notify.rules]]
name = "critical"
to = ["oncall"]
priorities = ["P1"]
"""


@pytest.fixture
def slack(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlackServer]:
    monkeypatch.setenv("SLACK_TOKEN", TOKEN)
    with SlackServer() as server:
        yield server


@pytest.fixture
def notify(tmp_path: Path, slack: SlackServer, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    """The command on a store with a P1 that is told, a P3 that is not, and a case nobody has investigated."""
    file = tmp_path / "config.toml"
    file.write_text(RULES.format(channel=CHANNEL, url=slack.url))
    settings = load_settings(file, {}).settings.notify
    with Store.open(tmp_path / "t.db") as store:
        store.cycles.write(update(case(1), case(2), case(3)))
        conclude(store, settings, 1)
        conclude(store, settings, 2, priority=Priority.P3)

    def command(*arguments: str) -> tuple[int, str]:
        code = main(["notify", *arguments, "--config", str(file), "--db", str(tmp_path / "t.db")])
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return command


def test_it_says_which_rule_takes_which_case_and_why(notify: Callable[..., tuple[int, str]]) -> None:
    code, said = notify("test")
    assert code == Exit.OK
    assert "+ critical -> oncall: verdict real, priority P1" in said
    assert "- critical: priority P3 is not among P1" in said
    assert "told nowhere: it has not been investigated yet" in said
    code, said = notify("test", "--case", "2", "--json")
    assert json.loads(said)["to"] == [] and json.loads(said)["rules"][0]["takes"] is False
    assert notify("test", "--case", "99")[0] == Exit.FINDINGS


def test_a_trial_sends_past_the_rules_and_says_what_is_the_matter(
    notify: Callable[..., tuple[int, str]], slack: SlackServer
) -> None:
    code, said = notify("test", "--case", "2", "--send", "oncall")
    assert (code, len(slack.messages)) == (Exit.OK, 1) and "oncall: sent" in said
    slack.fail("missing_scope")
    code, said = notify("test", "--case", "2", "--send", "oncall")
    assert code == Exit.FINDINGS and "missing_scope" in said and "chat:write" in said
    assert notify("test", "--case", "2", "--send", "nobody")[0] == Exit.USAGE
    assert notify("test", "--send", "oncall")[0] == Exit.USAGE
    assert slack.faults == []


def test_the_outbox_tells_what_to_do_and_sends_again_when_told(
    notify: Callable[..., tuple[int, str]], tmp_path: Path
) -> None:
    with Store.open(tmp_path / "t.db") as store:
        claimed = store.outbox.claim("me", NOW, 60, ("oncall",), lambda *_: None)
        assert claimed is not None
        store.outbox.unsent(claimed, MessageState.FAILED, "Slack: is_archived", "then `tocsin notify retry ID`.")
    code, said = notify("outbox")
    assert code == Exit.OK and "failed" in said and "is_archived" in said and f"retry {claimed.id}`" in said
    assert json.loads(notify("outbox", "--json")[1])["state"] == "failed"
    assert notify("retry")[0] == Exit.USAGE
    assert notify("retry", str(claimed.id))[0] == Exit.OK
    assert json.loads(notify("outbox", "--json")[1])["state"] == "waiting"
    assert notify("retry", str(claimed.id))[0] == Exit.USAGE


def test_the_body_is_no_part_of_what_scripts_read(notify: Callable[..., tuple[int, str]]) -> None:
    assert "body" not in json.loads(notify("outbox", "--json")[1])


def test_a_message_is_shown_as_its_destination_gets_it_and_a_dry_run_sends_none(
    notify: Callable[..., tuple[int, str]], slack: SlackServer
) -> None:
    [told] = [json.loads(line) for line in notify("outbox", "--json")[1].splitlines()]
    code, said = notify("show", str(told["id"]))
    assert code == Exit.OK and json.loads(said)["attachments"][0]["blocks"]
    assert notify("show")[0] == notify("show", "99")[0] == Exit.USAGE
    code, said = notify("test", "--case", "2", "--send", "oncall", "--dry-run")
    assert code == Exit.OK and '"attachments"' in said and slack.requests == []


def test_the_runbook_is_linked_to_in_the_message_and_shown_with_the_case(
    notify: Callable[..., tuple[int, str]], slack: SlackServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "config.toml"
    table = '[notify.runbooks]\n"other-*" = "https://runbooks.example/no"\n"http-server-*" = "https://runbooks.example/5xx?a&b"\n'
    file.write_text(file.read_text() + table)
    assert notify("test", "--case", "1", "--send", "oncall")[0] == Exit.OK
    assert "<https://runbooks.example/5xx?a&amp;b|Runbook>" in str(slack.messages) and slack.faults == []
    for more, told in (
        ((), "runbook https://runbooks.example/5xx?a&b"),
        (("--json",), '"https://runbooks.example/5xx?a&b"'),
    ):
        assert main(["show", "1", *more, "--config", str(file), "--db", str(tmp_path / "t.db")]) == Exit.OK
        assert told in capsys.readouterr().out
