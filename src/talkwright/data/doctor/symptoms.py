"""What can be wrong with a single answer or text: one function a symptom.

Each takes all conversations and gives a `Symptom` or None. Nothing is changed or dropped. Patterns over
many conversations are in patterns.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from talkwright.data.cleaning.private import find_private
from talkwright.data.similarity.similar import normal, words
from talkwright.types import Conversation

Severity = Literal["serious", "warning", "note"]
Rows = Sequence[Conversation]

EXAMPLES = 3
_EXCERPT = 120


@dataclass(frozen=True, slots=True)
class Example:
    """A place in the input, with what stands there."""

    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Symptom:
    """One finding. `share` is `count` over all conversations; `fix` is a recipe line, or advice."""

    code: str
    severity: Severity
    count: int
    share: float
    what: str
    why: str
    fix: str
    examples: tuple[Example, ...] = ()


def answers_of(row: Conversation) -> list[str]:
    """What the assistant says, in order; never empty."""
    return [m.content for m in row.messages if m.role == "assistant"]


def questions_of(row: Conversation) -> list[str]:
    """What the user says, in order; never empty."""
    return [m.content for m in row.messages if m.role == "user"]


def example(row: Conversation, text: str) -> Example:
    """Cut a text to a line beside its place."""
    flat = " ".join(text.split())
    return Example(row.where, flat if len(flat) <= _EXCERPT else flat[: _EXCERPT - 1] + "…")


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
    least: int = 1,
) -> Symptom | None:
    """Make a symptom of (row, text) pairs; `serious` and `warning` are the shares it takes for each."""
    count = len({at for at, _ in found})
    if count < least:
        return None
    share = count / len(rows)
    severity: Severity = "serious" if share >= serious else "warning" if share >= warning else "note"
    first = dict(reversed(found))
    examples = tuple(example(rows[at], first[at]) for at in sorted(first)[:EXAMPLES])
    return Symptom(code, severity, count, round(share, 4), what, why, fix, examples)


# --- single answers ------------------------------------------------------------------------------

_ENDS_WELL = re.compile(r"[.!?…:;)\]}\"'»”’*`>|。！？）」_~\U0001F300-\U0001FAFF\u2600-\u27BF-]\s*\Z")
_LAST_WORD = re.compile(
    r"(?:\b(?:the|a|an|of|to|and|or|in|for|with|is|are|your|that|on|at|by|from|as)|,|\w-)\s*\Z",
    re.IGNORECASE,
)


def too_short(rows: Rows) -> Symptom | None:
    """Answers of one or two words."""
    found = [
        (at, f"{questions_of(row)[-1]} → {answers_of(row)[-1]}")
        for at, row in enumerate(rows)
        if len(words(answers_of(row)[-1])) <= 2 and len(answers_of(row)[-1]) < 15
    ]
    return symptom(
        "too_short",
        rows,
        found,
        serious=0.5,
        warning=0.05,
        what="answers have one or two words",
        why="The model learns to be curt.",
        fix="write them out, if that is not what is wanted",
    )


def cut_off(rows: Rows) -> Symptom | None:
    """Answers that stop in the middle of a sentence."""
    talk = [(at, answers_of(row)[-1].rstrip()) for at, row in enumerate(rows)]
    prose = [(at, text) for at, text in talk if len(text) >= 60 and "\n" not in text[-40:]]
    open_ = [(at, text) for at, text in prose if not _ENDS_WELL.search(text)]
    if len(open_) > 0.4 * len(prose):  # a style without full stops; then only what certainly goes on
        open_ = []
    found = dict(open_) | {at: text for at, text in talk if len(text) >= 20 and _LAST_WORD.search(text)}
    return symptom(
        "cut_off",
        rows,
        [(at, "… " + text[-80:]) for at, text in sorted(found.items())],
        serious=0.1,
        what="answers stop in the middle of a sentence",
        why="The model learns to stop anywhere.",
        fix="export them again without a limit of length, or take them out",
    )


_REFUSAL = re.compile(
    r"\bas an? (?:ai|artificial intelligence)\b|\bas a (?:large )?language model\b"
    r"|\bi am (?:just |only )?an? (?:ai|language model)\b"
    r"|\bi(?:'m| am) (?:sorry|afraid),? (?:but )?(?:i|as)\b.{0,40}"
    r"\b(?:can(?:'|no)t|cannot|unable|not able|won't)\b"
    r"|\bi (?:can't|cannot|am unable to|am not able to|won't) "
    r"(?:assist|help|provide|fulfil|comply|do that)\b"
    r"|\bmy knowledge cutoff\b",
    re.IGNORECASE,
)


def refusals(rows: Rows) -> Symptom | None:
    """Answers that decline, or speak of being a language model."""
    found = [
        (at, answer) for at, row in enumerate(rows) for answer in answers_of(row) if is_refusal(answer)
    ]
    return symptom(
        "refusals",
        rows,
        found,
        serious=0.2,
        warning=0.01,
        what='answers refuse, or say "as an AI language model"',
        why="A few are enough for the model to refuse what it could do.",
        fix="take them out, if they are another model's habits",
    )


def is_refusal(answer: str) -> bool:
    """Say whether an answer declines in its first 400 characters."""
    return bool(_REFUSAL.search(answer[:400].replace("\u2019", "'")))


_SENTENCE = re.compile(r"(?<=[.!?。！？])\s*|\n+")
_LOOP = re.compile(r"(\b\w[\w ,]{2,40})(?:\s*\1){4,}")


def repetition(rows: Rows) -> Symptom | None:
    """Answers that say one sentence three times or more, or repeat the question."""
    found = []
    for at, row in enumerate(rows):
        for answer in answers_of(row):
            parts = [normal(part) for part in _SENTENCE.split(answer) if len(part) >= 20]
            said = Counter(parts).most_common(1)
            if (said and said[0][1] >= 3) or _LOOP.search(answer[:4000]):
                found.append((at, answer))
        if normal(answers_of(row)[0]) == normal(questions_of(row)[0]) and len(answers_of(row)[0]) > 15:
            found.append((at, answers_of(row)[0]))
    return symptom(
        "repetition",
        rows,
        found,
        serious=0.1,
        what="answers repeat themselves, or the question",
        why="Repetition is learnt fast and hard to get rid of.",
        fix="take them out of the source",
    )


_PLACEHOLDER = re.compile(
    r"\{\{[^{}\n]{1,60}\}\}|\$\{\w{1,40}\}"
    r"|\[(?:your|insert|company|customer|name|date|order)\b[^\]\n]{0,40}\]",
    re.IGNORECASE,
)
_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


def placeholders(rows: Rows) -> Symptom | None:
    """Template fields that nobody filled in."""
    found = [
        (at, text[max(0, hit.start() - 40) :])
        for at, row in enumerate(rows)
        for text in (_CODE.sub("", answer) for answer in answers_of(row))
        if (hit := _PLACEHOLDER.search(text))
    ]
    return symptom(
        "placeholders",
        rows,
        found,
        serious=0.05,
        what="answers have fields to fill in, such as {{Order Number}}",
        why="The model will say the field's name to customers.",
        fix="fill them in, or rewrite the sentences without them",
    )


_CONTROL = re.compile(
    r"<\|[a-z_]{2,24}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<\uff5c[^\uff5c]{2,40}\uff5c>"
    r"|^### (?:Response|Instruction|Input):|^(?:Human|Assistant|USER|ASSISTANT): ",
    re.MULTILINE,
)


def control_strings(rows: Rows) -> Symptom | None:
    """Pieces of some chat template inside what is said."""
    found = [
        (at, m.content[max(0, hit.start() - 30) :])
        for at, row in enumerate(rows)
        for m in row.messages
        if (hit := _CONTROL.search(m.content))
    ]
    return symptom(
        "control_strings",
        rows,
        found,
        serious=0.01,
        what="rows have control strings of a chat template inside their text",
        why="They are taught as text, and the model will write them.",
        fix="export the conversations before a template is applied",
    )


def private_data(rows: Rows) -> Symptom | None:
    """What masking would have removed."""
    found = [
        (at, f"{kind} in a {m.role} turn")
        for at, row in enumerate(rows)
        for m in row.messages
        for _, _, kind in find_private(m.content)[:1]
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
