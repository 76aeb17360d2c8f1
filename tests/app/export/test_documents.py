"""A case as a document: everything is told, nothing of the cluster's text has a meaning, no secret leaves."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest
from msgspec.structs import replace

from app.export.chart import svg
from app.export.document import Chart, Code, Document, Facts, Lines, Section, Table
from app.export.html import html
from app.export.markdown import markdown
from app.export.sections import case_document, incident_report
from app.quality.matching import incidents_about
from storage.records import IncidentRecord, MessageState
from tests.app.screens.fake_session import FakeSession
from tests.app.screens.night import CLUSTER, NOW
from tests.app.screens.posted import message

HOSTILE = "<script>alert(1)</script> | [a](http://evil) `x` \x1b[31m password=hunter2"


def case_of(number):
    return FakeSession().case(number)


BAND = case_of(412).anomalies[0].band
SENT = (message(1, 412, "oncall", MessageState.SENT, "REAL P2", 1, posted=NOW - 60, sent=1),)
EVERYWHERE = Document(
    HOSTILE,
    (
        Section(HOSTILE, (Facts(((HOSTILE, HOSTILE),)), Lines((HOSTILE,)), Code((HOSTILE,)))),
        Section("table", (Table(("text",), ((HOSTILE,),)), Chart(HOSTILE, BAND, HOSTILE, 0.0))),
    ),
)


class Tags(HTMLParser):
    """What tags a browser would see, and whether they are balanced."""

    VOID = frozenset({"meta", "line", "polygon", "polyline"})

    def __init__(self, text):
        super().__init__()
        self.seen, self.open = set(), []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        assert not any(name.startswith("on") or name in ("src", "href") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_every_fact_of_a_case_is_in_its_document():
    text = markdown(case_document(case_of(412), SENT, NOW))
    for heading in ("Summary", "Impact", "Likely causes", "Ruled out", "Could not be seen", "What next", "Anomalies",
                    "Evidence", "Timeline", "What was sent"):  # fmt: skip
        assert f"\n## {heading}\n" in text
    assert "- priority: P2" in text and "revision 41 rolled out" in text and "2.41 s" in text
    assert "What was done" not in text


@pytest.mark.parametrize("write", [markdown, html])
@pytest.mark.parametrize("number", [412, 409, 402, 398, 390])
def test_cases_of_all_kinds_become_documents(write, number):
    text = write(case_document(case_of(number), (), NOW))
    assert f"#{number}" in text and "\x1b" not in text and "\u202e" not in text


def test_a_case_that_was_not_investigated_says_so():
    case = replace(case_of(412), conclusion=None)
    assert "it has not been investigated" in markdown(case_document(case, (), NOW))
    assert "Likely causes" not in markdown(incident_report(case, (), (), NOW))


def test_delays_count_from_what_people_wrote_down_else_from_the_first_value():
    case = case_of(412)
    record = case.investigation
    text = markdown(incident_report(case, SENT, (), NOW))
    assert f"- detected: {stamped(record.opened)}, after 1m" in text
    assert "by the first value out of band" in text and "- told others: " in text and "- acknowledged: never" in text
    assert "| sent | REAL P2 -\\> oncall |" in text
    written = IncidentRecord(1, CLUSTER, "shop/checkout", record.onset - 600, NOW, "orders lost", "kim", NOW)
    elsewhere = replace(written, id=2, workload="shop/web")
    earlier = replace(written, id=3, since=record.onset - 900, until=record.onset - 700)
    about = incidents_about(record, (written, elsewhere, earlier), NOW)
    assert about == (written,)
    text = markdown(incident_report(case, (), about, NOW))
    assert "as written down by hand" in text and "after 11m" in text and "orders lost" in text
    assert "- told others: never" in text


def stamped(at):
    from app.findings import instant

    return instant(at)


def test_text_of_the_cluster_means_nothing_and_secrets_stay():
    text = markdown(EVERYWHERE)
    assert "hunter2" not in text and "\x1b" not in text and "\n| \\<script" in text
    assert not re.search(r"(?m)^(?! {4}).*(?<!\\)[<\[`]", text)
    page = html(EVERYWHERE)
    assert "hunter2" not in page and "\x1b" not in page and "script" not in Tags(page).seen


def test_a_page_stands_for_itself():
    page = html(case_document(case_of(412), SENT, NOW))
    tags = Tags(page)
    assert tags.open == [] and {"svg", "polygon", "polyline", "table"} <= tags.seen
    assert "default-src" in page and "http-equiv" in page and "script" not in tags.seen


def test_a_chart_draws_values_with_their_gaps_and_the_band():
    anomaly = case_of(412).anomalies[0]
    picture = ET.fromstring(svg(Chart("p99", anomaly.band, anomaly.unit, anomaly.onset)))
    kinds = [each.get("class") for each in picture]
    assert kinds.count("value") == 2 and kinds.count("band") == 1 and kinds.count("onset") == 1
    points = [tuple(map(float, p.split(","))) for e in picture if e.get("points") for p in e.get("points").split()]
    assert points and all(0 <= x <= 720 and 0 <= y <= 200 for x, y in points)
    assert any((each.text or "").endswith(" s") for each in picture)


def test_a_chart_of_one_edge_one_value_or_none():
    import numpy as np

    from detectors.series import Band

    times = np.arange(0, 300, 60, dtype=np.int64)
    nothing = np.full(5, np.nan)
    single = np.array([np.nan, 3.0, np.nan, np.nan, np.nan])
    assert svg(Chart("x", Band(times, nothing, nothing, nothing).to_bytes(), "", 0.0)) == ""
    picture = svg(Chart("x", Band(times, single, nothing, np.full(5, np.inf)).to_bytes(), "", 900.0))
    assert picture.count('class="value"') == 1 and "band" not in picture and "onset" not in picture
    picture = svg(Chart("x", Band(times, single, nothing, np.full(5, 4.0)).to_bytes(), "", 60.0))
    assert picture.count('class="band"') == 1 and "nan" not in picture and "inf" not in picture
