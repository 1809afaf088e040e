"""What can be wrong with a single answer or text: one function a symptom.

Each takes all conversations and gives a `Symptom` or None. Nothing is changed or dropped. Patterns over
many conversations are in patterns.py. How an answer is judged is in cleaning/answers.py, so that what is
found here is what the recipe's line drops.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from talkwright.config import DataSection
from talkwright.data.cleaning.answers import (
    echoes,
    has_full_stops,
    is_cut_off,
    is_refusal,
    placeholder_in,
    repeats_itself,
    stops_open,
    stops_short,
)
from talkwright.data.cleaning.masks import Placeholders
from talkwright.data.cleaning.private import find_private
from talkwright.data.similarity.contradictions import matter
from talkwright.data.similarity.similar import normal
from talkwright.types import Conversation

Severity = Literal["serious", "warning", "note"]

EXAMPLES = 3
OFTEN = 5  # rows with one answer from which it is a phrase
_EXCERPT = 120


class Talk:
    """A conversation with what several checks want to know of it, worked out once."""

    def __init__(self, row: Conversation):
        self.row = row
        self.questions = [m.content for m in row.messages if m.role == "user"]
        self.answers = [m.content for m in row.messages if m.role == "assistant"]
        self.question, self.answer = self.questions[0], self.answers[0]

    @cached_property
    def exchanges(self) -> list[tuple[str, str]]:
        """Answers, each with the last question before it."""
        found, question = [], ""
        for m in self.row.messages:
            if m.role == "user":
                question = m.content
            elif m.role == "assistant":
                found.append((question, m.content))
        return found

    @cached_property
    def normal_answer(self) -> str:
        """The first answer without case and spacing."""
        return normal(self.answer)

    @cached_property
    def matter(self) -> tuple[str, ...]:
        """The words of the first question that say what it is about."""
        return matter(self.question)


Rows = Sequence[Talk]


@dataclass(frozen=True, slots=True)
class Example:
    """A place in the input, with what stands there."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Symptom:
    """One finding. `share` is `count` over all conversations; `fix` is a line of the recipe that makes
    the finding go away, with a remark after `#`, or advice where no line can."""

    code: str
    severity: Severity
    count: int
    share: float
    what: str
    why: str
    fix: str
    examples: tuple[Example, ...] = ()

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Symptom:
        """The inverse of `to_json`."""
        return cls(**{**value, "examples": tuple(Example(**each) for each in value["examples"])})


def example(row: Conversation, text: str) -> Example:
    """Cut a text to a line beside its place."""
    flat = " ".join(text[: 4 * _EXCERPT].split())
    return Example(row.where, shortened(flat, _EXCERPT))


def shortened(text: str, size: int) -> str:
    """A text of at most `size` characters, which ends with an ellipsis where it was longer."""
    return text if len(text) <= size else f"{text[: size - 1]}…"


def rule(name: str, match: str, **settings: str) -> str:
    """A line of the recipe with one rule; JSON's quotes are YAML's too."""
    parts = {"name": name, "match": json.dumps(match, ensure_ascii=False), **settings}
    return f"data.rules: [{{{', '.join(f'{key}: {value}' for key, value in parts.items())}}}]"


_OF_ONE = (
    ("answers have one or two words", "answer has one or two words"),
    ("answers have no word in common with their question, and are general phrases",
     "answer has no word in common with its question, and is a general phrase"),
    ("answers have", "answer has"), ("answers stop", "answer stops"),
    ("answers refuse, or say", "answer refuses, or says"),
    ("answers repeat themselves, or the question", "answer repeats itself, or its question"),
    ("rows have control strings of a chat template inside their text",
     "row has a control string of a chat template inside its text"),
    ("rows have", "row has"), ("rows hold", "row holds"),
    ("conversations give the same answer twice, or have",
     "conversation gives the same answer twice, or has"),
    ("conversations are all", "conversation is all"), ("sources have", "source has"),
)  # fmt: skip


def of(count: int, what: str) -> str:
    """What is said of so many rows: "answer has" where it is one."""
    if count != 1:
        return what
    return next((one + what[len(many) :] for many, one in _OF_ONE if what.startswith(many)), what)


def symptom(
    code: str,
    rows: Rows,
    found: Sequence[tuple[int, str]],
    *,
    what: str,
    why: str,
    fix: str,
    serious: float = 2.0,
    warning: float = 0.0,
) -> Symptom | None:
    """Make a symptom of (row, text) pairs; `serious` and `warning` are the shares it takes for each."""
    count = len({at for at, _ in found})
    if not count:
        return None
    share = count / len(rows)
    severity: Severity = "serious" if share >= serious else "warning" if share >= warning else "note"
    first = dict(reversed(found))
    examples = tuple(example(rows[at].row, first[at]) for at in sorted(first)[:EXAMPLES])
    what = of(count, what)
    return Symptom(code, severity, count, round(share, 4), what, why, fix, examples)


# --- single answers ------------------------------------------------------------------------------


def too_short(rows: Rows) -> Symptom | None:
    """Answers of one or two words."""
    found = [
        (at, f"{talk.questions[-1]} → {talk.answers[-1]}")
        for at, talk in enumerate(rows)
        if len(talk.answers[-1]) < _CURT and len(talk.answers[-1].split()) <= 2
    ]
    return symptom(
        "too_short",
        rows,
        found,
        serious=0.5,
        warning=0.05,
        what="answers have one or two words",
        why="The model learns to be curt.",
        fix=f"data.min_answer: {_CURT}  # or write them out, if curt is not what is wanted",
    )


_CURT = 15  # characters


def cut_off(rows: Rows) -> Symptom | None:
    """Answers that stop in the middle of a sentence: those that `data.cut_off` drops.

    Where nearly all have no sign at their end, and hardly one has any inside, that is a style; then only
    what ends with a word after which something must come is cut off.
    """
    ends = [talk.answers[-1].rstrip() for talk in rows]
    prose = [at for at, text in enumerate(ends) if len(text) >= _PROSE and "\n" not in text]
    open_ = [at for at in prose if stops_open(ends[at]) or ends[at][-1:].isalnum()]
    inside = sum(has_full_stops(ends[at]) for at in open_)
    style = len(open_) >= max(_STYLE * len(prose), 1) and inside <= (1 - _STYLE) * len(open_)
    found = [at for at, text in enumerate(ends) if (stops_short if style else is_cut_off)(text)]
    fix = "data.cut_off: drop"
    if style:
        last = Counter("," if ends[at][-1] == "," else ends[at].split()[-1].lower() for at in found)
        words = "|".join(sorted(map(re.escape, last)))
        fix = rule("cut_off", rf"(?i)(?<!\w)(?:{words})\s*\Z", role="assistant", do="drop")
    return symptom(
        "cut_off",
        rows,
        [(at, "… " + ends[at][-80:]) for at in found],
        serious=0.1,
        what="answers stop in the middle of a sentence",
        why="The model learns to stop anywhere.",
        fix=fix + "  # or export them again without a limit of length",
    )


_STYLE = 0.9  # share of the answers from which what they have in common is their style
_PROSE = 60  # characters


def refusals(rows: Rows) -> Symptom | None:
    """Answers that decline, or speak of being a language model."""
    found = [
        (at, answer) for at, talk in enumerate(rows) for answer in talk.answers if is_refusal(answer)
    ]
    return symptom(
        "refusals",
        rows,
        found,
        serious=0.2,
        warning=0.01,
        what='answers refuse, or say "as an AI language model"',
        why="A few are enough for the model to refuse what it could do.",
        fix="data.refusals: drop  # unless they are meant",
    )


def repetition(rows: Rows) -> Symptom | None:
    """Answers that say a thing over and over, or repeat the question."""
    found = [
        (at, answer)
        for at, talk in enumerate(rows)
        for question, answer in talk.exchanges
        if repeats_itself(answer) or echoes(question, answer)
    ]
    return symptom(
        "repetition",
        rows,
        found,
        serious=0.1,
        what="answers repeat themselves, or the question",
        why="Repetition is learnt fast and hard to get rid of.",
        fix="data.repetition: drop",
    )


def placeholders(rows: Rows) -> Symptom | None:
    """Template fields that nobody filled in."""
    found = [
        (at, answer[max(0, place - 40) :])
        for at, talk in enumerate(rows)
        for question, answer in talk.exchanges
        if (place := placeholder_in(answer, question)) is not None
    ]
    return symptom(
        "placeholders",
        rows,
        found,
        serious=0.05,
        what="answers have fields to fill in, such as {{Order Number}}",
        why="The model will say the field's name to customers.",
        fix="data.placeholders: drop  # or fill them in",
    )


_CONTROLS = (
    r"<\|[a-z_]{2,24}\|>", "</?s>", r"\[/?INST\]", "<</?SYS>>", "<(?:start|end)_of_turn>",
    "<\uff5c[^\uff5c]{2,40}\uff5c>", "^### (?:Response|Instruction|Input):",
    "^(?:Human|Assistant|USER|ASSISTANT): ",
)  # fmt: skip
_CONTROL_STRING = re.compile("|".join(f"({each})" for each in _CONTROLS), re.MULTILINE)
_CONTROL_HINTS = ("<|", "s>", "INST]", "SYS>>", "_of_turn>", "<\uff5c", "### ", "Human: ", "Assistant: ",
                  "USER: ", "ASSISTANT: ")  # fmt: skip


def control_strings(rows: Rows) -> Symptom | None:
    """Pieces of some chat template inside what is said."""
    found, kinds = [], set()
    for at, talk in enumerate(rows):
        # All turns at once first: in most conversations there is no hint at all.
        if not _hints_at_control("\n".join([m.content for m in talk.row.messages])):
            continue
        for m in talk.row.messages:
            hits = list(_CONTROL_STRING.finditer(m.content)) if _hints_at_control(m.content) else []
            if hits:
                found.append((at, m.content[max(0, hits[0].start() - 30) :]))
                kinds |= {hit.lastindex for hit in hits if hit.lastindex}
    # Only the kinds that are there: the line is to be read.
    match = "|".join(_CONTROLS[kind - 1] for kind in sorted(kinds))
    # Where most rows have them, dropping would leave too little.
    do = "replace" if len({at for at, _ in found}) > len(rows) / 3 else "drop"
    return symptom(
        "control_strings",
        rows,
        found,
        serious=0.01,
        what="rows have control strings of a chat template inside their text",
        why="They are taught as text, and the model will write them.",
        fix=rule("control_strings", f"(?m){match}" if "^" in match else match, do=do)
        + "  # better: export them before a template is applied",
    )


def _hints_at_control(text: str) -> bool:
    return any(hint in text for hint in _CONTROL_HINTS)


def private_data(rows: Rows, section: DataSection | None = None) -> Symptom | None:
    """What masking would have removed; with the recipe's section, what is not private is known."""
    find = Placeholders(section).find if section else find_private
    found = [
        (at, f"{kind} in a {m.role} turn")
        for at, talk in enumerate(rows)
        for m in talk.row.messages
        for _, _, kind in find(m.content)[:1]
    ]
    return symptom(
        "private_data",
        rows,
        found,
        serious=0.01,
        what="rows hold private data",
        why="The model may learn it by heart and tell it to others.",
        fix="data.pii: mask",
    )
