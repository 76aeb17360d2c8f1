"""Recorded incidents, investigated by the production engine: `python -m benchmarks.scenarios DIR [--json]`.

DIR holds a folder for each incident, as tests/fixtures/kubernetes does: lists of objects as the API gave them,
`earlier/` for those of a while before, `logs/`, and `truth.json`, which is read only to judge the answer. An API server
is played from them; the engine looks at it as it was earlier and as it is now, and investigates what it finds.

`--blank-messages` empties every free text (messages of conditions, states and events; logs), to show what the
answers owe to them: verdicts must stand on structured fields.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.clock import ManualClock, SystemClock
from app.commands.scan import newest_instant
from benchmarks.measure import Goal, goals_table, table
from benchmarks.truths import PRIORITIES, Issue, Truth
from storage.database import Store
from storage.records import Verdict
from tests.app.rig import Rig, settings
from tests.lab.kubernetes_api import KubernetesApi
from tests.lab.kubernetes_store import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from storage.records import Conclusion, InvestigationRecord

FIXTURES = Path("tests/fixtures/kubernetes")
FREE_TEXT = ("message", "note")
HARMLESS = (Verdict.NOISE, Verdict.RECOVERED)
FIRST_SHARE = 12 / 14
"""Of the incidents: how many must have all their causes in front."""
BLANK_SHARE = 0.75
"""Of the issues: how many verdicts must stand without a word of free text."""


class Case(NamedTuple):
    """One investigation, and what came of it."""

    record: InvestigationRecord
    conclusion: Conclusion

    def claims(self) -> Iterator[str]:
        """Everything that it says is so, a sentence each, with whom it is about."""
        about = f"{self.record.entity.kind} {self.record.entity.title}"
        said = self.conclusion
        for text in (self.record.title, said.reason, *said.impact, *(cause.title for cause in said.causes[:2])):
            yield f"{about}: {text}"
        if said.verdict not in HARMLESS:
            yield f"{about}: {said.priority_reason}"


@dataclass(frozen=True)
class Found:
    """What was found of one stated issue."""

    issue: Issue
    case: Case | None

    @property
    def place(self) -> int:
        """The rank of the stated cause among those given; 0 where it is not among them."""
        given = self.case.conclusion.causes if self.case else ()
        return next((place for place, cause in enumerate(given, 1) if self.issue.caused_by(cause)), 0)

    @property
    def row(self) -> dict[str, object]:
        """For the answer as JSON."""
        said = self.case.conclusion if self.case else None
        return {
            "type": self.issue.type,
            "entity": f"{self.issue.kind} {self.issue.namespace}/{self.issue.name}",
            "found": said is not None,
            "verdict": said.verdict if said else None,
            "confidence": said.confidence if said else None,
            "priority": said.priority if said else None,
            "priority_fits": bool(said) and said.priority in PRIORITIES.get(self.issue.severity, ()),
            "cause_rank": self.place or None,
            "causes": [cause.title for cause in said.causes] if said else [],
        }


@dataclass(frozen=True)
class Result:
    """What was found of one incident."""

    truth: Truth
    cases: tuple[Case, ...]
    seconds: float
    """From the second look at the cluster to the last conclusion."""

    @property
    def reported(self) -> tuple[Case, ...]:
        """Those that somebody would be told of."""
        return tuple(case for case in self.cases if case.conclusion.verdict not in HARMLESS)

    @property
    def found(self) -> tuple[Found, ...]:
        """Each stated issue, with the case that is about it."""
        return tuple(Found(issue, next((c for c in self.reported if _tells(c, issue)), None)) for issue in self.issues)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """What is stated."""
        return self.truth.issues

    @property
    def spurious(self) -> tuple[Case, ...]:
        """Cases that belong to no stated issue."""
        told = [found.case for found in self.found]
        return tuple(case for case in self.reported if case not in told)

    @property
    def hits(self) -> tuple[str, ...]:
        """What must not be reported, and was."""
        return self.truth.forbidden(claim for case in self.reported for claim in case.claims())

    @property
    def row(self) -> dict[str, object]:
        """The answer as JSON."""
        return {
            "scenario": self.truth.scenario,
            "investigations": len(self.cases),
            "issues": [found.row for found in self.found],
            "spurious": [f"{c.record.entity.kind} {c.record.entity.title}: {c.record.title}" for c in self.spurious],
            "must_not_report": list(self.hits),
            "seconds": round(self.seconds, 3),
        }


def _tells(case: Case, issue: Issue) -> bool:
    signals = issue.signals
    return issue.about(case.record.entity) and (not signals or bool(signals.intersection(case.record.signals)))


def investigated(folder: Path) -> Result:
    """Investigate one incident."""
    now = SystemClock().now()
    with (
        tempfile.TemporaryDirectory() as name,
        KubernetesApi() as api,
        Store.open(Path(name) / "tocsin.db") as store,
    ):
        api.load(folder, earlier=(folder / "earlier").is_dir())
        with Rig(settings(Path(name), kubeconfig=api.kubeconfig(Path(name) / "config")), store, now, api) as rig:
            _look(rig, now)
            api.load(folder)
            seconds = _look(rig, now)
            found = store.investigations.page(rig.run.cluster)
            concluded = [(case, store.conclusions.of(case.id)) for case in found]
    cases = tuple(Case(case, conclusion) for case, conclusion in concluded if conclusion is not None)
    return Result(Truth.read(folder), cases, seconds)


def _look(rig: Rig, now: float) -> float:
    """A cycle at the time that the objects tell, and how long it and its investigations took."""
    rig.catch_up()
    rig.engine.clock = ManualClock(newest_instant(rig.run, now))
    began = time.perf_counter()
    rig.cycle()
    return time.perf_counter() - began


@contextmanager
def blanked(folder: Path) -> Iterator[Path]:
    """A copy of an incident without any free text, and without logs."""
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name) / folder.name
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("logs", "*.jsonl*"))
        for path in (*copy.rglob("*.json"), *copy.rglob("*.json.gz")):
            if path.name != "truth.json":
                plain = _without_text(read_json(path))
                path.unlink()
                path.with_name(path.name.removesuffix(".gz")).write_text(json.dumps(plain))
        yield copy


def _without_text(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "" if key in FREE_TEXT and isinstance(item, str) else _without_text(item)
            for key, item in value.items()
        }
    return [_without_text(item) for item in value] if isinstance(value, list) else value


def summary(results: Sequence[Result]) -> dict[str, float]:
    """The sums over all incidents."""
    found = [each for result in results for each in result.found]
    taken = sorted(result.seconds for result in results)
    return {
        "incidents": len(results),
        "issues": len(found),
        "issues_found": sum(each.case is not None for each in found),
        "cause_top1": sum(each.place == 1 for each in found),
        "cause_top2": sum(1 <= each.place <= 2 for each in found),
        "must_not_report_hits": sum(len(result.hits) for result in results),
        "spurious": sum(len(result.spurious) for result in results),
        "seconds_p90": round(taken[math.ceil(0.9 * len(taken)) - 1], 3) if taken else 0.0,
    }


def goals(results: Sequence[Result], *, blank: bool = False) -> list[Goal]:
    """What must be kept over a set of incidents.

    Args:
        results: of all incidents.
        blank: whether they were read without free text: then verdicts must stand, and causes need not.
    """
    total = summary(results)
    first = sum(all(found.place == 1 for found in result.found) for result in results)
    real = sum(
        found.case is not None and found.case.conclusion.verdict is Verdict.REAL
        for each in results
        for found in each.found
    )
    wanted = total["issues"]
    counts = [
        ("issues found on their entity", total["issues_found"], wanted),
        ("stated causes among the top two", total["cause_top2"], wanted),
        ("incidents with their causes first", first, math.floor(FIRST_SHARE * len(results))),
    ]
    if blank:
        counts = [("issues called real without any free text", real, math.ceil(BLANK_SHARE * wanted))]
    return [
        *(Goal("incidents", what, number, least, "", at_least=True) for what, number, least in counts),
        Goal("incidents", "reported although it must not be", total["must_not_report_hits"], 0, ""),
        Goal("incidents", "cases that are about nothing stated", total["spurious"], 0, ""),
        Goal("incidents", "a look with its investigations, 90 %", total["seconds_p90"], 10, "s"),
    ]


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Investigate, judge, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?", default=FIXTURES, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="one object for each incident, then the summary")
    parser.add_argument("--blank-messages", action="store_true", help="without any free text")
    options = parser.parse_args(arguments)
    folders = sorted(path.parent for path in options.folder.glob("*/truth.json"))
    if not folders:
        raise SystemExit(f"{options.folder}: no folder in it has a truth.json")
    results = []
    for folder in folders:
        if options.blank_messages:
            with blanked(folder) as copy:
                results.append(investigated(copy))
        else:
            results.append(investigated(folder))
        if options.json:
            print(json.dumps(results[-1].row), flush=True)
    found = goals(results, blank=options.blank_messages)
    if options.json:
        print(json.dumps({"summary": summary(results)}))
    else:
        print(table("Recorded incidents", HEADER, [row for result in results for row in _rows(result)]))
        print(goals_table(found))
    return found


HEADER = ("incident", "about", "verdict", "likely cause", "rank of the stated", "besides")


def _rows(result: Result) -> Iterator[tuple[str, ...]]:
    for found in result.found:
        said = found.case.conclusion if found.case else None
        first = said.causes[0].title if said and said.causes else ""
        verdict = f"{said.verdict} {said.confidence} {said.priority}" if said else "not found"
        yield result.truth.scenario, found.issue.name, verdict, first, str(found.place or "-"), ""
    besides = [f"{case.record.entity.title}: {case.record.title}" for case in result.spurious]
    besides += [f"must not report: {text}" for text in result.hits]
    if besides or not result.found:
        yield result.truth.scenario, "", "", "", "", "; ".join(besides) or "silent"


if __name__ == "__main__":
    sys.exit(0 if all(goal.met for goal in main()) else 1)
