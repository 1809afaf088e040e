"""What will be asked: every wanted row with the rows it is made from, in a fixed order."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from talkwright.config import AugmentStep
from talkwright.data.augment import prompts
from talkwright.data.augment.asking import Chain, Chat, Rejected, Wanted
from talkwright.types import Conversation, content_id

_LONGEST = 12_000  # characters of a conversation that is sent
_EXAMPLES = 4  # rows that one `instruct` request shows
_LONGEST_EXAMPLE = 3_000  # characters
_PER_MESSAGE = 16  # tokens that a chat format may put around a message

_TAG = re.compile(r"</?(?:t\d+|question|answer|unknown)\s*/?>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Planned:
    """A wanted row with its step (number in the recipe), its sources and what it will likely take.

    `tokens` are estimates, sent and received, over all of its requests; `requests` is how many.
    """

    wanted: Wanted
    step: int
    kind: str
    sources: tuple[Conversation, ...]
    tokens: tuple[int, int]
    requests: int
    first: Chat


def plan(
    steps: Sequence[AugmentStep], train: Sequence[Conversation], seed: int, check: prompts.Check
) -> list[Planned]:
    """All rows that the steps want of the training rows.

    Round after round over the rows, so that a limit on the cost cuts the last variants of all rows and
    not the last rows. Rows with tool calls, very long ones and ones with our own tags are passed over.
    """
    # Each row once, however often the mixture repeats it.
    able = list({row.id: row for row in train if _is_able(row)}.values())
    planned: list[Planned] = []
    for number, step in enumerate(steps):
        for sources, variant in _sources(step, number, able, seed):
            planned.append(_planned(len(planned), number, step, sources, variant, check))
    return planned


def _is_able(row: Conversation) -> bool:
    texts = [m.content for m in row.messages]
    answers = [m.content for m in row.messages if m.role == "assistant"]
    return (
        all(m.role != "tool" for m in row.messages)
        and not any(
            text.lstrip()[:1] in ("{", "[") and text.rstrip()[-1:] in ("}", "]") for text in answers
        )
        and sum(map(len, texts)) <= _LONGEST
        and not any(_TAG.search(text) for text in texts)
    )


def _sources(
    step: AugmentStep, number: int, able: Sequence[Conversation], seed: int
) -> list[tuple[tuple[Conversation, ...], int]]:
    """The rows to start from and the variant, for every row that this step wants."""
    chosen = list(able)
    if step.max_rows is not None and step.max_rows < len(able):
        drawn = sorted(able, key=lambda row: content_id([seed, number, row.id]))[: step.max_rows]
        wanted = {row.id for row in drawn}
        chosen = [row for row in able if row.id in wanted]
    if step.kind == "instruct":
        short = [r for r in chosen if sum(len(m.content) for m in r.messages[:3]) <= _LONGEST_EXAMPLE]
        return [(_examples(short, seed, number, n), n) for n in range(step.count or 0) if short]
    return [((row,), variant) for variant in range(step.per_row or 1) for row in chosen]


def _examples(
    rows: Sequence[Conversation], seed: int, number: int, variant: int
) -> tuple[Conversation, ...]:
    """Some rows of one system prompt, drawn anew for every request."""
    draw = random.Random(content_id([seed, number, variant]))
    first = draw.choice(rows)
    others = [row for row in rows if row.id != first.id and _system(row) == _system(first)]
    return (first, *draw.sample(others, min(_EXAMPLES - 1, len(others))))


def _system(row: Conversation) -> str:
    return "\n".join(m.content for m in row.messages if m.role == "system")


def _planned(
    at: int,
    number: int,
    step: AugmentStep,
    sources: tuple[Conversation, ...],
    variant: int,
    check: prompts.Check,
) -> Planned:
    def begin(check: prompts.Check) -> Chain:
        if step.kind == "instruct":
            return prompts.instruct(sources, step, variant, check)
        return _CHAINS[step.kind](sources[0], step, variant, check)

    asked = _rehearse(begin(lambda _: None), prompts.likely_replies(step.kind, sources))
    bound = (
        sum(_at_most(chat) for chat, _ in asked) + step.max_tokens * (len(asked) - 1),
        step.max_tokens * len(asked),
    )
    likely = (
        sum(_estimate(m.content) + 4 for chat, _ in asked for m in chat),
        sum(_estimate(reply) for _, reply in asked),
    )
    wanted = Wanted(at, partial(begin, check), step.temperature, step.max_tokens, bound)
    first = asked[0][0] if asked else ()
    return Planned(wanted, number, step.kind, sources, likely, len(asked), first)


_CHAINS: dict[str, Callable[[Conversation, AugmentStep, int, prompts.Check], Chain]] = {
    "paraphrase": prompts.paraphrase,
    "back_translate": prompts.back_translate,
    "style": prompts.style,
    "evolve": prompts.evolve,
}


def _rehearse(chain: Chain, replies: Sequence[str]) -> list[tuple[Chat, str]]:
    """What a chain would ask, with likely replies instead of real ones."""
    asked: list[tuple[Chat, str]] = []
    try:
        chat = next(chain)
        for reply in replies:
            asked.append((chat, reply))
            chat = chain.send(reply)
    except (StopIteration, Rejected):
        pass
    return asked


def _at_most(chat: Chat) -> int:
    """More tokens than a chat can have: one for each byte."""
    return sum(len(m.content.encode("utf-8", "replace")) + _PER_MESSAGE for m in chat) + _PER_MESSAGE


def _estimate(text: str) -> int:
    """Roughly the tokens of a text: four ASCII characters to one, other characters nearly one each."""
    ascii_only = sum(c.isascii() for c in text)
    return math.ceil(ascii_only / 4 + 0.8 * (len(text) - ascii_only))
