"""`tocsin`: the console on the cluster that the settings name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import structs

from app.commands.common import console_options, loaded_settings, remote_session
from app.connection import Choice

if TYPE_CHECKING:
    import argparse

    from app.settings.loading import LoadedSettings
    from app.snapshot import ActResult, CheckResult
    from detectors.catalog import Catalogue

TEST_SECONDS = 10.0
"""For an answer while the connection screen waits for it."""


def declare(parser: argparse.ArgumentParser) -> None:
    """It has the shared options only."""


def run(options: argparse.Namespace) -> int:
    """Open the console; connecting happens behind its first paint."""
    from app.console import run_console

    loaded = loaded_settings(options)
    return run_console(
        lambda choice: remote_session(options, "console_session", loaded, choice),
        connections=KubeconfigConnections(loaded),
        catalogue=lambda: _catalogue(loaded),
        **console_options(loaded),
    )


def _catalogue(loaded: LoadedSettings) -> Catalogue:
    from app.opening import open_catalogue

    return open_catalogue(loaded)


class KubeconfigConnections:
    """What the connection screen can find out (`app.connection.Connections`)."""

    def __init__(self, loaded: LoadedSettings) -> None:
        self._loaded = loaded
        settings = loaded.settings
        self.configured = Choice(settings.prometheus.url, settings.kubernetes.context)

    def contexts(self) -> tuple[str, ...]:
        """The contexts of the kubeconfig, the current one first."""
        from app.sources.base import SourceError
        from app.sources.kubernetes.credentials import contexts

        try:
            return contexts(self._loaded.settings.kubernetes.kubeconfig)
        except SourceError:
            return ()

    def test(self, choice: Choice) -> tuple[CheckResult, ...]:
        """What answers there, asked once and not for long: somebody waits for it."""
        from app.doctor import check_connections
        from app.opening import chosen

        loaded = chosen(self._loaded, choice)
        server = loaded.settings.prometheus
        hurried = structs.replace(server, timeout=min(server.timeout, TEST_SECONDS), retries=0)
        return check_connections(replace(loaded, settings=structs.replace(loaded.settings, prometheus=hurried)))

    def keep(self, choice: Choice) -> ActResult:
        """Write it to the settings file."""
        from app.opening import keep

        return keep(self._loaded, choice)
