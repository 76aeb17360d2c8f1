from __future__ import annotations

import pytest

from docs.generate import FOLDER, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_generated_pages_are_current(name):
    assert (FOLDER / name).read_text("utf-8") == PAGES[name](), "run: make docs"
