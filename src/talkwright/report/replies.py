"""Two evaluation artefacts → their replies side by side, worst first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from talkwright.report.text import NBSP, clean, count, duration, is_number
from talkwright.report.verdict import metric_of, show
from talkwright.runs import read_jsonl

ORDER = (
    "Lowest fact recall of the tuned model first, then lowest F1, then lowest chrF; "
    "equals are ordered by how much better the base model did. Unscored replies come last."
)
_SORT = ("fact_recall", "f1", "chrf")
_CHIPS = ("f1", "chrf")


@dataclass(frozen=True, slots=True)
class Answer:
    """One model's reply with its scores as shown and as numbers; `note` says why it was not asked."""

    text: str
    chips: list[tuple[str, str]]
    fact: Literal["stated", "missed", ""]
    note: str
    scores: dict[str, float]
    asked: bool = True


@dataclass(frozen=True, slots=True)
class Pair:
    """One held-out prompt with both replies; `earlier` are the turns before the last question."""

    item: str
    earlier: list[dict[str, Any]]
    question: str
    reference: str
    facts: list[str]
    base: Answer | None
    tuned: Answer | None


@dataclass(frozen=True, slots=True)
class Replies:
    """The pairs to show and how many there are in all."""

    pairs: list[Pair]
    total: int
    order: str


def read_replies(base: Path | None, tuned: Path | None, limit: int) -> Replies:
    """Join two finished evaluation artefacts by item and keep the `limit` worst. Either may be None.

    Raises ArtefactError for a damaged file.
    """
    left, right = _items(base), _items(tuned)
    pairs = [_pair(left.get(item), right.get(item)) for item in dict.fromkeys([*right, *left])]
    if right:
        pairs.sort(key=_badness)
    order = ORDER if right else "In the order of the held-out prompts."
    return Replies(pairs[:limit], len(pairs), order)


def _items(folder: Path | None) -> dict[str, dict[str, Any]]:
    if folder is None or not (folder / "items.jsonl").is_file():
        return {}
    rows: Iterable[Any] = read_jsonl(folder / "items.jsonl")
    return {str(row.get("item")): clean(row) for row in rows}


def _pair(base: dict[str, Any] | None, tuned: dict[str, Any] | None) -> Pair:
    row = tuned or base or {}
    prompt = list(row.get("prompt") or [])
    question = str(prompt[-1].get("content") or "") if prompt else ""
    return Pair(
        item=str(row.get("item")),
        earlier=prompt[:-1],
        question=question,
        reference=str(row.get("reference") or ""),
        facts=[_spellings(fact) for fact in row.get("facts") or ()],
        base=_answer(base),
        tuned=_answer(tuned),
    )


def _spellings(fact: list[Any]) -> str:
    """The spellings of one fact, without those that differ in case alone."""
    first: dict[str, str] = {}
    for spelling in fact:
        first.setdefault(str(spelling).casefold(), str(spelling))
    return " or ".join(first.values())


def _answer(row: dict[str, Any] | None) -> Answer | None:
    if row is None:
        return None
    reply = row.get("reply")
    if reply is None:  # the prompt could not be asked; every score says why
        reasons = [score.get("why") for score in (row.get("scores") or {}).values() if score.get("why")]
        return Answer(
            "", [], "", str(reasons[0] if reasons else "no reason was recorded"), {}, asked=False
        )
    found = row.get("scores") or {}
    scores = {
        name: float(found[name]["value"])
        for name in _SORT
        if is_number((found.get(name) or {}).get("value"))
    }
    chips = []
    recall = scores.get("fact_recall")
    fact: Literal["stated", "missed", ""] = "stated" if recall == 1 else "missed" if recall == 0 else ""
    for name in _CHIPS if fact else ("fact_recall", *_CHIPS):
        if name in scores:
            chips.append((metric_of(name).title, show(metric_of(name), scores[name])))
    note = f"{count(reply.get('n_reply'))}{NBSP}tokens, {duration(reply.get('seconds'))}"
    endings = {"length": ", cut at the length limit", "cancelled": ", cancelled"}
    note += endings.get(str(reply.get("finish")), "")
    return Answer(str(reply.get("text") or ""), chips, fact, note, scores)


def _badness(pair: Pair) -> tuple[Any, ...]:
    """Sort key: unscored after scored, low before high, base better before tuned better, then the id."""
    tuned = pair.tuned.scores if pair.tuned else {}
    base = pair.base.scores if pair.base else {}
    own = [(name not in tuned, tuned.get(name, 0.0)) for name in _SORT]
    lost = sum(
        tuned[name] - base[name] for name in ("fact_recall", "f1") if name in tuned and name in base
    )
    return (*own, lost, pair.item)
