from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from storage.database import Store
from tests.app.quality.stored import History

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def past(tmp_path: Path) -> Iterator[History]:
    with Store.open(tmp_path / "tocsin.db") as store:
        yield History(store)
