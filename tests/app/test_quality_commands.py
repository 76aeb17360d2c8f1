"""`tocsin incident` and `tocsin quality` on a store."""

from __future__ import annotations

import json
import time

import pytest

from app.cli import main
from app.exits import Exit
from storage.database import Store
from tests.storage.samples import CLUSTER, anomaly, case, update
from tests.storage.test_conclusions import conclusion


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    path, now = tmp_path / "tocsin.db", time.time()
    with Store.open(path) as store:
        members = [anomaly(1, 1, opened=now - 3000, onset=now - 3100, band=b"")]
        store.cycles.write(update(case(1, opened=now - 3000, updated=now - 2000), at=now - 3000, anomalies=members))
    return path


def tocsin(capsys, database, *arguments):
    code = main([*arguments, "--db", str(database), "--config", str(database.parent / "config.toml")])
    said = capsys.readouterr()
    return code, said.out, said.err


@pytest.fixture(autouse=True)
def settings_file(database):
    (database.parent / "config.toml").touch()


def test_an_incident_is_written_down_measured_and_taken_back(capsys, database):
    code, out, _ = tocsin(
        capsys, database, "incident", "add", "--workload", "shop/checkout", "--since", "52m", "--until", "10m",
        "--note", "lost orders, token=abcdefgh12345678abcd",
    )  # fmt: skip
    assert code == Exit.OK and "shop/checkout" in out and "abcdefgh12345678abcd" not in out
    code, out, _ = tocsin(capsys, database, "incident", "list", "--json")
    assert json.loads(out)["workload"] == "shop/checkout"
    code, out, _ = tocsin(capsys, database, "quality", "--json")
    report = json.loads(out)
    assert (code, report["cluster"]) == (Exit.OK, CLUSTER)
    assert report["total"]["recall"]["successes"] == 1
    assert 0 < report["total"]["detection_seconds"]["median"] <= 120
    assert tocsin(capsys, database, "incident", "remove", "1")[0] == Exit.OK
    assert tocsin(capsys, database, "incident", "remove", "1")[0] == Exit.FINDINGS
    assert "no incidents" in tocsin(capsys, database, "incident", "list")[1]


def test_the_report_is_a_table_for_people(capsys, database):
    assert tocsin(capsys, database, "label", "1", "false", "--reason", "noise")[0] == Exit.OK
    code, out, _ = tocsin(capsys, database, "quality", "--since", "7d")
    assert code == Exit.OK
    assert "0 true, 1 false" in out and "http-server-5xx-spike" in out and "ratio-spike" in out
    assert "too few" in out and "wanted >= 85%" in out


def test_a_proposal_is_accepted_and_taken_back(capsys, database):
    now = time.time()
    with Store.open(database) as store:
        for number in range(2, 7):
            opened = now - number * 9000
            members = [anomaly(number, number, opened=opened, onset=opened, signal="pod-restart-spike", peak_score=9.0)]
            store.cycles.write(update(case(number, opened=opened, updated=opened, signals=("pod-restart-spike",)),
                                      at=opened, anomalies=members))  # fmt: skip
    assert "ask for none" in tocsin(capsys, database, "rule", "list")[1]
    for number in range(2, 7):
        tocsin(capsys, database, "label", str(number), "false", "--reason", "noise")
    assert "proposal 1: " in tocsin(capsys, database, "rule", "list")[1]
    (proposal,) = json.loads(tocsin(capsys, database, "quality", "--json")[1])["proposals"]
    assert (proposal["hides"]["false"], proposal["hides"]["lost"]) == (5, [])
    assert tocsin(capsys, database, "rule", "accept", "1")[0] == Exit.OK
    assert "rule 1: in force" in tocsin(capsys, database, "rule", "list")[1]
    assert tocsin(capsys, database, "rule", "off", "1")[0] == Exit.OK
    (rule,) = json.loads(tocsin(capsys, database, "quality", "--json")[1])["rules"]
    assert rule["in_force"] is False and rule["pattern"]["signal"] == "pod-restart-spike"
    for act, number in (("off", "1"), ("accept", "9"), ("on", "4")):
        assert tocsin(capsys, database, "rule", act, number)[0] == Exit.FINDINGS


@pytest.mark.parametrize(
    "arguments",
    [
        ["incident", "add", "--since", "2h"],
        ["incident", "add", "--workload", "cart"],
        ["incident", "add", "--workload", "cart", "--since", "1h", "--until", "2h"],
        ["incident", "add", "--workload", "cart", "--since", "yesterday"],
        ["quality", "--since", "long"],
    ],
)
def test_what_cannot_be_understood_is_refused_with_what_is_allowed(capsys, database, arguments):
    code, _, err = tocsin(capsys, database, *arguments)
    assert code == Exit.USAGE and "--since" in err
    with Store.open(database) as store:
        assert store.incidents.of(CLUSTER) == ()


def test_a_silence_is_added_listed_and_ended(capsys, database):
    matchers = ("namespace=shop", "workload=check*")
    code, out, _ = tocsin(capsys, database, "silence", "add", *matchers, "--reason", "moving", "--preview")
    assert code == Exit.OK and "hides 1 open case (#1)" in out
    assert "nothing is silenced" in tocsin(capsys, database, "silence", "list")[1]
    code, out, _ = tocsin(capsys, database, "silence", "add", *matchers, "--reason", "moving", "--owner", "the team",
                          "--from", "1h", "--for", "30m")  # fmt: skip
    assert code == Exit.OK and "silenced from" in out
    (rule,) = [json.loads(line) for line in tocsin(capsys, database, "silence", "list", "--json")[1].splitlines()]
    assert (rule["owner"], rule["in_force"], rule["pattern"]["workload"]) == ("the team", False, "shop/check*")
    assert rule["starts"] < rule["expires"]
    assert "to begin" in tocsin(capsys, database, "silence", "list")[1]
    assert tocsin(capsys, database, "silence", "end", "1")[0] == Exit.OK
    assert "out of force" in tocsin(capsys, database, "silence", "list")[1]
    for words in (("end", "1"), ("end",), ("end", "x")):
        assert tocsin(capsys, database, "silence", *words)[0] == Exit.FINDINGS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["shop", "--reason", "x"], "is no matcher"),
        (["namespace=shop"], "a reason is needed"),
        (["signal=nothing", "--reason", "x"], "no signal is called"),
    ],
)
def test_a_silence_that_is_none_is_refused(capsys, database, words, said):
    code, _, err = tocsin(capsys, database, "silence", "add", *words)
    assert code == Exit.USAGE and said in err


def test_a_case_is_exported_in_every_format_and_lists_as_tables(capsys, database, tmp_path):
    assert "# #1 shop/checkout" in tocsin(capsys, database, "export", "1")[1]
    assert "Incident report" in tocsin(capsys, database, "export", "1", "--report")[1]
    assert tocsin(capsys, database, "export", "1", "--format", "html")[1].startswith("<!doctype html>")
    assert json.loads(tocsin(capsys, database, "export", "1", "--format", "json")[1])["id"] == 1
    file = tmp_path / "case.md"
    assert tocsin(capsys, database, "export", "1", "--output", str(file))[0] == Exit.OK and "shop" in file.read_text()
    assert tocsin(capsys, database, "export", "9")[0] == Exit.FINDINGS
    assert tocsin(capsys, database, "export", "1", "--format", "slack")[0] == Exit.SETTINGS
    assert tocsin(capsys, database, "export", "1", "--report", "--format", "json")[0] == Exit.USAGE
    for words in (("--csv",), ("--format", "csv")):
        head, line = tocsin(capsys, database, "list", *words)[1].splitlines()
        assert head.startswith("schema,id,title,entity.kind") and ",shop,checkout," in line
    assert json.loads(tocsin(capsys, database, "list", "--format", "jsonl")[1])["id"] == 1


def test_a_case_that_came_to_something_is_exported_for_slack(capsys, database):
    with Store.open(database) as store:
        store.conclusions.write(conclusion(investigation=1), ())
    told = json.loads(tocsin(capsys, database, "export", "1", "--format", "slack")[1])
    assert told["attachments"][0]["blocks"][0]["type"] == "header"
