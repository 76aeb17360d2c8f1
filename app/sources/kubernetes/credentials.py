"""Which API server, and who we are to it: kubeconfig or service account, read by the official client.

Nothing here is imported before a cluster is wanted: the official package takes a third of a second.
"""

from __future__ import annotations

import json
import os
import shutil
import ssl
import subprocess
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import certifi

from app.sources.base import SourceError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kubernetes.client import Configuration

IN_CLUSTER = "in-cluster"
"""The cluster's name when the console runs in a pod of it."""

_PLUGIN_SECONDS = 60.0
_LOG_IN = "Log in outside of Tocsin first: any kubectl command with this context shows what is missing."
_SERVICE_HOST = "KUBERNETES_SERVICE_HOST"
_IDP_CA = "idp-certificate-authority"
_NAME_AUTHORITY = f"Name its authority: {_IDP_CA} in the kubeconfig, or SSL_CERT_FILE in the environment."


def kubeconfig_paths(kubeconfig: str) -> str:
    """The kubeconfig files in effect, joined like `$KUBECONFIG`."""
    return kubeconfig or os.environ.get("KUBECONFIG", "") or str(Path("~/.kube/config").expanduser())


class Place(NamedTuple):
    """Where a cluster's configuration comes from."""

    context: str
    paths: str
    """Empty: the pod's own service account."""
    merger: Any
    namespace: str = ""
    """The context's own, where it names one."""


def find(kubeconfig: str = "", context: str = "") -> Place:
    """Choose a context, without logging in.

    Args:
        kubeconfig: path, or several as in `$KUBECONFIG`; empty: `$KUBECONFIG`, `~/.kube/config`, then the pod's own
            service account.
        context: empty: the file's current one.

    Raises:
        SourceError: a file or context is missing or wrong; the message names it and what there is.
    """
    paths = kubeconfig_paths(kubeconfig)
    files = [Path(path).expanduser() for path in paths.split(os.pathsep) if path]
    if any(file.exists() for file in files):
        merger = _read(paths)
        chosen, namespace = _choose(paths, merger, context)
        return Place(chosen, paths, merger, namespace)
    if not kubeconfig and not context and _SERVICE_HOST in os.environ:
        return Place(IN_CLUSTER, "", None)
    raise SourceError(
        Trouble.CONFIGURATION,
        f"no kubeconfig at {paths}",
        "Give --kubeconfig FILE or set KUBECONFIG; in a pod, run under a service account.",
    )


def log_in(place: Place) -> Configuration:
    """The connection's configuration, with a credential: runs the login plugin that the kubeconfig names.

    Raises:
        SourceError: a file or plugin is missing, wrong, or did not give a credential.
    """
    official = _official("config.kube_config")
    configuration: Configuration = _official("client").Configuration()
    provider = ""
    try:
        if place.paths:
            loader = _loader(official, place.merger, place.context)
            provider = _provider(loader)
            loader.load_and_set(configuration)
        else:
            _official("config").load_incluster_config(client_configuration=configuration)
    except SourceError:
        raise
    except Exception as error:
        if provider:
            message = f"the auth-provider {provider} of context {place.context} failed: {_reason(error)}"
            raise SourceError(Trouble.UNAUTHENTICATED, message, _LOG_IN) from None
        whose = f"context {place.context} of {place.paths}" if place.paths else "the pod's service account"
        raise SourceError(
            Trouble.CONFIGURATION,
            f"{whose} cannot be used: {_reason(error)}",
            f"Check it with: kubectl --context {place.context} get --raw /version" if place.paths else "",
        ) from None
    if provider and not configuration.api_key:
        message = f"the auth-provider {provider} of context {place.context} gave no token"
        raise SourceError(Trouble.UNAUTHENTICATED, message, "Use a login plugin (`exec`) instead, as kubectl does now.")
    return configuration


def _provider(loader: Any) -> str:
    """The name of the `auth-provider` that gives the token: what login plugins have replaced; empty without one."""
    provider = loader._user.safe_get("auth-provider") if loader._user else None
    return str(provider.get("name") or "(unnamed)") if provider is not None else ""


def _official(module: str) -> Any:
    return import_module(f"kubernetes.{module}")


def _read(paths: str) -> Any:
    official = _official("config.kube_config")
    try:
        return official.KubeConfigMerger(paths)
    except official.yaml.YAMLError as error:
        # The place of the problem, without the text around it: that may be a token.
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise SourceError(Trouble.CONFIGURATION, f"{paths}{line}: not valid YAML", "Mend the kubeconfig.") from None
    except (official.ConfigException, OSError, TypeError, AttributeError, KeyError) as error:
        message = f"{paths}: not a kubeconfig that can be read: {_reason(error)}"
        raise SourceError(Trouble.CONFIGURATION, message, "Mend the kubeconfig.") from None


def contexts(kubeconfig: str = "") -> tuple[str, ...]:
    """The names of all contexts, the current one first. Raises SourceError when the kubeconfig cannot be read."""
    merger = _read(kubeconfig_paths(kubeconfig))
    known, current = _contexts(merger)
    return tuple(sorted(known, key=lambda name: (name != current, name)))


def _contexts(merger: Any) -> tuple[dict[str, Any], str]:
    content = merger.config.value if merger.config is not None else {}
    return {entry["name"]: entry for entry in content.get("contexts") or []}, content.get("current-context") or ""


def _choose(paths: str, merger: Any, context: str) -> tuple[str, str]:
    known, current = _contexts(merger)
    chosen = context or current
    if chosen in known:
        return chosen, str(known[chosen]["context"].safe_get("namespace") or "")
    there = f"it has {', '.join(known)}" if known else "it has none"
    what = f"context {chosen} is not in {paths}" if chosen else f"{paths} has no current context"
    raise SourceError(Trouble.CONFIGURATION, f"{what}; {there}", "Choose one with --context.")


def _loader(official: Any, merger: Any, context: str) -> Any:
    """The official loader, with login plugins that leave the terminal alone and whose failures are told."""
    loader = official.KubeConfigLoader(
        config_dict=merger.config,
        active_context=context,
        config_base_path=None,
        config_persister=merger.save_changes,
    )

    def load_from_plugin() -> bool:
        if "exec" not in loader._user:
            return False
        status = run_plugin(loader._user["exec"], loader._get_base_path(loader._cluster.path), loader._cluster)
        if status.get("token"):
            loader.token = f"Bearer {status['token']}"
        for attribute, key in (("cert_file", "clientCertificateData"), ("key_file", "clientKeyData")):
            if status.get(key):
                part = official.FileOrData(status, None, data_key_name=key, base64_file_content=False)
                setattr(loader, attribute, part.as_file())
        # When it runs out the server says so, and whoever asked logs in again: no plugin is run for every request.
        return True

    refresh = loader._refresh_oidc

    def refresh_verified(provider: Any) -> None:
        with _authority(provider["config"].value):
            try:
                refresh(provider)
            except Exception as error:
                if "CERTIFICATE_VERIFY_FAILED" not in str(error):
                    raise
                whose = provider["config"]["idp-issuer-url"]
                message = f"the auth-provider oidc of context {context}: the certificate of {whose} is not trusted"
                raise SourceError(Trouble.UNAUTHENTICATED, message, _NAME_AUTHORITY) from None

    loader._load_from_exec_plugin = load_from_plugin
    loader._refresh_oidc = refresh_verified
    return loader


@contextmanager
def _authority(settings: dict[str, Any]) -> Iterator[None]:
    """Have an identity provider's settings name whom to trust, until it has been asked.

    Where they name nobody, the official client asks without verifying, and whoever is in between may say where the
    refresh token is to be sent; kubectl trusts whom the system trusts.
    """
    if any(settings.get(name) for name in (_IDP_CA, f"{_IDP_CA}-data")):
        yield
        return
    before = {name: settings.pop(name) for name in (_IDP_CA, f"{_IDP_CA}-data") if name in settings}
    settings[_IDP_CA] = ssl.get_default_verify_paths().cafile or certifi.where()
    try:
        yield
    finally:
        del settings[_IDP_CA]
        settings |= before


def run_plugin(settings: Any, folder: str, cluster: Any) -> dict[str, str]:
    """The credential that a kubeconfig's `exec` plugin gives (client.authentication.k8s.io).

    The official runner would hand the plugin this program's terminal, which the console draws on; here it gets none.

    Raises:
        SourceError: the plugin is missing, failed, or did not give a credential. Its output is never repeated in
            full: it may hold secrets.
    """
    provider = _official("config.exec_provider").ExecProvider(settings, folder, cluster)
    command = provider.args[0]
    if shutil.which(command, path=provider.env.get("PATH")) is None and not Path(folder, command).exists():
        advice = settings.safe_get("installHint") or f"Install {command}, or put it on PATH."
        raise SourceError(Trouble.CONFIGURATION, f"the login plugin {command} is not installed", str(advice).strip())
    if settings.safe_get("interactiveMode") == "Always":
        message = f"the login plugin {command} wants a terminal for every login (interactiveMode: Always)"
        advice = "Where it can keep its login, set interactiveMode: IfAvailable in the kubeconfig, and log in outside."
        raise SourceError(Trouble.UNAUTHENTICATED, message, advice)
    info: dict[str, Any] = {"apiVersion": provider.api_version, "kind": "ExecCredential"}
    info["spec"] = {"interactive": False} | ({"cluster": _told(provider.cluster)} if provider.cluster else {})
    provider.env["KUBERNETES_EXEC_INFO"] = json.dumps(info)
    failed = f"the login plugin {command} failed"
    try:
        done = subprocess.run(
            provider.args, cwd=provider.cwd, env=provider.env, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=_PLUGIN_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise SourceError(Trouble.UNAUTHENTICATED, f"{failed}: {_reason(error)}", _LOG_IN) from None
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SourceError(Trouble.UNAUTHENTICATED, f"{failed} (exit code {done.returncode}): {last[0][:200]}", _LOG_IN)
    try:
        status = json.loads(done.stdout)["status"]
    except (ValueError, KeyError, TypeError):
        status = None
    if not isinstance(status, dict) or not (status.get("token") or status.get("clientCertificateData")):
        raise SourceError(Trouble.UNAUTHENTICATED, f"the login plugin {command} gave no credential", _LOG_IN)
    return status


def _told(cluster: Any) -> dict[str, Any]:
    """What a plugin that asks for it is told of the cluster, with what the kubeconfig has for plugins."""
    extensions = {each["name"]: each["extension"] for each in cluster.value.get("extensions") or []}
    config = extensions.get("client.authentication.k8s.io/exec")
    return {**cluster.value} | ({"config": config} if config is not None else {})


def _reason(error: Exception) -> str:
    if isinstance(error, subprocess.TimeoutExpired):
        return f"no answer within {error.timeout:.0f} s"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, KeyError):
        return f"{error} is missing"
    return str(error).splitlines()[0][:200] if str(error) else type(error).__name__
