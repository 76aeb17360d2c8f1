"""What the message of a failure is about, by the words that runtimes, drivers and operating systems use."""

from __future__ import annotations

import re
from typing import NamedTuple


class Topic(NamedTuple):
    """One thing that goes wrong for many programs."""

    id: str
    words: str
    """What is wrong, for the second half of a sentence."""
    pattern: re.Pattern[str]


def _topic(name: str, words: str, *patterns: str) -> Topic:
    return Topic(name, words, re.compile("|".join(patterns), re.IGNORECASE))


TOPICS = (
    _topic(
        "certificate", "a TLS certificate is not accepted",
        r"x509:", r"certificate (?:has |is |was |verif|expired|signed|required|unknown)", r"CERT_\w+", r"PKIX path",
        r"SSLHandshakeException", r"unable to verify the first certificate", r"self[- ]signed cert", r"Zertifikat",
    ),
    _topic(
        "disk-full", "a volume is full",
        r"no space left", r"\bENOSPC\b", r"disk quota exceeded", r"disk (?:is )?full", r"could not extend file",
        r"auf dem Gerät ist kein Speicherplatz", r"kein Speicherplatz",
    ),
    _topic(
        "memory", "it cannot get memory",
        r"OutOfMemoryError", r"heap out of memory", r"cannot allocate memory", r"\bMemoryError\b", r"std::bad_alloc",
    ),
    _topic(
        "descriptors", "it has too many files open", r"too many open files", r"\bEMFILE\b", r"zu viele offene Dateien",
    ),
    _topic(
        "address-in-use", "its address is taken", r"address (?:is )?already in use", r"\bEADDRINUSE\b",
        r"Adresse wird bereits verwendet",
    ),
    _topic(
        "credentials", "its credentials are not accepted",
        r"(?:password |peer )?authentication failed", r"access denied for user", r"login failed", r"\bNOAUTH\b",
        r"\bWRONGPASS\b", r"ORA-01017", r"invalid (?:username|password|credentials|api.?key|token)",
        r"\bunauthorized\b",
        r"Authentifizierung.{0,40}fehlgeschlagen",
    ),
    _topic(
        "forbidden", "its service account may not do it",
        r"is forbidden: User", r"cannot (?:get|list|watch|create|update|patch|delete) resource",
        r"AccessDenied(?:Exception)?\b",
    ),
    _topic(
        "file-permission", "it may not use a file",
        r"permission denied", r"\bEACCES\b", r"operation not permitted", r"\bEPERM\b", r"read-only file system",
        r"\bEROFS\b", r"keine Berechtigung",
    ),
    _topic(
        "schema", "the database's schema is not what it expects",
        r"(?:relation|table|column|database) \S{1,100} does(?: not|n't) exist", r"unknown column", r"no such table",
        r"schema version", r"table '[^']{1,100}' doesn't exist", r"Relation \S{1,100} existiert nicht",
    ),
    _topic(
        "dependency", "it cannot reach a dependency",
        r"connection refused", r"\bECONNREFUSED\b", r"no such host", r"host not found", r"\bENOTFOUND\b",
        r"UnknownHostException", r"name resolution",
        r"\bEAI_AGAIN\b", r"name or service not known", r"could not translate host name",
        r"i/o timeout", r"connect(?:ion|ing)?(?: attempt)? timed out", r"\bETIMEDOUT\b", r"no route to host",
        r"\bEHOSTUNREACH\b", r"(?:could not|failed to|unable to|cannot|can't) connect", r"connection reset",
        r"server closed the connection", r"context deadline exceeded", r"(?:service|server) unavailable",
        r"no (?:available )?(?:brokers|servers|hosts)", r"pool (?:is )?(?:exhausted|timeout|timed out)",
        r"pool exhausted",
        r"Verbindung.{0,60}(?:verweigert|abgelehnt|fehlgeschlagen)", r"nicht erreichbar",
    ),
    _topic("platform", "it is built for another architecture", r"exec format error", r"bad CPU type"),
    _topic(
        "configuration", "its configuration is not complete or not valid",
        r"\b(?:is|was|are|be) not (?:set|defined|configured|specified)\b", r"\bis required\b", r"\bmust be set\b",
        r"missing (?-i:[A-Z][A-Z0-9_]{2,})",
        r"missing (?:required |mandatory )?(?:env|config|setting|variable|key|property|option|flag|argument|value)",
        r"(?:environment variable|env var).{0,80}(?:missing|required|unset|undefined|empty)", r"undefined variable",
        r"unknown (?:flag|option|directive|command|shorthand|key|field|property)", r"\bKeyError\b",
        r"(?:invalid|bad|malformed|wrong) (?:config|value|option|setting|syntax|yaml|json|property|argument|url|port)",
        r"no such file or directory", r"file not found", r"FileNotFound", r"\bENOENT\b", r"cannot find module",
        r"could not resolve placeholder",
        r"(?:error|failed|unable|cannot).{0,40}(?:pars|load|read|unmarshal)\w{0,6}.{0,30}(?:config|yaml|json|toml)",
        r"yaml: ", r"unexpected end of",
        r"(?:nicht gesetzt|ist nicht definiert|fehlende? (?:Umgebungsvariable|Einstellung))",
        r"(?:Datei oder Verzeichnis nicht gefunden|ungültige[rs]? )",
    ),
)  # fmt: skip
"""First match wins: a certificate that is refused by a database is about the certificate."""

_ADDRESS = re.compile(
    r"(?<![\w.:/-])((?:[a-zA-Z][\w-]{0,62}(?:\.[\w-]{1,63}){0,8})|\d{1,3}(?:\.\d{1,3}){3}):(\d{2,5})(?!\d|\.\d)"
)
_URL_HOST = re.compile(r"[a-z][a-z0-9+]{1,30}://(?:[^\s/@]{1,200}@)?([\w.-]{1,253})(?::(\d{2,5}))?", re.IGNORECASE)
_NAMED_HOST = re.compile(
    r"(?:lookup|ENOTFOUND|EAI_AGAIN|UnknownHostException:|upstream|server at|connect to|connecting to|resolve)"
    r"[ :]{1,2}[\"']?([a-zA-Z][\w-]{0,62}(?:\.[\w-]{1,63}){0,8})",
    re.IGNORECASE,
)
_NO_NAMES = frozenset(("server", "the", "database", "host", "not", "to", "a", "remote", "any", "broker", "upstream"))
_SOURCE_FILE = re.compile(r"\.(?:go|py|js|ts|java|rs|rb|c|cc|cpp|kt|scala)$")


def topic(text: str) -> Topic | None:
    """What a message is about; None where its words tell nothing of the kind."""
    return next((each for each in TOPICS if each.pattern.search(text)), None)


def target(text: str) -> tuple[str, int]:
    """The host and port that a message names; an empty host and port 0 where it names none."""
    for pattern in (_URL_HOST, _ADDRESS, _NAMED_HOST):
        for found in pattern.finditer(text):
            if not _SOURCE_FILE.search(found[1]) and found[1].lower() not in _NO_NAMES:
                port = found[2] if pattern is not _NAMED_HOST else None
                return found[1].lower().rstrip("."), int(port or 0)
    return "", 0
