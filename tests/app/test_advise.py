"""`tocsin advise` as a shell calls it: what is stored, what a look gives, and what is said where nothing can be."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from app.cli import main
from app.exits import Exit
from detectors.model import Coverage, Sizing
from storage.database import Store
from storage.records import AdviceCoverage, AdviceRun
from tests.app import sized
from tests.lab.kubernetes_api import CONTEXT, KubernetesApi
from tests.storage import samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ADVICE = {
    "schema", "signal", "entity", "container", "resource", "bound", "outcome", "severity", "confidence", "current",
    "suggestion", "saving", "replicas", "observed", "peak", "history", "reason", "source",
}  # fmt: skip
WITHHELD = samples.advice(
    "rightsizing-memory-request-high",
    outcome=Sizing.WITHHELD,
    suggestion=float("nan"),
    saving=float("nan"),
    reason="OOM killed \x1b[31m2 d ago",
)


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as server:
        for item in sized.objects():
            server.put(item)
        yield server


@pytest.fixture
def advise(
    api: KubernetesApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """The command on a machine with nothing on it but this cluster's kubeconfig."""
    for name in [name for name in os.environ if name.startswith(("TOCSIN_", "KUBE", "PROMETHEUS", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    config = api.kubeconfig(tmp_path / "kubeconfig")

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["advise", "--kubeconfig", str(config), "--db", str(tmp_path / "tocsin.db"), *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def remember(path: Path, *records: Any, age: float = 3600.0) -> None:
    coverage = AdviceCoverage("rightsizing-cpu-request-high", Coverage.LIVE, ("cadvisor",), 12, 0, "")
    with Store.open(path) as store:
        owned = [msgspec.structs.replace(record, cluster=CONTEXT) for record in records]
        store.advice.replace(AdviceRun(CONTEXT, time.time() - age, 1.0, (coverage,)), owned)


def test_what_was_said_today_is_told_again(
    advise: Callable[..., tuple[int, str, str]], api: KubernetesApi, tmp_path: Path
) -> None:
    remember(tmp_path / "tocsin.db", samples.advice(), WITHHELD)
    code, out, err = advise()
    assert code == Exit.OK
    assert "lower    Deployment shop/checkout/app" in out
    assert "cpu request 1000m -> 250m" in out
    assert "p95 200m over 7d, confidence medium" in out
    assert "\x1b" not in out
    assert "as of 1h ago" in err
    assert not [path for _, path in api.requests if "pods" in path]


def test_json_is_schema_1(advise: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    remember(tmp_path / "tocsin.db", samples.advice(), WITHHELD)
    code, out, _ = advise("--json")
    lower, withheld = map(json.loads, out.splitlines())
    assert code == Exit.OK
    assert lower.keys() == ADVICE
    assert (lower["schema"], lower["outcome"], lower["suggestion"], lower["saving"]) == (1, "lower", 0.25, 2.25)
    assert lower["observed"] == {"statistic": "p95", "value": 0.2}
    assert lower["source"]["query"]
    assert withheld["suggestion"] is withheld["saving"] is None


@pytest.mark.parametrize("arguments", [(), ("--fresh",)], ids=["stale", "fresh"])
def test_what_is_old_is_looked_at_anew_and_no_history_is_said(
    arguments: tuple[str, ...], advise: Callable[..., tuple[int, str, str]], api: KubernetesApi, tmp_path: Path
) -> None:
    remember(tmp_path / "tocsin.db", samples.advice(), age=3600.0 if arguments else 2 * 86_400.0)
    code, out, err = advise(*arguments)
    assert code == Exit.OK
    assert [path for _, path in api.requests if "pods" in path]
    assert "lower" not in out
    assert "no request or limit asks for a change" not in out
    assert "nothing could be judged yet" in out
    assert not [line for line in out.splitlines() if line.endswith("judged.")], "each row says why"
    assert "rightsizing-cpu-request-high: learning, 0 judged" in out
    assert "as of 0s ago" in err or "as of 1s ago" in err


def test_where_nothing_was_judged_an_hour_ago_it_is_looked_at_anew(
    advise: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    young = AdviceCoverage("rightsizing-cpu-request-high", Coverage.LEARNING, (), 0, 3, "not before yesterday")
    with Store.open(tmp_path / "tocsin.db") as store:
        store.advice.replace(AdviceRun(CONTEXT, time.time() - 3700.0, 1.0, (young,)), [])
    _, out, err = advise()
    assert "not before yesterday" not in out
    assert "nothing could be judged yet" in out
    assert "as of 1h ago" not in err


def test_where_all_that_was_judged_fits_nothing_asks_for_a_change(
    advise: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    remember(tmp_path / "tocsin.db")
    assert "no request or limit asks for a change" in advise()[1]


def test_without_metrics_the_missing_right_is_named(
    advise: Callable[..., tuple[int, str, str]], api: KubernetesApi
) -> None:
    api.forbid("pods.metrics.k8s.io")
    _, out, _ = advise()
    assert "rightsizing-cpu-request-high: forbidden, 0 judged" in out
    assert "pods of metrics.k8s.io (list)" in out
