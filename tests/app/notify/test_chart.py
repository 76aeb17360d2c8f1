"""The chart: what is drawn, and how it comes into a thread."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from app.notify.chart import HEIGHT, WIDTH, chart_of
from detectors.series import Band
from storage.records import MessageState
from tests.app.notify.bench import Bench
from tests.app.notify.samples import NOW, case, conclude, recover
from tests.app.notify.slack_server import CHANNEL
from tests.storage import samples

if TYPE_CHECKING:
    from storage.database import Store
    from tests.app.notify.slack_server import SlackServer

LINE, BAND, ONSET = (34, 87, 165), (215, 227, 244), (212, 14, 13)


def band(values: Any, low: float = 0.0, high: float = 0.05) -> bytes:
    given = np.asarray(values, dtype=np.float64)
    times = int(NOW) - 60 * np.arange(len(given) - 1, -1, -1)
    return Band(times, given, np.full(len(given), low), np.full(len(given), high)).to_bytes()


def picture(data: bytes, **changes: Any) -> Image.Image:
    chart = chart_of([samples.anomaly(band=data, **changes)])
    assert chart is not None
    return Image.open(BytesIO(chart.png)).convert("RGB")


def rows_of(image: Image.Image, colour: tuple[int, int, int], left: int = 0) -> set[int]:
    return {int(y) for y, x in np.argwhere((np.asarray(image) == colour).all(axis=2)) if x >= left}


def test_values_the_band_and_the_onset_are_where_they_belong() -> None:
    image = picture(band([0.02] * 30 + [0.2] * 6))
    assert image.size == (WIDTH, HEIGHT)
    calm, high = rows_of(image, LINE, 0), rows_of(image, LINE, 900)
    assert max(calm) > max(high), "the line rises"
    assert min(high) < min(rows_of(image, BAND)), "out of the band"
    assert rows_of(image, ONSET)
    assert not rows_of(picture(band([0.02] * 36), onset=NOW - 86_400), ONSET), "an onset that is not in the picture"


def test_the_picture_says_in_words_what_it_shows() -> None:
    chart = chart_of([samples.anomaly(band=b""), samples.anomaly(2, signal="second", band=band([1, 2, 3]))])
    assert chart is not None and chart.title == "shop/checkout: second"
    assert "20 %, expected 0-5 %, since" in chart.text
    assert chart_of([samples.anomaly(band=b"")]) is None and chart_of([]) is None


def test_where_nothing_is_expected_yet_no_band_is_drawn() -> None:
    assert not rows_of(picture(band([1.0] * 9, np.nan, np.nan)), BAND)
    assert rows_of(picture(band([1.0] * 9, -np.inf, 2.0)), BAND)


@settings(deadline=None)
@given(
    arrays.arrays(np.float64, st.integers(1, 90), elements=st.floats(width=32)),
    st.floats(width=32),
    st.floats(width=32),
)
def test_whatever_there_is_is_drawn(values: Any, low: float, high: float) -> None:
    assert picture(band(values, low, high)).size == (WIDTH, HEIGHT)


@pytest.fixture
def bench(store: Store, slack: SlackServer) -> Bench:
    store.cycles.write(samples.update(case(1), anomalies=[samples.anomaly(band=band([0.02] * 30 + [0.2] * 6))]))
    to = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/"}
    return Bench(store, destinations={"oncall": to})


def test_the_chart_comes_into_the_thread_once(bench: Bench, slack: SlackServer) -> None:
    conclude(bench.store, bench.settings)
    bench.run()
    recover(bench.store, bench.settings)
    bench.run()
    [file] = slack.files.values()
    [ts] = slack.messages
    assert file["content"].startswith(b"\x89PNG") and file["thread_ts"] == ts
    assert file["alt_txt"].startswith("shop/checkout: http-server-5xx-spike")
    assert bench.only.error == ""


@pytest.mark.parametrize("says", [True, False])
def test_without_the_scope_the_message_stands_and_the_outbox_says_what_is_missing(
    bench: Bench, slack: SlackServer, says: bool
) -> None:
    slack.scopes, slack.says_scopes = "chat:write", says
    conclude(bench.store, bench.settings)
    bench.run()
    assert bench.only.state is MessageState.SENT and len(slack.messages) == 1
    assert "the chart was not uploaded" in bench.only.error and "files:write" in bench.only.hint
    assert len([path for path, _ in slack.requests if "files." in path]) == (0 if says else 1)


def test_a_chart_that_is_refused_is_remarked_and_not_tried_again(bench: Bench, slack: SlackServer) -> None:
    slack.file_error = "file_uploads_disabled"
    conclude(bench.store, bench.settings)
    bench.run()
    bench.run(later=9000)
    assert bench.only.state is MessageState.SENT and "file_uploads_disabled" in bench.only.error
    assert len([path for path, _ in slack.requests if "files." in path]) == 1


def test_values_that_cannot_be_read_are_no_fault_of_the_message(store: Store, slack: SlackServer) -> None:
    store.cycles.write(samples.update(case(1), anomalies=[samples.anomaly(band=b"?")]))
    to = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/"}
    broken = Bench(store, destinations={"oncall": to})
    conclude(store, broken.settings)
    broken.run()
    assert broken.only.state is MessageState.SENT and "could not be drawn" in broken.only.error


def test_a_chart_that_nobody_wants_is_not_drawn(store: Store, slack: SlackServer) -> None:
    to = {"channel": CHANNEL, "token_env": "SLACK_TOKEN", "api": f"{slack.url}/api/", "chart": False}
    unwanted = Bench(store, destinations={"oncall": to})
    store.cycles.write(samples.update(case(1), anomalies=[samples.anomaly(band=band([0.02, 0.2]))]))
    conclude(store, unwanted.settings)
    unwanted.run()
    assert slack.files == {} and len(slack.messages) == 1
