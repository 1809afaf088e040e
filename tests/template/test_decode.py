"""Ids back to text, whole and one by one."""

from __future__ import annotations

import random
from typing import Any

from talkwright.types import Message

TEXTS = (
    "hello",
    "  two  spaces ",
    "é 日本語 🙂👩‍👩‍👧‍👦",
    "the answer\n\n is\n",
    "مرحبا",
    "a\u0301",
    "x = {'a': [1]}\n\treturn",
)


def pieces(family: Any, ids: list[int]) -> list[str]:
    decoder = family.template.decoder()
    return [*(decoder.push(i) for i in ids), decoder.flush()]


def test_pieces_add_up_to_decode_for_any_ids(family) -> None:
    rng = random.Random(5)
    size = family.tokenizer.backend_tokenizer.get_vocab_size()
    for _ in range(200):
        ids = [rng.randrange(size) for _ in range(rng.randint(0, 30))]
        assert "".join(pieces(family, ids)) == family.template.decode(ids)


def test_pieces_of_real_text_are_the_text_and_never_half_a_character(family) -> None:
    backend = family.tokenizer.backend_tokenizer
    for text in TEXTS:
        ids = family.template.guard.encode_fast(text)
        whole = backend.decode(ids, skip_special_tokens=True)
        shown = pieces(family, ids)
        assert "".join(shown) == whole == family.template.decode(ids)
        assert not any("\ufffd" in piece for piece in shown)
        if family.name != "zephyr":  # which knows few characters
            assert whole.strip() == text.strip()
        for end in range(
            len(ids)
        ):  # cut anywhere: still no half character, and a beginning of the whole
            part = family.template.decode(ids[:end])
            assert "\ufffd" not in part
            assert whole.startswith(part)


def test_text_comes_as_soon_as_it_is_certain(family) -> None:
    ids = family.template.guard.encode_fast("the answer is how you are")
    shown = pieces(family, ids)
    assert shown[-1] == ""
    assert sum(bool(piece) for piece in shown) >= 4


def test_the_space_before_a_word_is_kept_in_the_middle_and_left_out_at_the_beginning(family) -> None:
    ids = family.template.guard.encode_fast("you are what you are")
    shown = pieces(family, ids)
    assert "".join(shown) == "you are what you are"
    assert not shown[0].startswith(" ")


def test_control_tokens_are_left_out_of_text(family) -> None:
    special = {i for i, token in family.tokenizer.added_tokens_decoder.items() if token.special}
    ids = family.template.guard.encode_fast("the answer")
    mixed = [x for i in ids for x in (i, *sorted(special))]
    assert family.template.decode(mixed).replace(" ", "") == family.template.decode(ids).replace(" ", "")


def test_bytes_that_never_become_a_character_do_not_stop_the_text_after_them(family) -> None:
    if family.name == "zephyr":
        return
    half = family.template.guard.encode_fast("語")[-3:-1]
    rest = family.template.guard.encode_fast(" the answer")
    shown = pieces(family, [*half, *half, *rest])
    assert "answer" in "".join(shown)
    assert len(pieces(family, half * 500)) == 1001  # and not in quadratic time that anybody would notice


def test_token_texts_are_one_a_token_with_control_tokens_by_name(family) -> None:
    ids = family.template.prompt_ids([Message("user", "hello")])
    texts = family.template.token_texts(ids)
    assert len(texts) == len(ids)
    assert any(text in family.added for text in texts)
