"""What can be wrong with many conversations together: one function a symptom, as in symptoms.py."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from talkwright.data.cleaning.language import language_of
from talkwright.data.doctor.symptoms import (
    EXAMPLES,
    Example,
    Rows,
    Severity,
    Symptom,
    answers_of,
    questions_of,
    symptom,
)
from talkwright.data.similarity.contradictions import contradictory_pairs, matter
from talkwright.data.similarity.similar import normal

_LONG = 200  # characters from which an answer has a layout

# --- answers against each other ------------------------------------------------------------------


def contradictions(rows: Rows) -> Symptom | None:
    """Near-identical questions, answers that cannot both be right."""
    pairs = contradictory_pairs(dict(enumerate(rows)))
    found = []
    for a, b in pairs:
        for at, other in ((a, b), (b, a)):
            said = f"{questions_of(rows[at])[0]} → {answers_of(rows[at])[0]}"
            found.append((at, f"against {rows[other].where}: {said}"))
    return symptom(
        "contradictions",
        rows,
        found,
        serious=0.01,
        what="rows answer the same question differently",
        why="The model cannot learn both, and will say either.",
        fix="data.contradictions: drop",
    )


def one_answer(rows: Rows) -> Symptom | None:
    """One answer for many questions. First answers, for conversations may all end with a good-bye."""
    users: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        users[normal(answers_of(row)[0])].append(at)
    limit = max(20, len(rows) // 50)
    often = {
        text: all_
        for text, all_ in users.items()
        if len(all_) >= limit and len({matter(questions_of(rows[at])[0]) for at in all_}) >= 10
    }
    found = [(all_[0], f"{len(all_)} rows: {answers_of(rows[all_[0]])[0]}") for all_ in often.values()]
    count = sum(map(len, often.values()))
    made = symptom(
        "one_answer",
        rows,
        found,
        what=f"rows share {len(often)} answer{'s' if len(often) != 1 else ''}, "
        f"out of {len(users)} different ones in all",
        why="The model learns to give these answers to whatever is asked.",
        fix="vary the answers at the source, or keep fewer of these rows",
    )
    if made is None:
        return None
    share = count / len(rows)
    severity: Severity = "serious" if share >= 0.3 else "warning"
    return Symptom(
        made.code, severity, count, round(share, 4), made.what, made.why, made.fix, made.examples
    )


_GENERIC = re.compile(
    r"i (?:do not|don't) know|how (?:can|may) i (?:help|assist)|please contact|happy to help|let me know"
    r"|thank you for (?:contact|reach)|i(?:'m| am) here to help|is there anything else"
    r"|have a (?:nice|great) day",
    re.IGNORECASE,
)


def ignores_question(rows: Rows) -> Symptom | None:
    """A general phrase that shares no word of matter with its question."""
    used = Counter(normal(answers_of(row)[0]) for row in rows)
    found = []
    for at, row in enumerate(rows):
        question, answer = questions_of(row)[0], answers_of(row)[0]
        asked = matter(question)
        general = len(answer) < _LONG and (_GENERIC.search(answer) or used[normal(answer)] >= 5)
        if len(asked) >= 2 and general and not _stems(asked) & _stems(matter(answer)):
            found.append((at, f"{question} → {answer}"))
    return symptom(
        "ignores_question",
        rows,
        found,
        serious=0.2,
        warning=0.01,
        what="answers have no word in common with their question, and are general phrases",
        why="The model learns that the question does not matter.",
        fix="answer these, or take them out of the source",
    )


def _stems(found: tuple[str, ...]) -> set[str]:
    return {word[:5] for word in found}  # "cancel" and "canceling" are about the same


_MARKDOWN = re.compile(r"^(?:#{1,6} |[-*] |\d+[.)] |```)|\*\*[^*\n]+\*\*", re.MULTILINE)


def mixed_styles(rows: Rows) -> Symptom | None:
    """Long answers partly in Markdown, partly plain."""
    long = [at for at, row in enumerate(rows) if len(answers_of(row)[-1]) >= _LONG]
    marked = [at for at in long if _MARKDOWN.search(answers_of(rows[at])[-1])]
    plain = sorted(set(long) - set(marked))
    fewer = min(marked, plain, key=len)
    if len(long) < 20 or not len(fewer) / len(long) >= 0.1:
        return None
    how = "in Markdown" if fewer is marked else "plain text"
    return symptom(
        "mixed_styles",
        rows,
        [(at, answers_of(rows[at])[-1]) for at in fewer],
        what=f"of {len(long)} long answers are {how}, unlike the others",
        why="The model will change its layout from answer to answer.",
        fix="bring the answers into one style",
    )


def uneven_lengths(rows: Rows) -> Symptom | None:
    """Answers of a few words beside answers of pages."""
    sizes = sorted((len(answers_of(row)[-1]), at) for at, row in enumerate(rows))
    low, high = sizes[len(sizes) // 10][0], sizes[-1 - len(sizes) // 10][0]
    if len(rows) < 50 or high < 30 * max(low, 10):
        return None
    found = [(at, answers_of(rows[at])[-1]) for size, at in sizes if size >= high]
    return symptom(
        "uneven_lengths",
        rows,
        found,
        warning=2.0,
        what=f"answers are {high} characters or longer, while a tenth has {low} or fewer",
        why="Nothing tells the model when to be brief.",
        fix="data.max_chars, or a system prompt for each style",
    )


def crowded(rows: Rows) -> Symptom | None:
    """One question that makes up a good part of the data."""
    asked: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        asked[matter(questions_of(row)[0])].append(at)
    largest = max((all_ for key, all_ in asked.items() if key), key=len, default=[])
    if len(largest) < 20 or len(largest) < len(rows) / 20:
        return None
    return symptom(
        "crowded",
        rows,
        [(at, questions_of(rows[at])[0]) for at in largest],
        what="rows ask one and the same question",
        why="The model hears of little else, and the rest is learnt less well.",
        fix="data.sources[].max_rows for the source it comes from",
    )


# --- the data set as a whole ---------------------------------------------------------------------


def system_prompts(rows: Rows) -> Symptom | None:
    """A system prompt here and none there."""
    without = [at for at, row in enumerate(rows) if row.messages[0].role != "system"]
    if not 0.02 <= len(without) / len(rows) <= 0.98 or len(rows) < 20:
        return None
    fewer = without if len(without) <= len(rows) / 2 else sorted(set(range(len(rows))) - set(without))
    how = "no system prompt" if fewer is without else "a system prompt"
    return symptom(
        "system_prompts",
        rows,
        [(at, rows[at].messages[0].content) for at in fewer],
        what=f"rows have {how}, unlike the others",
        why="What the prompt says is then learnt for a part of the conversations only.",
        fix="template.system: one prompt for all that have none",
    )


def boilerplate(rows: Rows) -> Symptom | None:
    """The same opening in nearly every first message."""
    opening = Counter(questions_of(row)[0][:40] for row in rows).most_common(1)[0]
    if len(rows) < 20 or opening[1] < 0.5 * len(rows) or len(opening[0]) < 40:
        return None
    found = [
        (at, questions_of(row)[0])
        for at, row in enumerate(rows)
        if questions_of(row)[0].startswith(opening[0])
    ]
    if len({questions_of(rows[at])[0] for at, _ in found}) < 10:
        return None  # one question, not one opening
    return symptom(
        "boilerplate",
        rows,
        found,
        serious=2.0,
        what="first messages begin with the same words",
        why="The model will expect them, and answer worse without.",
        fix="take the opening out of the source; a prompt for all belongs in template.system",
    )


def languages(rows: Rows) -> Symptom | None:
    """Conversations in another language than most."""
    spoken = {
        at: language_of(" ".join(m.content for m in row.messages if m.role != "system")[:2000])
        for at, row in enumerate(rows)
    }
    sums = Counter(name for name in spoken.values() if name)
    if len(sums) < 2:
        return None
    main = sums.most_common(1)[0][0]
    found = [
        (at, f"{name}: {questions_of(rows[at])[0]}")
        for at, name in spoken.items()
        if name not in (None, main)
    ]
    listed = ", ".join(f"{name} {n}" for name, n in sums.most_common(5))
    return symptom(
        "languages",
        rows,
        found,
        warning=0.02,
        what=f"rows are in another language than {main} ({listed})",
        why="Right if it is wanted; else the model may answer in the wrong language.",
        fix="put each language in a source of its own, and leave out what is not wanted",
    )


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
        "conversations are all there is",
        "A style can be learnt from some hundred examples, facts need several wordings each; and with "
        "few held out no comparison will say anything.",
        "add conversations",
    )


def long_talks(rows: Rows) -> Symptom | None:
    """Very many turns, or the same answer twice in one conversation."""
    found = []
    for at, row in enumerate(rows):
        said = [normal(answer) for answer in answers_of(row) if len(answer) > 30]
        if len(row.messages) > 60 or len(set(said)) < len(said):
            found.append((at, answers_of(row)[-1]))
    return symptom(
        "odd_turns",
        rows,
        found,
        serious=0.2,
        warning=0.02,
        what="conversations give the same answer twice, or have more than 60 turns",
        why="The first teaches not to listen; of the second, most will be cut.",
        fix="template.max_length and template.too_long decide what is cut",
    )


def losses(dropped: Mapping[str, int], read: int, examples: Iterable[Example]) -> Symptom | None:
    """Rows that were not usable, duplicates aside."""
    count = sum(n for reason, n in dropped.items() if not reason.endswith("duplicate"))
    if not count:
        return None
    most_first = sorted(dropped.items(), key=lambda item: -item[1])
    listed = ", ".join(f"{reason} {n}" for reason, n in most_first)
    share = count / read
    severity: Severity = "serious" if share >= 0.2 else "warning" if share >= 0.01 else "note"
    return Symptom(
        "losses",
        severity,
        count,
        round(share, 4),
        f"rows of {read} were not usable ({listed})",
        "What is lost is not learnt.",
        "ledger.parquet has the place and the reason of each",
        tuple(examples)[:EXAMPLES],
    )
