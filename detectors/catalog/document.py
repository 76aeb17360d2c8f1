"""The catalogue as Markdown: `docs/coverage.md` (what is watched) and `docs/catalog.md` (how to add to it)."""

from __future__ import annotations

import ast
import inspect
from typing import TYPE_CHECKING

from detectors.catalog import schema
from detectors.catalog.parameters import GUARDS, PARAMETERS, STREAMING
from detectors.catalog.schema import Availability, DetectorKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from detectors.catalog.model import Catalogue
    from detectors.catalog.parameters import Range
    from detectors.catalog.schema import Row

    Proofs = Mapping[str, Sequence[str]]

_GENERATED = "<!-- Generated from the catalogue by detectors/catalog/document.py; do not edit. -->"

_ALONE = {
    Availability.FULL: "yes",
    Availability.PARTIAL: "in part",
    Availability.SURROGATE: "symptoms only",
    Availability.NONE: "no",
}

_INTRODUCTION = """# The catalogue

A *row* says what is judged: an instrument, a statistic, a test with its parameters and guards. A *convention* says how
a family of exporters names its instruments. Expressions are composed from the two, so a convention feeds every row that
reads an instrument it has, and a row works on every convention that has its instrument.

Both are TOML. Ours are in `detectors/catalog/rows` and `detectors/catalog/conventions`; yours go into `rows/` and
`conventions/` below `catalog/` in the configuration folder (`tocsin settings path` shows it), by the same schema. A
mistake is reported with file, key, value and what is allowed.

## A row of your own

```toml
{row}
```

What `promql` has to return follows from the detector:

| detector | each series is |
| --- | --- |
| `ratio-spike` | events per second by outcome; `errors` says which label values are failures |
| `rate-drop`, `rate-surge`, `count-spike` | events per second |
| `quantile-shift` | events per second by `le`, cumulative |
| `level-shift` | the value in the row's unit |
| {streaming} | the same; `docs/detectors.md` says what each is good for |
| `threshold-forecast` | the share of what there is, 0 to 1; with `statistic = "level"` an amount that has no limit |
| `state-transition` | 1 while something is wrong, else 0 |

`$window` is the range of rates, `$match` takes the scope (last inside the braces), `$by` further labels such as the
cluster (last in a label list). Series of one entity are added up.

## A convention of your own

```toml
{convention}
```

It feeds every row that reads `http-server`: error share, rate, and all latency quantiles.
"""

EXAMPLE_ROW = """[[row]]
id = "orders-waiting"
title = "Orders waiting for payment"
detector = "level-shift"
unit = "orders"
severity = "high"
promql = 'sum by (namespace, app, $by) (orders_waiting{$match})'
identity = { namespace = ["namespace"], workload = ["app"] }
params = { z_min = 6, min_ratio = 3 }
guards = { min_level = 100 }"""

EXAMPLE_CONVENTION = """id = "house-proxy"
title = "Our own proxy"
detect = ["proxy_requests_total"]
time_unit = "ms"

[identity.default]
namespace = ["team"]
workload = ["app"]

[[instrument]]
name = "http-server"
metric = "proxy_requests_total"
errors = ['outcome="failed"']
buckets = "proxy_request_duration_bucket\""""


def coverage(catalogue: Catalogue, proofs: Mapping[str, Proofs]) -> str:
    """`docs/coverage.md`: every row with what feeds it and the cases that prove it.

    Args:
        catalogue: for its rows.
        proofs: by row: for each convention, the names of its cases.
    """
    live = sum(not row.planned for row in catalogue.rows)
    sources = sum(len(catalogue.sources(row.id)) for row in catalogue.rows)
    lines = [
        "# Coverage",
        "",
        _GENERATED,
        "",
        f"{len(catalogue.rows)} signals, {live} of them detected today, fed by {sources} sources of "
        f"{len(catalogue.conventions)} exporter families. *Without Prometheus*: what the Kubernetes API alone gives.",
        "",
        "*Proven by* names the acceptance cases: what must be found, what only looks like it, and what is quiet. Each",
        "runs for every convention of its line against real servers: `pytest tests/acceptance -k ROW/CONVENTION/CASE`.",
    ]
    for group in dict.fromkeys(row.group for row in catalogue.rows):
        rows = [row for row in catalogue.rows if row.group == group]
        lines += ["", f"## {group}", "", *_overview(rows)]
        for row in rows:
            lines += ["", *_details(catalogue, row, proofs.get(row.id, {}))]
    return "\n".join(lines) + "\n"


def guide(catalogue: Catalogue) -> str:
    """`docs/catalog.md`: the schema, the detectors' numbers, and the instruments that rows read."""
    streaming = ", ".join(f"`{kind}`" for kind in STREAMING)
    introduction = _INTRODUCTION.format(row=EXAMPLE_ROW, convention=EXAMPLE_CONVENTION, streaming=streaming)
    lines = [introduction.rstrip(), "", _GENERATED]
    for name in (
        "Row",
        "Read",
        "Fallback",
        "Convention",
        "Sampled",
        "IdentityRule",
        "Split",
        "Instrument",
        "Part",
        "Term",
        "Inner",
    ):
        lines += ["", f"## {name}", "", *_struct(name)]
    for name in ("Kind", "Statistic", "Role", "Absence", "Availability"):
        lines += ["", f"## {name}", "", *_enumeration(name)]
    lines += ["", "## Parameters and guards", ""]
    for kind in DetectorKind:
        numbers = PARAMETERS[kind] | GUARDS[kind]
        lines += [f"### {kind}", "", "| number | from | to | default |", "| --- | --- | --- | --- |"]
        lines += [_number(name, limits) for name, limits in numbers.items()] + [""]
    lines += ["## Instruments", "", "| instrument | told by |", "| --- | --- |"]
    told: dict[str, list[str]] = {}
    for convention in catalogue.conventions:
        for instrument in convention.instrument:
            told.setdefault(instrument.name, []).append(instrument.convention or convention.id)
    lines += [f"| `{name}` | {', '.join(dict.fromkeys(told[name]))} |" for name in sorted(told)]
    return "\n".join(lines) + "\n"


def _overview(rows: Iterable[Row]) -> list[str]:
    lines = ["| signal | detector | severity | detected | without Prometheus |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        detected = "planned" if row.planned else "yes"
        alone = _ALONE[row.fallback.availability]
        lines.append(f"| [{row.id}](#{row.id}) | {row.detector} | {row.severity} | {detected} | {alone} |")
    return lines


def _details(catalogue: Catalogue, row: Row, proofs: Proofs) -> list[str]:
    lines = [f"### {row.id}", "", f"{row.title}, per {row.entity}, in {row.unit}. {row.notes}".rstrip(), ""]
    found = catalogue.sources(row.id)
    for role in Role:
        names = dict.fromkeys(source.convention for source in found if source.role is role)
        if names:
            lines.append(f"- {role.capitalize()}: {', '.join(names)}.")
    if row.fallback.how:
        rights = f" Rights: {', '.join(row.fallback.rights)}." if row.fallback.rights else ""
        lines.append(f"- Kubernetes API: {row.fallback.how}{rights}")
    lines.append(f"- Parameters: {_stated(row.params)}. Guards: {_stated(row.guards)}.")
    if row.look_alikes:
        lines.append(f"- Not to be mistaken for it: {'; '.join(row.look_alikes)}.")
    return lines + _proven(proofs, "Pending" if row.planned else "Proven by")


def _proven(proofs: Proofs, how: str) -> list[str]:
    """One line for all conventions with the same cases."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for convention, cases in proofs.items():
        alike.setdefault(tuple(cases), []).append(convention)
    return [f"- {how}: {', '.join(f'`{case}`' for case in c)} ({', '.join(alike[c])})." for c in alike]


def _stated(numbers: dict[str, float | bool]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in numbers.items()) or "none"


def _plain(value: float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}"


def _number(name: str, limits: Range) -> str:
    default = "" if limits.default is None else _plain(limits.default)
    return f"| `{name}` | {limits.low:g} | {limits.high:g} | {default} |"


def _struct(name: str) -> list[str]:
    """A struct's fields with types, defaults and docstrings, read from the schema's own source."""
    node = _class(name)
    lines = [ast.get_docstring(node) or "", "", "| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for place, statement in enumerate(node.body):
        if isinstance(statement, ast.AnnAssign):
            default = f"`{ast.unparse(statement.value)}`" if statement.value else "required"
            kind = ast.unparse(statement.annotation).replace("|", "or")
            meaning = _doc_after(node.body, place).replace("|", "\\|")
            lines.append(f"| `{ast.unparse(statement.target)}` | {kind} | {default} | {meaning} |")
    return lines


def _enumeration(name: str) -> list[str]:
    node = _class(name)
    lines = [ast.get_docstring(node) or "", ""]
    for place, statement in enumerate(node.body):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            value = str(statement.value.value)
            lines.append(f"- `{value}`: {_doc_after(node.body, place)}".rstrip(": "))
    return lines


def _class(name: str) -> ast.ClassDef:
    node = ast.parse(inspect.getsource(getattr(schema, name))).body[0]
    assert isinstance(node, ast.ClassDef)
    return node


def _doc_after(body: list[ast.stmt], place: int) -> str:
    """The docstring that follows a field."""
    following = body[place + 1] if place + 1 < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return " ".join(str(following.value.value).split())
    return ""
