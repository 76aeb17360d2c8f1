"""Marks for tests that need real servers.

    pytestmark = needs_servers

Where the binaries are missing those tests are skipped, and the summary says so and what to install.
"""

from __future__ import annotations

import warnings

import pytest

from tests.lab.servers import missing_packages

_MISSING = " ".join(missing_packages())
_ADVICE = f"tests against real servers are SKIPPED; to run them: apt-get install {_MISSING}"

if _MISSING:
    warnings.warn(pytest.PytestWarning(_ADVICE), stacklevel=1)

needs_servers = [pytest.mark.servers, pytest.mark.skipif(bool(_MISSING), reason=_ADVICE)]
"""Assign to `pytestmark`, or use its marks one by one."""
