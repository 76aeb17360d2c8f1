"""From an instrument and a statistic to PromQL: what is asked, and what is shown.

The query asks for the least that serves every row on the same instrument (rates by status, rates by bucket, levels),
so that rows share it; the display is the row's own number, for the engineer to paste. Both come from the same pieces:

    sum by (entity, $by) ( inner by (object, $by) ( rate(metric{matchers,$match}[$window]) ) filter ) where
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from detectors.catalog.promql import parse_matchers
from detectors.catalog.schema import Kind, Owners, Statistic

if TYPE_CHECKING:
    from collections.abc import Iterable

    from detectors.catalog.schema import Instrument, Part

OWNER_LABELS = ("namespace", "workload", "workload_type")
POD_LABELS = ("namespace", "pod")
_JOIN = "* on (namespace, pod, $by) group_left (workload, workload_type) $owners"
UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
"""Time units of exporters, in seconds."""


class Returns(StrEnum):
    """What the series of an answer are."""

    COUNTS = "counts"
    """Events per second, by status where the instrument has one."""
    ERRORS = "errors"
    """Failed events per second, where failures are counters of their own."""
    BUCKETS = "buckets"
    """Events per second by cumulative bucket (`le`)."""
    LEVEL = "level"
    PER = "per"
    """What the level of the same source is to be divided by, after both were summed per entity; for counts, what they
    happen among."""
    STATE = "state"


class QueryTemplate(NamedTuple):
    """One expression to ask, shared between all rows with the same key."""

    key: str
    """`convention/instrument/returns`, plus what the row selects."""
    promql: str
    """With placeholders; see `detectors.catalog.promql.render`."""
    returns: Returns


class Reading(NamedTuple):
    """One instrument as one row reads it."""

    instrument: Instrument
    convention: str
    labels: tuple[str, ...]
    """What results are grouped by: the identity rule's labels and the instrument's own."""
    statistic: Statistic
    select: str = ""
    quantile: float = 0.95
    time_unit: str = "s"
    owners: Owners = Owners.NONE
    pod_labels: tuple[str, ...] = POD_LABELS
    """What tells pods apart where their owners are not joined; less of them sums over pods."""

    def by_member(self) -> Reading:
        """The same, asked per second and by what an entity is made of."""
        instrument = self.instrument
        per = instrument.per and replace(instrument.per, over=_rated(instrument.per))
        return self._replace(
            instrument=replace(instrument, over=_rated(instrument), per=per),
            labels=tuple(dict.fromkeys((*self.labels, *instrument.members))),
        )


def _rated(part: Part) -> str | None:
    return "rate" if part.over == "increase" else part.over


def scale_of(reading: Reading) -> float:
    """The factor from what the queries return to the row's unit (bucket bounds included)."""
    instrument = reading.instrument
    if reading.statistic is Statistic.QUANTILE:
        return UNITS[instrument.bucket_unit or reading.time_unit]
    return instrument.scale


def status_labels(instrument: Instrument) -> tuple[str, ...]:
    """The labels that tell failed from good events, in the order the matchers name them."""
    named = (label for matchers in instrument.errors for label, _, _ in parse_matchers(matchers))
    return tuple(dict.fromkeys(named))


def selector_of(reading: Reading) -> str:
    """The selector whose samples prove that this reading has data."""
    instrument = reading.instrument
    if instrument.presence:
        return instrument.presence
    metric = instrument.buckets if reading.statistic is Statistic.QUANTILE else instrument.metric
    if instrument.families:
        metric = metric.format(family=next(iter(instrument.families.values())))
    return f"{metric}{{{instrument.match}}}" if instrument.match else metric


def grouping(reading: Reading) -> tuple[str, ...]:
    """The labels a reading's results carry, besides `$by`."""
    if not reading.instrument.owners:
        return reading.labels
    return (*(reading.pod_labels if reading.owners is Owners.NONE else OWNER_LABELS), *reading.labels)


def feeds(instrument: Instrument, statistic: Statistic | None) -> bool:
    """Whether an instrument has what a statistic needs."""
    if instrument.kind is Kind.EXPRESSION:
        return True
    if statistic is Statistic.QUANTILE:
        return bool(instrument.buckets)
    if statistic is Statistic.ERROR_SHARE:
        return _is_requests(instrument)
    return bool(instrument.metric)


def queries_of(reading: Reading) -> tuple[QueryTemplate, ...]:
    """What to ask for a reading.

    A display shows what has lasted for `$hold`; a query asks for everything, since the detector does the waiting.
    """
    return tuple(query._replace(promql=query.promql.replace("$hold", "0")) for query in _queries(reading))


def _queries(reading: Reading) -> tuple[QueryTemplate, ...]:
    instrument, statistic = reading.instrument, reading.statistic
    prefix = f"{reading.convention}/{instrument.name}"
    if instrument.kind is Kind.EXPRESSION:
        shape = Returns.STATE if statistic is Statistic.STATE else Returns.LEVEL
        return (QueryTemplate(f"{prefix}/{shape}", _own(reading), shape),)
    if statistic is Statistic.QUANTILE:
        return (QueryTemplate(f"{prefix}/buckets", _buckets(reading), Returns.BUCKETS),)
    if _is_requests(instrument):
        return _request_queries(reading, prefix)
    return _plain_queries(reading, f"{prefix}[{reading.select}]" if reading.select else prefix)


def display_of(reading: Reading) -> str:
    """The row's own number, as an expression to show and to paste."""
    instrument, statistic = reading.instrument, reading.statistic
    if instrument.kind is Kind.EXPRESSION:
        return _own(reading)
    if statistic is Statistic.QUANTILE:
        return _divided(f"histogram_quantile({reading.quantile:g}, {_buckets(reading)})", scale_of(reading))
    if statistic is Statistic.ERROR_SHARE and _is_requests(instrument):
        return f"{_errors(reading)} / {_in_parentheses(_side(reading, instrument), instrument.plus)}"
    if statistic is Statistic.PERCENTILE:
        return _percentile(reading)
    text = _side(reading, instrument)
    if instrument.per and not _is_counted(reading):
        text = _quotient(reading, text)
    return _narrowed(instrument, _divided(text, instrument.scale), instrument.where)


def _is_requests(instrument: Instrument) -> bool:
    return bool(instrument.errors or instrument.failed)


def _request_queries(reading: Reading, prefix: str) -> tuple[QueryTemplate, ...]:
    instrument = reading.instrument
    total = _side(reading, instrument, extra=status_labels(instrument))
    counts = QueryTemplate(f"{prefix}/counts", total, Returns.COUNTS)
    if not instrument.failed:
        return (counts,)
    return counts, QueryTemplate(f"{prefix}/errors", _errors(reading), Returns.ERRORS)


def _plain_queries(reading: Reading, prefix: str) -> tuple[QueryTemplate, ...]:
    instrument, statistic = reading.instrument, reading.statistic
    if instrument.kind in (Kind.STATE, Kind.AGE):
        return (QueryTemplate(f"{prefix}/state", _state(reading), Returns.STATE),)
    if _is_counted(reading):
        first = QueryTemplate(f"{prefix}/counts", _per_second(reading), Returns.COUNTS)
    else:
        asked = reading if statistic is Statistic.PERCENTILE else reading.by_member()
        first = QueryTemplate(f"{prefix}/level", _side(asked, asked.instrument), Returns.LEVEL)
    if not instrument.per:
        return (first,)
    asked = reading.by_member()
    assert asked.instrument.per is not None
    return first, QueryTemplate(f"{prefix}/per", _side(asked, asked.instrument.per), Returns.PER)


def _is_counted(reading: Reading) -> bool:
    return reading.statistic in (Statistic.COUNT, Statistic.RATE) and reading.instrument.kind is Kind.COUNTER


def _per_second(reading: Reading) -> str:
    asked = reading._replace(statistic=Statistic.RATE)
    text = _side(asked, reading.instrument)
    # What a function of its own counts (`changes`) is per window.
    return text if _function(asked, reading.instrument) == "rate" else f"{text} / $window_s"


def _state(reading: Reading) -> str:
    """1 where the object is in the state and 0 where it is not, so that a healthy object differs from a missing one."""
    where = re.sub(r"^\s*(==|!=|<=|>=|<|>)\s*", r"\1 bool ", reading.instrument.where)
    return _narrowed(reading.instrument, _side(reading, reading.instrument), where)


def _errors(reading: Reading) -> str:
    """Failed requests per second by entity."""
    instrument = reading.instrument
    if not instrument.failed:
        return _aggregated(reading, instrument, _vector(reading, instrument, instrument.errors))
    vectors = (_selected(reading, term.metric, _both(instrument.match, term.match)) for term in instrument.failed)
    sides = [_aggregated(reading, instrument, vector) for vector in vectors]
    return f"({' + '.join(sides)})" if len(sides) > 1 else sides[0]


def _buckets(reading: Reading) -> str:
    instrument = reading.instrument
    vector = " or ".join(
        _family(instrument, name, _selected(reading, instrument.buckets.format(family=stem), instrument.match))
        for name, stem in (instrument.families or {"": ""}).items()
    )
    return _aggregated(reading, instrument, vector, extra=("le",))


def _percentile(reading: Reading) -> str:
    """A percentile over the look-back, divided by what was asked for at present."""
    instrument, q = reading.instrument, reading.quantile
    side = f"{_side(reading, instrument, window='$step')}[$lookback:$step]"
    text = f"max_over_time({side})" if q == 1 else f"quantile_over_time({q:g}, {side})"
    return f"{text} / {_side(reading, instrument.per)}" if instrument.per else text


def _quotient(reading: Reading, dividend: str) -> str:
    instrument = reading.instrument
    assert instrument.per is not None
    divisor = _in_parentheses(_side(reading, instrument.per), instrument.per.plus)
    text = f"{_in_parentheses(dividend, instrument.plus)} / {divisor}"
    return f"1 - {text}" if instrument.complement else text


def _side(reading: Reading, part: Part, *, extra: Iterable[str] = (), window: str = "$window") -> str:
    """A dividend or divisor, aggregated to entities, with its summands."""
    text = _aggregated(reading, part, _vector(reading, part, window=window), extra=extra)
    for term in part.plus:
        vector = _selected(reading, term.metric, _both(part.match, term.match), part)
        text += " + " + _aggregated(reading, part, vector, extra=extra)
    return text


def _vector(reading: Reading, part: Part, errors: Iterable[str] = (), window: str = "$window") -> str:
    """The selected series below the outer aggregation."""
    instrument = reading.instrument
    families = instrument.families if part is instrument else {}
    alternatives = list(errors) or [""]
    terms = [(part.metric, part.match), *((term.metric, term.match) for term in part.also)]
    pieces = [
        _family(instrument, name, _selected(reading, metric.format(family=stem), _both(match, error), part, window))
        for metric, match in terms
        for name, stem in (families or {"": metric}).items()
        for error in alternatives
    ]
    return " or ".join(pieces)


def _selected(reading: Reading, metric: str, match: str, part: Part | None = None, window: str = "$window") -> str:
    """One metric's samples, ranged as its kind asks, with the inner aggregation."""
    instrument = reading.instrument
    part = part or instrument
    if instrument.select and reading.select and part is instrument:
        operator = "=~" if re.search(r"[|.*+?()\[\]]", reading.select) else "="
        match = _both(f'{instrument.select}{operator}"{reading.select}"', match)
    selector = f"{metric}{{{_both(match, '$match')}}}"
    over = _function(reading, part)
    text = f"{over}({selector}[{window}])" if over else selector
    if part is instrument.per:
        text += _suffix(part.where)
    if not part.inner:
        return text
    return f"{part.inner.op} by ({_listed(part.inner.by)}) ({text}){_suffix(part.inner.where)}"


def _function(reading: Reading, part: Part) -> str:
    if part.over is not None:
        return part.over
    kind = reading.instrument.kind
    if kind is Kind.STATE:
        return "max_over_time"
    if kind is not Kind.COUNTER:
        return ""
    return "increase" if reading.statistic is Statistic.COUNT else "rate"


def _aggregated(reading: Reading, part: Part, vector: str, *, extra: Iterable[str] = ()) -> str:
    instrument = reading.instrument
    if instrument.filter and instrument.inner and part is instrument:
        vector = f"{_in_parentheses(vector, part.inner and part.inner.where)} {instrument.filter}"
    if instrument.owners and reading.owners is not Owners.NONE:
        vector = f"({vector}) {_JOIN}"
    text = f"{part.aggregate} by ({_listed((*grouping(reading), *extra))}) ({vector})"
    return f"time() - {text}" if instrument.kind is Kind.AGE and part is instrument else text


def _own(reading: Reading) -> str:
    """An expression of its own; `$entity` is what it groups by, `$join` follows the vector per pod."""
    text = reading.instrument.promql
    if not reading.instrument.owners:
        return text
    entity = reading.pod_labels if reading.owners is Owners.NONE else OWNER_LABELS
    join = "" if reading.owners is Owners.NONE else f" {_JOIN}"
    return text.replace("$entity", ", ".join(entity)).replace(" $join", join)


def _family(instrument: Instrument, name: str, vector: str) -> str:
    return f'label_replace({vector}, "{instrument.family_label}", "{name}", "", "")' if name else vector


def _narrowed(instrument: Instrument, text: str, where: str) -> str:
    """A result, compared and filtered, where the filter was not applied below the aggregation."""
    text += _suffix(where)
    return text if instrument.inner or not instrument.filter else f"({text}) {instrument.filter}"


def _both(first: str, second: str) -> str:
    return ",".join(filter(None, (first, second)))


def _listed(labels: Iterable[str]) -> str:
    return ", ".join((*labels, "$by"))


def _suffix(where: str) -> str:
    return f" {where}" if where else ""


def _in_parentheses(text: str, needed: object) -> str:
    return f"({text})" if needed else text


def _divided(text: str, scale: float) -> str:
    return text if scale == 1 else f"{text} / {1 / scale:.12g}"
