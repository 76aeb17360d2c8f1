from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from tests.lab.control import Control, control_file, send
from tests.lab.fixtures import needs_servers
from tests.lab.live import Lab, command_line
from tests.lab.servers import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = needs_servers


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), scrape=2, days=0) as lab:
        control = Control(lab)
        yield lab
        control.close()


def value(lab: Lab, expression: str) -> float:
    status, body = lab.servers["prometheus"].get(f"/api/v1/query?query={quote(expression)}&time={time.time()}")
    assert status == 200, body
    result = json.loads(body)["data"]["result"]
    return float(result[0]["value"][1]) if result else 0.0


def test_history_is_there_and_scrapes_go_on_from_it(lab: Lab) -> None:
    wait_until(lambda: value(lab, "count(up == 1)") > 30, "the first scrape of every target", 30)
    # One series from an hour ago until now: the live labels are those of the backfill.
    assert value(lab, 'count(http_requests_total{job="catalog"} and http_requests_total offset 1h)') > 3
    assert value(lab, 'resets(http_requests_total{job="catalog",code="200",method="POST"}[30m])') == 0


def test_a_fault_shows_in_metrics_and_objects_until_it_is_switched_off(lab: Lab) -> None:
    image = "sum(kube_pod_container_status_waiting_reason{namespace='staging',reason=~'.*Pull.*'})"
    assert send(lab.folder, "on staging-image").startswith("staging-image is on")
    assert "* staging-image" in send(lab.folder, "faults")
    wait_until(lambda: value(lab, image) > 0, "the failed pull in the metrics", 30)
    pods = [json.loads(pod) for pod in lab.api.store.tables["pods"].values()]
    waiting = [
        status["state"]["waiting"]["reason"]
        for pod in pods
        for status in pod["status"].get("containerStatuses", [])
        if "waiting" in status["state"] and pod["metadata"]["namespace"] == "staging"
    ]
    assert waiting and waiting[0] in ("ErrImagePull", "ImagePullBackOff")
    assert send(lab.folder, "off staging-image").startswith("staging-image is off")
    wait_until(lambda: value(lab, image) == 0, "its end in the metrics", 40)


def test_bad_words_are_answered_with_what_there_is(lab: Lab) -> None:
    assert "checkout-errors" in send(lab.folder, "on nonsense")
    assert "prometheus" in send(lab.folder, "stop nonsense")
    assert "on NAME" in send(lab.folder, "dance")


def test_rights_can_be_taken_and_given_back(lab: Lab) -> None:
    send(lab.folder, "forbid nodes")
    assert lab.api.refusal("list", "nodes")
    send(lab.folder, "allow nodes")
    assert lab.api.refusal("list", "nodes") is None


def test_a_stopped_server_comes_back_where_it_was_with_its_data(lab: Lab) -> None:
    line = command_line(lab)
    send(lab.folder, "stop prometheus")
    with pytest.raises(OSError):
        lab.servers["prometheus"].get("/-/ready")
    send(lab.folder, "start prometheus")
    assert command_line(lab) == line
    assert value(lab, 'count(http_requests_total{job="catalog"} offset 1h)') > 3


def test_no_lab_is_an_error_that_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError, match="make lab"):
        send(tmp_path, "faults")


def test_the_program_ends_cleanly_when_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.lab", "--folder", str(tmp_path), "--days", "0"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        wait_until(control_file(tmp_path).exists, "the lab", 60)
        assert subprocess.run([*command, "on", "cart-errors"], check=False, capture_output=True).returncode == 0
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "tocsin --prometheus http://127.0.0.1:" in output
    assert [path.name for path in tmp_path.iterdir()] == ["kubeconfig"]
    assert subprocess.run([*command, "faults"], check=False, capture_output=True).returncode == 1
