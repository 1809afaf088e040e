"""Who speaks in a turn: the names data sets give to roles, and what is left out or guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

from talkwright.types import Role

_NAMES: dict[Role, str] = {
    "system": "system developer",
    "user": "user human customer client enduser visitor prompter requester caller patient student guest "
    "member buyer asker question kunde kundin nutzer benutzer cliente usuario utilisateur "
    "klant gebruiker klient utente",
    "assistant": "assistant gpt chatgpt gpt4 bing bard claude bot chatbot model ai agent functioncall "
    "toolcall operator support supportagent customerservice representative rep employee staff helpdesk "
    "admin teammate humanagent automatedagent virtualagent supportbot virtualassistant aiassistant "
    "service advisor consultant seller company owner answer therapist tutor mitarbeiter "
    "mitarbeiterin berater beraterin assistent kundenservice "
    "kundendienst agente asistente assistente conseiller medewerker soporte operatore konsultant",
    "tool": "tool function observation functionresponse toolresponse toolresult ipython tooloutput "
    "toolmessage toolreturn functionresult functionoutput functionreturn",
}
ROLES: dict[str, Role] = {name: role for role, names in _NAMES.items() for name in names.split()}
ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "by")
# Written beside the talk, for colleagues or by the product: the customer never saw it.
NOTES = frozenset(["note", "internalnote", "privatenote", "moderator", "event", "comment", "info"])
_NO_MESSAGES = ("service", "system_message")  # Telegram's and LiveChat's: somebody joined, was moved
# These speak to nobody: what a customer and an agent say is whole without them.
_BYSTANDERS = frozenset(
    """
    narrator narration observer scene stage action status log event error warning thought announcement
    metadata timestamp summary annotator annotation reviewer
    """.split()  # noqa: SIM905
)
# Who speaks where a model is trained; a system prompt is at home there, and nowhere else.
_OF_MODELS = frozenset(
    """
    user human prompter assistant gpt chatgpt gpt4 bing bard claude model ai bot chatbot developer
    functioncall toolcall
    """.split()  # noqa: SIM905
) | {name for name, role in ROLES.items() if role == "tool"}
# Certainly nobody who asks or answers, so never one of two speakers.
_NOBODY = frozenset({
    "narrator", "action", "stage", "thought", "thinking", "image", "picture", "audio", "video", "file",
    "error", "warning", "status", "log", "unknown", "none", "null", "other", "misc", "nan", "na",
})  # fmt: skip


_ANSWERS = re.compile(
    r"(?:is|from|by|sentby|isfrom)(?:agent|bot|ai|assistant|staff|support|operator|admin|model)|(?:is)?fromme"
)
_ASKS = re.compile(
    r"(?:is|from|by|sentby|isfrom)(?:user|customer|client|human|visitor|enduser|requester)|inbound"
)
_DIRECTIONS: dict[str, Role] = {
    "inbound": "user", "incoming": "user", "in": "user", "received": "user",
    "outbound": "assistant", "outgoing": "assistant", "out": "assistant", "sent": "assistant",
}  # fmt: skip
_FLAGS = {**dict.fromkeys(["true", "1", "yes", "t", "y", "1.0"], True),
          **dict.fromkeys("false 0 no f n 0.0".split(), False)}  # fmt: skip # noqa: SIM905


def may_mean_roles(name: str) -> bool:
    """Say whether a field of this plain name says who speaks by a flag or a direction."""
    return (
        name.endswith("direction")
        or name == "messagetype"
        or _ANSWERS.fullmatch(name) is not None
        or _ASKS.fullmatch(name) is not None
    )


def role_meant(name: str, value: Any) -> Role | None:
    """The role that a flag (`is_bot: true`, also as 1 or "yes") or a direction stands for, by the plain
    name of its field; None where it is neither."""
    if name.endswith("direction") or name == "messagetype":
        words = _plain(value) if isinstance(value, str) else ""
        found = _DIRECTIONS.get(words.strip())
        return found if name != "messagetype" or len(words) > 3 else None
    told = _ANSWERS.fullmatch(name), _ASKS.fullmatch(name)
    if told == (None, None) or value is None or isinstance(value, (dict, list)):
        return None
    flag = _FLAGS.get(str(value)[:9].strip().lower())
    if flag is None:
        return None
    return "assistant" if flag == (told[0] is not None) else "user"


def speaker(turn: Any) -> str | None:
    """The plain name of who speaks in a turn; None where it has none. Numbers count as names."""
    if not isinstance(turn, dict):
        return None
    name = turn.get("role")
    if name is None and "role" not in turn:
        name = next((turn[key] for key in ROLE_KEYS if key in turn), None)
    if isinstance(name, dict):  # {"author": {"role": ...}}
        name = name.get("role")
    if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < 1000:
        name = str(name)
    return _plain(name) if isinstance(name, str) else None


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).lower()


def is_side_note(turn: Any) -> bool:
    """Say whether a turn was not spoken to the customer: a note by name, or one flagged as private."""
    if not isinstance(turn, dict):
        return False
    hidden = turn.get("public") is False or turn.get("private") is True or turn.get("internal") is True
    return hidden or turn.get("type") in _NO_MESSAGES or speaker(turn) in NOTES


def without_software(turns: Sequence[Any], repairs: list[str]) -> Sequence[Any]:
    """Turns without what a desk's software says ("Agent Anna joined") between two people.

    `System` beside a customer and an agent, or beside people's names, is no system prompt but a side
    note (`dropped_side_note`). It is one where the others have the roles of a model's chat, or where it
    stands before all others in a list of `role`s.
    """
    names = [speaker(turn) for turn in turns]
    others = {name for name in names if name != "system"}
    if "system" not in names or len(others) < 2 or None in others or not software_speaks(others):
        return turns
    first = next(at for at, name in enumerate(names) if name != "system")
    left = [
        turn
        for at, (turn, name) in enumerate(zip(turns, names, strict=True))
        if name != "system" or (at < first and "role" in turn)
    ]
    if len(left) < len(turns):
        repairs.append("dropped_side_note")
    return left


def software_speaks(others: Iterable[str | None]) -> bool:
    """Say whether a `System` beside these speakers (plain names) is a desk's software, not a prompt."""
    return not _OF_MODELS.issuperset(others)


def without_third(turns: Sequence[Any], repairs: list[str]) -> Sequence[Any]:
    """Turns without those of a third beside a known user and a known assistant, where it is safe.

    Who speaks to nobody, such as a narrator, is left out as notes are (`dropped_side_note`). Whoever
    else is not known is where the two take turns without it (`dropped_unknown_role`): between two turns
    of one of them, it may have been the other side.
    """
    roles = [ROLES.get(speaker(turn) or "") for turn in turns]
    if None not in roles or not {"user", "assistant"} <= {*roles}:
        return turns
    names = {name for turn in turns if (name := speaker(turn)) not in ROLES}
    if None in names or "" in names or names & (_NOBODY - _BYSTANDERS):
        return turns
    left, strangers = [], False
    for at, turn in enumerate(turns):
        if roles[at] is not None:
            left.append(turn)
        elif speaker(turn) not in _BYSTANDERS:
            before = next((r for r in reversed(roles[:at]) if r in ("user", "assistant")), "assistant")
            after = next((r for r in roles[at:] if r in ("user", "assistant")), None)
            if before == after:
                return turns
            strangers = True
    if names & _BYSTANDERS:
        repairs.append("dropped_side_note")
    if strangers:
        repairs.append("dropped_unknown_role")
    return left


def guess_roles(turns: Sequence[Any]) -> dict[str, Role]:
    """Roles for the names that are not known, where two speak and so it can be told; else {}.

    Beside a known speaker the unknown one is the other side. Of two unknown ones that take turns, the
    first asks. `speaker: SYSTEM` that answers a user is what some call the machine.
    """
    said = [name for name in map(speaker, turns) if name is not None]
    order = list(dict.fromkeys(said))
    if len(said) < 2 or len(said) != len(turns):
        return {}
    if order == ["user", "system"] and not any("role" in turn for turn in turns):
        return {"system": "assistant"}
    names = [name for name in order if ROLES.get(name) not in ("system", "tool")]
    unknown = [name for name in names if name not in ROLES]
    if len(names) != 2 or any(not name or name in _NOBODY for name in unknown):
        return {}
    if len(unknown) == 1:
        [known] = [name for name in names if name in ROLES]
        return {unknown[0]: "assistant" if ROLES[known] == "user" else "user"}
    talk = [name for name in said if name in names]
    if len(unknown) == 2 and all(one != other for one, other in pairwise(talk)):
        return {names[0]: "user", names[1]: "assistant"}
    return {}
