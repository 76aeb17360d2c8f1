"""`tocsin incident` and `tocsin quality` on a store."""

from __future__ import annotations

import json
import time

import pytest

from app.cli import main
from app.exits import Exit
from storage.database import Store
from tests.storage.samples import CLUSTER, anomaly, case, update


@pytest.fixture
def database(tmp_path, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    path, now = tmp_path / "tocsin.db", time.time()
    with Store.open(path) as store:
        members = [anomaly(1, 1, opened=now - 3000, onset=now - 3100)]
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
    assert report["total"]["detection_seconds"]["median"] == pytest.approx(120, abs=5)
    assert tocsin(capsys, database, "incident", "remove", "1")[0] == Exit.OK
    assert tocsin(capsys, database, "incident", "remove", "1")[0] == Exit.FINDINGS
    assert "no incidents" in tocsin(capsys, database, "incident", "list")[1]


def test_the_report_is_a_table_for_people(capsys, database):
    assert tocsin(capsys, database, "label", "1", "false", "--reason", "noise")[0] == Exit.OK
    code, out, _ = tocsin(capsys, database, "quality", "--since", "7d")
    assert code == Exit.OK
    assert "0 true, 1 false" in out and "http-server-5xx-spike" in out and "ratio-spike" in out
    assert "too few" in out and "wanted >= 85%" in out


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
    assert code == Exit.SETTINGS and "--since" in err
    with Store.open(database) as store:
        assert store.incidents.of(CLUSTER) == ()
