"""Secrets: settings name where one is kept (environment, file, keyring); nothing but the request ever holds it."""

from __future__ import annotations

import os
import re
from pathlib import Path

from app.sources.base import Trouble, UnusableSettingError

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Secret:
    """A value that no log, traceback or message shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __bool__(self) -> bool:
        return bool(self._value)

    def __repr__(self) -> str:
        return "Secret(***)"


class Secrets:
    """Reads secrets from where settings say they are; files are read again when they change."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[tuple[int, int], Secret]] = {}

    def read(self, key: str, env: str = "", file: str = "", keyring: str = "") -> Secret:
        """A secret from the first of these places that is named; an empty one where none is.

        Args:
            key: the settings' common name, `prometheus.bearer_token`, for messages.
            env: an environment variable.
            file: a path.
            keyring: `service/name`.

        Raises:
            SourceError: it is not there, or cannot be read.
        """
        if env:
            return Secret(variable(f"{key}_env", env).strip())
        if file:
            return self._file(f"{key}_file", file)
        return _keyring(f"{key}_keyring", keyring) if keyring else Secret("")

    def _file(self, key: str, name: str) -> Secret:
        path = Path(name).expanduser()
        try:
            status = path.stat()
            version = (status.st_mtime_ns, status.st_size)
            if name not in self._files or self._files[name][0] != version:
                self._files[name] = (version, Secret(path.read_text().strip()))
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            raise misconfigured(f"{key}: {name}: {reason}", "Name a readable file.") from None
        return self._files[name][1]


def with_environment(key: str, text: str) -> str:
    """A text with every `${NAME}` replaced. Raises SourceError where the environment lacks one."""
    return _REFERENCE.sub(lambda found: variable(key, found[1]), text)


def variable(key: str, name: str) -> str:
    """An environment variable that a setting names. Raises SourceError where it is not set."""
    value = os.environ.get(name)
    if value is None:
        raise misconfigured(f"{key}: the environment variable {name} is not set", f"Export {name}.")
    return value


def misconfigured(message: str, hint: str) -> UnusableSettingError:
    """A setting that is wrong or points nowhere."""
    return UnusableSettingError(Trouble.CONFIGURATION, message, hint)


def _keyring(key: str, entry: str) -> Secret:
    # Loading the keyring's back ends takes long and may talk to the desktop: only when it is asked for.
    import keyring
    from keyring.errors import KeyringError

    service, _, name = entry.partition("/")
    try:
        value = keyring.get_password(service, name)
    except KeyringError as error:
        raise misconfigured(f"{key}: the keyring does not open ({type(error).__name__})", "Unlock it.") from None
    if value is None:
        raise misconfigured(f"{key}: no entry {entry} in the keyring", f"Run: keyring set {service} {name}")
    return Secret(value.strip())
