"""The instructions for each kind of step, as conversations in the making.

A chain yields what to ask, is sent the reply, and returns the messages of the new conversation, or
raises `Rejected`. Texts are passed and returned in numbered tags, so that a greeting, an explanation or
a refusal around them is told from the text itself. Change a wording, and raise its number in VERSIONS:
it is stored with every row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from talkwright.config import AugmentStep
from talkwright.data.augment.asking import Chain, Chat, Rejected
from talkwright.data.cleaning.answers import is_refusal
from talkwright.data.cleaning.language import language_of
from talkwright.types import Conversation, Message

VERSIONS = {
    "paraphrase": "paraphrase-1",
    "back_translate": "back_translate-1",
    "style": "style-1",
    "evolve": "evolve-1",
    "instruct": "instruct-1",
}

Check = Callable[[str], None]
"""Looks at a new question before more is asked about it; raises `Rejected`."""

_EXACT = (
    "Copy every number, date, amount, name, product, code, link, address and placeholder "
    "(such as {{Order Number}} or [email]) exactly as it is written"
)
_THINKING = re.compile(r"\s*<think>.*?</think>", re.DOTALL)


def paraphrase(source: Conversation, step: AugmentStep, variant: int, check: Check) -> Chain:
    """Users' messages in other words; the answers stay."""
    said = _texts(source, "user")
    reply = yield _chat(
        "You rewrite what people type to a chat assistant, so that it learns to understand the same "
        "request in other words.",
        f"""Rewrite each message of the user in the conversation below.

Rules:
- The meaning, the request and the language stay the same. The assistant's answers stay as they are and \
must still fit.
- {_EXACT}.
- Keep every "not" and every condition. Add nothing, answer nothing.
- Change the wording and the build of the sentences, not only single words.
- Manner: {_turn(_MANNERS, variant)}

Conversation:
{_numbered_talk(source, "user")}

Reply with the rewritten messages alone, {_each_in_its_tag(said)}.""",
    )
    return _with(source, "user", _numbered(reply, len(said)))


_MANNERS = (
    "short and casual, as typed on a phone.",
    "one complete, polite sentence.",
    "the situation first, then the question.",
    "by somebody in a hurry, straight to the point.",
    "by somebody who does not know the usual terms and describes the thing instead.",
    "a request or a statement instead of a question, or the other way round.",
)


def back_translate(source: Conversation, step: AugmentStep, variant: int, check: Check) -> Chain:
    """Users' messages by way of another language; the second request does not see the original."""
    said = _texts(source, "user")
    home = language_of("\n".join(m.content for m in source.messages)) or "English"
    away = str(step.language)
    if home.casefold() == away.casefold():
        raise Rejected("wrong_language", f"the row is in {home} already")
    translated = _numbered((yield _translation(said, away, variant)), len(said))
    if language_of("\n".join(translated)) == home:
        raise Rejected("wrong_language", f"not translated into {away}")
    returned = yield _translation(translated, home, variant)
    return _with(source, "user", _numbered(returned, len(said)))


def _translation(texts: Sequence[str], language: str, variant: int) -> Chat:
    return _chat(
        "You translate what people type to a chat assistant.",
        f"""Translate each text into {language}.

Rules:
- {_turn(_TRANSLATIONS, variant)}
- {_EXACT}.
- Translate only: do not answer, explain or correct.

{_tagged(texts)}

Reply with the translations alone, {_each_in_its_tag(texts)}.""",
    )


_TRANSLATIONS = (
    "Translate the sense, in the words that a native speaker would choose; the tone stays.",
    "Translate closely, in plain everyday words; the tone stays.",
    "Translate freely, with another build of the sentences; sense and tone stay.",
)


def style(source: Conversation, step: AugmentStep, variant: int, check: Check) -> Chain:
    """Answers in another style; the questions stay."""
    said = _texts(source, "assistant")
    fresh = "" if variant == 0 else f"\n- This is version {variant + 1}: word it unlike the obvious one."
    reply = yield _chat(
        "You are the editor of a chat assistant's answers. You change how they sound, never what they "
        "say.",
        f"""Rewrite each answer of the assistant in the conversation below in this style: {step.style}

Rules:
- Same language, same content, same order of steps. Leave out nothing that the user needs.
- {_EXACT}.
- Keep every "not", every condition and every limit.
- Add no fact, promise, reason, link or offer that is not there.{fresh}

Conversation:
{_numbered_talk(source, "assistant")}

Reply with the rewritten answers alone, {_each_in_its_tag(said)}.""",
    )
    return _with(source, "assistant", _numbered(reply, len(said)))


def evolve(source: Conversation, step: AugmentStep, variant: int, check: Check) -> Chain:
    """A harder question on the same matter, then its answer out of what the row knows."""
    asked, answer = _first_exchange(source)
    reply = yield _chat(
        "You write training questions for a chat assistant.",
        f"""Below are a user's message and the assistant's answer. Write one new message of a user \
on the same matter that takes more thought than the one below.

How: {_turn(_DIRECTIONS, variant)}

Rules:
- The answer below alone must hold everything needed to answer the new message.
- Same language as the message. One message, as a person would type it; no preamble.

User: {asked}

Answer: {answer}

Reply with the new message alone, inside <question> and </question>.""",
    )
    question = _between(reply, "question")
    check(question)
    reply = yield _chat(
        "You answer for a chat assistant. You say only what the reference says, in its tone.",
        f"""Answer the user's message from the reference.

Rules:
- Use only what the reference states. {_EXACT}.
- Answer this very message, in its language; no greeting beyond the reference's own.
- If the reference does not answer it, reply with <unknown/> and nothing else.

Reference:
User: {asked}
Answer: {answer}

New message of the user: {question}

Reply with the answer alone, inside <answer> and </answer>.""",
    )
    system = tuple(m for m in source.messages if m.role == "system")
    return (*system, Message("user", question), Message("assistant", _between(reply, "answer")))


_DIRECTIONS = (
    "ask about a concrete case that the answer decides, instead of asking in general.",
    "ask two things at once that the answer covers.",
    "add a condition or a situation that matters for the answer.",
    "state a misunderstanding that the answer puts right, and ask whether it is so.",
    "ask for the consequence or the next step that follows from the answer.",
)


def instruct(sources: Sequence[Conversation], step: AugmentStep, variant: int, check: Check) -> Chain:
    """A new question with its answer, after the pattern of some rows."""
    examples = "\n\n".join(
        f"Example {number}\nUser: {asked}\nAssistant: {answer}"
        for number, (asked, answer) in enumerate(map(_first_exchange, sources), 1)
    )
    reply = yield _chat(
        "You write training conversations for a chat assistant.",
        f"""Below is how users ask a certain assistant, and how it answers. Write one new exchange \
of this kind.

Rules:
- The user asks something that none of the examples asks, and that such a user could well ask.
- The answer uses only facts that the examples state; it invents no number, name, link, price or rule.
- Same language, tone and length as the examples.
- Kind of request: {_turn(_REQUESTS, variant)}

{examples}

Reply with the user's message inside <question> and </question>, then the assistant's answer inside \
<answer> and </answer>, and nothing else.""",
    )
    question, answer = _between(reply, "question"), _between(reply, "answer")
    system = tuple(m for m in sources[0].messages if m.role == "system")
    return (*system, Message("user", question), Message("assistant", answer))


_REQUESTS = (
    "one that combines what two examples say.",
    "the same field from another side: before, after, or for somebody else.",
    "a concrete situation told in a sentence or two.",
    "a short, plain question.",
    "one that checks an assumption: is it so that ...?",
)


# --- passing texts on ----------------------------------------------------------------------------


def _chat(system: str, user: str) -> Chat:
    return (Message("system", system), Message("user", user))


def _turn(choices: Sequence[str], variant: int) -> str:
    return choices[variant % len(choices)]


def _texts(source: Conversation, role: str) -> list[str]:
    return [m.content for m in source.messages if m.role == role]


def _tagged(texts: Sequence[str]) -> str:
    return "\n".join(f"<t{number}>{text}</t{number}>" for number, text in enumerate(texts, 1))


def _numbered_talk(source: Conversation, role: str) -> str:
    lines, number = [], 0
    for message in source.messages:
        if message.role == role:
            number += 1
            lines.append(f"{message.role}: <t{number}>{message.content}</t{number}>")
        else:
            lines.append(f"{message.role}: {message.content}")
    return "\n".join(lines)


def _each_in_its_tag(texts: Sequence[str]) -> str:
    if len(texts) == 1:
        return "inside <t1> and </t1>"
    return f"each inside its tag, from <t1> and </t1> to <t{len(texts)}> and </t{len(texts)}>"


def _with(source: Conversation, role: str, texts: Sequence[str]) -> Chat:
    rest = iter(texts)
    return tuple(replace(m, content=next(rest)) if m.role == role else m for m in source.messages)


def _first_exchange(source: Conversation) -> tuple[str, str]:
    talk = [m for m in source.messages if m.role != "system"]
    return talk[0].content, talk[1].content


# --- reading replies -----------------------------------------------------------------------------


def _numbered(reply: str, count: int) -> list[str]:
    return [_between(reply, f"t{number}") for number in range(1, count + 1)]


def _between(reply: str, tag: str) -> str:
    """What stands between the tags, of which there is exactly one pair."""
    thought = _THINKING.match(reply)
    reply = reply[thought.end() :] if thought else reply
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", reply, re.DOTALL)
    text = found[0].strip() if len(found) == 1 else ""
    if text and not re.search(r"</?(?:t\d+|question|answer)>", text):
        return text
    if re.search(r"<unknown\s*/?>", reply):
        raise Rejected("refused", "the reference does not answer the new question")
    if not found and is_refusal(reply):
        raise Rejected("refused", reply)
    if len(found) > 1:
        raise Rejected("garbage", f"<{tag}> is there {len(found)} times")
    raise Rejected("garbage", f"no text inside <{tag}>: {reply}")


# --- for the preview -----------------------------------------------------------------------------


def likely_replies(kind: str, sources: Sequence[Conversation]) -> list[str]:
    """Replies of about the length that a writer will give, one for each request of the chain."""
    if kind in ("paraphrase", "style"):
        return [_tagged(_texts(sources[0], "user" if kind == "paraphrase" else "assistant"))]
    if kind == "back_translate":
        # Not in the row's own language, which would be refused: only the length matters here.
        texts = [re.sub(r"\w", "0", text) for text in _texts(sources[0], "user")]
        return [_tagged(texts)] * 2
    asked, answer = _first_exchange(sources[0])
    question, answer = f"<question>{asked}</question>", f"<answer>{answer}</answer>"
    return [question, answer] if kind == "evolve" else [question + answer]
