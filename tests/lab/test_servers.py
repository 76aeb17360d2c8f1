from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from tests.lab.fixtures import needs_servers
from tests.lab.servers import Prometheus, ScrapeTarget, Server, VictoriaMetrics, wait_until

pytestmark = needs_servers

AT = 1_700_000_040
SAMPLES = f"# TYPE depth gauge\ndepth 1 {AT - 60}\ndepth 2 {AT}\n# EOF\n"


def value_at(server: Server, expression: str, at: float | None = None) -> str:
    when = "" if at is None else f"&time={at}"
    status, body = server.get(f"/api/v1/query?query={quote(expression)}{when}")
    assert status == 200, body
    result = json.loads(body)["data"]["result"]
    return str(result[0]["value"][1]) if result else ""


@pytest.mark.parametrize("kind", [Prometheus, VictoriaMetrics])
@pytest.mark.parametrize("prefix", ["", "/metrics/main"])
def test_samples_are_there_as_soon_as_the_server_is(kind: type[Server], prefix: str) -> None:
    with kind(SAMPLES, prefix=prefix) as server:  # type: ignore[call-arg]
        assert server.url.endswith(prefix)
        assert value_at(server, "depth", AT) == "2"
        assert value_at(server, "depth", AT - 60) == "1"
        folder = server.folder
    assert not folder.exists()


def test_live_targets_are_scraped() -> None:
    with VictoriaMetrics() as target:
        scraped = ScrapeTarget("shop", [f"127.0.0.1:{target.port}"], {"namespace": "shop"})
        with Prometheus(targets=[scraped], scrape_interval="1s") as server:
            wait_until(lambda: value_at(server, 'up{namespace="shop"}') == "1", "a scrape")


def test_bad_samples_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="promtool"), Prometheus("depth one\n# EOF\n"):
        pass
