"""Tweets to companies and their answers, one a row, as in Kaggle's "Customer Support on Twitter".

tweet_id, author_id, inbound, created_at, text, response_tweet_id, in_response_to_tweet_id

Tweets that reply to one another are a thread. In it every customer has a talk: what they wrote, and what
companies replied to that.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from talkwright.data.reading.chat.speakers import role_meant
from talkwright.data.reading.chat.turns import plain
from talkwright.data.reading.rows import Row, as_one

_NAMES = {"tweetid", "authorid", "inbound", "text", "inresponsetotweetid"}
_HELD = 2**27  # characters of threads that are held
_DEEPEST = 1000  # replies to replies
_ID = re.compile(r"(\d{1,20})(?:\.0*)?")


def are_tweets(names: Iterable[Any]) -> bool:
    """Say whether rows with these columns are such tweets."""
    return {plain(name) for name in names} >= _NAMES


@dataclass(frozen=True, slots=True)
class _Tweet:
    """A tweet; `before` is the one that it replies to, `others` are all that it names."""

    id: int
    author: str
    role: str
    text: str
    when: float | None
    before: int | None
    others: list[int]


_Held = tuple[int, Row, _Tweet]  # the number of a row in its table, the row, what it says


@dataclass(eq=False, slots=True)
class _Thread:
    """Tweets that belong together, and the ids of those that they name and that were not read."""

    number: int
    rows: list[_Held]
    ids: list[int]
    waits: set[int]
    cost: int = 0


class _Threads:
    """Which tweets belong together, as far as the rows say that were read."""

    def __init__(self) -> None:
        self.open: dict[int, _Thread] = {}
        self.of: dict[int, _Thread] = {}
        self.read: set[int] = set()
        self.cost = 0
        self._number = 0

    def is_done_with(self, id: int) -> bool:
        """Say whether a tweet was read, or named, and its thread is no longer held."""
        return id in self.read and id not in self.of

    def put(self, tweet: _Tweet, row: Row) -> bool:
        """Take a tweet in, with those that it names; False where one of these is done with."""
        self.read.add(tweet.id)
        self._number += 1
        if any(map(self.is_done_with, tweet.others)):
            self.read.update(tweet.others)
            return False
        thread = self.of.get(tweet.id) or self._begun(tweet.id)
        for other in tweet.others:
            thread = self._joined(thread, self.of.get(other) or self._begun(other))
        thread.waits.discard(tweet.id)
        thread.rows.append((self._number, row, tweet))
        thread.cost += _cost(row)
        self.cost += _cost(row)
        return True

    def _begun(self, id: int) -> _Thread:
        self._number += 1
        self.of[id] = self.open[self._number] = _Thread(self._number, [], [id], {id})
        return self.of[id]

    def _joined(self, one: _Thread, other: _Thread) -> _Thread:
        if one is other:
            return one
        large, small = (one, other) if len(one.ids) >= len(other.ids) else (other, one)
        del self.open[small.number], self.open[large.number]
        large.number = min(large.number, small.number)
        self.open[large.number] = large
        large.rows += small.rows
        large.ids += small.ids
        large.waits |= small.waits
        large.cost += small.cost
        for id in small.ids:
            self.of[id] = large
        return large

    def take(self, thread: _Thread) -> list[_Held]:
        """The tweets of a thread in their table's order. It is done with."""
        del self.open[thread.number]
        self.cost -= thread.cost
        self.read.update(thread.ids)
        for id in thread.ids:
            del self.of[id]
        return sorted(thread.rows, key=lambda held: held[0])

    def in_order(self) -> list[_Thread]:
        """The threads that are held, by their first rows."""
        return [self.open[number] for number in sorted(self.open)]


def tweet_rows(rows: Iterator[Row]) -> Iterator[Row]:
    """Talks of the tweets in a table; rows that are none as they are."""
    threads = _Threads()
    for row in rows:
        tweet = _tweet(row.value) if row.problem is None else None
        if tweet is None:
            yield row
        elif tweet.id in threads.read and not threads.is_done_with(tweet.id):
            yield Row(row.where, None, row.raw, "duplicate")
        elif threads.is_done_with(tweet.id) or not threads.put(tweet, row):
            yield Row(row.where, None, row.raw, "scattered_messages")
        if threads.cost > _HELD:
            # Whole ones; or, where half a table is one thread, the first, whole or not.
            whole = [thread for thread in threads.in_order() if not thread.waits]
            for thread in whole or [held for held in threads.in_order() if held.rows][:1]:
                yield from _talks(threads.take(thread))
    for thread in threads.in_order():
        yield from _talks(threads.take(thread))


def _cost(row: Row) -> int:
    return len(row.raw) + len(str(row.value.get("text") or "")) + 1000


def _tweet(value: Any) -> _Tweet | None:
    if not isinstance(value, dict) or not are_tweets(value):
        return None
    held = {plain(key): value[key] for key in reversed(value)}
    ids = _ids(held["tweetid"])
    role = role_meant("inbound", held["inbound"])
    if len(ids) != 1 or role is None or not isinstance(held["text"], str):
        return None
    [id] = ids
    before = [other for other in _ids(held["inresponsetotweetid"]) if other != id][:1]
    others = [*before, *(other for other in _ids(held.get("responsetweetid")) if other != id)]
    when, author = _when(held.get("createdat")), str(held["authorid"])[:200]
    return _Tweet(id, author, role, held["text"], when, before[0] if before else None, others)


def _ids(value: Any) -> list[int]:
    """Ids of tweets as a table has them: `3,5`, 3.0, or nothing."""
    if value is None or isinstance(value, (bool, dict, list)) or value != value:
        return []
    found = (_ID.fullmatch(part.strip()) for part in str(value)[:2000].split(","))
    return [int(id[1]) for id in found if id is not None]


def _when(value: Any) -> float | None:
    """When a tweet was written, in seconds: `Tue Oct 31 22:10:47 +0000 2017`, or ISO."""
    if not isinstance(value, str):
        return None
    for read in (
        lambda text: datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y"),
        datetime.fromisoformat,
    ):
        try:
            return read(value.strip()).timestamp()
        except (ValueError, OverflowError):
            continue
    return None


def _talks(held: list[_Held]) -> Iterator[Row]:
    """The talks of one thread, each customer's own, in the order of their first rows.

    What comes behind a tweet that is missing in the middle of a talk is dropped.
    """
    rows, tweets = [row for _, row, _ in held], [tweet for _, _, tweet in held]
    by_id = {tweet.id: tweet for tweet in tweets}
    talks: dict[str | None, list[int]] = {}
    for at, tweet in enumerate(tweets):
        talks.setdefault(_customer(tweet, by_id), []).append(at)
    for customer, places in talks.items():
        ordered = _in_order([tweets[at] for at in places], by_id)
        first = _first(ordered[0], by_id)
        ordered = [tweet for tweet in ordered if _first(tweet, by_id) == first]
        taken = {tweet.id for tweet in ordered}
        yield from (
            Row(rows[at].where, None, rows[at].raw, "tree_message")
            for at in places
            if tweets[at].id not in taken
        )
        places = [at for at in places if tweets[at].id in taken]
        own = [rows[at] for at in places]
        messages = [{"role": tweet.role, "content": tweet.text} for tweet in ordered]
        moved = [tweet.id for tweet in ordered] != [tweets[at].id for at in places]
        value = {"user_id": customer, "messages": messages} if customer else {"messages": messages}
        talk = as_one(own, value)
        yield replace(talk, repairs=(*talk.repairs, "sorted_turns")) if moved else talk


def _customer(tweet: _Tweet, by_id: dict[int, _Tweet]) -> str | None:
    """Whose talk a tweet is in: its author's, or that of the last customer before it."""
    at: _Tweet | None = tweet
    for _ in range(_DEEPEST):
        if at is None or at.role == "user":
            break
        at = _before(at, by_id)
    return at.author if at is not None and at.role == "user" else None


def _first(tweet: _Tweet, by_id: dict[int, _Tweet]) -> int:
    """The first tweet from which one comes, as far as it is in the table."""
    at = tweet
    for _ in range(_DEEPEST):
        before = _before(at, by_id)
        if before is None:
            break
        at = before
    return at.id


def _before(tweet: _Tweet, by_id: dict[int, _Tweet]) -> _Tweet | None:
    return None if tweet.before is None else by_id.get(tweet.before)


def _in_order(talk: list[_Tweet], by_id: dict[int, _Tweet]) -> list[_Tweet]:
    """Tweets behind what they reply to, and by their times as far as they have them."""
    depths = {tweet.id: _depth(tweet, by_id) for tweet in talk}
    if any(tweet.when is None for tweet in talk):
        return sorted(talk, key=lambda tweet: depths[tweet.id])
    return sorted(talk, key=lambda tweet: (tweet.when or 0.0, depths[tweet.id]))


def _depth(tweet: _Tweet, by_id: dict[int, _Tweet]) -> int:
    depth, at = 0, _before(tweet, by_id)
    while at is not None and depth < _DEEPEST:
        depth, at = depth + 1, _before(at, by_id)
    return depth
