from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from detectors.catalog import CatalogError, DetectorKind, Returns, Statistic, load, render
from detectors.catalog.parameters import GUARDS, PARAMETERS
from detectors.kinds import DETECTORS
from detectors.model import Direction, EntityType, Identity, Severity
from detectors.states import STATE_DETECTORS

if TYPE_CHECKING:
    from detectors.catalog import Catalogue

ROOT = Path(__file__).parents[3]

ROW = """
[[row]]
id = "queue-depth"
title = "Orders waiting"
detector = "level-shift"
unit = "orders"
promql = 'sum by (namespace, app) (queue_depth{$match})'
"""

CONVENTION = """
id = "house"
title = "Our own proxy"
detect = ["house_requests_total"]
time_unit = "ms"

[identity.default]
namespace = ["team"]
workload = ["app"]

[[instrument]]
name = "http-server"
metric = "house_requests_total"
errors = ['outcome="failed"']
buckets = "house_request_ms_bucket"
"""

FIRST = "instrument[0:http-server]"


def own(folder: Path, rows: str = "", convention: str = "") -> Catalogue:
    for kind, text in (("rows", rows), ("conventions", convention)):
        (folder / kind).mkdir(exist_ok=True)
        (folder / kind / "mine.toml").write_text(text) if text else None
    return load(folder)


def refused(folder: Path, rows: str = "", convention: str = "") -> CatalogError:
    with pytest.raises(CatalogError) as error:
        own(folder, rows, convention)
    assert str(folder) in str(error.value)
    return error.value


def test_every_row_that_is_not_planned_has_somebody_who_judges_it() -> None:
    advised = DetectorKind.RIGHT_SIZING_PERCENTILE
    for row in load().rows:
        judged = row.detector in DETECTORS or row.fallback.state_detector in STATE_DETECTORS
        assert row.planned or judged or row.detector is advised, row.id


def test_every_detector_of_objects_is_named_by_the_row_it_is_for() -> None:
    named = {row.fallback.state_detector for row in load().rows if not row.planned}
    assert named - {""} <= set(STATE_DETECTORS)
    assert set(STATE_DETECTORS) <= named


def test_every_number_that_a_row_may_state_is_read_by_somebody() -> None:
    files = (file for room in ("detectors", "app") for file in (ROOT / room).rglob("*.py"))
    code = "".join(file.read_text("utf-8") for file in files if file.name != "parameters.py")
    for name in {name for each in (*PARAMETERS.values(), *GUARDS.values()) for name in each}:
        by_resource = re.sub("millicores|bytes", "{unit}", name)
        assert f'"{name}"' in code or f'f"{by_resource}"' in code, name


def test_a_row_states_what_differs_and_gets_the_rest() -> None:
    row = load().row("http-server-latency-p99")
    assert row.statistic is Statistic.QUANTILE
    assert row.params == {"quantile": 0.99, "min_multiple": 2, "min_increase_ms": 100, "hold_evaluations": 2}
    assert row.guards["min_observations_eval"] == 500
    assert row.guards["min_bucket_steps"] == 1
    assert load().row("node-not-ready").fallback.state_detector == "node-not-ready"


def test_the_package_s_own_catalogue_is_read_once() -> None:
    assert load() is load()
    assert load().sources("node-not-ready") is load().sources("node-not-ready")


def test_reading_the_catalogue_needs_no_numpy() -> None:
    code = "import sys, detectors.catalog as c; c.load(); print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_an_absent_folder_is_no_error(tmp_path: Path) -> None:
    assert len(load(tmp_path / "nowhere").rows) == len(load().rows)


def test_own_rows_work_like_ours(tmp_path: Path) -> None:
    catalogue = own(
        tmp_path, ROW + "params = { z_min = 7 }\nidentity = { namespace = ['namespace'], workload = ['app'] }"
    )
    row = catalogue.row("queue-depth")
    assert (row.entity, row.direction, row.severity) == (EntityType.WORKLOAD, Direction.UP, Severity.MEDIUM)
    assert row.detector is DetectorKind.LEVEL_SHIFT
    assert row.params["z_min"] == 7
    assert row.params["hold_evaluations"] == 2
    assert row.group == "Own signals"
    (source,) = catalogue.sources("queue-depth")
    assert [query.returns for query in source.queries] == [Returns.LEVEL]
    assert render(source.queries[0].promql, 60) == "sum by (namespace, app) (queue_depth)"
    assert source.detect_selector == "queue_depth"
    assert source.aliased({"namespace": "exported_namespace"}) is source
    assert catalogue.convention(source.convention).title
    assert source.identity.identify({"namespace": "shop", "app": "orders"}) == Identity(
        namespace="shop", workload="orders"
    )
    evidence = source.evidence({"namespace": "shop", "app": "orders"}, 60)
    assert evidence == 'sum by (namespace, app) (queue_depth{namespace="shop",app="orders"})'
    assert "queue-depth" not in {row.id for row in load().rows}


@pytest.mark.parametrize(
    ("detector", "returns"),
    [
        ("ratio-spike", Returns.COUNTS),
        ("rate-drop", Returns.COUNTS),
        ("count-spike", Returns.COUNTS),
        ("quantile-shift", Returns.BUCKETS),
        ("state-transition", Returns.STATE),
    ],
)
def test_what_an_own_expression_returns_follows_from_its_detector(
    tmp_path: Path, detector: str, returns: Returns
) -> None:
    text = ROW.replace("level-shift", detector) + "errors = ['code=~\"5..\"']"
    (source,) = own(tmp_path, text).sources("queue-depth")
    assert source.queries[0].returns is returns
    assert source.is_error({"code": "500"})
    assert not source.is_error({"code": "200"})


def test_an_own_convention_lights_up_every_row_it_can_feed(tmp_path: Path) -> None:
    catalogue = own(tmp_path, convention=CONVENTION)
    fed = {
        row.id: [source for source in catalogue.sources(row.id) if source.convention == "house"]
        for row in catalogue.rows
    }
    assert {row for row, sources in fed.items() if sources} >= {
        "http-server-5xx-spike",
        "http-server-request-rate-drop",
        "http-server-latency-p95",
        "server-error-spike",
    }
    (latency,) = fed["http-server-latency-p95"]
    assert latency.scale == 0.001
    assert latency.display.endswith("/ 1000")
    assert catalogue.convention("house").title == "Our own proxy"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ('colour = "red"', "row[queue-depth].colour = 'red': unknown key; allowed: id, title, detector"),
        ('severity = "bad"', "row[queue-depth].severity = 'bad': invalid enum value 'bad'; allowed: info, low, medium"),
        ('planned = "no"', "row[queue-depth].planned = 'no': expected `bool`, got `str`"),
        ("params = { z_mim = 3 }", "row[queue-depth].params.z_mim = 3: level-shift has no such number; allowed: z_min"),
        ("params = { z_min = -1 }", "row[queue-depth].params.z_min = -1: out of range; allowed: 0 to 100"),
        ("guards = { min_level = 'x' }", "row[queue-depth].guards"),
        ("reads = [{ instrument = 'http-server' }]", "row[queue-depth]: needs either `reads`"),
        ("preference = 'htp-server'", "row[queue-depth].preference = 'htp-server': is not known here; allowed: http-s"),
        ("fallback = 'requests'", "row[queue-depth].fallback = 'requests': no such fallback"),
        ("identity = { spaces = ['x'] }", "row[queue-depth].identity.spaces = ['x']: unknown key; allowed: like"),
        (
            "identity = { split = [{ label = 'a', pattern = '(?P<namespace>' }] }",
            "row[queue-depth].identity.split[0].pattern = '(?P<namespace>': is not a regular expression",
        ),
        (
            "identity = { split = [{ label = 'a', pattern = '(?P<nmespace>.)' }] }",
            "does not name identity fields; allowed: named groups (?P<field>...) with field one of address, claim",
        ),
        (ROW.replace("queue-depth", "node-not-ready"), "row[node-not-ready].id = 'node-not-ready': is taken already"),
        (ROW.replace("queue-depth", "Queue"), "row[Queue].id = 'Queue': is not an id"),
        ("[[row]]\nid = 'x'\ntitle = 'X'\nunit = ''\npromql = 'x'", "row[x].detector: is missing"),
        ("[rows]\na = 1", "rows = {'a': 1}: unknown key; allowed: group, fallback, row"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_row_is_named(tmp_path: Path, change: str, message: str) -> None:
    assert message in str(refused(tmp_path, ROW + change))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("row = 3", "row = 3: expected list"),
        ("row = [3]", "row[0] = 3: expected a table"),
        ("fallback = 'x'", "fallback = 'x': expected dict"),
        (ROW.replace("$match", "$mtch"), "no such placeholder: $mtch; allowed: $by, $hold"),
    ],
)
def test_what_is_wrong_with_a_file_of_rows_is_named(tmp_path: Path, text: str, message: str) -> None:
    assert message in str(refused(tmp_path, text))


def test_an_unknown_detector_is_named_with_those_there_are(tmp_path: Path) -> None:
    error = refused(tmp_path, ROW.replace("level-shift", "level-shft"))
    assert error.key == "row[queue-depth].detector"
    assert error.value == "level-shft"
    assert "ratio-spike, rate-drop" in error.allowed


def test_a_ratio_needs_to_know_its_errors(tmp_path: Path) -> None:
    error = refused(tmp_path, ROW.replace("level-shift", "ratio-spike"))
    assert "row[queue-depth].errors: is missing; allowed: matchers of the failed series" in str(error)
    error = refused(tmp_path, ROW.replace("level-shift", "ratio-spike") + "errors = ['code~5']")
    assert "row[queue-depth].errors[0] = 'code~5': not a label matcher" in str(error)


def test_broken_toml_is_named_with_its_line(tmp_path: Path) -> None:
    error = refused(tmp_path, "[[row]]\nid = queue")
    assert "mine.toml: is not TOML" in str(error)
    assert "line 2" in str(error)


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "mine.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CatalogError, match=r"mine\.toml: cannot be read"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('id = "house"', 'id = "istio"', "id = 'istio': is taken already"),
        ('time_unit = "ms"', 'time_unit = "min"', "time_unit = 'min': is not known here; allowed: ms, s, us"),
        ("outcome=\"failed\"", "outcome=bad", FIRST + ".errors[0] = 'outcome=bad': not a label matcher"),
        ('metric = "house_', 'metric = "house-', FIRST + ".metric = 'house-requests_total': is not a metric"),
        ("metric =", "identity = 'far'\nmetric =", FIRST + ".identity = 'far': is not known here; allowed: d"),
        ("metric =", "kind = 'summary'\nmetric =", "kind = 'summary': invalid enum value 'summary'; allowed: counter"),
        ("metric =", "match = 'a=~\"(\"'\nmetric =", "not a regular expression: ("),
        ("metric =", "kind = 'expression'\nmetric =", FIRST + ".promql: is missing"),
        ("namespace =", "like = 'no'\nnamespace =", "identity.default.like = 'no': no such rule; allowed: default"),
        ("title =", "name =", "name = 'Our own proxy': unknown key; allowed: id, title, detect"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_convention_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    text = CONVENTION.replace(old, new, 1)
    assert text != CONVENTION
    assert message in str(refused(tmp_path, convention=text))


def test_an_instrument_that_nobody_has_is_refused(tmp_path: Path) -> None:
    text = ROW.replace("promql =", "reads = [{ instrument = 'http-sever' }] #")
    error = refused(tmp_path, text)
    assert "row[queue-depth].reads[0].instrument = 'http-sever': is not known here; allowed: http-server" in str(error)


def test_an_instrument_without_what_the_detector_judges_is_refused(tmp_path: Path) -> None:
    text = ROW.replace("promql =", "reads = [{ instrument = 'container-restarts' }] #").replace(
        "level-shift", "quantile-shift"
    )
    assert "'container-restarts': has no quantile in any convention" in str(refused(tmp_path, text))
    assert "statistic = " in str(refused(tmp_path, ROW + "statistic = 'quantile'"))


def test_numbers_of_the_catalogue_are_plain(tmp_path: Path) -> None:
    for row in load().rows:
        json.dumps([row.params, row.guards], allow_nan=False)


def test_a_source_tells_parts_apart_by_further_labels_once() -> None:
    from detectors.catalog import load as loaded

    source = next(s for s in loaded().sources("http-server-5xx-spike") if s.convention == "istio")
    parted = source.split_by(("pod", "destination_workload", "pod"))
    assert parted.parts == ("pod", "destination_workload")
    assert parted.queries[0].promql.count("pod") == 1
    assert parted.queries[0].promql.count("destination_workload,") == 1
    assert "pod" not in source.queries[0].promql


def test_evidence_rows_are_over_the_same_conventions_and_no_rows_of_the_matrix() -> None:
    from detectors.catalog import evidence
    from detectors.catalog import load as loaded

    catalogue = loaded()
    asked = evidence(catalogue)
    assert asked.conventions == catalogue.conventions
    assert not {row.id for row in asked.rows} & {row.id for row in catalogue.rows}
    assert all(asked.sources(row.id) for row in asked.rows)
