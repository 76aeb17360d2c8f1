"""What an investigation came to, as lines: causes first, then what to run, then what was ruled out."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.app.screens.night import HOSTILE, NOW
from tests.app.screens.verdicts import conclusion
from widgets.cause_list import NEXT, RULED_OUT, CauseList, lines, reasons


def known(**changes):
    found = conclusion(412, NOW, HOSTILE)
    assert found is not None
    return replace(found, **changes)


def test_causes_come_first_then_commands_then_what_was_ruled_out():
    assert [line.mark for line in lines(known())] == ["high", "low", NEXT, NEXT, RULED_OUT]


def test_where_no_cause_stands_out_it_says_so_and_what_could_not_be_seen():
    first = next(lines(known(causes=())))
    assert first.text.startswith("No cause stands out") and "pods/log" in first.detail


def test_what_one_thing_rules_out_is_one_line_with_its_reason():
    out = known().ruled_out[0]
    alike = replace(out, title="the node", contradicts=out.contradicts)
    other = replace(out, title="the probe", contradicts=("no probe fails",))
    told = [line.text for line in lines(known(ruled_out=(out, alike, other))) if line.mark == RULED_OUT]
    assert told == [f"{out.title}, the node: {'; '.join(out.contradicts)}", "the probe: no probe fails"]


def test_the_sum_of_points_is_told_with_what_speaks_for_and_against():
    text = reasons(known().causes[0])
    assert "+ revision 41 rolled out at 08:48" in text and "95 points: what decides it +60" in text
    assert "- requests are in band" in reasons(known().ruled_out[0])


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            "kubectl --context prod --namespace shop describe pod a",
            "kubectl describe pod a --context prod --namespace shop",
        ),
        ("kubectl --context prod get nodes", "kubectl get nodes --context prod"),
        ("kubectl get nodes", "kubectl get nodes"),
        ("topk(5, up)", "topk(5, up)"),
    ],
)
def test_a_command_is_shown_from_its_verb_on_with_all_its_flags_and_kept_whole(command, shown):
    line = next(each for each in lines(known(commands=(command,))) if each.mark == NEXT)
    assert CauseList._text(line, 80).plain == shown
    assert line.command == command


def test_hostile_text_stays_text():
    shown = [CauseList._text(line, 60).plain for line in lines(known())]
    assert not any("\x1b" in text or "\u202e" in text for text in shown)
