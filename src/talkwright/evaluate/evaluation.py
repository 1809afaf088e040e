"""The evaluate stage: ask, score, measure losses, write the artefact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkwright.config import EvaluateSection
from talkwright.errors import DataError, RequestError, TemplateError, needs_memory
from talkwright.evaluate.cache import Cache
from talkwright.evaluate.facts import suite_facts
from talkwright.evaluate.items import distinct, is_item
from talkwright.evaluate.replies import make_replies, measure_losses
from talkwright.evaluate.score import score_item, signatures
from talkwright.progress import track
from talkwright.runs import artefact, write_jsonl
from talkwright.types import Conversation, Example, Reply, Sampling, to_json

if TYPE_CHECKING:
    from talkwright.engine import Engine


def evaluate(
    engine: Engine,
    variant: str,
    items: Sequence[Conversation],
    losses: Sequence[Conversation],
    section: EvaluateSection,
    *,
    seed: int,
    out: Path,
    key: str,
    cache: Path | None = None,
    weights: str = "",
) -> None:
    """Ask `engine` as `variant` for the last answer of every item and write an "evaluation" artefact.

    The held-out loss is measured on `losses`, over the assistant's tokens. `cache` is a folder for
    replies and losses already made, shared by any number of evaluations; `weights` is a digest of the
    model and tells its answers from others' there. `out`, `key` are the artefact's folder and key.

    Raises DataError when there is nothing to evaluate, ArtefactError when the cache cannot be used.
    """
    items, losses = distinct(items), distinct(losses)
    if not items and not losses:
        raise DataError(
            "there is nothing to evaluate: no held-out conversation ends with an assistant message. "
            "Give more data, a larger `data.test`, or a file of conversations as `evaluate.suite`."
        )
    sampling = Sampling(
        temperature=section.temperature,
        top_p=section.top_p,
        max_new_tokens=section.max_new_tokens,
        seed=seed,
    )
    about: dict[str, Any] = {}
    known = Cache(cache, weights)
    instead = "Lower evaluate.batch_size, or max_new_tokens; what was measured by now is kept."
    with (
        needs_memory(f"in asking the {variant} model", instead),
        artefact(out, kind="evaluation", key=key, about=about) as folder,
    ):
        prompts, refused = _prompts(engine, items)
        replies = make_replies(
            engine,
            variant,
            prompts,
            sampling,
            batch_size=section.batch_size,
            cache=known,
            weights=weights,
        )
        write_jsonl(folder / "items.jsonl", _item_rows(items, replies, refused))
        examples, skipped = _examples(engine, losses)
        sums = measure_losses(
            engine, variant, examples, batch_size=section.batch_size, cache=known, weights=weights
        )
        loss_rows = [_loss_row(c.id, sums.get(c.id), skipped.get(c.id)) for c in losses]
        write_jsonl(folder / "losses.jsonl", loss_rows)
        about.update(
            {
                "variant": variant,
                "weights": weights,
                "engine": engine.name,
                "template": engine.template.fingerprint,
                "sampling": to_json(sampling),
                "items": len(items),
                "unanswered": len(items) - len(replies),
                "losses": len(losses),
                "unmeasured": sum(row["nll"] is None for row in loss_rows),
                "signatures": signatures(),
            }
        )


def _prompts(
    engine: Engine, items: Sequence[Conversation]
) -> tuple[dict[str, list[int]], dict[str, str]]:
    """Token ids of the prompts that can be asked, and why the others cannot, by item id."""
    prompts: dict[str, list[int]] = {}
    refused: dict[str, str] = {}
    for item in items:
        if not is_item(item):
            refused[item.id] = (
                "the conversation has no prompt, or does not end with the assistant's answer"
            )
            continue
        try:
            ids = engine.template.prompt_ids(item.messages[:-1], item.tools)
        except (RequestError, TemplateError) as error:
            refused[item.id] = str(error)
            continue
        if len(ids) < engine.context_length:
            prompts[item.id] = ids
        else:
            refused[item.id] = (
                f"the prompt has {len(ids)} tokens and leaves no room for a reply: "
                f"the context holds {engine.context_length}"
            )
    return prompts, refused


def _item_rows(
    items: Sequence[Conversation], replies: Mapping[str, Reply], refused: Mapping[str, str]
) -> list[dict[str, Any]]:
    others = suite_facts(items)
    rows = []
    for item in track(items, "scores", total=len(items), unit="reply"):
        reply = replies.get(item.id)
        scores, stats = score_item(item, reply, others, refused.get(item.id))
        rows.append(
            {
                "item": item.id,
                "prompt": to_json(item.messages[:-1]),
                "reference": item.messages[-1].text,
                "reply": to_json(reply),
                "facts": to_json(item.facts),
                "scores": {name: {"value": value, "why": why} for name, (value, why) in scores.items()},
                "stats": stats,
            }
        )
    return rows


def _examples(
    engine: Engine, conversations: Sequence[Conversation]
) -> tuple[dict[str, list[Example]], dict[str, str]]:
    """Supervised rows of the conversations that have a loss, and why the others have none, by id."""
    examples: dict[str, list[Example]] = {}
    skipped: dict[str, str] = {}
    for conversation in conversations:
        try:
            rows = [row for row in engine.template.encode(conversation) if row.n_supervised]
        except (RequestError, TemplateError) as error:
            skipped[conversation.id] = str(error)
            continue
        longest = max((len(row.input_ids) for row in rows), default=0)
        if not rows:
            skipped[conversation.id] = "no token of the conversation is the assistant's"
        elif longest > engine.context_length:
            skipped[conversation.id] = (
                f"the conversation has {longest} tokens; the context holds {engine.context_length}"
            )
        else:
            examples[conversation.id] = rows
    return examples, skipped


def _loss_row(item: str, found: tuple[float | None, int] | None, skipped: str | None) -> dict[str, Any]:
    nll, tokens = found or (None, 0)
    if nll is None or tokens < 1:
        reason = skipped or "the model's loss is not a finite number"
        return {"item": item, "nll": None, "tokens": tokens, "why": reason}
    return {"item": item, "nll": nll, "tokens": tokens, "why": None}
