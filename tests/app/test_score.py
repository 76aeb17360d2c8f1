"""`tocsin score`: what it prints for a file, and what it says of one that it cannot read."""

from __future__ import annotations

import gzip
import io
import json
import math
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from app.cli import main
from app.exits import Exit

if TYPE_CHECKING:
    from pathlib import Path


def content(fault: float = 90.0) -> str:
    """Four days of a daily rhythm, with a fault of ten samples in the last."""
    lines = ["series_id,timestamp,value"]
    for index in range(1152):
        value = 100 + 30 * math.sin(2 * math.pi * index / 288) + index * 7 % 5
        value += fault if 1100 <= index < 1110 else 0
        lines.append(f"shop/checkout,{1_700_000_000 + 300 * index},{value:.2f}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "series.csv"
    path.write_text(content())
    return path


def alerts(output: str) -> list[int]:
    found = [json.loads(line) for line in output.splitlines()]
    assert {each["schema"] for each in found} <= {1}
    return [int(datetime.fromisoformat(each["timestamp"]).timestamp() - 1_700_000_000) // 300 for each in found]


def test_it_finds_the_fault_and_nothing_else(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(file), "--json"]) == Exit.OK
    found = alerts(capsys.readouterr().out)
    assert [at for at in found if at > 400] == [at for at in found if 1100 <= at < 1103] != []
    file.write_text(content(fault=0))
    main(["score", str(file), "--json"])
    assert not [at for at in alerts(capsys.readouterr().out) if at > 400]


def test_text_names_the_alert_and_draws_a_chart(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["score", str(file)])
    said = capsys.readouterr().out
    assert "shop/checkout: 1152 samples, one each 5m" in said
    assert "▲alert" in said
    assert "┬" in said


def test_every_sample_as_csv_with_its_band(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["score", str(file), "--csv"])
    head, *rows = capsys.readouterr().out.splitlines()
    assert head == "series_id,timestamp,value,score,low,high,is_anomaly"
    assert len(rows) == 1152


def test_a_gzipped_file_and_standard_input_are_the_same(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    main(["score", str(file), "--json"])
    wanted = capsys.readouterr().out
    packed = file.with_suffix(".csv.gz")
    packed.write_bytes(gzip.compress(file.read_bytes()))
    main(["score", str(packed), "--json"])
    assert capsys.readouterr().out == wanted
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(file.read_bytes())))
    main(["score", "-", "--json"])
    assert capsys.readouterr().out == wanted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "bad.csv: there are no samples; needed: "),
        ("series_id,timestamp,value\n", "bad.csv: there are no samples; needed: "),
        (
            "timestamp,value\n60,1\nsoon,2\n120,much\n",
            "bad.csv: 2 lines are not understood, the first is line 3: timest",
        ),
        ("when,what\n1,2\n", "has the columns when, what; needed"),
        ("timestamp,value\nsoon,2\n", "line 2: timestamp is 'soon'; allowed: unix seconds or"),
        ("timestamp,value\n60,much\n", "line 2: value is 'much'; allowed: a number"),
        ("timestamp,value\n1700000000000,1\n", "line 2: timestamp is '1700000000000'; allowed: unix seconds or"),
        ("timestamp,value\nnan,1\n", "line 2: timestamp is 'nan'"),
    ],
)
def test_what_it_cannot_read_it_names(tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    assert main(["score", str(path)]) == Exit.SETTINGS
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--points", "1"), "allowed: 2 or more"),
        (("--points", "few"), "allowed: 2 or more"),
        (("--json", "--csv"), "not allowed with"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["score", str(file), *arguments])
    assert left.value.code == Exit.USAGE
    assert said in capsys.readouterr().err


def test_a_missing_file_and_series_are_named(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["score", str(file.with_name("none.csv"))]) == Exit.SETTINGS
    said = capsys.readouterr().err
    assert said.count("none.csv") == 1
    assert "Errno" not in said
    assert main(["score", str(file), "--series", "shop/cart"]) == Exit.SETTINGS
    assert "there are shop/checkout" in capsys.readouterr().err


@pytest.mark.parametrize("rows", ["60,1\n", "60,\n120,nan\n", "60,inf\n120,-inf\n180,1\n", "180,1\n60,2\n60,3\n"])
def test_thin_series_are_no_crash(tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: str) -> None:
    path = tmp_path / "thin.csv"
    path.write_text("timestamp,value\n" + rows)
    assert main(["score", str(path)]) == Exit.OK
    assert capsys.readouterr().out


def test_hostile_names_do_not_reach_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hostile.csv"
    path.write_text("series_id,timestamp,value\n\x1b[2Jevil,60,1\n")
    main(["score", str(path)])
    assert "\x1b" not in capsys.readouterr().out
