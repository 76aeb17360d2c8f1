"""`docs/investigation.md`: how a case is investigated, from the playbooks and gates themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.investigation import causes
from app.investigation.collectors.changes import CHANGES
from app.investigation.common import COMMON
from app.investigation.model import Step
from app.investigation.noise import NOISE
from app.investigation.playbooks import playbooks
from app.investigation.real import REAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from app.investigation.model import Gate, Playbook

_INTRODUCTION = """\
# How a case is investigated

Generated from `app/investigation/` by `make docs`.

A case is investigated as soon as it opens, again when it changes, and on a timer while it lasts. It goes through the
same steps whatever its class; each line that it adds to the ledger names the object's field, the query or the command
that shows it. What may not be read is *unknown*: it lowers the confidence and is never taken for health. The same
evidence always gives the same conclusion; no language model decides anything.

| verdict | |
| --- | --- |
| `real` | something is wrong, now |
| `recovered` | something was wrong, and healed: kept apart from noise |
| `noise` | nothing is wrong: what was seen was to be expected, or too little to matter |
| `inconclusive` | what can be seen does not decide it |
"""

_POINTS = f"""\
## How causes are weighed

A cause is a candidate once all that it requires holds. It begins with its own points, and every change of the sum is
shown: a second kind of source agrees {causes.SECOND_SOURCE:+d}; not later than the problem {causes.IN_TIME:+d}; as
wide as the problem {causes.IN_SCOPE:+d}; confirmed here before {causes.LABELLED:+d}; each contradiction
{causes.CONTRADICTION:+d};
each source that could not be read {causes.UNSEEN:+d}; another one within {causes.COMPETING} points
{causes.COMPETITOR:+d}. From {causes.HIGH} points it is given as *high*, from {causes.MEDIUM} as *medium*, below
{causes.LEAST} it is not given.
"""


def investigation_page() -> str:
    """The page as Markdown."""
    parts = [_INTRODUCTION, "## Gates", "", "A real gate takes N8 and N9 out of consideration.", ""]
    parts += ["| gate | it applies where | verdict |", "| --- | --- | --- |", *_gates((*REAL, *NOISE)), "", _POINTS]
    parts += ["## What every class looks at", "", *_steps(), "", "## Classes", ""]
    for book in playbooks():
        parts += [*_book(book), ""]
    return "\n".join(parts).rstrip() + "\n"


def _gates(gates: Iterable[Gate]) -> Iterator[str]:
    return (f"| {gate.id} | {gate.title} | {gate.verdict} |" for gate in gates)


def _steps() -> Iterator[str]:
    yield "| step | evidence |"
    yield "| --- | --- |"
    for step in Step:
        told = [each.name.replace("_", " ") for each in (*COMMON, *CHANGES) if each.step is step]
        if told:
            yield f"| {step} | {', '.join(dict.fromkeys(told))} |"


def _book(book: Playbook) -> Iterator[str]:
    yield f"### {book.id} {book.title}"
    yield ""
    yield f"For {_listed(book.signals, lambda name: f'`{name}`')}."
    if not book.decisive:
        yield "It takes an effect or a cause that stands out for it to be real."
    yield ""
    yield "| cause | takes | for it | against it |"
    yield "| --- | --- | --- | --- |"
    for cause in book.causes:
        either = [" or ".join(map(_clue, cause.any_of))] if cause.any_of else []
        takes = ", ".join([*map(_clue, cause.requires), *either])
        yield f"| {_title(cause.title)} | {takes} | {_listed(cause.supports)} | {_listed(cause.contradicts)} |"
    for own in book.noise:
        yield ""
        yield f"Noise: {own.title}, where {_listed(own.requires)}{_unless(own.unless)}."


def _unless(names: tuple[str, ...]) -> str:
    return f", unless {_listed(names)}" if names else ""


def _clue(name: str) -> str:
    return name.replace(".", ": ").replace("-", " ")


def _listed(names: Iterable[str], told: Callable[[str], str] = _clue) -> str:
    return ", ".join(map(told, names))


def _title(template: str) -> str:
    """A cause's title with its gaps as code, so that they are read as such."""
    return template.replace("|", r"\|").replace("{", "`{").replace("}", "}`")
