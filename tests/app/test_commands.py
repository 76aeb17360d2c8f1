"""The commands as a shell calls them: output, schema, exit codes, and what they say when something is the matter."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from app import __version__
from app.cli import COMMANDS, build_parser, main
from app.exits import Exit
from app.opening import BUNDLED
from detectors.catalog import load
from storage.database import Store
from tests.app.rig import Rig, settings
from tests.app.sources.prometheus.authority import Authority
from tests.lab.demo import World
from tests.lab.faults import Fault
from tests.lab.fixtures import needs_servers
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.servers import Prometheus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

START = 1_763_470_800
FAULTS = (
    Fault("checkout-errors", "errors", "prod/checkout", START + 120, 1000, 0.3),
    Fault("cart-crash", "crash-loop", "prod/cart", START + 60, 1000),
)
AT = START + 480
NOBODY = "http://127.0.0.1:9"

FINDING = {
    "schema", "id", "signal", "entity", "onset", "last_seen", "observed", "expected", "unit", "score", "confidence",
    "severity", "state", "source", "investigation",
}  # fmt: skip
ENTITY = {"kind", "cluster", "environment", "namespace", "name", "type", "peer"}
INVESTIGATION = {
    "schema", "id", "title", "entity", "severity", "score", "state", "onset", "opened", "ended", "signals", "label",
    "label_reason", "acknowledged_by", "verdict", "priority", "cause",
}  # fmt: skip
COVERAGE = {
    "schema", "signal", "title", "group", "status", "conventions", "live", "learning", "silent", "last_fired", "detail",
    "query", "query_seconds", "query_series", "query_samples", "thinned",
}  # fmt: skip
CHECK = {"name", "ok", "detail", "hint"}


class Said(NamedTuple):
    """What a command came to."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def tocsin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """The command line on a machine with nothing on it."""
    for name in [name for name in os.environ if name.startswith(("TOCSIN_", "KUBE", "PROMETHEUS", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(*arguments: object) -> Said:
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World(FAULTS, START, AT, days=0) as started:
        started.advance(AT)
        yield started


@pytest.fixture(scope="module")
def remembered(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one cycle's findings."""
    folder = tmp_path_factory.mktemp("remembered")
    loaded = settings(folder, prometheus=world.prometheus_url, kubeconfig=world.kubeconfig)
    with Store.open(folder / "tocsin.db") as store, Rig(loaded, store, AT, world.api) as rig:
        rig.cycle()
    return folder / "tocsin.db"


@pytest.fixture
def database(remembered: Path, tmp_path: Path) -> Path:
    """A copy of it that may be changed."""
    with sqlite3.connect(remembered) as known, sqlite3.connect(tmp_path / "copy.db") as copy:
        known.backup(copy)
    return tmp_path / "copy.db"


def _cluster(world: World) -> tuple[str, ...]:
    return ("--prometheus", world.prometheus_url, "--kubeconfig", str(world.kubeconfig))


class TestScan:
    pytestmark = needs_servers

    def test_findings_are_json_lines_of_schema_1(self, world: World, tocsin: Callable[..., Said]) -> None:
        said = tocsin("scan", "--json", "--at", AT, *_cluster(world))
        assert said.code == Exit.FINDINGS
        by_signal = {each["signal"]: each for each in said.objects}
        spike = by_signal["http-server-5xx-spike"]
        assert spike.keys() == FINDING
        assert spike["schema"] == 1
        assert spike["entity"].keys() == ENTITY
        assert (spike["entity"]["kind"], spike["entity"]["name"]) == ("Deployment", "checkout")
        assert (spike["entity"]["cluster"], spike["entity"]["environment"]) == ("lab", "production")
        assert spike["expected"].keys() == {"low", "high"}
        assert spike["source"].keys() == {"convention", "query"}
        assert spike["observed"] > spike["expected"]["high"]
        assert spike["score"] >= 1
        assert spike["state"] == "open"
        assert abs(datetime.fromisoformat(spike["onset"]).timestamp() - START - 120) <= 120
        assert spike["last_seen"].endswith("Z")
        assert by_signal["pod-crashloopbackoff"]["source"]["convention"] == "kubernetes-api"

    def test_for_a_person_it_is_one_line_each_worst_first(self, world: World, tocsin: Callable[..., Said]) -> None:
        said = tocsin("scan", "--at", AT, *_cluster(world))
        lines = said.out.splitlines()
        assert said.code == Exit.FINDINGS
        assert lines[0].startswith("critical")
        assert any("checkout" in line for line in lines)
        assert not said.err

    def test_nothing_wrong_is_said_and_is_0(self, world: World, tocsin: Callable[..., Said]) -> None:
        said = tocsin("scan", "--at", AT, "--namespace", "staging", *_cluster(world))
        assert said.code == Exit.OK, said.out
        assert "nothing is wrong among" in said.out

    def test_a_time_in_the_past_is_not_stored(self, world: World, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        tocsin("scan", "--at", AT, "--db", tmp_path / "own.db", *_cluster(world))
        assert not (tmp_path / "own.db").exists()

    def test_now_is_stored_and_listed(self, world: World, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        options = ("--kubeconfig", world.kubeconfig, "--db", tmp_path / "own.db")
        said = tocsin("scan", "--json", *options)
        assert said.code == Exit.FINDINGS
        cases = tocsin("list", "--json", *options).objects
        assert {each["investigation"] for each in said.objects} == {case["id"] for case in cases}
        assert "prometheus: off" in said.err

    def test_one_source_that_is_down_is_said_and_the_other_is_judged(
        self, world: World, tocsin: Callable[..., Said]
    ) -> None:
        said = tocsin("scan", "--at", AT, "--prometheus", NOBODY, "--kubeconfig", world.kubeconfig)
        assert said.code == Exit.FINDINGS
        assert "prometheus: down" in said.err
        assert "cart" in said.out

    def test_the_scope_holds_for_what_another_process_found_too(
        self, world: World, tocsin: Callable[..., Said], database: Path
    ) -> None:
        with Store.open(database) as store:
            assert store.cycles.acquire_lease("lab", "another console", time.time(), 600)
        options = ("--kubeconfig", world.kubeconfig, "--db", database)
        said = tocsin("scan", *options)
        assert said.code == Exit.FINDINGS
        assert "another Tocsin runs the cycles" in said.err
        assert {each["entity"]["name"] for each in tocsin("scan", "--json", *options).objects} >= {"checkout", "cart"}
        said = tocsin("scan", "--namespace", "staging", *options)
        assert (said.code, "checkout" in said.out) == (Exit.OK, False), said
        said = tocsin("scan", "--environment", "nowhere", *options)
        assert (said.code, said.out) == (Exit.SETTINGS, "")
        assert "nothing is in scope" in said.err

    def test_a_time_that_is_none_is_refused(self, tocsin: Callable[..., Said]) -> None:
        said = tocsin("scan", "--at", "yesterday", "--prometheus", NOBODY)
        assert said.code == Exit.USAGE
        assert "'yesterday'" in said.err
        assert "2026-" in said.err


BLIND = ("pods", "nodes", "deployments", "services")


class TestWhatCouldNotBeSeen:
    """Nothing found means something only where one could look."""

    @pytest.fixture
    def api(self) -> Iterator[KubernetesApi]:
        with KubernetesApi() as server:
            yield server

    @pytest.fixture
    def scan(self, api: KubernetesApi, tocsin: Callable[..., Said], tmp_path: Path) -> Callable[..., Said]:
        config = api.kubeconfig(tmp_path / "kubeconfig")
        return lambda *more: tocsin("scan", "--kubeconfig", config, "--db", tmp_path / "own.db", *more)

    def test_forbidden_kinds_are_unknown_not_healthy(self, api: KubernetesApi, scan: Callable[..., Said]) -> None:
        api.forbid(*BLIND)
        said = scan()
        assert said.code == Exit.UNKNOWN
        assert "nothing is wrong" not in said.out
        assert "not seen: forbidden: deployments, nodes, pods, services" in said.out
        said = scan("--json")
        assert (said.code, said.out) == (Exit.UNKNOWN, "")
        assert "forbidden: deployments, nodes, pods, services" in said.err

    def test_what_is_optional_leaves_nothing_unseen(self, api: KubernetesApi, scan: Callable[..., Said]) -> None:
        api.forbid("nodes/proxy", "pods.metrics.k8s.io", "nodes.metrics.k8s.io")
        said = scan()
        assert said.code == Exit.OK, said
        assert "nothing is wrong among" in said.out

    def test_a_metrics_server_that_is_down_leaves_a_cluster_unknown(
        self, api: KubernetesApi, scan: Callable[..., Said]
    ) -> None:
        said = scan("--prometheus", NOBODY)
        assert said.code == Exit.UNKNOWN
        assert "not seen: Prometheus: " in said.out


class TestMemory:
    pytestmark = needs_servers

    def test_list(self, tocsin: Callable[..., Said], database: Path) -> None:
        said = tocsin("list", "--db", database)
        assert said.code == Exit.OK
        assert "prod/checkout" in said.out
        cases = tocsin("list", "--json", "--db", database).objects
        assert all(case.keys() == INVESTIGATION for case in cases)
        assert {"prod/cart", "prod/checkout"} <= {
            f"{case['entity']['namespace']}/{case['entity']['name']}" for case in cases
        }
        assert len(tocsin("list", "--json", "--limit", "1", "--db", database).objects) == 1

    def test_list_does_not_make_a_database_of_a_mistyped_name(
        self, tocsin: Callable[..., Said], tmp_path: Path
    ) -> None:
        said = tocsin("list", "--db", tmp_path / "typo.db")
        assert said.code == Exit.STORE
        assert "nothing was stored there yet" in said.err
        assert not (tmp_path / "typo.db").exists()

    def test_show(self, tocsin: Callable[..., Said], database: Path) -> None:
        number = self._checkout(tocsin, database)
        [case] = tocsin("show", number, "--json", "--db", database).objects
        assert case.keys() == INVESTIGATION | {"runbook", "conclusion", "findings", "evidence", "timeline", "history"}
        assert all(finding.keys() == FINDING for finding in case["findings"])
        assert case["evidence"]
        text = tocsin("show", f"#{number}", "--db", database).out
        assert "prod/checkout" in text
        assert case["findings"][0]["source"]["query"] in text

    def test_label(self, tocsin: Callable[..., Said], database: Path) -> None:
        number = self._checkout(tocsin, database)
        said = tocsin("label", number, "true", "--reason", "paged", "--db", database)
        assert said.code == Exit.OK
        assert "labelled true (paged): prod/checkout" in said.out
        [case] = tocsin("show", number, "--json", "--db", database).objects
        assert (case["label"], case["label_reason"]) == ("true", "paged")
        assert [act["action"] for act in case["history"]] == ["label"]
        assert "[true]" in tocsin("list", "--db", database).out
        tocsin("label", number, "false", "--reason", "expected-change", "--db", database)
        with Store.open(database) as store:
            label = store.labels.of(int(number))[-1]
        assert (label.label, label.reason) == ("false", "expected change")
        assert label.detector

    @pytest.mark.parametrize("command", [("show", "999"), ("label", "999", "true")])
    def test_an_unknown_number_is_said(
        self, tocsin: Callable[..., Said], database: Path, command: tuple[str, ...]
    ) -> None:
        said = tocsin(*command, "--db", database)
        assert said.code == Exit.FINDINGS
        assert "#999" in said.err
        assert "tocsin list" in said.err

    def _checkout(self, tocsin: Callable[..., Said], database: Path) -> int:
        cases = tocsin("list", "--json", "--db", database).objects
        return next(case["id"] for case in cases if case["entity"]["name"] == "checkout")


class TestCoverage:
    pytestmark = needs_servers

    def test_the_stored_matrix(self, world: World, tocsin: Callable[..., Said], database: Path) -> None:
        lines = tocsin("coverage", "--json", "--db", database, *_cluster(world)).objects
        assert [line["signal"] for line in lines] == [row.id for row in load().rows]
        assert all(line.keys() == COVERAGE for line in lines)
        status = {line["signal"]: line["status"] for line in lines}
        assert status["http-server-5xx-spike"] == "live"
        assert "no data source" in status.values()
        [spike] = [line for line in lines if line["signal"] == "http-server-5xx-spike"]
        assert spike["query_samples"] > spike["query_series"] > 0
        assert {line["thinned"] for line in lines} == {""}

    def test_the_matrix_as_markdown(self, world: World, tocsin: Callable[..., Said], database: Path) -> None:
        lines = tocsin("coverage", "--markdown", "--db", database, *_cluster(world)).out.splitlines()
        assert lines[0].startswith("# Coverage of ")
        assert [line[3:] for line in lines if line.startswith("## ")] == list(
            dict.fromkeys(row.group for row in load().rows)
        )
        [spike] = [line for line in lines if line.startswith("| http-server-5xx-spike |")]
        assert spike.split(" | ")[1] == "live"

    def test_who_switched_a_row_off(self, world: World, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        file = tmp_path / "mine.toml"
        file.write_text('[detection]\nevaluation_minutes = 5\ndisabled_signals = ["pod-crashloopbackoff"]\n')
        said = tocsin(
            "coverage", "--markdown", "--config", file, "--db", tmp_path / "own.db", "--kubeconfig", world.kubeconfig
        )
        [row] = [line for line in said.out.splitlines() if line.startswith("| pod-crashloopbackoff |")]
        assert "| disabled |" in row
        assert "mine.toml:3" in row

    def test_a_cycle_is_run_where_none_was(self, world: World, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        said = tocsin("coverage", "--db", tmp_path / "own.db", "--kubeconfig", world.kubeconfig)
        assert said.code == Exit.OK
        assert "pod-crashloopbackoff" in said.out

    def test_where_nothing_answers_nothing_is_known(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        said = tocsin("coverage", "--db", tmp_path / "own.db", "--prometheus", NOBODY, "--no-kubernetes")
        assert said.code == Exit.SOURCE
        assert "prometheus: down" in said.err


class TestDoctor:
    pytestmark = needs_servers

    def test_a_good_cluster(self, world: World, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        said = tocsin("doctor", "--json", "--db", tmp_path / "own.db", *_cluster(world))
        checks = {each["name"].strip(): each for each in said.objects}
        assert all(check.keys() == CHECK for check in checks.values())
        assert checks["prometheus"]["ok"]
        assert checks["kubernetes"]["ok"]
        assert checks["pods"]["ok"]
        assert checks["store"]["ok"]
        # The lab's samples are years old.
        assert not checks["samples"]["ok"]
        assert said.code == Exit.FINDINGS

    def test_a_role_that_may_read_almost_nothing(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        with KubernetesApi() as api:
            api.forbid("pods", "nodes", "events")
            said = tocsin("doctor", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig"))
        assert said.code == Exit.FINDINGS
        [line] = [line for line in said.out.splitlines() if line.startswith("FAIL   pods") or " pods " in line[:14]]
        assert line.startswith("FAIL")
        assert "deploy/clusterrole.yaml" in said.out


def _expired(folder: Path) -> KubernetesApi:
    authority = Authority(folder)
    certificate, key = authority.issue("server", start=-10, end=-5)
    both = folder / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    return KubernetesApi(certificate=both)


class TestTrouble:
    @pytest.mark.parametrize("command", ["scan", "doctor", "watch", "coverage", "record"])
    def test_nothing_to_connect_to(self, tocsin: Callable[..., Said], tmp_path: Path, command: str) -> None:
        arguments = [command, tmp_path / "out.gz"] if command == "record" else [command]
        said = tocsin(*arguments)
        assert said.code == (Exit.FINDINGS if command == "doctor" else Exit.SOURCE)
        text = said.out + said.err
        assert "no Prometheus is named, and no kubeconfig at" in text
        assert "--kubeconfig FILE" in text
        assert "--prometheus URL" in text
        assert not (tmp_path / "out.gz").exists()

    def test_a_wrong_address(self, tocsin: Callable[..., Said]) -> None:
        said = tocsin("scan", "--prometheus", NOBODY, "--no-kubernetes")
        assert said.code == Exit.SOURCE
        assert "prometheus: down" in said.err
        assert "127.0.0.1:9" in said.err
        assert "nothing is wrong" not in said.out

    def test_trouble_is_said_once_and_without_log_lines(self, tmp_path: Path) -> None:
        arguments = ["scan", "--prometheus", NOBODY, "--no-kubernetes", "--db", str(tmp_path / "own.db")]
        program = f"import sys; from app.cli import main; sys.exit(main({arguments!r}))"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == Exit.SOURCE
        assert done.stderr.startswith("prometheus: down:")
        assert done.stderr.count("refused") == 1

    def test_an_address_that_is_none(self, tocsin: Callable[..., Said]) -> None:
        said = tocsin("scan", "--prometheus", "prometheus:9090", "--no-kubernetes")
        assert said.code == Exit.SETTINGS
        assert "http://HOST:PORT" in said.err
        assert tocsin("scan", "--prometheus", "ftp://x", "--no-kubernetes").code == Exit.SETTINGS

    def test_a_time_that_is_none_says_what_is_allowed(self, tocsin: Callable[..., Said]) -> None:
        said = tocsin("scan", "--at", "yesterday")
        assert said.code == Exit.USAGE
        assert "newest" in said.err

    def test_an_incident_without_its_facts_is_refused_before_a_cluster_is_looked_for(
        self, tocsin: Callable[..., Said]
    ) -> None:
        said = tocsin("incident", "add")
        assert said.code == Exit.USAGE
        assert "--workload NAME and --since TIME" in said.err

    def test_an_option_that_is_none_gets_the_usage_of_its_command(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            main(["list", "--bogus"])
        said = capsys.readouterr().err
        assert said.startswith("usage: tocsin list ")
        assert "unrecognized arguments: --bogus" in said

    @pytest.mark.parametrize("command", ["scan", "doctor"])
    @needs_servers[1]
    def test_a_wrong_password(
        self, tocsin: Callable[..., Said], monkeypatch: pytest.MonkeyPatch, command: str, locked: Prometheus
    ) -> None:
        monkeypatch.setenv("TOCSIN_PROMETHEUS_USERNAME", "ann")
        monkeypatch.setenv("TOCSIN_PROMETHEUS_PASSWORD_ENV", "SECRET")
        monkeypatch.setenv("SECRET", "not the password")
        said = tocsin(command, "--prometheus", locked.url, "--no-kubernetes")
        assert said.code == (Exit.SOURCE if command == "scan" else Exit.FINDINGS)
        text = said.out + said.err
        assert "401" in text or "unauthenticated" in text
        assert "not the password" not in text

    def test_an_expired_certificate(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        with _expired(tmp_path) as api:
            authority = {"certificate-authority": str(tmp_path / "ca.pem")}
            config = api.kubeconfig(tmp_path / "kubeconfig", **authority)
            scan, doctor = tocsin("scan", "--kubeconfig", config), tocsin("doctor", "--kubeconfig", config)
        assert scan.code == Exit.SOURCE
        assert "kubernetes: down" in scan.err
        assert "expired" in scan.err
        assert doctor.code == Exit.FINDINGS
        assert "expired" in doctor.out

    def test_a_wrong_token(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        with KubernetesApi() as api:
            said = tocsin("scan", "--kubeconfig", api.kubeconfig(tmp_path / "kubeconfig", token="sesame"))
        assert said.code == Exit.SOURCE
        assert "kubernetes: down" in said.err
        assert "sesame" not in said.err

    def test_an_unknown_context(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        with KubernetesApi() as api:
            config = api.kubeconfig(tmp_path / "kubeconfig")
            said = tocsin("scan", "--kubeconfig", config, "--context", "elsewhere")
        assert said.code == Exit.SOURCE
        assert "elsewhere" in said.err
        assert "lab" in said.err

    def test_a_kubeconfig_that_is_not_there(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        said = tocsin("scan", "--kubeconfig", tmp_path / "missing")
        assert said.code == Exit.SOURCE
        assert str(tmp_path / "missing") in said.err

    def test_a_newer_database_is_refused_and_left_alone(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        file = tmp_path / "tocsin.db"
        Store.open(file).close()
        with sqlite3.connect(file) as database:
            database.execute("PRAGMA user_version = 999")
        before = file.read_bytes()
        for command in (["list"], ["scan", "--prometheus", NOBODY]):
            said = tocsin(*command, "--db", file)
            assert said.code == Exit.STORE
            assert str(file) in said.err
            assert "newer" in said.err
        assert tocsin("doctor", "--prometheus", NOBODY, "--no-kubernetes", "--db", file).code == Exit.FINDINGS
        assert file.read_bytes() == before

    def test_what_is_no_database_is_refused_and_left_alone(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        file = tmp_path / "notes.txt"
        file.write_text("not a database, but forty lines of notes\n" * 40)
        said = tocsin("list", "--db", file)
        assert said.code == Exit.STORE
        assert str(file) in said.err
        assert file.read_text().startswith("not a database")

    def test_a_wrong_row_of_ones_own_is_named(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        (tmp_path / "config.toml").touch()
        rows = tmp_path / "catalog" / "rows"
        rows.mkdir(parents=True)
        (rows / "own.toml").write_text('[[row]]\nid = "queue-depth"\ncolour = "red"\n')
        said = tocsin("scan", "--config", tmp_path / "config.toml", "--prometheus", NOBODY)
        assert said.code == Exit.SETTINGS
        assert "own.toml" in said.err


@pytest.fixture(scope="module")
def locked() -> Iterator[Prometheus]:
    """A Prometheus that wants a login."""
    users = {"ann": "$2b$04$iYpwxRHu0b9hGFGEqSaZaeDmdTxM27hQU.Q2pcjAKwjliyb302EQq"}
    with Prometheus(login=("ann", "pass word"), web_config={"basic_auth_users": users}) as server:
        yield server


class TestRecordings:
    @needs_servers[1]
    def test_what_was_recorded_can_be_replayed(self, world: World, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        file = tmp_path / "run.tocsin.gz"
        said = tocsin("record", file, "--minutes", "0", "--title", "one look", "--kubeconfig", world.kubeconfig)
        assert said.code == Exit.OK
        assert "1 cycles" in said.out
        replayed = tocsin("replay", file, "--json")
        assert replayed.code == Exit.FINDINGS
        assert "pod-crashloopbackoff" in {each["signal"] for each in replayed.objects}
        assert all(each.keys() == FINDING for each in replayed.objects)

    @pytest.mark.parametrize("content", [b"", b"hello", BUNDLED.read_bytes()[100:4000]])
    def test_what_is_no_recording_is_named(self, tocsin: Callable[..., Said], tmp_path: Path, content: bytes) -> None:
        file = tmp_path / "broken.gz"
        file.write_bytes(content)
        said = tocsin("replay", file, "--json")
        assert said.code == Exit.SETTINGS
        assert str(file) in said.err

    def test_a_recording_that_is_not_there_is_named(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        said = tocsin("replay", tmp_path / "missing.gz", "--json")
        assert said.code == Exit.SETTINGS
        assert "missing.gz" in said.err

    def test_a_recording_that_cannot_be_written_is_said(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        said = tocsin("record", tmp_path / "no" / "run.gz", "--prometheus", NOBODY, "--no-kubernetes")
        assert said.code == Exit.SETTINGS
        assert "run.gz" in said.err


class TestSettings:
    def test_show_tells_every_value_with_its_origin(
        self, tocsin: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "config.toml"
        file.write_text("[engine]\ninterval_seconds = 30\n")
        monkeypatch.setenv("PROMETHEUS_URL", "http://elsewhere:9090")
        lines = tocsin("settings", "show", "--json", "--config", file, "--namespace", "a", "--namespace", "b").objects
        shown = {line["key"]: (line["value"], line["origin"]) for line in lines}
        assert shown["engine.interval_seconds"] == ("30.0", f"{file}:2")
        assert shown["prometheus.url"] == ("http://elsewhere:9090", "environment PROMETHEUS_URL")
        assert shown["scope.namespaces"] == ("a, b", "--namespace")
        assert shown["engine.clean_passes"] == ("3", "default")
        assert "engine.interval_seconds" in tocsin("settings", "--config", file).out

    def test_path_and_validate(self, tocsin: Callable[..., Said], tmp_path: Path) -> None:
        assert tocsin("settings", "path").out.strip().startswith(str(tmp_path))
        assert "absent" in tocsin("settings", "validate").out
        file = tmp_path / "config.toml"
        file.write_text("")
        assert "valid" in tocsin("settings", "validate", "--config", file).out

    @pytest.mark.parametrize("command", [("settings", "validate"), ("scan",), ("list",), ("doctor",)])
    def test_a_bad_value_is_named_with_file_line_key_and_what_is_allowed(
        self, tocsin: Callable[..., Said], tmp_path: Path, command: tuple[str, ...]
    ) -> None:
        file = tmp_path / "config.toml"
        file.write_text("# mine\n[detection]\nbaseline_minutes = 40\n")
        said = tocsin(*command, "--config", file)
        assert said.code == Exit.SETTINGS
        assert f"{file}:3" in said.err
        for part in ("detection.baseline_minutes", "40", "5", "30"):
            assert part in said.err

    def test_edit_makes_a_file_and_checks_what_was_written(
        self, tocsin: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = tmp_path / "new" / "config.toml"
        monkeypatch.setenv("VISUAL", 'sh -c \'echo "[engine]" >> "$0"\'')
        assert tocsin("settings", "edit", "--config", file).code == Exit.OK
        assert "[engine]" in file.read_text()
        monkeypatch.setenv("VISUAL", 'sh -c \'echo "nonsense = 1" >> "$0"\'')
        said = tocsin("settings", "edit", "--config", file)
        assert said.code == Exit.SETTINGS
        assert "nonsense" in said.err
        monkeypatch.setenv("VISUAL", "no-such-editor")
        assert "no-such-editor" in tocsin("settings", "edit", "--config", file).err


class TestCommandLine:
    def test_version(self, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as left:
            main(["--version"])
        assert left.value.code == 0
        assert capsys.readouterr().out == f"tocsin {__version__}\n"

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_has_help_with_the_shared_options(
        self, command: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit) as left:
            main([command, "--help"])
        assert left.value.code == 0
        out = capsys.readouterr().out
        for option in ("context", "kubeconfig", "prometheus", "namespace", "environment", "db", "config", "log-file"):
            assert f"--{option}" in out

    @pytest.mark.parametrize(
        "arguments", [["nonsense"], ["scan", "--nonsense"], ["label", "1", "maybe"], ["show", "x"]]
    )
    def test_what_is_not_understood_is_usage(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        assert left.value.code == Exit.USAGE
        assert "usage: tocsin" in capsys.readouterr().err

    def test_the_exit_codes_are_in_the_help(self) -> None:
        text = build_parser().format_help()
        assert all(f"{code.value} " in text for code in Exit)

    @pytest.mark.parametrize("arguments", [[], ["--namespace", "demo"], ["--context", "list"]])
    def test_without_a_command_the_console_opens(self, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
        import app.commands.console as console

        asked = []
        monkeypatch.setattr(console, "run", lambda options: asked.append(options) or Exit.OK)
        assert main(arguments) == Exit.OK
        assert asked[0].command == "console"
        assert asked[0].namespace == (["demo"] if "demo" in arguments else None)

    def test_a_debug_log_holds_no_secret(
        self, tocsin: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("TOCSIN_PROMETHEUS_BEARER_TOKEN_ENV", "SECRET")
        monkeypatch.setenv("SECRET", "open-sesame")
        log = tmp_path / "tocsin.log"
        tocsin("scan", "--prometheus", NOBODY, "--no-kubernetes", "--log-file", log)
        assert "open-sesame" not in log.read_text()
        assert log.read_text()
