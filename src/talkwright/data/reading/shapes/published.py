"""Rows of published data sets whose columns nobody else has, told in columns that every reader knows.

Each is known by its columns together, and by what they hold. What cannot be told for certain is left as
it is, and so gets the reason that it would get from anybody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any

from talkwright.data.reading.chat.turns import Fields, Unfit, as_list, as_value, by_plain_names

_SPEAKING = re.compile(r"^(User [12]):[ \t]*", re.MULTILINE)
# Words that a question for yes or no begins with.
_YES_OR_NO = re.compile(
    r"\s*(?:is|are|was|were|am|do|does|did|can|could|has|have|had|will|would|shall|should|may|might|must)"
    r"(?:n['’]t)?\s",
    re.IGNORECASE,
)
_UNANSWERED = ("No Answer Present.", "<unk>")  # MS MARCO's, TriviaQA's

Told = Callable[[Fields], Fields | None]


def restated(value: Fields, keys: Fields) -> Fields:
    """A row in columns that are known everywhere; itself where it is in none of these shapes.

    Raises Unfit for one whose questions and answers do not go together.
    """
    for signs, told in _SHAPES:
        if signs <= keys.keys():
            found = told({name: value[key] for name, key in keys.items()})
            if found is not None:
                rest = {key: held for key, held in value.items() if key not in {keys[s] for s in signs}}
                return {**rest, **found}
    return value


def is_published(names: Iterable[str]) -> bool:
    """Say whether these (plain) column names are those of such a data set, and of nothing else."""
    known = {*names}
    return any(signs <= known for signs, _ in _SHAPES if signs not in _COMMON)


def is_restated(value: Fields) -> bool:
    """Say whether a row is one of these."""
    keys = by_plain_names(value)
    try:
        return restated(value, keys) is not value
    except Unfit:
        return True


def _s1k(row: Fields) -> Fields | None:
    """s1K-1.1's: what two models thought and answered. The set is made of DeepSeek's; the other's stand
    beside them, as they do in s1K."""
    answers = [row["deepseekattempt"], *([row["geminiattempt"]] if row.get("geminiattempt") else [])]
    graded = {"correct": False} if row.get("deepseekgrade") == "No" else {}
    thought = row.get("deepseekthinkingtrajectory")
    return {"question": row["question"], "answers": answers, "thinking": thought, **graded}


def _coqa(row: Fields) -> Fields | None:
    """CoQA's: questions that follow each other, about one story."""
    asked, said = (_inputs(as_value(row[name])) for name in ("questions", "answers"))
    if not asked or said is None or not isinstance(row["story"], str):
        return None
    if len(asked) != len(said):
        raise Unfit("uneven_turns")
    turns = [
        {"role": role, "content": text}
        for pair in zip(asked, said, strict=True)
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    turns[0]["content"] = f"{asked[0]}\n\n{row['story']}"
    return {"messages": turns}


def _inputs(held: Any) -> list[str] | None:
    """The texts of a list of texts, of objects with an `input_text`, or of one such object's list."""
    if isinstance(held, dict):
        held = held.get("input_text")
    if not isinstance(held, list):
        return None
    texts = [one.get("input_text") if isinstance(one, dict) else one for one in held]
    said = [text for text in texts if isinstance(text, str)]
    return said if len(said) == len(texts) else None


def _persona_chat(row: Fields) -> Fields | None:
    """PersonaChat's, as it was made for ranking: of the candidates the last one is what was said."""
    said = as_list(row["candidates"])
    if not said or not as_list(row["history"]):
        return None
    return {"history": row["history"], "answer": said[-1], "system": as_value(row["personality"])}


def _synthetic_persona(row: Fields) -> Fields | None:
    """Synthetic-Persona-Chat's: a text of turns by User 1 and User 2."""
    text = row["bestgeneratedconversation"]
    heads = list(_SPEAKING.finditer(text)) if isinstance(text, str) else []
    if len({head[1] for head in heads}) < 2 or text[: heads[0].start()].strip():
        return None
    ends = [*(head.start() for head in heads[1:]), len(text)]
    turns = [
        {"speaker": head[1], "content": text[head.end() : end].strip()}
        for head, end in zip(heads, ends, strict=True)
    ]
    answers = "user2personas" if heads[0][1] == "User 1" else "user1personas"
    return {"messages": turns, "system": row[answers]}


def _blended(row: Fields) -> Fields | None:
    """BlendedSkillTalk's: who spoke freely began, and who was guided answered."""
    before, free, guided = (
        as_list(row[name]) or [] for name in ("previousutterance", "freemessages", "guidedmessages")
    )
    if len(before) % 2 or not 0 <= len(free) - len(guided) <= 1:
        raise Unfit("uneven_turns")
    said = [*before, *(text for pair in zip_longest(free, guided) for text in pair if text is not None)]
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[at % 2], "content": text} for at, text in enumerate(said)]}


def _topical(row: Fields) -> Fields | None:
    """Topical-Chat's: two people about what they have read, of whom the first asks."""
    held = as_list(row["content"])
    if not held or not all(isinstance(turn, dict) and "agent" in turn for turn in held):
        return None
    names = [str(turn["agent"]) for turn in held]
    if len({*names}) != 2:
        raise Unfit("unsure_turns")
    roles = ["user" if name == names[0] else "assistant" for name in names]
    return {
        "messages": [
            {"role": role, "content": turn.get("message"), "rating": turn.get("turn_rating")}
            for role, turn in zip(roles, held, strict=True)
        ]
    }


def _instructed(row: Fields) -> Fields | None:
    """Super-NaturalInstructions', one instance a row."""
    return {"instruction": row["definition"], "input": row["inputs"], "output": row["targets"]}


def _marco(row: Fields) -> Fields | None:
    """MS MARCO's: the answers, and the passages of which people made them."""
    held = as_value(row["passages"])
    texts = held.get("passage_text") if isinstance(held, dict) else None
    answers = as_list(row["answers"])
    if answers is None or texts is None:
        return None
    return {
        "question": row["query"],
        "answers": [answer for answer in answers if answer not in _UNANSWERED],
        "passages": texts,
    }


def _truthful(row: Fields) -> Fields | None:
    """TruthfulQA's: the best answer, and others that are right as well."""
    others = as_value(row["correctanswers"])
    others = others.split(";") if isinstance(others, str) else others
    if not isinstance(others, list) or not isinstance(row["bestanswer"], str):
        return None
    others = [text.strip() if isinstance(text, str) else text for text in others]
    return {"question": row["question"], "answers": [row["bestanswer"], *filter(None, others)]}


def _distracted(row: Fields) -> Fields | None:
    """SciQ's and the Open Trivia Database's: the right answer, and wrong ones. In the order of the
    alphabet none has a place of its own."""
    held = as_list(row.get("incorrectanswers"))
    wrong = held or [row[name] for name in sorted(row) if re.fullmatch(r"distractor\d", name)]
    choices = [row["correctanswer"], *wrong]
    if not wrong or not all(isinstance(text, str) and text.strip() for text in choices):
        return None
    question = {"question": row["question"], "answer": row["correctanswer"]}
    return {**question, "choices": sorted(dict.fromkeys(choices), key=str.casefold)}


def _compared(row: Fields) -> Fields | None:
    """Compar:IA's votes."""
    names = [row["modelaname"], row["modelbname"]]
    chosen = row["chosenmodelname"]
    sides = [side for side, name in zip("ab", names, strict=True) if name == chosen]
    equal = row.get("bothequal") in (True, "True", "true")
    won = "tie" if equal else f"model_{sides[0]}" if len(sides) == 1 else None
    return {"model_a": names[0], "model_b": names[1], "winner": won}


def _trajectory(row: Fields) -> Fields | None:
    """UltraInteract's pairs: two ways to go on from what was said so far."""
    pair = {"chosen": row["chosen"], "rejected": row["rejected"]}
    return None if "prompt" in row else {**pair, "prompt": row["trajectory"]}


def _answered(row: Fields) -> Fields | None:
    """TriviaQA's answer with its other spellings, which become facts; BoolQ's, which is yes or no."""
    held, asked = as_value(row["answer"]), row["question"]
    if isinstance(held, bool) and isinstance(asked, str) and _YES_OR_NO.match(asked):
        return {"question": asked, "answer": "Yes" if held else "No"}
    if not isinstance(held, dict) or not isinstance(held.get("value"), str) or "aliases" not in held:
        return None
    if held["value"] in _UNANSWERED:
        return {"question": asked, "answer": None}
    spellings = [held["value"], *(as_list(held["aliases"]) or [])]
    facts = [[text for text in dict.fromkeys(spellings) if isinstance(text, str) and text.strip()]]
    return {"question": asked, "answer": held["value"], **({} if "facts" in row else {"facts": facts})}


_COMMON = (frozenset(("question", "answer")), frozenset(("question", "correctanswer")))
_SHAPES: tuple[tuple[frozenset[str], Told], ...] = (
    (_COMMON[0], _answered),
    (frozenset(("question", "deepseekattempt")), _s1k),
    (frozenset(("story", "questions", "answers")), _coqa),
    (frozenset(("personality", "candidates", "history")), _persona_chat),
    (frozenset(("user1personas", "user2personas", "bestgeneratedconversation")), _synthetic_persona),
    (frozenset(("previousutterance", "freemessages", "guidedmessages")), _blended),
    (frozenset(("content", "articleurl", "config")), _topical),
    (frozenset(("definition", "inputs", "targets")), _instructed),
    (frozenset(("query", "answers", "passages")), _marco),
    (frozenset(("question", "bestanswer", "correctanswers")), _truthful),
    (_COMMON[1], _distracted),
    (frozenset(("modelaname", "modelbname", "chosenmodelname")), _compared),
    (frozenset(("trajectory", "chosen", "rejected")), _trajectory),
)
