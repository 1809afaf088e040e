"""Conversations kept as trees: OASST message trees, and the export of ChatGPT."""

from __future__ import annotations

from typing import Any

from talkwright.config import Columns
from talkwright.data.reading.chat.turns import Draft, Fields, Unfit, draft, message
from talkwright.data.reading.shapes.parting import part
from talkwright.types import Message

_SHOWN = ("text", "multimodal_text", "code", "execution_output", "tether_quote", "system_error")
_SPOKEN = ("REQUEST", "RESPONSE", "THINK")  # DeepSeek's kinds of text
_LONGEST = 10_000  # turns; longer paths are loops or attacks


def is_tree(value: Fields) -> bool:
    """Say whether a row is an OASST tree."""
    prompt = value.get("prompt")
    return isinstance(prompt, dict) and "text" in prompt and isinstance(prompt.get("replies"), list)


def is_tree_message(keys: Fields) -> bool:
    """Say whether a row is one message of a tree, from the flat form of OASST."""
    return {"messageid", "parentid", "text", "role"} <= keys.keys()


def read_tree(value: Fields, keys: Fields, columns: Columns) -> Draft:
    """Follow the best ranked answer at each step, and the reply that was answered. Raises Unfit.

    The lowest ranked alternative to the last answer is the rejected one.
    """
    if not is_tree(value):
        raise Unfit("unknown_format")
    messages: list[Message] = []
    repairs: list[str] = []
    node: Any = value["prompt"]
    before: Any = None
    while node is not None:
        messages.append(_said(node, repairs))
        if len(messages) > _LONGEST:
            raise Unfit("broken_tree")
        worse = _worst(before, node) if before is not None else None
        before, node = node, _next(node)
    rejected = None
    if worse is not None:
        rejected = part(messages, [*messages[:-1], _said(worse, repairs)])
    return draft(value, keys, columns, messages, "tree", repairs, rejected=rejected or ())


def _said(node: Fields, repairs: list[str]) -> Message:
    return message({"role": node.get("role", "prompter"), "text": node.get("text")}, repairs)


def _worst(before: Fields, answer: Fields) -> Fields | None:
    """The lowest ranked of the other answers; None where none has a worse rank."""
    ranked = [
        reply
        for reply in _replies(before)
        if not _is_withdrawn(reply)
        and reply.get("role") == answer.get("role") == "assistant"
        and _rank(answer) < _rank(reply) < float("inf")
    ]
    return max(ranked, key=_rank) if ranked else None


def _next(node: Fields) -> Fields | None:
    replies = [reply for reply in _replies(node) if not _is_withdrawn(reply)]
    if not replies:
        return None
    if replies[0].get("role") == "assistant":
        return min(replies, key=_rank)
    answered = [
        reply for reply in replies if any(not _is_withdrawn(answer) for answer in _replies(reply))
    ]
    return answered[0] if answered else None


def _replies(node: Fields) -> list[Fields]:
    replies = node.get("replies")
    return [reply for reply in replies if isinstance(reply, dict)] if isinstance(replies, list) else []


def _is_withdrawn(reply: Fields) -> bool:
    return reply.get("deleted") is True or reply.get("review_result") is False


def _rank(reply: Fields) -> float:
    rank = reply.get("rank")
    return rank if isinstance(rank, (int, float)) and rank == rank else float("inf")


# --- ChatGPT -------------------------------------------------------------------------------------


def is_export(value: Fields) -> bool:
    """Say whether a row is a conversation of ChatGPT's conversations.json."""
    return isinstance(value.get("mapping"), dict)


def read_export(value: Fields, keys: Fields, columns: Columns) -> Draft:
    """Follow the branch that was shown last. Raises Unfit."""
    if not is_export(value):
        raise Unfit("unknown_format")
    nodes: dict[Any, Any] = value["mapping"]
    path: list[Any] = []
    at = value.get("current_node")
    at = at if isinstance(at, str) and at in nodes else _last_leaf(nodes)
    seen: set[str] = set()
    while isinstance(at, str) and isinstance(nodes.get(at), dict):
        if at in seen or len(path) > _LONGEST:
            raise Unfit("broken_tree")
        seen.add(at)
        path.append(nodes[at].get("message"))
        at = nodes[at].get("parent")
    repairs: list[str] = []
    messages: list[Message] = []
    for said in reversed(path):
        messages += _shown(said, repairs)
    return draft(value, keys, columns, messages, "chatgpt", repairs)


def _last_leaf(nodes: dict[Any, Any]) -> str | None:
    leaves = [key for key, node in nodes.items() if isinstance(node, dict) and not node.get("children")]
    return leaves[-1] if leaves and isinstance(leaves[-1], str) else None


def _shown(said: Any, repairs: list[str]) -> list[Message]:
    """The message as it was shown in the chat; nothing for what the product keeps to itself."""
    if not isinstance(said, dict):
        return []
    if isinstance(said.get("fragments"), list):
        return _fragments(said["fragments"], repairs)
    content, author, about = (_dict(said.get(name)) for name in ("content", "author", "metadata"))
    if about.get("is_visually_hidden_from_conversation") is True:
        return []
    if content.get("content_type", "text") not in _SHOWN:
        return []
    parts = content.get("parts")
    parts = parts if isinstance(parts, list) else [content.get("text")]
    texts = [part for part in parts if isinstance(part, str)]
    if any(isinstance(part, dict) for part in parts):
        repairs.append("removed_attachment")
    text = "\n".join(texts)
    if not text.strip() and author.get("role") != "user":
        return []
    if said.get("recipient", "all") != "all":
        repairs.append("tool_call_as_text")
    return [message({"role": author.get("role"), "content": text}, repairs)]


def _fragments(parts: list[Any], repairs: list[str]) -> list[Message]:
    """A message of DeepSeek's export, which has ChatGPT's tree and texts of several kinds in it: a
    question, or an answer with what was thought. Raises Unfit where one of these is no text."""
    texts: dict[Any, list[str]] = {}
    for piece in parts:
        kind, text = (_dict(piece).get(name) for name in ("type", "content"))
        if kind in _SPOKEN and isinstance(text, str):
            texts.setdefault(kind, []).append(text)
        elif kind in _SPOKEN or not isinstance(kind, str):
            raise Unfit("not_text")
        else:  # what it looked up
            repairs.append("removed_attachment")
    asked, answer, thought = ("\n\n".join(texts.get(kind, ())) for kind in _SPOKEN)
    found = [Message("user", asked)] if asked else []
    return [*found, Message("assistant", answer, thought or None)] if answer or thought else found


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
