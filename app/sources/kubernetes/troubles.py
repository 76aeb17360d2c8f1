"""What stands behind a failed request, in words that help: one sentence, and one on what to do."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import msgspec

from app.sources.base import SourceError, Trouble

if TYPE_CHECKING:
    from app.sources.kubernetes.client import Response


class Status(msgspec.Struct, frozen=True):
    """The API's own refusal (`kind: Status`)."""

    message: str = ""
    reason: str = ""
    code: int = 0


_BY_CODE = {
    400: Trouble.REJECTED,
    401: Trouble.UNAUTHENTICATED,
    403: Trouble.FORBIDDEN,
    404: Trouble.NOT_FOUND,
    405: Trouble.REJECTED,
    406: Trouble.REJECTED,
    410: Trouble.REJECTED,
    422: Trouble.REJECTED,
    429: Trouble.LIMITED,
}

_HINTS = {
    Trouble.UNAUTHENTICATED: "The credential is wrong or expired: log in again, for example with any kubectl command.",
    Trouble.FORBIDDEN: "Ask for the right that the message names; deploy/ has a read-only ClusterRole.",
    Trouble.LIMITED: "The API server is busy; requests are slowed down.",
    Trouble.UNAVAILABLE: "The API server has trouble itself; it is asked again.",
    Trouble.PROTOCOL: "Check the server's address in the kubeconfig: something else answers there.",
}

_TLS_HINTS = (
    ("certificate has expired", "The server's certificate has expired: renew it, or mend this machine's clock."),
    ("not yet valid", "The server's certificate is not valid yet: check this machine's clock."),
    ("self-signed certificate", "Give the cluster's CA in the kubeconfig (certificate-authority)."),
    ("self signed certificate", "Give the cluster's CA in the kubeconfig (certificate-authority)."),
    ("unable to get local issuer", "Give the cluster's CA in the kubeconfig (certificate-authority)."),
    ("hostname mismatch", "The certificate is for another name: check server or tls-server-name in the kubeconfig."),
    ("ip address mismatch", "The certificate is for another address: check server or tls-server-name."),
    ("certificate required", "The server wants a client certificate: check client-certificate in the kubeconfig."),
    ("alert certificate expired", "Your client certificate has expired: renew it."),
)


def refusal(response: Response) -> SourceError:
    """A 4xx or 5xx as an error, with the server's own words."""
    status = status_of(response.body)
    trouble = _BY_CODE.get(response.status) or (Trouble.UNAVAILABLE if response.status >= 500 else Trouble.PROTOCOL)
    message = status.message if status is not None else f"HTTP {response.status}"
    if status is None and trouble is Trouble.FORBIDDEN:
        # A proxy or a login page refused us, not the API server.
        trouble = Trouble.PROTOCOL
    return SourceError(trouble, f"the Kubernetes API says: {message}", _HINTS.get(trouble, ""))


def status_of(body: bytes) -> Status | None:
    """The Status in a body; None when it is something else (plain text, a login page)."""
    try:
        status = msgspec.json.decode(body, type=Status)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return status if status.code else None


def failure(error: Exception, host: str) -> SourceError:
    """A request that got no answer."""
    from urllib3 import exceptions as http

    cause: BaseException = error
    if isinstance(error, http.MaxRetryError | http.ProxyError) and (inner := getattr(error, "reason", None)):
        cause = inner
    if isinstance(cause, http.SSLError | ssl.SSLError):
        return _tls_failure(cause, host)
    if isinstance(error, http.ProxyError):
        return SourceError(
            Trouble.UNREACHABLE, f"the proxy to {host} refused", "Check HTTPS_PROXY, NO_PROXY and proxy-url."
        )
    if isinstance(cause, http.NameResolutionError):
        return SourceError(
            Trouble.UNREACHABLE, f"the name of {host} does not resolve", "Check the server's address and the VPN."
        )
    if isinstance(cause, http.NewConnectionError):
        reason = "refused the connection" if "refused" in str(cause).lower() else "cannot be reached"
        return SourceError(Trouble.UNREACHABLE, f"{host} {reason}", "Is the cluster up, and the VPN or tunnel?")
    if isinstance(cause, http.TimeoutError):
        return SourceError(Trouble.TIMEOUT, f"{host} did not answer in time", "Is the VPN up? A firewall in between?")
    if isinstance(cause, OSError) and not isinstance(cause, http.HTTPError):
        return SourceError(Trouble.CONFIGURATION, f"{host}: {cause.strerror or type(cause).__name__}", _CERTIFICATES)
    return SourceError(Trouble.UNREACHABLE, f"{host} broke off the connection", "It is asked again.")


_CERTIFICATES = "Check the certificate and key files that the kubeconfig names."


def _tls_failure(cause: BaseException, host: str) -> SourceError:
    text = str(cause).lower()
    hint = next((hint for sign, hint in _TLS_HINTS if sign in text), "Check certificate-authority in the kubeconfig.")
    if "wrong version number" in text or "http request" in text:
        return SourceError(Trouble.TLS, f"{host} does not speak TLS", "Use http:// in the kubeconfig's server.")
    reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0] or "the TLS handshake failed"
    return SourceError(Trouble.TLS, f"{host}: {reason}", hint)
