"""The recorded incidents through `tocsin scan`: what happened is found on its entity, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.cli import main
from app.clock import ManualClock, SystemClock
from app.commands.scan import newest_instant
from app.exits import Exit
from benchmarks.truths import SIGNALS
from detectors.catalog import load
from storage.database import Store
from tests.app.rig import Rig, settings
from tests.lab.kubernetes_api import KubernetesApi

FIXTURES = Path(__file__).parent / "fixtures" / "kubernetes"

SEVERITIES = {"critical": {"critical", "high"}, "warning": {"medium", "low"}}

CONSEQUENCES = {
    "crashloop-expired-certificate": {("pod-restart-spike", "payments-api"), ("events-backoff", "payments-api")},
    "imagepull-tag-not-found": {("events-backoff", "web-frontend")},
    "oomkilled-search": {("pod-restart-spike", "search-api"), ("events-backoff", "search-api")},
    "rollout-stuck-checkout": {
        ("pod-crashloopbackoff", "checkout-api"),
        ("pod-restart-spike", "checkout-api"),
        ("events-backoff", "checkout-api"),
    },
    "readiness-failing-cart": {("probe-failure-spike", "cart-api")},
    "realtime-two-incidents": {
        ("pod-restart-spike", "payments-api"),
        ("events-backoff", "payments-api"),
        ("events-backoff", "cart-api"),
    },
}
"""True findings about the entity at fault that the truth files under its one name; the engine puts them in one case."""

scenarios = sorted(path.parent.name for path in FIXTURES.glob("*/truth.json"))


def scan(scenario: str, tmp_path: Path, capsys) -> tuple[int, list[dict]]:
    with KubernetesApi() as api:
        api.load(FIXTURES / scenario)
        config = api.kubeconfig(tmp_path / "kubeconfig")
        code = main(
            [
                "scan",
                "--json",
                "--kubeconfig",
                str(config),
                "--db",
                str(tmp_path / "tocsin.db"),
                "--config",
                str(_empty(tmp_path)),
                "--at",
                "newest",
            ]
        )
    return code, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def _empty(folder: Path) -> Path:
    path = folder / "config.toml"
    path.write_text("")
    return path


@pytest.mark.parametrize("scenario", scenarios)
def test_an_incident_is_found_and_nothing_else(scenario, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("PROMETHEUS_URL", raising=False)
    truth = json.loads((FIXTURES / scenario / "truth.json").read_text())
    code, findings = scan(scenario, tmp_path, capsys)
    expected = truth["issues"]
    found = {(f["signal"], f["entity"]["name"]) for f in findings}
    for issue in expected:
        matches = [
            f
            for f in findings
            if f["signal"] in SIGNALS[issue["type"]]
            and f["entity"]["name"] == issue["entity"]["name"]
            and f["entity"]["kind"] == issue["entity"]["kind"]
            and f["entity"]["namespace"] == (issue["entity"].get("namespace") or "")
        ]
        assert len(matches) == 1, f"{issue['type']} of {issue['entity']['name']} among {found}"
        assert matches[0]["severity"] in SEVERITIES[issue["severity"]]
    named = {(signal, issue["entity"]["name"]) for issue in expected for signal in SIGNALS[issue["type"]]}
    assert found <= named | CONSEQUENCES.get(scenario, set())
    assert code == (Exit.FINDINGS if findings else Exit.OK)


@pytest.mark.parametrize("scenario", scenarios)
def test_an_incident_is_one_case_with_its_consequences(scenario, tmp_path):
    truth = json.loads((FIXTURES / scenario / "truth.json").read_text())
    now = SystemClock().now()
    with KubernetesApi() as api, Store.open(tmp_path / "tocsin.db") as store:
        api.load(FIXTURES / scenario)
        loaded = settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"))
        with Rig(loaded, store, now, api) as rig:
            rig.catch_up()
            rig.engine.clock = ManualClock(newest_instant(rig.run, now))
            rig.cycle()
            cases = store.investigations.open(rig.run.cluster)
    assert sorted(case.entity.name for case in cases) == sorted(issue["entity"]["name"] for issue in truth["issues"])
    spoken = {name for issue in truth["issues"] for name in SIGNALS[issue["type"]]}
    titles = {load().row(signal).title for signal in spoken}
    assert {case.title for case in cases} <= titles


def test_every_scenario_is_here():
    assert len(scenarios) == 14


def test_a_shown_case_names_the_field_of_the_object_that_proves_it(tmp_path, capsys):
    database = tmp_path / "tocsin.db"
    now = SystemClock().now()
    with KubernetesApi() as api, Store.open(database) as store:
        api.load(FIXTURES / "crashloop-expired-certificate")
        loaded = settings(tmp_path, kubeconfig=api.kubeconfig(tmp_path / "kubeconfig"))
        with Rig(loaded, store, now, api) as rig:
            rig.catch_up()
            rig.engine.clock = ManualClock(newest_instant(rig.run, now))
            rig.cycle()
            (number,) = (str(case.id) for case in store.investigations.open(rig.run.cluster))
    stored = ["--db", str(database), "--config", str(_empty(tmp_path))]
    assert main(["show", number, "--json", *stored]) == Exit.OK
    lines = json.loads(capsys.readouterr().out)["evidence"]
    line = next(each for each in lines if each["value"] == "CrashLoopBackOff")
    told = line["object"]
    assert (told["kind"], told["namespace"], line["convention"]) == ("Pod", "prod", "kubernetes-api")
    assert told["field"].startswith(".status.containerStatuses[") and told["field"].endswith("].state.waiting.reason")
    assert main(["show", number, *stored]) == Exit.OK
    text = capsys.readouterr().out
    assert f"Pod prod/{told['name']} {told['field']} = CrashLoopBackOff" in text
    assert line["source"] in text
