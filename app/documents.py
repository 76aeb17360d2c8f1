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

`show` adds `runbook`, the address that `[notify.runbooks]` has for it, or `null`. What an investigation came to
(`conclusion`; `null` until there was one):

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

`quality --json` is one object: `cluster`, `at`, `since`, `targets` (the settings `[quality]`), `total`, `lines`,
`incidents`, `completeness`, `questions`. One of the `lines`, and `total`:

```json
{"group": "signal", "name": "http-server-5xx-spike", "title": "HTTP Server: 5XX error rate spike", "fired": 14,
 "muted": 0, "labels": {"true": 9, "false": 2, "unsure": 1, "none": 2},
 "precision": {"value": 0.82, "low": 0.52, "high": 0.95, "successes": 9, "trials": 11, "enough": true},
 "recall": {"value": 0.75, "low": 0.3, "high": 0.95, "successes": 3, "trials": 4},
 "detection_seconds": {"count": 3, "median": 126.0, "p90": 312.0}, "acknowledgement_seconds": null,
 "per_day": 0.47, "actionable_per_day": 0.4,
 "drift": {"recent_per_day": 0.57, "before_per_day": 0.43, "p_value": 0.62}}
```

| field | meaning |
| --- | --- |
| `group` | `all` (`total`), `detector`, `signal`, `workload` |
| `fired` | investigations of the time in which it took part; each counts once |
| `precision` | of those labelled true or false the true ones, with their 95 % score interval; `enough` labels to tell |
| `recall` | of the incidents written down while somebody watched, those that it found; of another's none |
| `detection_seconds` | from an incident's begin until it was told; 0 where it was told before |
| `acknowledgement_seconds` | from an investigation's opening until somebody took it |
| `per_day` | by the days that were watched; `actionable` are those of medium severity and above, not muted |
| `drift` | the last week against the time before it; `p_value` if nothing had changed |

In `incidents` a `watched` of false means that no cycle ran while it lasted; `investigation` is what told of it first.
`completeness.watched` is the share of the time with cycles, `with_errors` the share of cycles with a failed row, `live`
the share of known series that the last cycle judged. `questions` are what to label next: those first that teach most.
`proposals` are rules that the labels ask for, with what each would have hidden (`hides.lost`: the true ones by number);
`rules` are those that were accepted, with how many investigations each hides. A `pattern` has `signal` (empty: every
one), `workload` (shell patterns), `below` (only scores that stayed under it) and `hours` (of the day, UTC).

`backtest --json` is one object: `since`, `until`, `cycles`, `complete` (false: stopped), and for each of the settings
in `runs` its `report` (as of `quality`), its `findings`, how many of your true and false `labels` it told of `again`,
and the rows that were `failing`.

`inject --json` prints a line for each row and form of fault: `smallest` (the size that is seen in half of the `trials`;
`null` where none is), `told` (in words), `delay_seconds`, and the share of the trials in which the `largest` size was
`found`.
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
