from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.investigation.logs import Level, entries, news, read, reason, target, template, topic
from tests.app.investigation.logs.dialects import CRASHES

HEALTHY = """
2026-11-20 07:00:00 INFO starting
2026-11-20 07:00:01 ERROR cannot send a trace: connection refused
2026-11-20 07:00:02 INFO listening on :8080
"""


def lines(text: str) -> list[str]:
    return text.strip("\n").splitlines()


@pytest.mark.parametrize("told", CRASHES, ids=lambda told: told.name)
def test_the_line_that_says_why_is_found_in_every_dialect(told):
    found = reason(entries(lines(told.log)))
    assert found is not None
    assert (found.entry.text, found.sure) == (told.text, True)
    about = topic(found.entry.text)
    assert (about.id if about else "") == told.topic
    host, port = target(found.entry.text)
    assert (f"{host}:{port}" if host else "") == told.target


@pytest.mark.parametrize("told", CRASHES, ids=lambda told: told.name)
def test_the_kubelets_times_change_nothing_but_the_time(told):
    stamped = [f"2026-11-20T07:00:{number:02d}.123456789Z {line}" for number, line in enumerate(lines(told.log))]
    found = reason(entries(stamped))
    assert found is not None
    assert found.entry.text.endswith(told.text)
    assert all(entry.at is not None for entry in entries(stamped))


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-20 07:00:00 INFO processed 12 records, 0 errors",
        "ERROR_HANDLER registered",
        "starting the ERROR reporter",
        "level of the reservoir: 12",
        '{"level":"info","msg":"no error"}',
        "information: failed over to nobody",
        "2026-11-20 07:00:00 DEBUG retry after FATAL signal was tested",
        "",
        "{not json",
    ],
)
def test_a_line_that_only_speaks_of_errors_is_none(line):
    assert read(line).level < Level.WARN


def test_what_a_healthy_sibling_writes_as_well_is_not_the_reason():
    failing = [*lines(HEALTHY)[:2], "2026-11-20 07:00:09 INFO plan 7 has no quota", "exit status 1"]
    found = reason(entries(failing), entries(lines(HEALTHY)))
    assert found is not None and found.sure
    assert found.entry.text == "plan 7 has no quota"
    alone = reason(entries(failing))
    assert alone is not None and alone.entry.text == "cannot send a trace: connection refused"


def test_a_sibling_of_another_version_does_not_make_the_first_line_the_reason():
    found = reason(entries(["shop 2.0 starting", "loading the index"]), entries(["starting app", "ready"]))
    assert found is not None and not found.sure
    assert found.entry.text == "loading the index"


def test_a_run_that_wrote_nothing_has_no_reason():
    assert reason(entries([])) is None
    assert reason(entries(["exit status 1", "Terminated"])) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("request 17 took 31.5ms", "request 9 took 1200ms"),
        ("user 3f2b8a1c-1111-2222-3333-444455556666 left", "user 00000000-aaaa-bbbb-cccc-444455556666 left"),
        ("conn 0xc000123456 from 10.0.0.7:5123", "conn 0xc000aaaaff from 10.2.30.1:80"),
        ("job 7b7dd4c89 at 2026-11-20T07:00:00Z", "job 6d64649c75 at 2026-11-21T17:30:09Z"),
    ],
)
def test_templates_mask_what_changes(one, other):
    assert template(one) == template(other)


@pytest.mark.parametrize(("one", "other"), [("GET /cart", "GET /order"), ("user left", "user came"), ("utf8", "ascii")])
def test_templates_keep_what_does_not(one, other):
    assert template(one) != template(other)


def test_new_and_surging_templates_are_news_and_the_usual_ones_are_not():
    usual = entries(["INFO request 1 done"] * 50 + ["WARN slow query 3"])
    now = entries(["INFO request 2 done"] * 20 + ["WARN slow query 9"] * 20 + ["ERROR pool 4 exhausted"] * 2)
    found = news(now, usual)
    assert [(group.template, group.entries, group.new) for group in found] == [
        ("pool # exhausted", 2, True),
        ("slow query #", 20, False),
    ]
    assert news(usual, usual) == ()
    assert news(now, ()) == ()


def test_a_key_is_kept_together_so_that_no_line_of_it_is_told_alone():
    log = ["-----BEGIN PRIVATE KEY-----", "MIIEabcdef", "zzz", "-----END PRIVATE KEY-----", "ERROR bad key"]
    assert [len(entry.lines) for entry in entries(log)] == [4, 1]


@given(st.lists(st.binary(max_size=200), max_size=30))
def test_no_bytes_break_it(raw):
    log = b"\n".join(raw).decode(errors="replace").splitlines()
    found = entries(log)
    assert sum(len(entry.lines) for entry in found) <= len(log)
    assert all(len(entry.text) <= 300 for entry in found)
    reason(found, found[:1])
    news(found, found[:1])


@given(st.text(max_size=300))
def test_a_template_is_its_own_template(text):
    assert template(template(text)) == template(text)


NASTY = (
    "a" * 4000,
    "a.b" * 1300,
    "[" * 4000,
    '"' * 4000,
    "a=" * 2000,
    "1:" * 2000,
    "(((" * 1300,
    "{" * 4000,
    "é " * 2000,
)


@pytest.mark.parametrize("line", NASTY, ids=range(len(NASTY)))
def test_it_takes_time_in_proportion_to_the_length(line):
    def seconds(times: int) -> float:
        began = time.process_time()
        found = entries([line, f"level={line}", f"E {line}", f"at {line}"] * times)
        reason(found)
        for entry in found:
            topic(entry.text)
            target(entry.text)
        return time.process_time() - began

    seconds(1)
    # 400 of the longest lines that are read: a quadratic step anywhere would take minutes.
    assert seconds(100) < 8.0
