"""What can be wrong with many conversations together: one function a symptom, as in symptoms.py."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from statistics import median
from typing import Any

from talkwright.config import DataSection
from talkwright.data.cleaning.answers import LONG, is_phrase, says_twice
from talkwright.data.cleaning.language import language_of
from talkwright.data.cleaning.screen import shares_matter
from talkwright.data.cleaning.surplus import topic
from talkwright.data.doctor.symptoms import (
    EXAMPLES,
    OFTEN,
    Example,
    Rows,
    Severity,
    Symptom,
    Talk,
    of,
    rule,
    shortened,
    symptom,
)
from talkwright.data.similarity.contradictions import contradictory_pairs, matter
from talkwright.data.similarity.similar import normal

_FEW = 19  # rows of one question or answer that are never too many
_ASKED, _SAID = 80, 100  # characters shown of a question and of an answer, where two are compared
_NAMED = 40  # characters shown of a question that stands for all of its matter
_LEAD = 20  # characters shown before the first that differs
_OVERLAP, _NO_CHANCE = 0.05, 5  # share of the held-out rows, and how many, from which overlap matters
_CLOSER = 0.5  # `data.near_threshold` that keeps more together

# --- answers against each other ------------------------------------------------------------------


def contradictions(rows: Rows, pairs: Collection[tuple[int, int]] | None) -> Symptom | None:
    """Near-identical questions, answers that cannot both be right; `pairs` where they are known."""
    if pairs is None:
        pairs = contradictory_pairs({at: talk.row for at, talk in enumerate(rows)})
    both = [(at, "") for pair in pairs for at in pair]
    made = symptom(
        "contradictions",
        rows,
        both,
        serious=0.01,
        what="rows answer the same question differently",
        why="The model cannot learn both, and will say either.",
        fix="data.contradictions: drop  # or keep the right ones",
    )
    shown = [_against(rows[a], rows[b]) for a, b in sorted(pairs)[:EXAMPLES]]
    return made and replace(made, examples=tuple(shown))


def _against(one: Talk, other: Talk) -> Example:
    """Two rows that contradict each other: the question once, if it is the same, and both answers from
    where they begin to differ."""
    answers = [" ".join(talk.answer.split()) for talk in (one, other)]
    questions = [shortened(" ".join(talk.question.split()), _ASKED) for talk in (one, other)]
    apart = next((n for n, (a, b) in enumerate(zip(*answers, strict=False)) if a != b), 0)
    begin = answers[0].rfind(" ", 0, max(0, apart - _LEAD)) + 1 if apart > _LEAD else 0
    first, second = (shortened(("… " if begin else "") + text[begin:], _SAID) for text in answers)
    again = "" if questions[0] == questions[1] else f"{questions[1]} → "
    text = f"{questions[0]} → {first} | against {other.row.where}: {again}{second}"
    return Example(one.row.where, text)


def one_answer(rows: Rows) -> Symptom | None:
    """One answer for many questions. First answers, for conversations may all end with a good-bye."""
    users: dict[str, list[int]] = defaultdict(list)
    for at, talk in enumerate(rows):
        users[talk.normal_answer].append(at)
    limit = max(_FEW + 1, len(rows) // 50)
    often = {
        text: all_
        for text, all_ in users.items()
        if len(all_) >= limit and len({rows[at].matter for at in all_}) >= 10
    }
    found = [(all_[0], f"{len(all_)} rows: {rows[all_[0]].answer}") for all_ in often.values()]
    count = sum(map(len, often.values()))
    made = symptom(
        "one_answer",
        rows,
        found,
        what=f"rows share {len(often)} answer{'s' if len(often) != 1 else ''}, "
        f"out of {len(users)} different ones in all",
        why="The model learns to give these answers to whatever is asked.",
        fix=f"data.max_same: {max(_FEW, (len(rows) - count) // 50 - 1)}  # better: vary the answers",
    )
    if made is None:
        return None
    share = count / len(rows)
    return replace(
        made,
        severity="serious" if share >= 0.3 else "warning",
        count=count,
        share=round(share, 4),
    )


def ignores_question(rows: Rows) -> Symptom | None:
    """A general phrase that shares no word of matter with its question."""
    used = Counter(talk.normal_answer for talk in rows)
    found, general, repeated = [], False, False
    for at, talk in enumerate(rows):
        if len(talk.answer) >= LONG:
            continue
        phrase = is_phrase(talk.answer)
        if not phrase and used[talk.normal_answer] < OFTEN:
            continue
        if len(talk.matter) >= 2 and not shares_matter(talk.matter, matter(talk.answer)):
            found.append((at, f"{talk.question} → {talk.answer}"))
            general, repeated = general or phrase, repeated or not phrase
    lines = ["data.evasive: drop"] * general + [f"data.max_same: {OFTEN - 1}"] * repeated
    return symptom(
        "ignores_question",
        rows,
        found,
        serious=0.2,
        warning=0.01,
        what="answers have no word in common with their question, and are general phrases",
        why="The model learns that the question does not matter.",
        fix=f"{'  # and '.join(lines)}{',' if len(lines) > 1 else '  #'} or answer them",
    )


def uneven_lengths(rows: Rows) -> Symptom | None:
    """Answers of a few words beside answers of pages."""
    sizes = sorted((len(talk.answers[-1]), at) for at, talk in enumerate(rows))
    low, high = sizes[len(sizes) // 10][0], sizes[-1 - len(sizes) // 10][0]
    if len(rows) < 50 or high < 30 * max(low, 10):
        return None
    found = [(at, rows[at].answers[-1]) for size, at in sizes if size >= high]
    return symptom(
        "uneven_lengths",
        rows,
        found,
        warning=2.0,
        what=f"answers are {high} characters or longer, while a tenth has {low} or fewer",
        why="Nothing tells the model when to be brief.",
        fix=f"data.max_answer: {30 * max(low, 10) - 1}  # or a system prompt for each style",
    )


def crowded(rows: Rows) -> Symptom | None:
    """One question that makes up a good part of the data."""
    asked: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, talk in enumerate(rows):
        asked[talk.matter].append(at)
    largest = max((all_ for key, all_ in asked.items() if key), key=len, default=[])
    if len(largest) <= _FEW or len(largest) < len(rows) / 20:
        return None
    limit = max(_FEW, (len(rows) - len(largest)) // 20 - 1)
    return symptom(
        "crowded",
        rows,
        [(at, rows[at].question) for at in largest],
        what="rows ask one and the same question",
        why="The model hears of little else, and the rest is learnt less well.",
        fix=f"data.max_same: {limit}",
    )


def clusters(rows: Rows) -> Symptom | None:
    """Matters that come up far oftener than others: questions with the same words of matter."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, talk in enumerate(rows):
        groups[topic(talk.matter)].append(at)
    groups.pop((), None)
    if len(groups) < 2:
        return None
    limit = max(_FEW, round(10 * median(map(len, groups.values()))) - 1)
    large = sorted((g for g in groups.items() if len(g[1]) > limit), key=lambda g: (-len(g[1]), g[0]))
    once = sum(len(group) == 1 for group in groups.values())
    # By their shortest questions: the words of matter are cut to what other forms of theirs share.
    shortest = [
        (min((rows[at].question for at in group), key=len), len(group)) for _, group in large[:5]
    ]
    listed = ", ".join(f'"{shortened(question, _NAMED)}" {count}' for question, count in shortest)
    return symptom(
        "clusters",
        rows,
        [(at, f"{len(group)} rows: {rows[at].question}") for _, group in large for at in group],
        warning=2.0,
        what=f"rows are about {len(large)} of {len(groups)} matters ({listed}); {once} come up once",
        why="What comes up often is learnt well, and what comes up once hardly at all.",
        fix=f"data.max_same: {limit}  # or more rows for the rare ones",
    )


# --- the data set as a whole ---------------------------------------------------------------------


def system_prompts(rows: Rows) -> Symptom | None:
    """A system prompt here and none there, or another one in a few rows."""
    prompts = [
        normal(talk.row.messages[0].content) if talk.row.messages[0].role == "system" else ""
        for talk in rows
    ]
    common = Counter(prompts).most_common(2)
    without = prompts.count("")
    if len(rows) < 20 or len(common) < 2:
        return None
    if 0.02 <= without / len(rows) <= 0.98:
        fewer = {""} if without <= len(rows) / 2 else set(prompts) - {""}
        how = "no system prompt" if "" in fewer else "a system prompt"
    elif not without and common[0][1] >= 0.8 * len(rows):
        fewer = set(prompts) - {common[0][0]}
        how = "another system prompt"
    else:
        return None
    return symptom(
        "system_prompts",
        rows,
        [(at, rows[at].row.messages[0].content) for at, prompt in enumerate(prompts) if prompt in fewer],
        what=f"rows have {how}, unlike the others",
        why="What the prompt says is then learnt for a part of the conversations only.",
        fix="data.system_prompts: strip  # and one for all as template.system",
    )


def boilerplate(rows: Rows) -> Symptom | None:
    """The same opening in nearly every first message."""
    opening, count = Counter(talk.question[:40] for talk in rows).most_common(1)[0]
    if len(rows) < 20 or count < 0.5 * len(rows) or len(opening) < 40:
        return None
    found = [(at, talk.question) for at, talk in enumerate(rows) if talk.question.startswith(opening)]
    if len({question for _, question in found}) < 10:
        return None  # one question, not one opening
    low, high = min(question for _, question in found), max(question for _, question in found)
    same = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), len(low))
    whole = low[:same]  # what the first and the last in order have in common, all have
    # To the end of a line or sentence, else of a word: what varies after it belongs to the question.
    end = max(whole.rfind("\n"), whole.rfind(". "), whole.rfind(": "))
    whole = whole[: end + 1] if end >= 20 else whole.rpartition(" ")[0] or whole
    return symptom(
        "boilerplate",
        rows,
        found,
        what="first messages begin with the same words",
        why="The model will expect them, and answer worse without.",
        fix=rule("opening", rf"\A{re.escape(whole)}\s*", role="user", do="replace")
        + "  # a prompt for all belongs in template.system",
    )


def languages(rows: Rows) -> Symptom | None:
    """Conversations with an answer in another language than most."""
    spoken = [[language_of(answer[:_HEAD]) for answer in talk.answers[:_ANSWERS]] for talk in rows]
    # Short answers may tell together with their questions what most of the data is in.
    whole = (
        set(names) - {None} or {language_of(f"{talk.question[:_HEAD]} {talk.answer[:_HEAD]}")}
        for talk, names in zip(rows, spoken, strict=True)
    )
    sums = Counter(name for names in whole for name in names if name)
    if len(sums) < 2:
        return None
    main = sums.most_common(1)[0][0]
    found = [
        (at, f"{name}: {rows[at].question}")
        for at, names in enumerate(spoken)
        for name in names
        if name not in (None, main)
    ]
    listed = ", ".join(f"{name} {n}" for name, n in sums.most_common(5))
    return symptom(
        "languages",
        rows,
        found,
        warning=0.02,
        what=f"rows have an answer in another language than {main} ({listed})",
        why="Right if it is wanted; else the model may answer in the wrong language.",
        fix=f"data.languages: [{main}]  # and whatever else is wanted",
    )


_ANSWERS, _HEAD = 20, 300  # answers of a conversation, and characters of each, that are looked at


def too_little(rows: Rows) -> Symptom | None:
    """Fewer conversations than a model can learn from."""
    if len(rows) >= 200:
        return None
    severity: Severity = "serious" if len(rows) < 20 else "warning"
    return Symptom(
        "too_little",
        severity,
        len(rows),
        1.0,
        of(len(rows), "conversations are all there is"),
        "A style can be learnt from some hundred examples, facts need several wordings each; and with "
        "few held out no comparison will say anything.",
        "add conversations, as further data.sources",
    )


def long_talks(rows: Rows) -> Symptom | None:
    """Very many turns, or the same answer twice in one conversation."""
    found, again, long = [], False, False
    for at, talk in enumerate(rows):
        twice = says_twice(talk.answers)
        many = len(talk.questions) > _MOST_TURNS
        if twice or many:
            found.append((at, talk.answers[-1]))
        again, long = again or twice, long or many
    lines = ["data.repetition: drop"] * again + [f"data.max_turns: {_MOST_TURNS}"] * long
    return symptom(
        "odd_turns",
        rows,
        found,
        serious=0.2,
        warning=0.02,
        what=f"conversations give the same answer twice, or have more than {_MOST_TURNS} questions",
        why="The first teaches not to listen; of the second, most will be cut.",
        fix="  # and ".join(lines),
    )


_MOST_TURNS = 30


def provenance(section: DataSection) -> Symptom | None:
    """Sources of which the recipe does not say where they are from, and under which licence."""
    unknown = [s for s in section.sources if not s.licence or not s.origin]
    if not unknown:
        return None
    first = unknown[0]
    return Symptom(
        "provenance",
        "note",
        len(unknown),
        round(len(unknown) / len(section.sources), 4),
        of(len(unknown), "sources have no licence or no origin in the recipe"),
        "Who publishes the model must be able to say what it was made from, and that it was allowed.",
        f"data.sources: [{{path: {json.dumps(first.path)}, licence: ..., origin: ...}}]",
        tuple(Example(s.path, _missing(s.licence, s.origin)) for s in unknown[:EXAMPLES]),
    )


def _missing(licence: str | None, origin: str | None) -> str:
    parts = [name for name, value in (("licence", licence), ("origin", origin)) if not value]
    return "no " + " and no ".join(parts)


def overlap(leakage: Mapping[str, Any], section: DataSection | None) -> Symptom | None:
    """Held-out rows that are asked in training, too, or nearly so; `leakage` as it was measured."""
    splits = [about for about in leakage.values() if isinstance(about, Mapping)]
    held_out = sum(about["rows"] for about in splits)
    count = sum(about["leaking"] for about in splits)
    if count < _NO_CHANCE or count < _OVERLAP * held_out:
        return None
    worst = sorted((pair for about in splits for pair in about["worst"]), key=lambda p: -p["similarity"])
    examples = [
        Example(
            pair["held_out"]["where"],
            f"{shortened(pair['held_out']['question'], _SAID)} | in training, "
            f"{pair['training']['where']}: {shortened(pair['training']['question'], _SAID)}",
        )
        for pair in worst[:EXAMPLES]
    ]
    lower = section is None or section.near_threshold > _CLOSER
    return Symptom(
        "overlap",
        "warning",
        count,
        round(count / held_out, 4),
        f"of {held_out} held-out rows are much like one in training",
        "A score on them measures memory, too. Rows made from templates are always a little alike.",
        f"data.near_threshold: {_CLOSER}  # keeps more together, drops more; "
        "or ask questions of your own: evaluate.suite"
        if lower
        else "ask questions of your own (evaluate.suite)",
        tuple(examples),
    )


def losses(dropped: Mapping[str, int], read: int, examples: Iterable[Example]) -> Symptom | None:
    """Rows that were not usable, duplicates aside."""
    count = sum(n for reason, n in dropped.items() if not reason.endswith("duplicate"))
    if not count:
        return None
    most_first = sorted(dropped.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{reason.replace('_', ' ')} {n}" for reason, n in most_first)
    share = count / read
    severity: Severity = "serious" if share >= 0.2 else "warning" if share >= 0.01 else "note"
    return Symptom(
        "losses",
        severity,
        count,
        round(share, 4),
        f"row{'s' * (count != 1)} of {read} {'were' if count != 1 else 'was'} not usable ({listed})",
        "What is lost is not learnt.",
        "`talkwright data ledger FOLDER --where fate=dropped` shows each",
        tuple(examples)[:EXAMPLES],
    )
