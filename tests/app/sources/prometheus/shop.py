"""Samples of a small shop: three services behind a scrape of 15 s, with what discovery has to notice."""

from __future__ import annotations

AT = 1_700_000_040
"""Unix seconds of the newest sample; a multiple of 60."""
MINUTES = 40
INTERVAL = 15
SERVICES = ("cart", "checkout", "search")
PODS = 2
RATE = 2
"""Requests per second of each pod, one of a hundred of them a 500."""

Family = dict[str, list[tuple[int, float]]]


def openmetrics() -> str:
    """The whole text, one family after the other."""
    lines: list[str] = []
    for name, kind, family in (
        ("up", "gauge", _up()),
        ("http_requests", "counter", _requests()),
        ("http_request_duration_seconds", "histogram", _durations()),
        ("kube_pod_info", "gauge", _pods()),
        ("gone", "gauge", {'gone{job="shop"}': [(AT - 1200, 1.0)]}),
    ):
        lines.append(f"# TYPE {name} {kind}")
        for series, samples in family.items():
            lines += [f"{series} {value:g} {at}" for at, value in samples]
    return "\n".join([*lines, "# EOF", ""])


def _times(interval: int = INTERVAL) -> range:
    return range(AT - MINUTES * 60, AT + 1, interval)


def _instances() -> list[tuple[str, str]]:
    return [(service, f"{service}-{i}") for service in SERVICES for i in range(PODS)]


def _up() -> Family:
    """One shop pod is down, kube-state-metrics is scraped by two jobs, and there are samples of yesterday."""
    family = {
        f'up{{job="shop",instance="{pod}:80"}}': [(at, float(pod != "cart-1")) for at in (AT - 86_400, *_times())]
        for _, pod in _instances()
    }
    for job in ("ksm-a", "ksm-b"):
        family[f'up{{job="{job}",instance="ksm:8080"}}'] = [(at, 1.0) for at in _times(60)]
    return family


def _requests() -> Family:
    family: Family = {}
    for service, pod in _instances():
        labels = f'job="shop",namespace="{service}",pod="{pod}"'
        for code, share in (("200", 0.99), ("500", 0.01)):
            family[f'http_requests_total{{{labels},code="{code}"}}'] = [
                (at, share * RATE * (at - AT + MINUTES * 60)) for at in _times()
            ]
    return family


def _durations() -> Family:
    family: Family = {}
    for service, pod in _instances():
        labels = f'job="shop",namespace="{service}",pod="{pod}"'
        for le, share in (("0.1", 0.5), ("0.5", 0.9), ("+Inf", 1.0)):
            family[f'http_request_duration_seconds_bucket{{{labels},le="{le}"}}'] = [
                (at, share * RATE * (at - AT + MINUTES * 60)) for at in _times()
            ]
        for part in ("count", "sum"):
            family[f"http_request_duration_seconds_{part}{{{labels}}}"] = [
                (at, RATE * (at - AT + MINUTES * 60)) for at in _times()
            ]
    return family


def _pods() -> Family:
    """Scraped twice, and with the target's own namespace in the way."""
    return {
        f'kube_pod_info{{job="{job}",namespace="monitoring",exported_namespace="{service}",exported_pod="{pod}"}}': [
            (at, 1.0) for at in _times(60)
        ]
        for job in ("ksm-a", "ksm-b")
        for service, pod in _instances()
        if job == "ksm-b" or pod != "cart-0"
    }
