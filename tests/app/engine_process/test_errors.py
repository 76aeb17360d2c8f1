"""Errors arrive as they were raised."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.engine_process.errors import EngineLostError, ForeignError, packed, unpacked
from app.link import reason_of, refusal_of
from app.messages import DATABASE
from app.settings.loading import SettingsError
from app.sources.base import SourceError, Trouble
from app.sources.prometheus.errors import LimitError
from app.sources.recording import RecordingError
from detectors.catalog import CatalogError
from storage.errors import LeaseError, StoreError, UndoError

OURS = [
    SourceError(Trouble.TLS, "the certificate has expired", "renew it"),
    LimitError("too many samples", points=True),
    CatalogError("rows/http.toml", "row[http].kind", "x", "unknown", "share, quantile"),
    SettingsError("config.toml:3: `engine.interval` is 'x'"),
    RecordingError("shop.gz: line 7 is no JSON"),
    StoreError(Path("/there/tocsin.db"), "the disk is full", "free some space"),
    LeaseError(Path("/there/tocsin.db"), "another one runs the cycles"),
    UndoError("somebody else labelled it since", 12),
    EngineLostError("the engine's process has ended", "wait"),
]


@pytest.mark.parametrize("error", OURS, ids=lambda error: type(error).__name__)
def test_one_of_ours_arrives_with_all_that_it_holds(error: Exception) -> None:
    arrived = unpacked(packed(error))
    assert type(arrived) is type(error)
    assert (vars(arrived), arrived.args, str(arrived)) == (vars(error), error.args, str(error))
    assert reason_of(arrived) == reason_of(error)
    assert vars(refusal_of(arrived, 1))["trouble"] == vars(refusal_of(error, 1))["trouble"]


def test_the_console_can_tell_a_store_that_cannot_be_used() -> None:
    arrived = unpacked(packed(StoreError(Path("/there/tocsin.db"), "the disk is full")))
    assert refusal_of(arrived, 1).trouble == DATABASE


def test_a_library_s_arrives_as_its_name_and_words() -> None:
    arrived = unpacked(packed(KeyError("quota")))
    assert (type(arrived), str(arrived)) == (ForeignError, "KeyError: 'quota'")


def test_one_that_holds_what_cannot_travel_arrives_as_its_words() -> None:
    error = SettingsError("config.toml:3")
    error.__dict__["lock"] = threading.Lock()
    arrived = unpacked(packed(error))
    assert (type(arrived), str(arrived)) == (ForeignError, "SettingsError: config.toml:3")
