"""What is read of cAdvisor's metrics, whatever stands in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sources.kubernetes.exposition import container_counters
from detectors.objects import ContainerCounters
from tests.lab.openmetrics import labels_text

HEAD = "# HELP container_last_seen As it says.\n# TYPE container_last_seen gauge\n"
PERIODS, THROTTLED = "container_cpu_cfs_periods_total", "container_cpu_cfs_throttled_periods_total"
READ, WRITTEN = "container_fs_reads_bytes_total", "container_fs_writes_bytes_total"
WEB = {"container": "app", "id": "/kubepods/a", "namespace": "shop", "pod": "web-0"}


def told(*samples: tuple[str, dict[str, str], str]) -> tuple[ContainerCounters, ...]:
    """What is read of samples: a metric, its labels, and what follows them."""
    return container_counters(
        (HEAD + "".join(f"{m}{labels_text(labels)} {rest}\n" for m, labels, rest in samples)).encode()
    )


def test_every_container_has_its_counters_and_their_time() -> None:
    other = WEB | {"pod": "web-1"}
    found = told(
        (PERIODS, WEB, "3000 1763475600123"),
        (THROTTLED, WEB, "1.5e+03 1763475600123"),
        (WRITTEN, other | {"device": "/dev/sda"}, "4096 1763475599000"),
        ("container_memory_rss", WEB, "1 1763475600123"),
    )
    assert found == (
        ContainerCounters("shop", "web-0", "app", 1763475600.123, 3000.0, 1500.0),
        ContainerCounters("shop", "web-1", "app", 1763475599.0, written_bytes=4096.0),
    )


def test_devices_and_the_two_lives_of_a_restarted_container_are_summed() -> None:
    found = told(
        (READ, WEB | {"device": "/dev/sda"}, "10 1000"),
        (READ, WEB | {"device": "/dev/sdb"}, "5 1000"),
        (READ, WEB | {"device": "/dev/sda", "id": "/kubepods/b"}, "1 3000"),
    )
    assert [(each.read_bytes, each.at) for each in found] == [(16.0, 3.0)]


@pytest.mark.parametrize("cgroup", [{"container": ""}, {"container": "POD"}, {"pod": ""}, {"namespace": ""}])
def test_a_cgroup_that_holds_those_of_containers_is_none(cgroup: dict[str, str]) -> None:
    assert told((PERIODS, WEB | cgroup, "1")) == ()


def test_a_sample_without_a_time_has_none() -> None:
    assert [each.at for each in told((PERIODS, WEB, "1"))] == [None]


@pytest.mark.parametrize("rest", ["NaN", "+Inf", "much", "", "1 soon", "1 2 3"])
def test_what_is_no_number_is_left_out(rest: str) -> None:
    assert told((PERIODS, WEB, rest)) == ()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"\xff\xfe", b"404 page not found\n"])
def test_something_else_is_no_exposition(body: bytes) -> None:
    with pytest.raises(ValueError, match="no metrics"):
        container_counters(body)


@given(st.text(min_size=1), st.text(), st.integers(0, 2**53), st.integers(0, 2**43))
def test_label_values_come_back_as_they_were(pod: str, image: str, value: int, at: int) -> None:
    # A line break of another kind than the format's own cannot be in a name, and ends a line here.
    pod, image = (text.encode(errors="replace").decode().replace("\r", "") for text in (pod, image))
    found = told((PERIODS, WEB | {"image": image, "pod": pod}, f"{value} {at}"))
    assert [(each.pod, each.periods, each.at) for each in found] == ([(pod, value, at / 1000)] if pod else [])


@given(st.binary())
def test_no_text_breaks_it(noise: bytes) -> None:
    line = f"{PERIODS}{labels_text(WEB)} 1\n".encode()
    found = container_counters(HEAD.encode() + noise + b"\n" + line)
    assert ("shop", "web-0", "app") in {(each.namespace, each.pod, each.name) for each in found}
