"""What the first paint needs imports no numpy, and nothing but the chart imports plotext."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import widgets

MODULES = sorted(path.stem for path in Path(widgets.__file__).parent.glob("*.py"))


def imported(code: str) -> set[str]:
    """The heavy modules that a fresh interpreter has after running the code."""
    heavy = "{'numpy', 'plotext', 'httpx', 'kubernetes', 'sqlite_utils', 'app'}"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*({heavy} & sys.modules.keys()))"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(widgets.__file__).parent.parent,
    )
    return set(done.stdout.split())


def test_importing_every_widget_is_light() -> None:
    light = [name for name in MODULES if name not in {"__init__", "chart_scale"}]
    assert "row_list" in light
    assert imported("\n".join(f"import widgets.{name}" for name in light)) == set()


def test_a_sparkline_needs_numpy_only_and_only_when_drawn() -> None:
    assert imported("from widgets.sparkline import sparkline; sparkline([1.0], [0.0], [2.0], 4)") == {"numpy"}
