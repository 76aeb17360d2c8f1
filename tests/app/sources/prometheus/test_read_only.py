"""Nothing but questions leaves: whatever is called, only these endpoints are asked, by GET or as a form."""

from __future__ import annotations

import re

import httpx

from app.sources.prometheus.client import PrometheusClient
from app.sources.prometheus.connection import PrometheusConnection
from app.sources.prometheus.discovery import discover
from app.sources.prometheus.window import WindowCache
from detectors.series import Grid
from tests.app.sources.prometheus.scripted import EMPTY_MATRIX, ONE

QUESTIONS = re.compile(r"/api/v1/(query|query_range|labels|label/[^/]+/values|status/buildinfo)")
GRID = Grid(1_700_000_040, 60, 5)
VECTOR = b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"job":"a"},"value":[1,"1"]}]}}'
STRINGS = b'{"status":"success","data":["m","up"]}'


def test_only_questions_are_asked() -> None:
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        path = request.url.path
        if path.endswith("query_range"):
            return httpx.Response(200, content=EMPTY_MATRIX)
        if path.endswith("query"):
            return httpx.Response(200, content=VECTOR)
        return httpx.Response(200, content=STRINGS if "label" in path else ONE)

    client = PrometheusClient(PrometheusConnection(url="http://host"), transport=httpx.MockTransport(answer))
    source = WindowCache(client)
    source.info()
    source.range("m", GRID)
    source.range("+".join(["m"] * 3000), GRID)
    source.range("m", Grid(GRID.end, 1, 30_000))
    source.instant("m", GRID.end)
    source.label_names(["m"], GRID.start, GRID.end)
    source.label_values("../../admin/tsdb/delete_series", ["m"], GRID.start, GRID.end)
    discover(source, {"x": ["m"], "ksm": ["kube_pod_info"]}, GRID.end, match='cluster="a"')
    source.close()

    assert len(asked) > 15
    assert {request.method for request in asked} == {"GET", "POST"}
    for request in asked:
        path = request.url.raw_path.decode().partition("?")[0]
        assert QUESTIONS.fullmatch(path), path
        if request.method == "POST":
            assert path.endswith(("/query", "/query_range"))
            assert request.headers["content-type"] == "application/x-www-form-urlencoded"
