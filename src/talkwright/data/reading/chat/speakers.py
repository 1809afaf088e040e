"""Who speaks in a turn: the names data sets give to roles, and what is left out or guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Any

from talkwright.types import Role

_NAMES: dict[Role, str] = {
    "system": "system developer",
    "user": """
        user human customer client enduser visitor prompter requester caller patient student guest
        member buyer
        asker question shopper subscriber passenger websitevisitor sitevisitor customeruser
        kunde kundin nutzer nutzerin benutzer benutzerin anrufer anruferin besucher besucherin
        cliente usuario usuaria visitante paciente paziente patientin patiënt
        utilisateur utilisatrice visiteur
        utente utilizzatore visitatore usuário utilizador
        klant gebruiker bezoeker klient klientka użytkownik клиент пользователь покупатель
        用户 客户 顾客 用戶 客戶 顧客 ユーザー お客様 고객 사용자
    """,
    "assistant": """
        assistant gpt chatgpt gpt4 bing bard claude bot chatbot model ai agent functioncall toolcall
        operator
        support supportagent customerservice customersupport customercare clientservice clientservices
        technicalsupport techsupport csr csa representative rep employee staff helpdesk servicedesk
        admin teammate
        service advisor adviser consultant specialist supervisor sales billing technician
        receptionist dispatcher seller salesperson
        salesman company owner answer therapist tutor
        mitarbeiter mitarbeiterin berater beraterin assistent assistentin kundenservice kundendienst
        kundenberater
        kundenberaterin kundenbetreuer kundenbetreuerin kundensupport servicemitarbeiter
        servicemitarbeiterin
        supportmitarbeiter supportmitarbeiterin
        agente asistente soporte operador operadora servicioalcliente atenciónalcliente atencionalcliente
        representante asesor asesora
        conseiller conseillère conseillere serviceclient serviceclientèle servicesclients
        chargédeclientèle
        opérateur opératrice téléconseiller
        assistente operatore operatrice servizioclienti assistenzaclienti addetto consulente
        atendente suporte atendimento atendimentoaocliente serviçoaocliente apoioaocliente
        medewerker medewerkster klantenservice konsultant konsultantka
        оператор ассистент консультант поддержка менеджер 客服 助手 助理 机器人 オペレーター
        アシスタント 상담원
    """,
    "tool": "tool function observation functionresponse toolresponse toolresult ipython tooloutput "
    "toolmessage toolreturn functionresult functionoutput functionreturn",
}
# A desk's people are called by where they sit and what they do: Support Agent, Customer Service Rep.
_DESKS = """
    support service customer customersupport customerservice customercare client clientservice
    clientservices sales
    tech technical techsupport technicalsupport helpdesk servicedesk chat live livechat callcenter
    callcentre
    contactcenter virtual automated human ai store hotel bank
""".split()  # noqa: SIM905
_POSTS = """
    agent rep representative advisor adviser specialist assistant associate executive operator engineer
    bot team
    consultant
""".split()  # noqa: SIM905
ROLES: dict[str, Role] = {name: role for role, names in _NAMES.items() for name in names.split()}
ROLES |= {desk + post: "assistant" for desk in _DESKS for post in _POSTS}
ROLE_KEYS = ("role", "from", "speaker", "author", "sender", "by")
# Fields (by plain names) that may name a person, who is no role.
PERSON_KEYS = ("sendername", "authorname", "username", "user", "nick", "nickname", "participant")
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
# The names in the templates that models were trained with.
OF_TEMPLATES = ("human", "user", "instruction", "assistant", "response", "system", "bot", "ai")
# Before a line of a text these mean a speaker wherever they are met.
_SURE = frozenset(
    """
    human user customer client visitor assistant ai bot agent chatbot operator support representative
    system
    """.split()  # noqa: SIM905
)
# Names of roles that head a line of a form, an address or a comparison at least as often.
_FIELDS = frozenset(
    """
    model company owner member guest service staff employee admin
    functioncall toolcall tutor seller buyer student representante
    """.split()  # noqa: SIM905
)
_BRANDS = frozenset(["bing", "bard", "claude", "gpt", "gpt4", "chatgpt"])  # they are compared, too
# Two of these speak where the one is met with the other. Who answers does not begin.
_ASKED = (
    ("q", "a"), ("question", "answer"), ("instruction", "response"), ("frage", "antwort"),
    ("question", "réponse"), ("question", "reponse"), ("pregunta", "respuesta"),
    ("domanda", "risposta"), ("pergunta", "resposta"), ("vraag", "antwoord"), ("f", "a"),
    ("d", "r"), ("p", "r"), ("问", "答"), ("問", "答"), ("вопрос", "ответ"), ("user", "system"),
    ("utente", "sistema"),
)  # fmt: skip
_COUPLES = (
    ("patient", "doctor"), ("patient", "nurse"), ("patient", "physician"), ("patient", "arzt"),
    ("patientin", "ärztin"), ("patientin", "arzt"), ("patient", "ärztin"), ("patient", "médecin"),
    ("paciente", "médico"), ("paciente", "doctor"), ("paziente", "medico"), ("patiënt", "arts"),
    ("student", "teacher"), ("student", "tutor"), ("student", "professor"), ("pupil", "teacher"),
    ("schüler", "lehrer"), ("buyer", "seller"), ("guest", "receptionist"), ("guest", "host"),
    ("interviewer", "interviewee"),
)  # fmt: skip
# Whoever wrote the text down, or is spoken to in it: never the desk.
_SELVES = frozenset("me you i ich du moi vous yo tú usted io tu eu você ik jij ja я 我 myself".split())  # noqa: SIM905
# Words that head a line of any text, and so are nobody's name.
_HEADINGS = frozenset(
    """
    note notes example examples subject date time title topic summary question answer step steps tip
    tips warning
    caution important remember hint hints input output result results conclusion introduction background
    context
    order name email mail phone fax tel address price total status update updates ps pps definition
    source sources
    reference references link links url website hours location item items product products issue problem
    solution
    reason reasons pros cons ingredients instructions directions task goal objective description
    category type
    language version author published translation original text message chat conversation transcript
    dialogue
    dialog response reply prompt request comment feedback rating score grade diagnosis symptoms age
    gender sex
    department company position page chapter part section figure table fact facts day week month year
    scene act
    setting characters call ticket case id nr no number ref code error cause fix action actions follow-up
    hinweis beispiel betreff datum uhrzeit titel thema schritt tipp achtung wichtig ergebnis fazit name
    preis
    nota ejemplo asunto fecha hora título remarque exemple objet heure titre nota esempio oggetto data
    ora
    """.split()  # noqa: SIM905
)
_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,2}")
_BOTH = re.compile(r"(?=.*(?<=[)\]])\Z)(.+?) ?[(\[](.+)[)\]]")  # Anna (Agent)
# Certainly nobody who asks or answers, so never one of two speakers.
_NOBODY = frozenset({
    "narrator", "action", "stage", "thought", "thinking", "image", "picture", "audio", "video", "file",
    "error", "warning", "status", "log", "unknown", "none", "null", "other", "misc", "nan", "na",
})  # fmt: skip


_ANSWERS = re.compile(
    r"(?:is|from|by|sentby|isfrom)(?:agent|bot|ai|assistant|staff|support|operator|admin|model)|(?:is)?fromme|outgoing"
)
_ASKS = re.compile(
    r"(?:is|from|by|sentby|isfrom)(?:user|customer|client|human|visitor|enduser|requester)|inbound|incoming"
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
        words = plain_name(value) if isinstance(value, str) else ""
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
    return plain_name(name) if isinstance(name, str) else None


@lru_cache(maxsize=4096)
def plain_name(name: str) -> str:
    """A name without case, spaces, hyphens and underscores."""
    return re.sub(r"[\s_-]+", "", name).lower()


def plain_names(names: Iterable[str]) -> set[str]:
    """Names without case, spaces, hyphens and underscores."""
    return set(map(plain_name, names))


def is_role(name: str) -> bool:
    """Say whether a name is that of a role."""
    return plain_name(name) in ROLES


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


@dataclass(frozen=True, slots=True)
class Cast:
    """The roles of those who speak in a text, by the labels before its lines.

    `guessed`: a name was taken for the other side of a known one. `doubtful`: forms have such labels,
    too.
    """

    roles: dict[str, Role]
    guessed: bool
    doubtful: bool


def speakers_of_text(labels: Sequence[str], anyone: bool, spoken: bool) -> Cast | None:
    """Who speaks in a text, of the `labels` before its lines; None where it is no talk.

    Labels of nobody who speaks are text. With `anyone`, all names of roles count that are a pair, and
    anybody's name beside a known one; else the few that mean nothing else. `spoken`: somebody said that
    it is a talk.
    """
    names = {label: plain_name(label) for label in labels}
    roles = {label: role for label, name in names.items() if (role := _role_before(name, label, anyone))}
    first = next((label for label in labels if roles.get(label) != "system"), labels[0])
    found, guessed, doubtful = _both_sides(names, roles), False, False
    if found is not None and not all(_is_sure(names[label]) for label in found):
        doubtful = True
        fields = not _FIELDS.isdisjoint(names[label] for label in found)
        found = found if _take_turns(labels, found, 2 if fields and not spoken else 1) else None
    elif found is None and anyone:
        found = _couple(labels, names, first)
        doubtful = not any(names[first] == asks for asks, _ in _ASKED)
    if found is None and anyone:
        found = _beside_known(labels, names, roles, first, spoken)
        guessed = doubtful = True
    if found is None or first not in found:
        return None
    prompts: dict[str, Role] = {label: role for label, role in roles.items() if role == "system"}
    return Cast({**prompts, **found}, guessed, doubtful)


def _role_before(name: str, label: str, anyone: bool) -> Role | None:
    """The role that a label means by itself, or in brackets: `Anna (Agent)`."""
    known = ROLES.get(name) in ("user", "assistant") and name not in ("question", "answer")
    if name in _SURE or (anyone and known):
        return ROLES[name]
    both = _BOTH.fullmatch(label) if anyone else None
    if both is None:
        return None
    found = {ROLES.get(plain_name(part)) for part in both.groups()} - {None}
    return next(iter(found)) if len(found) == 1 and found <= {"user", "assistant"} else None


def _is_sure(name: str) -> bool:
    return name not in _FIELDS and name not in _BRANDS


def _both_sides(names: dict[str, str], roles: dict[str, Role]) -> dict[str, Role] | None:
    """Who asks and who answers; of names that are fields as well only where a side has no other."""
    found: dict[str, Role] = {}
    for side in ("user", "assistant"):
        held = [label for label, role in roles.items() if role == side]
        sure = [label for label in held if _is_sure(names[label])]
        if not held:
            return None
        found |= dict.fromkeys(sure or held, roles[held[0]])
    return found


def _couple(labels: Sequence[str], names: dict[str, str], first: str) -> dict[str, Role] | None:
    """Two who speak by names that mean it only together."""
    called = {name: label for label, name in reversed(names.items())}
    several = sum(len(name) == 1 and name.isascii() for name in called) > 2  # A, B, C: to choose from
    for asks, answers in (*_ASKED, *_COUPLES):
        begins = names[first] == asks or (names[first] == answers and (asks, answers) in _COUPLES)
        if not begins or not {asks, answers} <= called.keys() or (several and len(answers) == 1):
            continue
        found: dict[str, Role] = {called[asks]: "user", called[answers]: "assistant"}
        prompt = names[labels[0]] == "system"  # not the machine that answers
        if not prompt and _take_turns(labels, found, 3 if answers == "system" else 1):
            return found
    return None


def _beside_known(
    labels: Sequence[str], names: dict[str, str], roles: dict[str, Role], first: str, spoken: bool
) -> dict[str, Role] | None:
    """Somebody's name beside those of one side, where nobody else's is met and the two take turns."""
    known = {
        label: role
        for label, role in roles.items()
        if role != "system" and (_is_sure(names[label]) or names[label] in _BRANDS)
    }
    others = [label for label in names if label not in known and _may_be_name(label, names[label])]
    sides = {*known.values()}
    if len(others) != 1 or len(sides) != 1 or first not in (*known, *others):
        return None
    other: Role = "assistant" if sides == {"user"} else "user"
    found = {**known, others[0]: other}
    enough = 1 if spoken or (names[others[0]] in _SELVES and other == "user") else 2
    return found if _take_turns(labels, found, enough) else None


def _may_be_name(label: str, name: str) -> bool:
    if name in _SELVES:
        return True
    if not _NAME.fullmatch(label) or len(label) < 2 or name in _HEADINGS | _NOBODY | NOTES | _BYSTANDERS:
        return False
    words = label.split()
    return all(not word[0].islower() for word in words) or (len(words) == 1 and label.islower())


def _take_turns(labels: Sequence[str], roles: dict[str, Role], fewest: int) -> bool:
    """Say whether two sides speak in turn at least so often, and neither goes on and on."""
    said = [roles[label] for label in labels if label in roles]
    changes = sum(one != other for one, other in pairwise(said))
    return changes >= fewest and 3 * changes >= len(said) - 1
