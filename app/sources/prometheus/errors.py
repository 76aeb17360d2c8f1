"""Every way in which a metrics server can fail to answer, told apart, in words for the engineer."""

from __future__ import annotations

import re
import socket
import ssl
from typing import TYPE_CHECKING

from app.sources.base import SourceError, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

_LOGIN_HINT = "A proxy in front of it wants a login: set a token, or use an address behind the proxy."
_NO_SUCH_PATH = re.compile(r"unsupported path|missing -http.pathPrefix")
"""VictoriaMetrics answers 400 there."""
_POINTS_LIMIT = re.compile(r"maximum resolution of|points for the given|maxPointsPerTimeseries|max-query-length", re.I)
_SERIES_LIMIT = re.compile(
    r"too many samples|number of (matching |unique )*(time ?series|samples)|maxUniqueTimeseries|maxSamplesPer"
    r"|search\.max|err-mimir-max-(series|chunks|estimated)|max(imum)? number of (series|chunks)|(chunks|series) limit"
    r"|err-mimir-max-[a-z-]*bytes|memory-consumption|would (load|use) (too|more)",
    re.I,
)


class LimitError(SourceError):
    """A query that is too big for the server, and what of it has to become smaller."""

    def __init__(self, message: str, *, points: bool) -> None:
        super().__init__(Trouble.LIMITED, message, "Narrow the scope, or raise the server's limit.")
        self.points = points
        """Instants are too many; otherwise series or samples are."""


def from_exception(error: Exception, url: str) -> SourceError:
    """What a request's exception means; `url` is shown, so it holds no login."""
    import httpx

    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _certificate(cause, url)
        if isinstance(cause, ssl.SSLError):
            return _tls(cause, url)
        if isinstance(cause, socket.gaierror):
            return SourceError(Trouble.UNREACHABLE, f"{url}: the host name does not resolve", "Check the name and DNS.")
        if isinstance(cause, ConnectionRefusedError):
            return SourceError(
                Trouble.UNREACHABLE, f"{url}: connection refused", "Check the port, and that the server runs."
            )
    if isinstance(error, httpx.TimeoutException):
        doing = "connecting" if isinstance(error, httpx.ConnectTimeout) else "waiting for an answer"
        return SourceError(
            Trouble.TIMEOUT, f"{url}: timeout while {doing}", "Check the network, or raise prometheus.timeout."
        )
    if isinstance(error, httpx.ProxyError):
        return SourceError(Trouble.UNREACHABLE, f"{url}: the proxy refuses", "Check HTTPS_PROXY and NO_PROXY.")
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return SourceError(Trouble.CONFIGURATION, f"{url}: not a usable URL", "Give http://HOST:PORT.")
    if isinstance(error, httpx.DecodingError | httpx.RemoteProtocolError):
        return SourceError(Trouble.PROTOCOL, f"{url}: the answer broke off or is not HTTP", "Check scheme and port.")
    return SourceError(Trouble.UNREACHABLE, f"{url}: {_reason(error)}", "Check the network and the address.")


def from_answer(status: int, headers: httpx.Headers, reason: str, url: str) -> SourceError:
    """What a failed answer means; `reason` is the server's own error text, or empty."""
    said = f": {_shortened(reason)}" if reason else ""
    if status == 401:
        tenant = "org id" in reason
        hint = "Set the header X-Scope-OrgID." if tenant else "Set or renew the token or password."
        return SourceError(Trouble.UNAUTHENTICATED, f"{url}: 401, login wanted{said}", hint)
    if status == 403:
        return SourceError(Trouble.FORBIDDEN, f"{url}: 403, not allowed{said}", "Ask for the right to query.")
    if status in (404, 405, 410) or _NO_SUCH_PATH.search(reason):
        return SourceError(
            Trouble.NOT_FOUND, f"{url}: {status}, there is no query API", "Check the path prefix in prometheus.url."
        )
    if status in (301, 302, 303, 307, 308):
        target = headers.get("location", "").partition("?")[0]
        return SourceError(Trouble.PROTOCOL, f"{url}: redirects to {target[:200]}", _LOGIN_HINT)
    if status == 429:
        return SourceError(Trouble.LIMITED, f"{url}: 429, too many requests{said}", "Lower prometheus.concurrency.")
    if "HTTP request to an HTTPS server" in reason:
        return SourceError(Trouble.TLS, f"{url}: the server speaks TLS", "Use https:// in prometheus.url.")
    if status in (413, 414, 431):
        return SourceError(Trouble.REJECTED, f"{url}: {status}, the query is too long", "Narrow the scope.")
    if status < 500:
        return _rejected(status, reason, url)
    if "timed out" in reason or "timeout" in reason:
        return SourceError(Trouble.TIMEOUT, f"{url}: {status}{said}", "Narrow the scope, or raise prometheus.timeout.")
    return SourceError(Trouble.UNAVAILABLE, f"{url}: {status}, the server fails{said}", "Look at the server's log.")


def not_json(content_type: str, body: bytes, url: str) -> SourceError:
    """What a body is that should have been an answer and is none."""
    if "html" in content_type or body[:200].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return SourceError(Trouble.PROTOCOL, f"{url}: a web page instead of an answer", _LOGIN_HINT)
    return SourceError(
        Trouble.PROTOCOL, f"{url}: not an answer of the query API", "Check that prometheus.url is a Prometheus."
    )


def _rejected(status: int, reason: str, url: str) -> SourceError:
    if _POINTS_LIMIT.search(reason):
        return LimitError(f"{url}: {_shortened(reason)}", points=True)
    if _SERIES_LIMIT.search(reason):
        return LimitError(f"{url}: {_shortened(reason)}", points=False)
    return SourceError(
        Trouble.REJECTED, f"{url}: {status}: {_shortened(reason) or 'refused'}", "The server refuses the query."
    )


def _shortened(reason: str) -> str:
    """VictoriaMetrics repeats the expression first and says what is the matter last."""
    return reason if len(reason) <= 400 else f"{reason[:120]} ... {reason[-270:]}"


def _certificate(error: ssl.SSLCertVerificationError, url: str) -> SourceError:
    # OpenSSL's X509_V_ERR codes; its own text stands in for all others.
    meaning, hint = {
        10: ("the server's certificate has expired", "Renew it on the server; check this machine's clock."),
        9: ("the server's certificate is not valid yet", "Check this machine's clock."),
        62: ("the server's certificate is for another name", "Use the name that is in the certificate."),
        64: ("the server's certificate is for another address", "Use the name that is in the certificate."),
    }.get(error.verify_code, (f"the certificate is not trusted: {error.verify_message}", "Set prometheus.ca_file."))
    return SourceError(Trouble.TLS, f"{url}: {meaning}", hint)


def _tls(error: ssl.SSLError, url: str) -> SourceError:
    reason = (error.reason or "TLS fails").lower().replace("_", " ")
    if "wrong version" in reason or "record layer" in reason:
        return SourceError(Trouble.TLS, f"{url}: the server does not speak TLS", "Use http:// in prometheus.url.")
    hint = "Set prometheus.cert_file and key_file." if "alert" in reason else "Check the TLS settings on both sides."
    return SourceError(Trouble.TLS, f"{url}: {reason}", hint)


def _reason(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return "the connection fails"


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
