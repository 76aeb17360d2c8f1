from __future__ import annotations

import tomllib
from pathlib import Path

from detectors.catalog import load
from detectors.catalog.document import EXAMPLE_CONVENTION, EXAMPLE_ROW, coverage, guide
from detectors.catalog.schema import Convention, Instrument, Row

DOCS = Path(__file__).parents[3] / "docs"


def test_every_row_and_what_feeds_it_and_proves_it_is_listed() -> None:
    rows = load().rows
    text = coverage(load(), {row.id: {"house": ["broken", "fine"], "own": ["broken", "fine"]} for row in rows})
    for row in rows:
        section = text.partition(f"### {row.id}\n")[2].partition("###")[0]
        assert row.title in section
        assert all(source.convention in section for source in load().sources(row.id)), row.id
        how = "Pending" if row.planned else "Proven by"
        assert f"- {how}: `broken`, `fine` (house, own)." in section
    live = sum(not row.planned for row in rows)
    assert f"{len(rows)} signals, {live} of them detected today" in text


def test_every_key_is_explained() -> None:
    text = guide(load())
    for struct in (Row, Convention, Instrument):
        for key in struct.__struct_fields__:
            assert f"| `{key}` |" in text, key
    schema = text.partition("## Row")[2].partition("## Parameters")[0]
    assert not [line for line in schema.splitlines() if line.startswith("| `") and line.endswith("|  |")]


def test_the_guide_is_that_of_this_catalogue() -> None:
    assert (DOCS / "catalog.md").read_text() == guide(load())


def test_the_examples_work(tmp_path: Path) -> None:
    text = guide(load())
    for kind, example in (("rows", EXAMPLE_ROW), ("conventions", EXAMPLE_CONVENTION)):
        assert example in text
        assert tomllib.loads(example)
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "example.toml").write_text(example)
    catalogue = load(tmp_path)
    assert catalogue.sources("orders-waiting")
    assert "house-proxy" in {source.convention for source in catalogue.sources("http-server-latency-p95")}
