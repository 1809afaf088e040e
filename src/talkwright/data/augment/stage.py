"""The augment stage: plan, ask, check, and account for every row that was wanted."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, overload

from talkwright.config import DataSection
from talkwright.data.augment.asking import Queue, Rejected, Wanted, Writer, request_key
from talkwright.data.augment.checks import REASONS, Judge
from talkwright.data.augment.plan import Planned, plan
from talkwright.data.augment.prompts import VERSIONS
from talkwright.data.augment.replies import Replies
from talkwright.data.dataset import Conversations
from talkwright.data.excerpts import excerpt
from talkwright.data.prepare import read_dataset
from talkwright.errors import DataError
from talkwright.progress import bar, say
from talkwright.runs import artefact, manifest, read_jsonl, write_json, write_jsonl
from talkwright.types import Conversation, Message, Provenance, to_json


def augment(
    section: DataSection,
    dataset: Path,
    writer: Writer,
    *,
    seed: int,
    out: Path,
    cache: Path,
    key: str = "",
    suite: Sequence[Conversation] = (),
) -> dict[str, Any]:
    """Have new rows written from a data set's training rows, and write what stands to the folder `out`.

    `cache` is the folder in which replies are kept, so that nothing is asked twice; `suite` are held-out
    rows besides those of the splits. The same rows, recipe and replies give the same bytes (manifest
    aside). Gives what counts.json holds. Raises EndpointError when the writer cannot go on; what was
    answered until then is kept.
    """
    since = time.time()
    if section.augment.engine == "endpoint" and section.pii in ("keep", "flag"):
        say(
            f"  warning: data.pii is {section.pii}, so private data in the training rows is sent to "
            f"{writer.host} as it is"
        )
    splits = read_dataset(dataset)
    train = splits["train"]
    held_out = [*splits["validation"], *splits["test"], *suite]
    judge = Judge(section, train, held_out)
    planned = _plan(section, train, seed, judge)
    with Replies(cache, writer.identity) as replies:
        known = [planned_row.wanted for planned_row in planned]
        with bar("augment", total=len(planned)) as shown:
            queue = Queue(
                known,
                writer,
                replies,
                section.augment.max_cost,
                closed=lambda _: shown.update(1),
            )
            writer.ask(queue)
    fates = [_fate(row, writer, judge) for row in planned]
    counts = _counts(planned, fates, writer)
    about = {"seed": seed, "sent": queue.sent, **counts}
    with artefact(Path(out), kind="augment", key=key, about=about, since=since) as folder:
        write_jsonl(folder / "train.jsonl", (row for fate in fates for row in _row_of(fate)))
        write_jsonl(folder / "ledger.jsonl", (fate.ledger for fate in fates))
        write_json(folder / "counts.json", counts)
    _say(counts)
    return counts


def preview(
    section: DataSection,
    dataset: Path,
    writer: Writer,
    *,
    seed: int,
    cache: Path,
) -> dict[str, Any]:
    """What `augment` would ask and cost; asks nothing and writes nothing.

    `tokens_in`, `tokens_out` and `cost` are estimates from the lengths of the rows; `cost_at_most` is a
    bound. Both costs are None where the recipe has no prices. `first` is the first request's text.
    """
    planned = _plan(section, read_dataset(dataset)["train"], seed, None)
    with Replies(cache, writer.identity) as replies:
        known = [
            bool(row.first)
            and request_key(writer, row.first, row.wanted.temperature, row.wanted.max_tokens) in replies
            for row in planned
        ]
    tokens = [sum(row.tokens[side] for row in planned) for side in (0, 1)]
    most = [sum(row.wanted.bound[side] for row in planned) for side in (0, 1)]
    prices = writer.prices
    return {
        "writer": writer.model,
        "host": writer.host,
        "rows": len(planned),
        "kinds": dict(Counter(row.kind for row in planned)),
        "requests": sum(row.requests for row in planned),
        "answered_before": sum(known),
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        "cost": None if prices is None else prices.of(tokens[0], tokens[1]),
        "cost_at_most": None if prices is None else prices.of(most[0], most[1]),
        "max_cost": section.augment.max_cost,
        "first": [to_json(message) for message in planned[0].first],
    }


def read_augmented(folder: Path) -> Sequence[Conversation]:
    """The conversations of an augment artefact, read from its file as they are asked for.

    Raises ArtefactError when it is not a finished one.
    """
    manifest(folder, kind="augment")
    return Conversations(Path(folder) / "train.jsonl")


def provenance(folder: Path) -> Iterator[dict[str, Any]]:
    """Of each new row in order: its `made`, the places it was made from, its own, and both texts.

    Raises ArtefactError when `folder` is not a finished augment artefact.
    """
    manifest(folder, kind="augment")
    fates = (row for row in read_jsonl(Path(folder) / "ledger.jsonl") if row["fate"] == "kept")
    for row, line in zip(fates, read_jsonl(Path(folder) / "train.jsonl"), strict=True):
        texts = {name: row[name] for name in ("before", "after")}
        yield {"where": line["where"], "from": row["where"], "made": line["made"], **texts}


class Joined(Sequence[Conversation]):
    """Two sequences of conversations as one, without reading either."""

    def __init__(self, first: Sequence[Conversation], second: Sequence[Conversation]):
        self._parts = (first, second)

    def __len__(self) -> int:
        return sum(map(len, self._parts))

    def __iter__(self) -> Iterator[Conversation]:
        return chain.from_iterable(self._parts)

    @overload
    def __getitem__(self, at: int) -> Conversation: ...
    @overload
    def __getitem__(self, at: slice) -> list[Conversation]: ...
    def __getitem__(self, at: int | slice) -> Conversation | list[Conversation]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        at = range(len(self))[at]
        first, second = self._parts
        return first[at] if at < len(first) else second[at - len(first)]


def _plan(
    section: DataSection, train: Sequence[Conversation], seed: int, judge: Judge | None
) -> list[Planned]:
    check = judge.check_question if judge is not None else lambda _: None
    planned = plan(section.augment.steps, train, seed, check)
    if not planned:
        raise DataError(
            "data.augment: none of the training rows can be used: all have tool calls or more than "
            "12,000 characters, or there is none. Leave data.augment out."
        )
    return planned


# --- the ledger ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of a wanted row: its ledger line, and the new row if it was kept."""

    ledger: dict[str, Any]
    row: Conversation | None
    made: Provenance | None


def _fate(planned: Planned, writer: Writer, judge: Judge) -> _Fate:
    """Judge one row; in order, for a row is compared with those before it."""
    wanted = planned.wanted
    rejected = wanted.rejected
    conversation = None
    if rejected is None and wanted.result is not None:
        try:
            messages = judge.check(planned.kind, planned.sources, wanted.result)
            judge.admit(planned.kind, messages)
            conversation = _conversation(planned, messages)
        except Rejected as verdict:
            rejected = verdict
    if (conversation is None) == (rejected is None):
        raise AssertionError(f"wanted row {wanted.number} is neither kept nor dropped")
    if rejected is not None and rejected.reason not in REASONS:
        raise AssertionError(f"'{rejected.reason}' is not a reason")
    ledger = {
        "row": wanted.number + 1,
        "step": planned.step + 1,
        "kind": planned.kind,
        "of": [source.id for source in planned.sources],
        "where": [source.where for source in planned.sources],
        "fate": "dropped" if rejected else "kept",
        "reason": rejected.reason if rejected else None,
        "detail": excerpt(judge.masked(rejected.detail)) if rejected else "",
        "conversation": conversation.id if conversation else None,
        "before": excerpt(_text_of(planned.sources[0].messages)),
        "after": excerpt(judge.masked(_text_of(wanted.result or ()))),
        "requests": wanted.requests,
    }
    if conversation is None:
        return _Fate(ledger, None, None)
    made = Provenance(
        of=tuple(source.id for source in planned.sources),
        kind=planned.kind,
        model=writer.model,
        host=writer.host,
        prompt=VERSIONS[planned.kind],
        request=wanted.last_key,
    )
    return _Fate(ledger, conversation, made)


def _conversation(planned: Planned, messages: tuple[Message, ...]) -> Conversation:
    source = planned.sources[0]
    return Conversation(
        messages,
        source=f"augment: {planned.kind}",
        where=f"augment/ledger.jsonl:{planned.wanted.number + 1}",
        group=source.group if len(planned.sources) == 1 else None,
        facts=source.facts if planned.kind in ("paraphrase", "back_translate") else (),
    )


def _text_of(messages: Sequence[Message]) -> str:
    return " / ".join(m.content for m in messages if m.role in ("user", "assistant"))


def _row_of(fate: _Fate) -> list[dict[str, Any]]:
    return [] if fate.row is None else [{**to_json(fate.row), "made": to_json(fate.made)}]


def _counts(planned: Sequence[Planned], fates: Sequence[_Fate], writer: Writer) -> dict[str, Any]:
    """Sums over the ledger. Raises AssertionError when asked is not kept + dropped."""
    rows: list[Wanted] = [row.wanted for row in planned]
    dropped = Counter(fate.ledger["reason"] for fate in fates if fate.row is None)
    kept = [fate for fate in fates if fate.row is not None]
    if len(planned) != len(kept) + sum(dropped.values()):
        raise AssertionError("the ledger of new rows does not add up")
    tokens = [sum(row.tokens[side] for row in rows) for side in (0, 1)]
    unmetered = sum(row.unmetered for row in rows)
    prices = writer.prices
    return {
        "asked": len(planned),
        "kept": len(kept),
        "dropped": {reason: dropped[reason] for reason in sorted(dropped)},
        "kinds": {
            kind: {
                "asked": sum(row.kind == kind for row in planned),
                "kept": sum(fate.ledger["kind"] == kind for fate in kept),
            }
            for kind in dict.fromkeys(row.kind for row in planned)
        },
        "replies": sum(row.requests for row in rows),
        "replies_without_usage": unmetered,
        "tokens_in": tokens[0],
        "tokens_out": tokens[1],
        # Unknown is not zero: a writer that does not say what it used has no cost that we know.
        "cost": prices.of(tokens[0], tokens[1]) if prices is not None and not unmetered else None,
        "model": writer.model,
        "host": writer.host,
    }


def _say(counts: Mapping[str, Any]) -> None:
    said = ", ".join(f"{reason} {number}" for reason, number in counts["dropped"].items()) or "none"
    cost = "" if counts["cost"] is None else f"; cost {counts['cost']:.4g}"
    say(f"  asked {counts['asked']} = kept {counts['kept']} + dropped ({said}){cost}")
    if counts["dropped"].get("failed_after_retries"):
        say("  Some requests failed; `talkwright data augment RUN` asks for those alone again.")
