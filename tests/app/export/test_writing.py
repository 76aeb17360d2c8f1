"""Where exports are written, and lists for a spreadsheet."""

from __future__ import annotations

import csv
import io
import stat
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from app.export.files import write_new
from app.export.table import csv_table
from app.findings import investigation
from storage.records import Label
from tests.storage.samples import NOW, case

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_new_and_nobody_elses(tmp_path: Path) -> None:
    first = write_new("tocsin-4.md", "one", 0.0, (tmp_path, tmp_path))
    second = write_new("tocsin-4.md", "two", 0.0, (tmp_path, tmp_path))
    assert (first.name, second.name) == ("tocsin-4-19700101T000000Z.md", "tocsin-4-19700101T000000Z-2.md")
    assert (first.read_text(), second.read_text()) == ("one", "two")
    assert stat.S_IMODE(first.stat().st_mode) == 0o600


def test_a_link_that_lies_in_wait_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "tocsin-4-19700101T000000Z.md").symlink_to(tmp_path / "precious")
    assert write_new("tocsin-4.md", "x", 0.0, (tmp_path,)).name.endswith("-2.md")
    assert not (tmp_path / "precious").exists()


def test_where_one_folder_cannot_be_written_the_next_is(tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    assert write_new("a.md", "x", 0.0, (missing, tmp_path)).parent == tmp_path
    with pytest.raises(OSError, match="No such file"):
        write_new("a.md", "x", 0.0, (missing,))


def test_a_table_has_the_fields_of_the_json() -> None:
    record = replace(case(1, signals=("a", "b")), label=Label.TRUE, label_reason='=cmd|"x"\n,')
    [row] = csv.DictReader(io.StringIO(csv_table([record], NOW)))
    told = investigation(record, NOW)
    assert {name.partition(".")[0] for name in row} == told.keys()
    assert (row["entity.namespace"], row["signals"], row["label"]) == ("shop", "a b", "true")
    assert row["label_reason"].startswith("'=cmd") and "\n" not in row["label_reason"]
    assert csv_table([], NOW) == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x"])
def test_nothing_is_calculated_by_a_spreadsheet(text: str) -> None:
    [row] = csv.DictReader(io.StringIO(csv_table([case(1, title=text)], NOW)))
    assert row["title"] == f"'{text}"
