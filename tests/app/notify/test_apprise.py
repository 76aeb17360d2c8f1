"""The real apprise, to a program on this machine; and what is said where it is not installed."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from storage.records import MessageState
from tests.app.notify.bench import Bench
from tests.app.notify.samples import case, conclude, recover
from tests.storage.samples import update

if TYPE_CHECKING:
    from storage.database import Store
    from tests.app.notify.http_server import HttpServer

TO: dict[str, Any] = {"rest": {"kind": "apprise", "urls_env": "APPRISE_URLS"}}


@pytest.fixture
def bench(store: Store) -> Bench:
    return Bench(store, destinations=TO)


@pytest.fixture
def url(http: HttpServer, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("apprise", reason="pip install apprise")
    found = f"json://kim:hush@127.0.0.1:{http.port}/in"
    monkeypatch.setenv("APPRISE_URLS", found)
    return found


def test_without_the_package_the_outbox_says_what_to_install(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    conclude(bench.store, bench.settings)
    bench.run()
    assert bench.only.state is MessageState.WAITING
    assert "apprise is not installed" in bench.only.error and "pip install" in bench.only.hint


@pytest.mark.usefixtures("url")
def test_news_are_posted_as_plain_text_that_calls_nobody(bench: Bench, http: HttpServer) -> None:
    hostile = case(1, title="@everyone <b>look</b> at https://evil.example\n# now")
    bench.store.cycles.write(update(hostile))
    conclude(bench.store, bench.settings)
    bench.run()
    conclude(bench.store, bench.settings, scope="one pod")
    bench.run()
    recover(bench.store, bench.settings)
    bench.run()
    posted = [json.loads(each.body) for each in http.posted]
    assert [each["type"] for each in posted] == ["failure", "success"]
    assert posted[0]["title"].startswith("P1 REAL Deployment shop/checkout")
    assert "since 2026-" in posted[0]["message"] and "Back: tocsin show 1" in posted[0]["message"]
    for each in posted:
        assert "@everyone" not in str(each) and "https://" not in str(each)


@pytest.mark.usefixtures("url")
def test_what_nobody_took_is_tried_again_and_says_why_without_the_secret(bench: Bench, http: HttpServer) -> None:
    http.answers.append((403, {}))
    conclude(bench.store, bench.settings)
    bench.run()
    assert bench.only.state is MessageState.WAITING and "403" in bench.only.error
    assert "hush" not in bench.only.error + bench.only.hint
    bench.run(later=5)
    assert bench.only.state is MessageState.SENT


def test_what_some_took_is_not_sent_to_them_twice(
    bench: Bench, http: HttpServer, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPRISE_URLS", f"{url}\n{url}")
    http.answers += [(200, {}), (500, {})]
    conclude(bench.store, bench.settings)
    bench.run()
    bench.run(later=9000)
    assert len(http.posted) == 2
    assert bench.only.state is MessageState.UNSURE and "not by JSON" in bench.only.error


def test_a_url_that_means_nothing_is_named_by_its_number(
    bench: Bench, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPRISE_URLS", f"{url} nonsense://hush")
    conclude(bench.store, bench.settings)
    bench.run()
    assert "the URL number 2" in bench.only.error and "hush" not in bench.only.error
