"""Trees from tables with one message a row, as the hub has OASST: each names the message it replies to.

The rows of a tree become one row, the tree as `trees` reads it. Rows that no first message leads to
stay rows of their own, and are dropped with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from talkwright.data.reading.chat.turns import plain
from talkwright.data.reading.rows import Row, as_one

_ABOUT = ("text", "role", "lang", "rank", "deleted", "review_result")  # what is kept of a message
_DEEPEST = 200  # replies to replies
_YES = {"true": True, "false": False}


def tree_namer() -> Callable[[Any], str | None]:
    """A function that says in which tree a row's message is; None for a row that is no message.

    Where no `message_tree_id` says so, it is the tree of the message that is replied to, which has to
    stand before.
    """
    known: dict[str, str] = {}

    def name(value: Any) -> str | None:
        if not isinstance(value, dict):
            return None
        fields = _fields(value)
        own, parent = _id(fields.get("messageid")), _id(fields.get("parentid"))
        if own is None or not isinstance(fields.get("text"), str):
            return None
        if (tree := _id(fields.get("messagetreeid"))) is not None:
            return tree
        known[own] = own if parent is None else known.get(parent, parent)
        return known[own]

    return name


def grown(rows: list[Row]) -> Iterator[Row]:
    """The rows of one tree as one row, and those that are not in it. Repeated messages are dropped."""
    nodes: dict[str, tuple[Row, dict[str, Any], str | None]] = {}
    for row in rows:
        fields = _fields(row.value)
        own = _id(fields["messageid"]) or ""
        if own in nodes:
            same = nodes[own][0].value == row.value
            yield replace(row, value=None, problem="duplicate" if same else "tree_message")
            continue
        nodes[own] = row, {**_node(fields), "replies": []}, _id(fields.get("parentid"))
    for _, node, parent in nodes.values():
        if parent is not None and parent in nodes:
            nodes[parent][1]["replies"].append(node)
    parts: dict[str, list[Row]] = {}
    for own, (row, _, _) in nodes.items():
        first = _first(own, nodes)
        if first is not None and nodes[first][2] is None:
            parts.setdefault(first, []).append(row)
        else:
            yield replace(row, value=None, problem="broken_tree" if first is None else "tree_message")
    for first, held in parts.items():
        yield _tree(held, nodes[first][1])


def _first(own: str, nodes: dict[str, Any]) -> str | None:
    """The message from which one comes, as far as the rows go; None where it runs in a circle."""
    at = own
    for _ in range(_DEEPEST):
        if nodes[at][2] not in nodes:
            return at
        at = nodes[at][2]
    return None


def _tree(parts: list[Row], node: dict[str, Any]) -> Row:
    first = next((row for row in parts if _id(_fields(row.value).get("parentid")) is None), parts[0])
    fields = _fields(first.value)
    value = {"message_tree_id": fields.get("messagetreeid") or fields["messageid"], "prompt": node}
    return replace(as_one(parts, value), where=first.where)


def _fields(value: dict[str, Any]) -> dict[str, Any]:
    return {plain(key): held for key, held in reversed(value.items())}


def _id(value: Any) -> str | None:
    """An id as text; None where there is none, as a table writes it."""
    if value is None or value != value or isinstance(value, (dict, list, bool)):
        return None
    return str(value)[:200].strip() or None


def _node(fields: dict[str, Any]) -> dict[str, Any]:
    """A message as in a tree; cells of a table say in words what is true, and numbers in digits."""
    node: dict[str, Any] = {}
    for name in _ABOUT:
        held = fields.get(plain(name))
        if isinstance(held, str) and name not in ("text", "role", "lang"):
            held = _YES.get(held.strip().lower()) if name != "rank" else _number(held)
        if held is not None:
            node[name] = held
    return node


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
