"""Rows of published data sets that say in a way of their own what was asked, or leave out the answer.

TL;DR     {"info": {"title": ..., "post": ...}, "summaries": [{"text": ...}, {"text": ...}], "choice": 1}
BFCL      {"question": [[{"role": "user", ...}]], "function": [...]}; elsewhere {"ground_truth": [...]}
"""

from __future__ import annotations

from typing import Any

from talkwright.data.reading.chat.turns import Fields, Unfit, as_value, is_message_list
from talkwright.data.reading.shapes.winners import number_of

_ABOUT = ("title", "post", "article")  # what was to be summarised


def compared_summaries(value: Fields) -> Fields | None:
    """A row of two summaries of a post as a preference pair; None for any other row.

    Raises Unfit where nobody chose one, and where what was chosen is none of them.
    """
    info, summaries = as_value(value.get("info")), as_value(value.get("summaries"))
    if not isinstance(info, dict) or not isinstance(summaries, list) or "choice" not in value:
        return None
    texts = [held["text"] for held in summaries if isinstance(held, dict) and _is_text(held.get("text"))]
    about = [info[name].strip() for name in _ABOUT if _is_text(info.get(name))]
    if len(texts) != 2 or len(summaries) != 2 or not about:
        return None
    if value["choice"] is None or value["choice"] == "":
        raise Unfit("arena_no_winner")
    choice = number_of(value["choice"])
    if choice not in (0.0, 1.0):
        raise Unfit("unknown_verdict")
    chosen, rejected = texts if choice == 0 else texts[::-1]
    asked = "\n\n".join(("Summarize this text.", *about))
    beside = {key: held for key, held in value.items() if key not in ("info", "summaries", "choice")}
    return {**beside, "prompt": asked, "chosen": chosen.strip(), "rejected": rejected.strip()}


def is_compared(value: Fields) -> bool:
    """Say whether a row is one of two summaries, with a choice or without."""
    try:
        return "summaries" in value and compared_summaries(value) is not None
    except Unfit:
        return True


def has_answer_elsewhere(value: Fields) -> bool:
    """Say whether a row is a question of BFCL, whose answer is in another file, or such an answer."""
    if "ground_truth" in value and value.keys() <= {"id", "ground_truth"}:
        return True
    asked = as_value(value.get("question"))
    turns = asked if isinstance(asked, list) and asked else [None]
    return (
        not value.keys().isdisjoint(("function", "involved_classes"))
        and "ground_truth" not in value
        and (is_message_list(turns) or all(turn == [] or is_message_list(turn) for turn in turns))
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())
