"""How often causes are right, by the confidence given with them: `python -m benchmarks.calibration [DIR] [--json]`.

Three sets whose causes are known: recorded incidents (`benchmarks.scenarios`), one night of several incidents on real
servers, and the demo's hour. All causes of all cases count, not only the first: what is given as High has to be right
wherever it stands. Where nothing can be known of a cause, as of a service that is slow by itself, every cause is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from app.clock import ManualClock
from app.opening import BUNDLED, open_catalogue
from app.runs import ReplayRun
from benchmarks.measure import Goal, goals_table, table
from benchmarks.scenarios import FIXTURES, investigated
from detectors.model import Confidence
from storage.database import Store
from tests.app.investigation.night import CLIENTS, Night
from tests.app.rig import settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from storage.records import Conclusion, InvestigationRecord

RIGHT_SHARE = 0.9
"""Of the causes given as High."""
NIGHT: Mapping[str, str] = {
    "payments": "CPU",
    **dict.fromkeys(("checkout", "gateway"), "chain/payments"),
    **dict.fromkeys(CLIENTS, "store/postgres"),
    "bad": "2.0.0",
}
"""By who is out of band: what the cause has to name."""
HOUR: Mapping[str, str] = {
    "checkout": "2.8.0",
    "web-frontend": "3.15.0-rc1",
    "search": "512Mi",
    "worker-3": "kubelet of worker-3",
}


class Given(NamedTuple):
    """One cause that was given."""

    where: str
    about: str
    title: str
    confidence: Confidence
    right: bool


def of_incidents(folder: Path) -> Iterator[Given]:
    """The causes of recorded incidents; right is what their `truth.json` states."""
    for path in sorted(each.parent for each in folder.glob("*/truth.json")):
        result = investigated(path)
        stated = {found.case.record.id: found.issue for found in result.found if found.case is not None}
        for case in result.cases:
            issue = stated.get(case.record.id)
            for cause in case.conclusion.causes:
                right = issue is not None and issue.caused_by(cause)
                yield Given(result.truth.scenario, case.record.entity.name, cause.title, cause.confidence, right)


def of_night(folder: Path) -> Iterator[Given]:
    """The causes of the night on real servers."""
    night = Night(folder)
    return _named("night", night.cases.values(), night.conclusions, NIGHT)


def of_hour(folder: Path) -> Iterator[Given]:
    """The causes of the bundled demo."""
    loaded = settings(folder)
    with Store.open(folder / "hour.db") as store:
        run = ReplayRun(BUNDLED, loaded, store, open_catalogue(loaded), ManualClock(0.0), "replay")
        run.run(threading.Event(), threading.Event(), lambda _: None)
        cases = store.investigations.page(limit=1000, attached=True)
        return _named("demo", cases, store.conclusions.many(case.id for case in cases), HOUR)


def _named(
    where: str, cases: Iterable[InvestigationRecord], known: Mapping[int, Conclusion], truths: Mapping[str, str]
) -> Iterator[Given]:
    for case in cases:
        for cause in known[case.id].causes if case.id in known else ():
            right = case.entity.name in truths and truths[case.entity.name] in cause.title
            yield Given(where, case.entity.name, cause.title, cause.confidence, right)


def goals(given: Sequence[Given]) -> list[Goal]:
    """What has to be kept."""
    high = [each for each in given if each.confidence is Confidence.HIGH]
    share = 100 * sum(each.right for each in high) / max(len(high), 1)
    return [Goal("causes", f"right of {len(high)} given as High", share, 100 * RIGHT_SHARE, "%", at_least=True)]


def main(arguments: Sequence[str] | None = None) -> list[Goal]:
    """Investigate all three, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?", default=FIXTURES, metavar="DIR")
    parser.add_argument("--json", action="store_true", help="one object for each cause")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        given = [*of_incidents(options.folder), *of_night(Path(name)), *of_hour(Path(name))]
    found = goals(given)
    if options.json:
        print("\n".join(json.dumps(each._asdict()) for each in given))
    else:
        print(table("Causes by confidence", ("given as", "causes", "right", "share"), list(_rows(given))))
        wrong = [each for each in given if each.confidence is Confidence.HIGH and not each.right]
        if wrong:
            print(table("Given as High, and not right", ("where", "about", "cause"), [each[:3] for each in wrong]))
        print(goals_table(found))
    return found


def _rows(given: Sequence[Given]) -> Iterator[tuple[str, ...]]:
    for confidence in (Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW):
        its = [each.right for each in given if each.confidence is confidence]
        share = f"{sum(its) / len(its):.0%}" if its else "-"
        yield confidence.value, str(len(its)), str(sum(its)), share


if __name__ == "__main__":
    sys.exit(0 if all(goal.met for goal in main()) else 1)
