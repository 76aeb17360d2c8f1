"""`docs/cli.md`: the commands, their options, the exit codes and the JSON that scripts read."""

from __future__ import annotations

import argparse
import importlib

from app.cli import COMMANDS, shared_options
from app.exits import Exit

_INTRODUCTION = """\
# Command line

Generated from `app/cli.py` and `app/commands/` by `make docs`.

`tocsin` alone opens the console. Every command takes the options of the first table.
"""

_SCHEMA = """\
## JSON

`--json` prints JSON lines. Fields are only ever added within a schema; a change of meaning raises `schema`. Times are
ISO 8601 in UTC, numbers that do not exist are `null`.

One finding (`scan`, `watch`, `replay`; and `findings` of `show`):

```json
{"schema": 1, "id": 7, "signal": "http-server-5xx-spike",
 "entity": {"kind": "Deployment", "cluster": "prod-eu-1", "environment": "prod", "namespace": "shop",
            "name": "checkout", "type": "workload", "peer": ""},
 "onset": "2026-03-14T02:41:00Z", "last_seen": "2026-03-14T02:47:00Z",
 "observed": 0.12, "expected": {"low": 0.0, "high": 0.01}, "unit": "share of requests",
 "score": 12.0, "confidence": 0.93, "severity": "critical", "state": "open",
 "source": {"convention": "otel-http", "query": "sum by (...) (rate(...)) / ..."}, "investigation": 3}
```

| field | meaning |
| --- | --- |
| `id`, `investigation` | numbers in this database; `tocsin show` takes the latter |
| `entity.type` | `workload`, `dependency`, `database`, `pod`, `node`, `claim` or `cluster` |
| `entity.kind` | the Kubernetes kind; `Workload` where only metrics name it |
| `expected` | the band; `null` where it has no such end |
| `score` | 1.0 is the threshold, whatever the detector |
| `confidence` | 0 to 1: how sure, given volume, history and what it could be compared with |
| `severity` | `info`, `low`, `medium`, `high`, `critical` |
| `state` | `open`; `held` (what it was seen by, a source or a node, is away); `closed` |
| `source` | a convention of the catalogue or `kubernetes-api`; the PromQL or kubectl command that gives the number |

What an investigation came to (`conclusion` of `show`; `null` until there was one):

```json
{"investigation": 3, "at": "2026-03-14T02:42:00Z", "playbook": "C4", "verdict": "real",
 "reason": "none of 2 replicas is available", "confidence": "high", "priority": "P1",
 "priority_reason": "the whole workload is down: 0 of 2 replicas ready", "scope": "all 2 pods",
 "impact": ["Service cart has no ready endpoint"],
 "causes": [{"id": "release", "title": "revision 5 fails: image shop/cart:3.1 -> shop/cart:3.2", "points": 95,
             "confidence": "high", "sum": [["what decides it", 60], ["as wide as the problem", 10]],
             "supports": ["revision 5 rolled out"], "contradicts": [], "unknown": []}],
 "ruled_out": [], "gates": [{"id": "R1", "title": "no replica is available", "passed": true, "text": "..."}],
 "commands": ["kubectl --context prod-eu-1 ..."], "unknown": [], "seconds": 0.4}
```

| field | meaning |
| --- | --- |
| `verdict` | `real`; `recovered` (it was, and healed); `noise`; `inconclusive` |
| `confidence` | of the verdict, and of each cause: `high` from 75 points, `medium` from 50, else `low` |
| `priority` | `P1` (a service or the control plane is down) to `P5` (information) |
| `causes`, `ruled_out` | likely first, with the sum of points; what was considered and does not hold |
| `gates` | shared reasons for a verdict that applied; `passed` is `null` where it could not be told |
| `unknown` | what was refused or missing: no evidence of health |

One rollout (`verify`):

```json
{"schema": 1, "entity": {"kind": "Deployment", "namespace": "shop", "name": "checkout", "...": "..."},
 "revision": "5", "change": "image shop/checkout:2.7 -> shop/checkout:2.8",
 "began": "2026-03-14T02:31:00Z", "at": "2026-03-14T02:43:00Z", "verdict": "fail", "reason": "worse: failed requests",
 "compared": "the new revision's pods with the old one's, in the same minutes",
 "metrics": [{"name": "failed requests", "unit": "share of requests", "before": 0.001, "after": 0.25, "change": 249.0,
              "p_value": 0.0, "requests": [4100, 1380], "failed": true, "notable": true, "query": "sum by (...) ..."}]}
```

| field | meaning |
| --- | --- |
| `verdict` | `under way`, `pass`, `fail`, `insufficient traffic` |
| `compared` | new pods with old ones where both served enough requests, else after with before |
| `p_value` | of a one-sided test that it became worse; `null` where none was made |
| `requests` | on both sides; 0 where none are counted |
| `failed` | worse by effect and by test; `notable` is a change of 5 % or more that fails nothing |

One line of `evidence` (`show`):

```json
{"step": "object", "text": "cart-7c9/app CrashLoopBackOff (Error, exit 1), 5 restarts", "value": "CrashLoopBackOff",
 "source": "kubectl --context prod-eu-1 --namespace shop get pod cart-7c9 --output jsonpath=...",
 "at": "2026-03-14T02:41:00Z", "stance": "supports", "convention": "kubernetes-api",
 "object": {"kind": "Pod", "namespace": "shop", "name": "cart-7c9",
            "field": ".status.containerStatuses[app].state.waiting.reason"}}
```

| field | meaning |
| --- | --- |
| `step` | `detect`, `object`, `event`; `compare` where another convention was asked; else one of the investigation |
| `stance` | `supports`, `contradicts`, `silent` (it says nothing of it), `unknown` (it could not be asked) |
| `convention` | who measured it |
| `object` | whose field holds `value`; `null` where the line is about a number or an event |
| `source` | the PromQL or kubectl command that gives `value` again |
"""


def commands_page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION, *_options(shared_options()), ""]
    for name, text in COMMANDS.items():
        parser = argparse.ArgumentParser(add_help=False)
        importlib.import_module(f"app.commands.{name}").declare(parser)
        parts += [f"## tocsin {name}".replace(" console", ""), "", text[:1].upper() + text[1:] + ".", ""]
        parts += [*_options(parser), ""]
    parts += ["## Exit codes", "", "| code | meaning |", "| --- | --- |", *_exits(), "", _SCHEMA]
    return "\n".join(parts).replace("\n\n\n", "\n\n")


def _options(parser: argparse.ArgumentParser) -> list[str]:
    rows = [
        f"| `{_spelled(action)}` | {(action.help or '').replace('%(default)s', str(action.default))} |"
        for action in parser._actions
    ]
    return ["| option | meaning |", "| --- | --- |", *rows] if rows else []


def _spelled(action: argparse.Action) -> str:
    value = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if action.choices:
        value = r"\|".join(map(str, action.choices))
    return " ".join(filter(None, (", ".join(action.option_strings), str(value))))


def _exits() -> list[str]:
    return [f"| {code.value} | {text} |" for code, text in Exit.meanings().items()]
