"""Cases, conclusions and settings for the tests of notification."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from app.notify.message import announcement, compose
from app.notify.settings import NotifySettings
from detectors.catalog import load
from storage.records import Verdict
from tests.storage import samples
from tests.storage.test_conclusions import conclusion

if TYPE_CHECKING:
    from app.notify.message import Message
    from storage.database import Store
    from storage.records import Conclusion, InvestigationRecord

CATALOGUE = load()
NOW = samples.NOW


def case(number: int = 1, **changes: Any) -> InvestigationRecord:
    return samples.case(number, held=False, **changes)


def found(number: int = 1, **changes: Any) -> Conclusion:
    return conclusion(investigation=number, **changes)


def message(subject: InvestigationRecord | None = None, **changes: Any) -> Message:
    return compose(subject or case(), found(**changes), [samples.anomaly()], CATALOGUE, {})


def settings(**given: Any) -> NotifySettings:
    given.setdefault("destinations", {"oncall": {"channel": "C1", "token_env": "T"}})
    return msgspec.convert(given, NotifySettings)


def conclude(store: Store, given: NotifySettings, number: int = 1, **changes: Any) -> None:
    """Store what a case came to, with what is told of it, as an investigation does."""
    record = store.investigations.get(number)
    assert record is not None
    concluded = found(number, **changes)
    told = announcement(given, CATALOGUE, record, concluded, store.anomalies.of(number))
    store.conclusions.write(concluded, (), announcement=told)


def recover(store: Store, given: NotifySettings, number: int = 1) -> None:
    conclude(store, given, number, verdict=Verdict.RECOVERED, reason="it healed")
