"""How fast a large cluster becomes a local copy, and follows it: `python -m benchmarks.kubernetes`.

Goals (G7): a list of 20,000 pods takes at most 4 times as long as reading its bytes, and at most 8 KB of memory a pod.
(G8): at least 50,000 watch events a second through the cache. (G3): nobody waits longer than 10 ms for the
interpreter lock. The pods are recorded ones under other names, 7 KB each; the server is another process. Rates are
of this process's CPU time, which a busy machine disturbs less than the clock on the wall.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import socket
import statistics
import tempfile
import threading
import time
import tracemalloc
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from app.clock import ManualClock
from app.sources.kubernetes.cache import ClusterCache
from app.sources.kubernetes.client import KubernetesClient
from app.sources.kubernetes.resources import BY_NAME
from app.sources.kubernetes.watch import PAGE, Pace, ResourceWatch
from benchmarks.measure import Goal, goals_table, interleaved, table
from detectors.entities import Resolver
from detectors.model import EntityType, Identity
from tests.lab.kubernetes_store import read_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

RECORDED = Path(__file__).parents[1] / "tests" / "fixtures" / "kubernetes" / "healthy-baseline" / "pods.json.gz"
NOW = 1_800_000_000.0

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_LIST_HEAD = _HEAD + b"Content-Length: %d\r\n\r\n"
_WATCH_HEAD = _HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def pods(count: int) -> list[bytes]:
    """Recorded pods, each under a name, UID and version of its own, as a large cluster would have them."""
    found = []
    for number, item in enumerate(islice(cycle(read_json(RECORDED)["items"]), count)):
        meta = item["metadata"]
        head = {
            "name": f"{meta['name']}-{number}",
            "uid": f"{number:08d}-{meta['uid'][9:]}",
            "resourceVersion": str(number),
        }
        found.append(json.dumps({**item, "metadata": {**meta, **head}}, separators=(",", ":")).encode())
    return found


def serve(listener: socket.socket, items: list[bytes]) -> None:
    """Prepared pages for lists, and for a watch a change of every pod, as fast as they are taken."""
    pages = []
    for start in range(0, len(items), PAGE):
        token = str(start + PAGE) if start + PAGE < len(items) else ""
        head = json.dumps({"kind": "PodList", "metadata": {"resourceVersion": "1", "continue": token}})
        pages.append(head[:-1].encode() + b',"items":[' + b",".join(items[start : start + PAGE]) + b"]}")
    # Two sets of versions, in turn: every watch brings news.
    watches = cycle([_chunked(items, version) for version in (b"7", b"8")])
    while True:
        connection = listener.accept()[0]
        threading.Thread(target=_answer, args=(connection, pages, watches), daemon=True).start()


def _chunked(items: list[bytes], version: bytes) -> bytes:
    """A watch's answer, a chunk per event, as the API server flushes them."""
    lines = (changed(item, version) + b"\n" for item in items)
    return b"".join(b"%x\r\n%b\r\n" % (len(line), line) for line in lines) + b"0\r\n\r\n"


def changed(item: bytes, version: bytes) -> bytes:
    """The watch event of a pod's next version."""
    own = b'"resourceVersion":"'
    return b'{"type":"MODIFIED","object":' + item.replace(own, own + version, 1) + b"}"


def _answer(connection: socket.socket, pages: list[bytes], watches: Iterator[bytes]) -> None:
    with connection, connection.makefile("rb") as requests:
        while line := requests.readline():
            query = parse_qs(urlsplit(line.split()[1].decode()).query)
            while requests.readline() not in (b"\r\n", b""):
                pass
            if "watch" in query:
                connection.sendall(_WATCH_HEAD)
                connection.sendall(next(watches))
            else:
                body = pages[int(query.get("continue", ["0"])[0]) // PAGE]
                connection.sendall(_LIST_HEAD % len(body))
                connection.sendall(body)


class Bench:
    """A client of a server in another process."""

    def __init__(self, items: list[bytes]) -> None:
        listener = socket.create_server(("127.0.0.1", 0))
        self._server = multiprocessing.get_context("fork").Process(target=serve, args=(listener, items), daemon=True)
        self._server.start()
        port = listener.getsockname()[1]
        listener.close()
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            cluster = {"name": "c", "cluster": {"server": f"http://127.0.0.1:{port}"}}
            context = {"name": "bench", "context": {"cluster": "c"}}
            json.dump({"clusters": [cluster], "contexts": [context], "users": [], "current-context": "bench"}, file)
            file.flush()
            self.client = KubernetesClient(file.name)
            self.client.get("/api/v1/pods", {"limit": "1"})

    def read(self) -> int:
        """The bytes of the whole list."""
        size, token = 0, "0"
        while token:
            body = self.client.get("/api/v1/pods", {"continue": token, "limit": str(PAGE)}).body
            size += len(body)
            token = json.loads(body[: body.index(b',"items"')] + b"}")["metadata"]["continue"]
        return size

    def watch(self, cache: ClusterCache) -> ResourceWatch:
        """What keeps pods in a cache."""
        pace = Pace(first_retry=0.0)
        return ResourceWatch(self.client, cache, BY_NAME["pods"], ManualClock(NOW), pace, threading.Event())

    def listed(self) -> ClusterCache:
        """A cache with the whole list in it."""
        cache = ClusterCache("bench")
        self.watch(cache)._list()
        return cache

    def close(self) -> None:
        """End the server."""
        self.client.close()
        self._server.terminate()


def interleaved_cpu(cases: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median CPU seconds of each case, taken in turns."""
    spent: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            gc.collect()
            begin = time.process_time()
            case()
            spent[name].append(time.process_time() - begin)
    return {name: statistics.median(times) for name, times in spent.items()}


def held(make: Callable[[], Any]) -> tuple[int, int]:
    """Bytes that something holds once made, and at its worst while it was made."""
    gc.collect()
    tracemalloc.start()
    kept = make()
    gc.collect()
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del kept
    return now, peak


def longest_wait(work: Callable[[], object]) -> float:
    """The longest that another thread waited for the interpreter lock, in seconds: a tick of 1 ms that comes late."""
    late = 0.0
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        begin = time.perf_counter()
        time.sleep(0.001)
        late = max(late, time.perf_counter() - begin - 0.001)
    return late


def resolving(cache: ClusterCache, series: int) -> tuple[float, float]:
    """Seconds for a state's first answer (it builds its indexes), and for that many series of its pods after it."""
    state = cache.state(NOW)
    identities = [Identity(namespace=pod.namespace, pod=pod.name) for pod in islice(state.pods.values(), series)]
    resolver = Resolver(state, "bench", {})
    begin = time.perf_counter()
    resolver.entity(Identity(namespace="prod", service="checkout-api"), EntityType.WORKLOAD)
    first = time.perf_counter() - begin
    begin = time.perf_counter()
    for identity in identities:
        resolver.entity(identity, EntityType.WORKLOAD)
    return first, time.perf_counter() - begin


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args(arguments)
    items = pods(options.pods)
    size = sum(map(len, items))
    bench = Bench(items)
    cache = bench.listed()
    follower = bench.watch(cache)
    turns = cycle([[changed(item, version) for item in items] for version in (b"5", b"6")])
    del items

    def apply_lines() -> None:
        for line in next(turns):
            follower._apply(line)

    read, memory, http = "read the bytes", "changes into the cache, from memory", "changes into the cache, over HTTP"
    cases = {
        read: bench.read,
        "list into the cache": bench.listed,
        memory: apply_lines,
        http: follower._watch,
    }
    spent, taken = interleaved_cpu(cases, options.rounds), interleaved(cases, options.rounds)
    title = f"{options.pods} pods, {size / 1e6:.0f} MB, median of {options.rounds}"
    rows = [
        (name, f"{taken[name] * 1e3:.0f}", f"{s * 1e3:.0f}", f"{s / options.pods * 1e6:.1f}", f"{s / spent[read]:.1f}")
        for name, s in spent.items()
    ]
    print(table(title, ("way", "ms", "CPU ms", "CPU us/pod", "x reading"), rows))
    now, peak = held(bench.listed)
    kept: list[ClusterCache] = []
    wait, idle = longest_wait(lambda: kept.append(bench.listed())), longest_wait(lambda: time.sleep(0.5))
    first, series = resolving(cache, 10_000)
    bench.close()
    besides = [
        ("memory at its worst / bytes of the list", f"{peak / size:.2f}"),
        ("watch events a second, over HTTP", f"{options.pods / spent[http]:,.0f}"),
        ("longest wait for the lock on an idle process, ms", f"{idle * 1e3:.1f}"),
        ("first entity of a state, ms", f"{first * 1e3:.0f}"),
        ("10,000 series to entities, ms", f"{series * 1e3:.0f}"),
    ]
    print(table("Besides", ("what", "measured"), besides))
    found = [
        Goal("G7", "list of pods / reading its bytes", taken["list into the cache"] / taken[read], 4),
        Goal("G7", "memory a pod", now / options.pods / 1e3, 8, "KB"),
        Goal("G8", "watch events a second, from memory", options.pods / spent[memory], 50_000, "", at_least=True),
        Goal("G3", "longest wait for the interpreter lock while listing", wait * 1e3, 10, "ms"),
    ]
    print(goals_table(found))
    return found


if __name__ == "__main__":
    main()
