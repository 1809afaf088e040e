"""Who is who: the names of speakers that the recipe gives roles, put in place of the names.

The recipe's `roles` may name a person by any name or id that the export has for them; `skip` leaves
their words out, and `*` is everybody else.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from talkwright.data.reading.chat.speakers import PERSON_KEYS, ROLE_KEYS, ROLES
from talkwright.data.reading.chat.turns import TEXT_KEYS, as_value, plain
from talkwright.data.reading.rows import Row
from talkwright.errors import DataError

Roles = Mapping[str, str]
NO_ROLES: Roles = {}
OTHERS = "*"
_SKIPPED = "note"  # what every reader leaves out, and says so
_WHO = frozenset(
    (*ROLE_KEYS, *PERSON_KEYS, "name", "displayname", "fromid", "userid", "senderid", "authorid", "who")
)
_SAYS = frozenset((*TEXT_KEYS, "msg", "messagetext"))
_KEPT = {"name", "userid"}  # of a tool, and what keeps rows together
_INSIDE = ("name", "nickname", "displayname", "realname", "username", "id", "user", "email")
_DEEPEST = 6
_SIMPLE = re.compile(r"[^\W\d_][\w.-]*(?: [\w.-]+)*")
_SHOWN = 12  # speakers that an error names


def role_of(name: str, roles: Roles) -> str | None:
    """What the recipe says a speaker is, `*` aside: a role, or the name of a note; None for nothing."""
    found = next((role for key, role in roles.items() if plain(key) == plain(name)), None)
    return _SKIPPED if found == "skip" else found


def others_role(roles: Roles) -> str | None:
    """What the recipe says that everybody else is; None where it says nothing of them."""
    found = roles.get(OTHERS)
    return _SKIPPED if found == "skip" else found


def with_roles(value: Any, roles: Roles, depth: int = 0) -> Any:
    """A row with roles in place of the speakers' names, in whatever lists of turns it has."""
    if depth > _DEEPEST:
        return value
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        held = as_value(value)
        return value if isinstance(held, str) else with_roles(held, roles, depth + 1)
    if isinstance(value, list):
        return [
            _cast(item, roles) if isinstance(item, dict) and _speaks(item)
            else with_roles(item, roles, depth + 1) if isinstance(item, (dict, list)) else item
            for item in value
        ]  # fmt: skip
    if isinstance(value, dict):
        return {key: with_roles(held, roles, depth + 1) for key, held in value.items()}
    return value


def _speaks(item: dict[str, Any]) -> bool:
    names = {plain(key) for key in item}
    return not names.isdisjoint(_SAYS) and not names.isdisjoint(_WHO)


def _cast(turn: dict[str, Any], roles: Roles) -> dict[str, Any]:
    """A turn whose speaker has a role as one that says it where every reader looks first."""
    names = [name for key, held in turn.items() if plain(key) in _WHO for name in _names(held)]
    role = next((role for name in names if (role := role_of(name, roles)) is not None), None)
    if role is None and not any(plain(name) in ROLES for name in names):
        role = others_role(roles)
    if role is None:
        return turn
    left = {key: held for key, held in turn.items() if plain(key) not in _WHO - _KEPT}
    return {"role": role, **left}


def row_cast(row: Row, roles: Roles) -> Row:
    """A row that is a message itself with the role of its speaker; any other as it is."""
    if not isinstance(row.value, dict) or not _speaks(row.value):
        return row
    return replace(row, value=_cast(row.value, roles))


def _names(held: Any) -> list[str]:
    """The names in a field that says who speaks: itself, or those of the person that it is."""
    if isinstance(held, (str, int)) and not isinstance(held, bool):
        return [str(held)]
    if not isinstance(held, dict):
        return []
    return [name for key, inner in held.items() if plain(key) in _INSIDE for name in _names(inner)]


def speakers_in(value: Any, depth: int = 0) -> Counter[str]:
    """How often which speakers are named in a row's lists of turns."""
    found: Counter[str] = Counter()
    if depth > _DEEPEST:
        return found
    if isinstance(value, dict):
        for held in value.values():
            found.update(speakers_in(held, depth + 1))
    elif isinstance(value, list):
        for item in value[:10_000]:
            if isinstance(item, dict) and _speaks(item):
                keys = [key for name in ROLE_KEYS for key in item if plain(key) == name]
                keys += [key for key in item if plain(key) in _WHO and key not in keys]
                name = next((name for key in keys for name in _names(item[key])[-1:]), None)
                if name is not None:
                    found[name[:60]] += 1
            else:
                found.update(speakers_in(item, depth + 1))
    return found


def _recipe_line(names: Iterable[str]) -> str:
    """The line of the recipe that gives roles to these speakers, as an example."""
    shown = [name for name in dict.fromkeys(names) if plain(name) not in ROLES][:_SHOWN] or ["NAME"]
    parts = [
        f"{_key(name)}: {('user', 'assistant')[min(at, 1)] if len(shown) > 1 else 'assistant'}"
        for at, name in enumerate(shown[:2])
    ]
    more = [f"{_key(name)}: skip" for name in shown[2:4]]
    return f"roles: {{{', '.join(parts + more)}}}"


def _key(name: str) -> str:
    return name if _SIMPLE.fullmatch(name) else json.dumps(name, ensure_ascii=False)


def unknown_speakers(path: Path, names: Iterable[str]) -> DataError:
    """What to raise for a chat of which nobody says who is the assistant."""
    often = Counter(names)
    shown = ", ".join(f"{name} ({count})" for name, count in often.most_common(_SHOWN))
    more = f" and {len(often) - _SHOWN} more" if len(often) > _SHOWN else ""
    return DataError(
        f"{path}: a chat, and it cannot be known who asks and who answers. Speakers and their messages: "
        f"{shown}{more}.\nSay it in the recipe, where the assistant is the one to learn from:\n"
        f"  data:\n    sources:\n      - path: ...      # as it is\n        {_recipe_line(often)}\n"
        'Others may be `skip`, which leaves them out; `"*"` stands for everybody who is not named.'
    )
