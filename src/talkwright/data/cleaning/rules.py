"""The recipe's own regular expressions, each search limited in time.

A pattern such as `(a+)+$` takes years on some texts. A row on which one takes too long is dropped, or
marked where the rule only marks; a rule that takes too long on many rows stops the reading, so that the
time of a whole data set is bounded.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

from talkwright.config import RuleSection
from talkwright.errors import DataError
from talkwright.types import Message

PATIENCE = 0.1
"""Seconds for one search in one turn."""
TOO_SLOW = 40
"""Turns on which a rule may run out of patience before the reading stops."""

_timeouts: Counter[str] = Counter()


@dataclass(slots=True)
class Ruled:
    """What the rules made of a conversation. `drop` is the reason to drop it, if there is one."""

    messages: tuple[Message, ...]
    repairs: dict[str, None] = field(default_factory=dict)
    marks: dict[str, None] = field(default_factory=dict)
    drop: str | None = None


def apply_rules(messages: tuple[Message, ...], rules: list[RuleSection]) -> Ruled:
    """Apply rules in their order; a later one sees what an earlier one has replaced.

    Raises DataError when a rule has run out of time on 40 turns.
    """
    done = Ruled(messages)
    for rule in rules:
        pattern = _compiled(rule.match)
        for at, message in enumerate(done.messages):
            if rule.role not in ("any", message.role):
                continue
            try:
                _apply(rule, pattern, at, done)
            except TimeoutError:
                _count_timeout(rule)
                if rule.do != "mark":  # what should have been replaced must not get through
                    done.drop = "rule_timeout"
                done.marks["rule_timeout"] = None
            if done.drop:
                return done
    return done


def _apply(rule: RuleSection, pattern: Any, at: int, done: Ruled) -> None:
    text = done.messages[at].content
    if rule.do == "replace":
        changed = pattern.sub(rule.by, text, timeout=PATIENCE)
        if changed != text:
            done.repairs[f"rule_{rule.name}"] = None
            replaced = replace(done.messages[at], content=changed)
            done.messages = (*done.messages[:at], replaced, *done.messages[at + 1 :])
    elif pattern.search(text, timeout=PATIENCE):
        if rule.do == "drop":
            done.drop = f"rule_{rule.name}"
        else:
            done.marks[f"rule_{rule.name}"] = None


def _count_timeout(rule: RuleSection) -> None:
    _timeouts[rule.match] += 1
    if _timeouts[rule.match] >= TOO_SLOW:
        _timeouts[rule.match] = 0
        raise DataError(
            f"data.rules: '{rule.name}' took longer than {PATIENCE:g} s on {TOO_SLOW} turns, so it "
            f"cannot be used on this data: {rule.match}. The usual cause is a repetition inside a "
            "repetition, such as (a+)+; write it as one."
        )


@lru_cache(maxsize=256)
def _compiled(match: str) -> Any:
    import regex

    return regex.compile(match)
