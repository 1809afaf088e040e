"""What stands on both sides of a split: kept apart where it is made, and seen where it is not."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest
from compared import leakage_of, splits_of

from talkwright.data.similarity import kin, leakage, pairs
from talkwright.data.similarity.features import features_of
from talkwright.data.similarity.pairs import Sets, alike
from talkwright.data.similarity.spelling import letter_sets, mistyped, spelt
from talkwright.types import Conversation, Message

DRAW = random.Random(5)
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in ("a", "e", "io", "u", "ar", "en")]


def chat(question: str, answer: str, *before: str) -> Conversation:
    greeting = (Message("user", before[0]), Message("assistant", before[1])) if before else ()
    return Conversation((*greeting, Message("user", question), Message("assistant", answer)))


def said(count: int, draw: random.Random = DRAW) -> list[str]:
    return ["".join(draw.choices(SYLLABLES, k=3)) for _ in range(count)]


def typo(words: list[str]) -> list[str]:
    return [*words[:3], words[3][:2] + words[3][3:], *words[4:]]


def synonym(words: list[str]) -> list[str]:
    return [*words[:2], *said(1), *words[3:]]


def polite(words: list[str]) -> list[str]:
    return ["could", "you", "please", "be", "so", "kind", "and", "tell", "me", *words]


def number(words: list[str]) -> list[str]:
    return [*words[:4], "17" if words[4] == "12" else words[4], *words[5:]]


def reordered(words: list[str]) -> list[str]:
    return [*words[:4], words[6], words[5], words[4], *words[7:]]


def two_words(words: list[str]) -> list[str]:
    return [*words[:2], *said(1), *words[3:6], *said(1), *words[7:]]


CHANGES = [typo, synonym, polite, number, reordered, two_words]


def planted(change, count: int, answer: str) -> dict[int, Conversation]:  # type: ignore[no-untyped-def]
    """Rows 2n and 2n + 1 are a pair; `answer` says how their answers differ."""
    rows = {}
    for at in range(count):
        words, reply = said(9), said(20)
        words[4] = "12"
        other = {"same": reply, "near": ["well", *reply[:10], *said(1), *reply[11:]], "other": said(20)}
        rows[2 * at] = chat(" ".join(words), " ".join(reply))
        rows[2 * at + 1] = chat(" ".join(change(words)), " ".join(other[answer]))
    return rows


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        *((change, "same") for change in CHANGES),
        (typo, "other"),
        (synonym, "near"),
        (reordered, "near"),
        (two_words, "near"),
    ],
)
def test_what_is_nearly_the_same_is_in_one_split(change, answer: str) -> None:  # type: ignore[no-untyped-def]
    rows = planted(change, 60, answer)
    where, notes = splits_of(rows, validation=0.2, test=0.3)
    assert [at for at in range(60) if where[2 * at] != where[2 * at + 1]] == []
    assert set(where.values()) == {"train", "validation", "test"}
    assert notes == []
    assert splits_of(dict(reversed(rows.items())), validation=0.2, test=0.3)[0] == where


@pytest.mark.parametrize("change", CHANGES)
def test_what_leaks_is_seen_however_it_was_split(change) -> None:  # type: ignore[no-untyped-def]
    rows = planted(change, 40, "other" if change is typo else "same")
    found = leakage_of(rows, {at: "test" if at % 2 else "train" for at in rows})["test"]
    assert found["leaking"] == found["near_question"] == 40
    assert found["same_question"] == 0
    assert found["same_answer"] == (0 if change is typo else 40)
    assert {one - other for one, other, _ in found["worst"]} == {1}


def test_another_question_is_no_leak() -> None:
    rows = {}
    for at in range(40):
        words = said(9)
        words[4] = "12"
        rows[2 * at] = chat(" ".join(words), " ".join(said(9)))
        # Another number and another answer; or other words with the same answer.
        other = number(words) if at % 2 else said(9)
        rows[2 * at + 1] = chat(
            " ".join(other), rows[2 * at].messages[-1].content if at % 2 == 0 else " ".join(said(9))
        )
    found = leakage_of(rows, {at: "validation" if at % 2 else "train" for at in rows})["validation"]
    assert found["leaking"] == found["near_question"] == 0
    assert found["same_answer"] == 20


def test_a_stock_answer_ties_nothing_and_counts_apart() -> None:
    stock = " ".join(said(12))
    rows = {at: chat(" ".join([*said(5), "in", "my", "old", "house"]), stock) for at in range(60)}
    where, notes = splits_of(rows, validation=0, test=0.3)
    assert Counter(where.values())["test"] in range(9, 28)
    assert notes == []
    assert len(kin.kin(features_of(list(rows.values()), 0.85, 0), np.arange(60))) == 0
    found = leakage_of(rows, where)["test"]
    assert found["stock_answer"] == found["rows"]
    assert found["same_answer"] == found["leaking"] == 0


def test_a_form_that_many_words_fill_is_no_reason_to_keep_rows_together() -> None:
    kinds = ("blue", "garden", "kitchen", "stormproof", "window", "midsummer")
    things = ("sofa", "lamp", "chisel", "drawer", "hook", "mattress", "vest", "yak")
    words = [kind + thing for kind in kinds for thing in things]
    rows = {
        at: chat(f"how do I cancel the order of a {thing} today", " ".join(said(12)))
        for at, thing in enumerate(words)
    }
    where, notes = splits_of(rows, validation=0, test=0.3)
    assert Counter(where.values())["test"] in range(8, 22)
    assert notes == []
    for count in (48, 6):
        features = features_of(list(rows.values())[:count], 0.85, 0)
        assert len(kin.kin(features, np.arange(count))) == 0
    few = {at: chat(f"how do I cancel the order of a {word} today", " ".join(said(12)))
           for at, word in enumerate(("sofa", "lamp"))}  # fmt: skip
    more = {at + 2: chat(" ".join(said(9)), " ".join(said(12))) for at in range(100)}
    where, _ = splits_of({**few, **more})
    assert where[0] == where[1]


def test_a_chain_of_similar_questions_is_cut_before_it_ties_everything() -> None:
    letters = "abcdefghij" * 20
    rows = {at: chat(f"where is the {letters[at : at + 9]} to be found today", " ".join(said(12)))
            for at in range(9)}  # fmt: skip
    word = list("abcdefgh")
    for at in range(60):  # each one letter from the last
        word[at % 8] = DRAW.choice("klmnopqrstuvwxyz")
        rows[100 + at] = chat(f"{''.join(word)} to be found today", " ".join(said(12)))
    where, notes = splits_of(rows, validation=0, test=0.3)
    assert "links between similar questions were cut" in notes[0]
    assert Counter(where[100 + at] for at in range(60)).keys() == {"train", "test"}
    leaked = leakage_of(rows, where)["test"]
    assert leaked["leaking"] == leaked["near_question"] > 0


def test_who_greets_first_is_not_tied_to_all_who_do() -> None:
    rows = {at: chat(" ".join(said(9)), " ".join(said(12)), "Hello there", "Hi, how can I help?")
            for at in range(80)}  # fmt: skip
    where, notes = splits_of(rows, validation=0, test=0.3)
    assert Counter(where.values())["test"] in range(12, 37)
    assert notes == []


def test_the_measurement_misses_no_question_that_is_near() -> None:
    draw = random.Random(3)
    texts = list(dict.fromkeys(" ".join(said(draw.randint(3, 6), draw)) for _ in range(60)))
    for text in texts[:]:
        for _ in range(4):
            cut = draw.randrange(2, len(text) - 4)
            texts.append(text[:cut] + draw.choice(["", "x", "ma", "rugo"]) + text[cut + 2 :])
    texts = list(dict.fromkeys(" ".join(text.split()) for text in texts))
    draw.shuffle(texts)
    rows = {at: chat(text, "Yes.") for at, text in enumerate(texts)}
    where = {at: "test" if at % 3 == 0 else "train" for at in rows}
    by_hand, in_all = set(), {at: letters_of(text) for at, text in enumerate(texts)}
    for at in range(0, len(texts), 3):
        for other, split in where.items():
            both = len(in_all[at] & in_all[other])
            if split == "train" and both >= leakage.NEAR * len(in_all[at] | in_all[other]):
                by_hand.add(at)
    found = leakage_of(rows, where)["test"]
    assert 20 < len(by_hand) < found["rows"] - 5
    assert found["near_question"] == len(by_hand)
    assert found["compared"] == found["distinct"] == found["rows"]


def letters_of(text: str) -> set[bytes]:
    whole = f" {text} ".encode()
    return {whole[at : at + 5] for at in range(len(whole) - 4)}


def test_what_is_too_much_work_is_measured_on_a_part_and_said(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rows = planted(synonym, 80, "other")
    where = {at: "test" if at % 2 else "train" for at in rows}
    assert leakage_of(rows, where)["test"]["compared"] == 80
    monkeypatch.setattr(leakage, "_MOST_MET", 200)
    monkeypatch.setattr(leakage, "_MORE_MET", 0)
    found = leakage_of(rows, where)["test"]
    assert 0 < found["compared"] < found["distinct"] == 80
    assert found["near_question"] == found["compared"]
    assert leakage_of(dict(reversed(rows.items())), where)["test"]["compared"] == found["compared"]


def test_sketches_lose_no_pair(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    draw = random.Random(1)
    members = [sorted(draw.sample(range(0, 4000, 7), draw.randint(1, 12))) for _ in range(80)]
    members += [sorted({*one[1:], draw.randrange(4000)}) for one in members]
    sets = Sets(
        np.array([value for one in members for value in one], np.uint32),
        np.cumsum([len(one) for one in members]),
    )
    every = np.array([(a, b) for b in range(160) for a in range(b)], np.int64)
    expected = [
        [a, b]
        for a, b in every.tolist()
        if len({*members[a]} & {*members[b]}) >= 0.6 * len({*members[a]} | {*members[b]})
    ]
    expected.sort(key=lambda pair: (pair[1], pair[0]))
    assert len(expected) > 40
    for worth in (0, 10**9):
        monkeypatch.setattr(pairs, "_WORTH_SKETCHES", worth)
        assert alike(iter([every, every[:100]]), (sets,), 0.6).tolist() == expected


def test_parts_of_the_work_give_what_the_whole_gives(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    rows = [*planted(synonym, 30, "same").values(), *planted(typo, 30, "other").values()]
    features = features_of(rows, 0.85, 0)
    every = np.arange(len(rows))
    whole = kin.kin(features, every).tolist()
    assert len(whole) >= 60
    monkeypatch.setattr(kin, "_AT_ONCE", 50)
    monkeypatch.setattr(kin, "_ROWS", 7)
    assert kin.kin(features, every).tolist() == whole


def test_letters_are_those_of_each_text_alone() -> None:
    texts = [["how", "are", "you"], None, [], ["a"], ["日本語", "ですか"], ["how", "are", "you"]]
    values, ends = letter_sets(texts)
    sizes = np.diff(ends, prepend=0).tolist()
    assert sizes == [9, 0, 0, 0, 17, 9]
    assert values[:9].tolist() == values[-9:].tolist() == sorted(values[:9].tolist())
    alone, _ = letter_sets(texts[4:5])
    assert alone.tolist() == values[9:26].tolist()


@pytest.mark.parametrize(
    ("a", "b", "typed"),
    [
        ("account", "acount", True),
        ("account", "acconut", True),
        ("account", "acxount", True),
        ("help", "hlp", True),
        ("cat", "car", False),
        ("order", "track", False),
        ("2023", "2024", False),
        ("order1", "order2", False),
    ],
)
def test_which_words_are_one_but_for_typing(a: str, b: str, typed: bool) -> None:
    one, other = (np.array([spelt(word)], np.uint32) for word in (a, b))
    assert mistyped(one, other).tolist() == [typed]
