"""Checks that types cannot express: names that must exist, ranges, patterns, matchers."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import TYPE_CHECKING

import msgspec

from detectors.catalog.compose import UNITS, feeds
from detectors.catalog.errors import CatalogError
from detectors.catalog.identity import SPLIT_FIELDS
from detectors.catalog.parameters import GUARDS, PARAMETERS, STREAMING, Range, with_defaults
from detectors.catalog.promql import PLACEHOLDERS, parse_matchers
from detectors.catalog.schema import DetectorKind, Kind, Statistic

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from detectors.catalog.schema import Convention, IdentityRule, Instrument, Row, Term

_ID = re.compile(r"[a-z0-9][a-z0-9+.-]*")
_METRIC = re.compile(r"[a-zA-Z_:][\w:]*")

STATISTICS: dict[DetectorKind, tuple[Statistic, ...]] = {
    DetectorKind.RATIO_SPIKE: (Statistic.ERROR_SHARE,),
    DetectorKind.RATE_DROP: (Statistic.RATE,),
    DetectorKind.RATE_SURGE: (Statistic.RATE,),
    DetectorKind.QUANTILE_SHIFT: (Statistic.QUANTILE,),
    DetectorKind.COUNT_SPIKE: (Statistic.COUNT, Statistic.RATE, Statistic.STATE, Statistic.LEVEL),
    DetectorKind.LEVEL_SHIFT: (Statistic.LEVEL,),
    DetectorKind.STATE_TRANSITION: (Statistic.STATE,),
    DetectorKind.THRESHOLD_FORECAST: (Statistic.SHARE_OF_LIMIT, Statistic.LEVEL),
    DetectorKind.RIGHT_SIZING_PERCENTILE: (Statistic.PERCENTILE,),
    **dict.fromkeys(STREAMING, (Statistic.LEVEL, Statistic.RATE)),
}
"""What each detector can judge; the first is what it judges unless the row says otherwise."""


def check_convention(file: str, convention: Convention) -> None:
    """Check names, units, matchers and identity rules.

    Raises:
        CatalogError: something does not fit.
    """
    _name(file, "id", convention.id)
    _one_of(file, "time_unit", convention.time_unit, UNITS)
    for name, rule in convention.identity.items():
        _identity(file, f"identity.{name}", rule)
    for number, instrument in enumerate(convention.instrument):
        _instrument(file, f"instrument[{number}:{instrument.name}]", instrument, convention.identity)


def check_row(
    file: str,
    place: str,
    row: Row,
    instruments: Mapping[str, Sequence[Instrument]],
    preferences: Mapping[str, object],
) -> Row:
    """Check a row against its detector and the conventions, and complete it with the detector's defaults.

    Args:
        file: for errors.
        place: the row's place in the file, for errors.
        row: as it was read.
        instruments: all conventions' instruments, by name.
        preferences: the lists that order conventions, by name.

    Raises:
        CatalogError: something does not fit.
    """
    _name(file, f"{place}.id", row.id)
    _within(file, f"{place}.params", row.params, PARAMETERS[row.detector], row.detector)
    _within(file, f"{place}.guards", row.guards, GUARDS[row.detector], row.detector)
    if bool(row.reads) == bool(row.promql):
        raise CatalogError(file, place, None, "needs either `reads` (instruments) or a `promql` of its own")
    allowed = STATISTICS[row.detector]
    statistic = row.statistic or allowed[0]
    _one_of(file, f"{place}.statistic", statistic, allowed)
    for number, read in enumerate(row.reads):
        key = f"{place}.reads[{number}]"
        _one_of(file, f"{key}.instrument", read.instrument, instruments)
        _matchers(file, f"{key}.select", f'select=~"{read.select}"')
        wanted = read.statistic or statistic
        if not any(feeds(instrument, wanted) for instrument in instruments[read.instrument]):
            raise CatalogError(file, f"{key}.instrument", read.instrument, f"has no {wanted} in any convention")
    if row.preference:
        _one_of(file, f"{place}.preference", row.preference, preferences)
    _row_promql(file, place, row)
    params = with_defaults(PARAMETERS[row.detector], row.params)
    guards = with_defaults(GUARDS[row.detector], row.guards)
    return msgspec.structs.replace(row, params=params, guards=guards, statistic=statistic)


def _row_promql(file: str, place: str, row: Row) -> None:
    if not row.promql:
        return
    _identity(file, f"{place}.identity", row.identity)
    for name in re.findall(r"\$([a-z_]\w*)", row.promql):
        if name not in PLACEHOLDERS:
            allowed = ", ".join(f"${known}" for known in sorted(PLACEHOLDERS))
            raise CatalogError(file, f"{place}.promql", row.promql, f"no such placeholder: ${name}", allowed)
    if row.detector is DetectorKind.RATIO_SPIKE and not row.errors:
        raise CatalogError(file, f"{place}.errors", None, "is missing", 'matchers of the failed series: code=~"5.."')
    for number, text in enumerate(row.errors):
        _matchers(file, f"{place}.errors[{number}]", text)


def _instrument(file: str, place: str, instrument: Instrument, rules: Mapping[str, IdentityRule]) -> None:
    _name(file, f"{place}.name", instrument.name)
    if instrument.kind is Kind.EXPRESSION:
        if not instrument.promql:
            raise CatalogError(file, f"{place}.promql", None, "is missing", "an expression, for kind `expression`")
    elif not instrument.metric and not instrument.buckets:
        raise CatalogError(file, f"{place}.metric", None, "is missing", "the name of a metric")
    if not instrument.owners:
        _one_of(file, f"{place}.identity", instrument.identity, rules)
    _one_of(file, f"{place}.bucket_unit", instrument.bucket_unit or "s", UNITS)
    _metric(file, f"{place}.buckets", instrument.buckets)
    _term(file, place, instrument)
    for key in ("also", "plus", "failed"):
        for number, term in enumerate(getattr(instrument, key)):
            _term(file, f"{place}.{key}[{number}]", term)
    if instrument.per:
        _term(file, f"{place}.per", instrument.per)
    for number, text in enumerate(instrument.errors):
        _matchers(file, f"{place}.errors[{number}]", text)
    known = {name: limit for guards in GUARDS.values() for name, limit in guards.items()}
    _within(file, f"{place}.guards", instrument.guards, known, "a detector")


def _term(file: str, place: str, term: Term) -> None:
    _metric(file, f"{place}.metric", term.metric)
    _matchers(file, f"{place}.match", term.match)


def _metric(file: str, key: str, name: str) -> None:
    if name and not _METRIC.fullmatch(name.replace("{family}", "x")):
        raise CatalogError(file, key, name, "is not a metric name")


def _identity(file: str, place: str, rule: IdentityRule) -> None:
    for number, split in enumerate(rule.split):
        key = f"{place}.split[{number}].pattern"
        try:
            groups = re.compile(split.pattern).groupindex
        except re.error as error:
            raise CatalogError(file, key, split.pattern, f"is not a regular expression: {error}") from None
        if not groups or not SPLIT_FIELDS.issuperset(groups):
            allowed = f"named groups (?P<field>...) with field one of {', '.join(sorted(SPLIT_FIELDS))}"
            raise CatalogError(file, key, split.pattern, "does not name identity fields", allowed)


def _matchers(file: str, key: str, text: str) -> None:
    try:
        parse_matchers(text)
    except ValueError as error:
        raise CatalogError(file, key, text, str(error), 'label matchers: code=~"5..",job!=""') from None


def _within(file: str, place: str, stated: Mapping[str, float], ranges: Mapping[str, Range], detector: str) -> None:
    for name, value in stated.items():
        if name not in ranges:
            allowed = _nearest(name, ranges)
            raise CatalogError(file, f"{place}.{name}", value, f"{detector} has no such number", allowed)
        low, high, _ = ranges[name]
        if not low <= value <= high:
            raise CatalogError(file, f"{place}.{name}", value, "out of range", f"{low:g} to {high:g}")


def _name(file: str, key: str, value: str) -> None:
    if not _ID.fullmatch(value):
        raise CatalogError(file, key, value, "is not an id", "lower case letters, digits and dashes")


def _one_of(file: str, key: str, value: str, allowed: Iterable[str]) -> None:
    names = tuple(allowed)
    if value not in names:
        raise CatalogError(file, key, value, "is not known here", _nearest(value, names))


def _nearest(value: str, allowed: Iterable[str]) -> str:
    names = sorted(allowed)
    return ", ".join(get_close_matches(value, names, 3) or names)
