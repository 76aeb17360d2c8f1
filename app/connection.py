"""What the console needs to be told to connect: the engineer's choice, and who can act on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

if TYPE_CHECKING:
    from app.snapshot import ActResult, CheckResult, Session


class Choice(Struct, frozen=True):
    """What the connection screen lets one choose; empty means: as the settings say."""

    prometheus: str = ""
    """A base URL."""
    context: str = ""
    """A kubeconfig context."""
    demo: bool = False
    """Replay the bundled recording instead of connecting."""

    @property
    def settings(self) -> dict[str, str]:
        """What was chosen, by dotted key of the setting it stands for."""
        values = {"prometheus.url": self.prometheus, "kubernetes.context": self.context}
        return {key: value for key, value in values.items() if value}


class SessionFactory(Protocol):
    """Opens a session. Called from a worker thread; may raise SourceError or a settings error."""

    def __call__(self, choice: Choice | None) -> Session:
        """Open what the settings say, or what was chosen on the connection screen."""
        ...


class Connections(Protocol):
    """What the connection screen can find out before there is a session. Its methods block: for worker threads only."""

    configured: Choice
    """What the settings say."""

    def contexts(self) -> tuple[str, ...]:
        """The contexts of the kubeconfig, the current one first; empty when there is none."""
        ...

    def test(self, choice: Choice) -> tuple[CheckResult, ...]:
        """What answers at that choice."""
        ...

    def keep(self, choice: Choice) -> ActResult:
        """Write what was chosen to the settings file."""
        ...


class NoConnections:
    """Where nothing can be chosen: replays and the demo."""

    configured = Choice()

    def contexts(self) -> tuple[str, ...]:
        """None."""
        return ()

    def test(self, choice: Choice) -> tuple[CheckResult, ...]:  # noqa: ARG002
        """Nothing to test."""
        return ()

    def keep(self, choice: Choice) -> ActResult:  # noqa: ARG002
        """Nowhere to keep it."""
        from app.snapshot import ActResult

        return ActResult(False, "a replay connects to nothing, and keeps no connection")
