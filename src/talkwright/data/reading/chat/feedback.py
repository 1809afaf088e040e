"""What is said of an answer in columns or fields beside it: that it is bad, or that it may be.

What can mean nothing else costs the row; what may as well be a class, a default that nobody changed or
a scale that one row does not show is only marked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from talkwright.data.reading.chat.speakers import plain_name

BAD, DOUBTFUL = "bad", "doubtful"
MARK = "perhaps_bad"

# Columns of KTO's verdicts. In `label`, 0 is a class like any other and "bad" a mood, and one row cannot
# show which; a count of thumbs may be 0 as well. There only what says false is one.
_KTO = frozenset(("ktotag", "desirable", "isdesirable"))
_KTO_BAD = frozenset(("false", "undesirable", "rejected", "bad", "0", "0.0"))
# False says that the answer is bad. "Not liked" is also what stands where nobody said anything: not
# beside its opposite that is false, too.
_NOT_GOOD = frozenset(
    ("label", "isgood", "good", "goodanswer", "iscorrect", "ishelpful", "isacceptable")
)
_LIKED = frozenset(("liked", "isliked", "thumbsup", "isthumbsup", "upvoted", "isupvoted"))
_DISLIKED = frozenset(
    ("disliked", "isdisliked", "thumbsdown", "isthumbsdown", "downvoted", "isdownvoted")
)
_IS_BAD = frozenset(("isbad", "badanswer", "isrejected", "isundesirable", "undesirable"))
# Another answer may have been accepted, a question be what is (in)correct, a ticket not be solved.
_SUCCESS = frozenset(
    """
    accepted isaccepted approved isapproved helpful correct success issuccessful passed
    issafe safe isresponsesafe
    """.split()  # noqa: SIM905
)
# Columns of opinions, and the words in them.
_OPINIONS = frozenset(
    """
    feedback userfeedback humanfeedback rating userrating humanrating ratings vote uservote thumb thumbs
    reaction verdict judgement judgment evaluation assessment annotation
    """.split()  # noqa: SIM905
)
_THUMBS = frozenset(("vote", "uservote", "thumb", "thumbs", "feedback", "userfeedback", "reaction"))
_BAD_WORDS = frozenset(
    """
    negative bad down poor terrible awful wrong incorrect rejected reject unhelpful nothelpful
    unacceptable notacceptable unsatisfactory notgood 👎 -1
    """.split()  # noqa: SIM905
)
# These words say it in any column that may hold a verdict.
_PLAIN_WORDS = frozenset(
    "undesirable undesired thumbsdown thumbdown downvote downvoted dislike disliked".split()  # noqa: SIM905
)
_QUALITIES = frozenset(("quality", "answerquality", "responsequality", "grade"))
_LABELS = frozenset(("label", "labels", "tag", "status", "score", *_QUALITIES, *_OPINIONS))
_STATES = {"label": ("rejected",), "status": ("rejected",)}
_REWARDS = frozenset(("reward", "rewardinfo"))
_NAMES = frozenset().union(
    _KTO, _NOT_GOOD, _LIKED, _DISLIKED, _IS_BAD, _SUCCESS, _OPINIONS, _LABELS, _REWARDS
)  # fmt: skip
_MARKS = re.compile(r"[\s_\-:!.]+(?!1\Z)")  # "-1" keeps its sign
_LONGEST = 24  # characters of such a word


def judged(value: Mapping[str, Any], keys: Mapping[str, Any]) -> str | None:
    """What a row or a turn says of its answer: BAD, DOUBTFUL or None.

    `keys` maps plain to real names.
    """
    found = None
    for name in _NAMES.intersection(keys):
        said = _of_field(name, value.get(keys[name]), value, keys)
        if said == BAD:
            return BAD
        found = found or said
    return found


def judged_turns(turns: Iterable[Any]) -> list[str | None]:
    """The same of each turn, by what its own fields say."""
    return [
        judged(turn, {plain_name(str(key)): key for key in turn})
        if isinstance(turn, dict) and len(turn) > 2  # more than a role and a text
        else None
        for turn in turns
    ]


def _of_field(name: str, held: Any, value: Mapping[str, Any], keys: Mapping[str, Any]) -> str | None:
    if isinstance(held, str) and name in _OPINIONS | _REWARDS and held.lstrip()[:1] == "{":
        try:
            held = json.loads(held)
        except (ValueError, RecursionError):
            return None
    if isinstance(held, dict):
        return _of_object(name, held)
    if name in _REWARDS:
        return _of_reward(held, keys)
    truth = _truth(held)
    if truth is not None:
        return _of_truth(name, truth, value, keys)
    number = held if isinstance(held, (int, float)) else None
    short = isinstance(held, str) and len(held) <= _LONGEST
    word = _MARKS.sub("", held.lower()) if short else None
    if name in _KTO:
        bad = number == 0 or (isinstance(held, str) and held.strip().lower() in _KTO_BAD)
        return BAD if bad else None
    if name in _DISLIKED:  # a count, or a table's truth value
        return DOUBTFUL if number or word == "1" else None
    if name in _LABELS and word in _PLAIN_WORDS:
        return BAD
    if name in _OPINIONS and (word in _BAD_WORDS or number == -1):
        return BAD if word not in ("-1", None) or name in _THUMBS else DOUBTFUL
    if (name in _QUALITIES and word in _BAD_WORDS) or (
        name in ("label", "status") and word == "rejected"
    ):
        return DOUBTFUL
    return None


def _of_truth(name: str, truth: bool, value: Mapping[str, Any], keys: Mapping[str, Any]) -> str | None:
    if truth:
        return BAD if name in _DISLIKED or name in _IS_BAD else None
    if name in _LIKED:
        others = [_truth(value.get(keys[other])) for other in _DISLIKED.intersection(keys)]
        return None if False in others else BAD
    if name in _NOT_GOOD or name in _KTO:
        return BAD
    return DOUBTFUL if name in _SUCCESS else None


def _of_object(name: str, held: Mapping[str, Any]) -> str | None:
    """Feedback in an object of its own, such as {"rating": -1} or {"rating": "thumbsDown"}."""
    inner = {plain_name(str(key)): key for key, told in held.items() if not isinstance(told, dict)}
    if name in _REWARDS:
        return BAD if _is_zero(held.get(inner.get("reward", ""))) else None
    if name not in _OPINIONS:
        return None
    return BAD if held.get(inner.get("rating", "")) == -1 else judged(held, inner)


def _of_reward(held: Any, keys: Mapping[str, Any]) -> str | None:
    """Tau-bench's reward is 0 where a task was not done; elsewhere 0 may be a point of a scale."""
    return None if not _is_zero(held) else (BAD if "traj" in keys else DOUBTFUL)


def _is_zero(held: Any) -> bool:
    if isinstance(held, str):
        return held.strip() in ("0", "0.0")
    return isinstance(held, (int, float)) and not isinstance(held, bool) and held == 0


def _truth(held: Any) -> bool | None:
    if isinstance(held, str):
        return {"true": True, "false": False}.get(held.strip().lower())
    return held if isinstance(held, bool) else None
