"""Rows that say the same as an earlier one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from talkwright.data.similarity.similar import Index, hard_parts, normal, signatures
from talkwright.progress import track
from talkwright.types import Conversation


@dataclass(frozen=True, slots=True)
class Duplicates:
    """`dropped` maps a row to (reason, row kept instead); `links` are kept rows that are alike."""

    dropped: dict[int, tuple[str, int]]
    links: list[tuple[int, int]]


def find_duplicates(
    conversations: Mapping[int, Conversation], how: Literal["near", "exact", "keep"], threshold: float
) -> Duplicates:
    """Compare each conversation with the earlier ones; the first of its kind is always kept.

    Near-duplicates are alike on the user's and on the assistant's side both, under the same system
    prompt, with the same roles, numbers and negations. Those not dropped are linked instead.
    """
    dropped: dict[int, tuple[str, int]] = {}
    links: list[tuple[int, int]] = []
    first: dict[object, int] = {}
    fresh: list[int] = []
    for at, conversation in conversations.items():
        key = tuple((m.role, normal(m.content), normal(m.thinking or "")) for m in conversation.messages)
        if first.setdefault(key, at) == at:
            fresh.append(at)
        elif how == "keep":
            links.append((first[key], at))
        else:
            dropped[at] = ("duplicate", first[key])
    sides = [(_side(conversations[at], "user"), _side(conversations[at], "assistant")) for at in fresh]
    signed = zip(signatures([a for a, _ in sides]), signatures([b for _, b in sides]), strict=True)
    index = Index(threshold, sides=2)
    rows = zip(fresh, sides, signed, strict=True)
    for at, texts, signature in track(rows, "compare rows", len(fresh)):
        keys = index.keys(_block(conversations[at], texts), signature)
        alike = index.find(keys, texts)
        if alike and how == "near":
            dropped[at] = ("near_duplicate", alike[0])
            links.extend((alike[0], other) for other in alike[1:])
            continue
        links.extend((other, at) for other in alike)
        index.add(at, keys, texts)
    return Duplicates(dropped, links)


def _side(conversation: Conversation, side: str) -> str:
    own = ("assistant",) if side == "assistant" else ("user", "tool")
    return "\n".join(m.content for m in conversation.messages if m.role in own)


def _block(conversation: Conversation, texts: tuple[str, str]) -> object:
    roles = tuple(m.role for m in conversation.messages)
    return hash((roles, _system(conversation), *map(hard_parts, texts)))


def _system(conversation: Conversation) -> str:
    return " ".join(normal(m.content) for m in conversation.messages if m.role == "system")
