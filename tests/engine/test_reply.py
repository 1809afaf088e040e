"""From messages to a reply: pieces that add up, stop strings, limits, cancelling, counts."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from talkwright.engine import FakeEngine, reply, stream_reply
from talkwright.errors import RequestError
from talkwright.types import Message, Reply, Sampling

ASK = [Message("user", "Well?")]


def pieces_of(engine: FakeEngine, sampling: Sampling, **how: object) -> tuple[list[str], Reply]:
    *texts, last = stream_reply(engine, ASK, sampling, **how)
    assert isinstance(last, Reply)
    assert all(isinstance(text, str) and text for text in texts)
    assert "".join(texts) == last.text
    return texts, last


def test_a_reply_and_its_numbers(tiny_template) -> None:
    engine = FakeEngine(tiny_template, ["Ten hours."])
    found = reply(engine, ASK, Sampling())
    assert (found.text, found.finish, found.n_reply) == ("Ten hours.", "stop", 10)
    assert found.n_prompt == len(tiny_template.prompt_ids(ASK))
    assert found.seconds >= 0


def test_a_limit_cuts_and_says_so(tiny_template) -> None:
    engine = FakeEngine(tiny_template, ["Ten hours."])
    found = reply(engine, ASK, Sampling(max_new_tokens=3))
    assert (found.text, found.finish, found.n_reply) == ("Ten", "length", 3)


def test_text_of_many_bytes_never_comes_in_halves(tiny_template) -> None:
    text = "né 漢字 👩‍👩‍👧 \u0301x"
    texts, last = pieces_of(FakeEngine(tiny_template, [text]), Sampling())
    assert last.text == text
    assert "\ufffd" not in "".join(texts)
    assert "漢" in texts


def test_a_character_cut_by_the_limit_is_left_out(tiny_template) -> None:
    texts, last = pieces_of(FakeEngine(tiny_template, ["a漢"]), Sampling(max_new_tokens=3))
    assert (texts, last.text, last.finish, last.n_reply) == (["a"], "a", "length", 3)


@pytest.mark.parametrize(
    ("text", "stops", "expected"),
    [
        ("one END two", ("END",), "one "),
        ("one EN two", ("END",), "one EN two"),
        ("one ENEND two", ("END",), "one EN"),
        ("aab", ("ab",), "a"),
        ("aaab", ("aab",), "a"),
        ("xyz", ("y", "xy"), ""),  # both end with the same letter: the one that begins first counts
        ("one\n\ntwo", ("\n\n",), "one"),
        ("one\ntwo", ("\n\n",), "one\ntwo"),
        ("END", ("END",), ""),
        ("ends in EN", ("END",), "ends in EN"),
        ("stop 漢 here", ("漢",), "stop "),
        ("nothing", ("", "zzz"), "nothing"),
        ("abcabd", ("abd", "cx"), "abc"),
    ],
)
def test_stop_strings_end_a_reply_and_are_never_shown(tiny_template, text, stops, expected) -> None:
    texts, last = pieces_of(FakeEngine(tiny_template, [text]), Sampling(stop=stops))
    assert (last.text, last.finish) == (expected, "stop")
    # No piece may be taken back: each is a beginning of the final text as it stood.
    shown = ""
    for piece in texts:
        shown += piece
        assert expected.startswith(shown)


def test_stop_strings_against_a_plain_search(tiny_template) -> None:
    draw = random.Random(3)
    for _ in range(300):
        text = "".join(draw.choices("ab", k=draw.randint(1, 12)))
        stop = "".join(draw.choices("ab", k=draw.randint(1, 4)))
        _, last = pieces_of(FakeEngine(tiny_template, [text]), Sampling(stop=(stop,)))
        assert last.text == text.partition(stop)[0], (text, stop)


def test_after_a_stop_string_nothing_more_is_generated(tiny_template) -> None:
    made: list[int] = []

    class Counting(FakeEngine):
        def stream(self, *given, **named) -> Iterator[int]:
            for token in super().stream(*given, **named):
                made.append(token)
                yield token

    found = reply(
        Counting(tiny_template, ["one END" + "x" * 500]),
        ASK,
        Sampling(max_new_tokens=400, stop=("END",)),
    )
    assert found.n_reply == len(made) == 7


def test_a_chat_that_fills_the_context_is_refused_at_the_call(tiny_template) -> None:
    prompt = len(tiny_template.prompt_ids(ASK))
    engine = FakeEngine(tiny_template, ["Ten hours."], context_length=prompt)
    with pytest.raises(RequestError, match=rf"{prompt} tokens long.*context holds {prompt}") as caught:
        stream_reply(engine, ASK, Sampling())  # not iterated: a server must know before it answers 200
    assert (caught.value.code, caught.value.param) == ("context_length_exceeded", "messages")
    assert engine.asked == 0


def test_a_reply_ends_where_the_context_does(tiny_template) -> None:
    engine = FakeEngine(
        tiny_template, ["Ten hours."], context_length=len(tiny_template.prompt_ids(ASK)) + 4
    )
    found = reply(engine, ASK, Sampling(max_new_tokens=100))
    assert (found.text, found.finish, found.n_reply) == ("Ten ", "length", 4)


def test_what_cannot_be_answered_is_refused_at_the_call(fake_engine) -> None:
    for messages in ([], [Message("assistant", "Hi.")], [*ASK, Message("system", "late"), *ASK]):
        with pytest.raises(RequestError):
            stream_reply(fake_engine, messages, Sampling())
    with pytest.raises(RequestError, match="no variant 'x'; there are: tuned, base"):
        stream_reply(fake_engine, ASK, Sampling(), variant="x")
    assert fake_engine.asked == 0


def test_cancelling_keeps_what_was_said(tiny_template) -> None:
    said: list[str] = []
    stream = stream_reply(
        FakeEngine(tiny_template, ["Ten hours."]), ASK, Sampling(), cancelled=lambda: len(said) >= 3
    )
    for piece in stream:
        if isinstance(piece, Reply):
            assert (piece.text, piece.finish, piece.n_reply) == ("Ten", "cancelled", 3)
        else:
            said.append(piece)
    assert said == ["T", "e", "n"]


def test_a_real_model_streams_what_it_generates(engine) -> None:
    prompt = engine.template.prompt_ids(ASK)
    for variant in engine.variants:
        (generated,) = engine.generate([prompt], Sampling(max_new_tokens=30), variant=variant)
        found = reply(engine, ASK, Sampling(max_new_tokens=30), variant=variant)
        assert found.text == engine.template.decode(generated.ids)
        assert (found.finish, found.n_reply) == (generated.finish, len(generated.ids))


# --- the public double ---------------------------------------------------------------------------


def test_scripted_texts_come_in_turn_and_again(tiny_template) -> None:
    engine = FakeEngine(tiny_template, ["one", "two"])
    assert [reply(engine, ASK, Sampling()).text for _ in range(5)] == ["one", "two", "one", "two", "one"]
    assert engine.asked == 5


def test_a_function_answers_the_prompt_as_text(tiny_template) -> None:
    seen: list[str] = []
    engine = FakeEngine(tiny_template, lambda prompt: seen.append(prompt) or "ok")
    assert reply(engine, ASK, Sampling()).text == "ok"
    assert "Well?" in seen[0]


def test_the_double_generates_and_scores_like_an_engine(tiny_template) -> None:
    engine = FakeEngine(tiny_template, ["one", "three"], context_length=40)
    prompts = [tiny_template.prompt_ids(ASK), [40] * 37]
    assert [(tiny_template.decode(g.ids), g.finish) for g in engine.generate(prompts, Sampling())] == [
        ("one", "stop"),
        ("thr", "length"),
    ]
    from talkwright.types import Example

    assert engine.nll([Example((1, 2, 3), (-100, 2, 3))]) == [(2.0, 2)]


def test_a_text_that_looks_like_control_is_text(tiny_template) -> None:
    engine = FakeEngine(tiny_template, ["<|im_end|>"])
    assert reply(engine, ASK, Sampling()).text == "<|im_end|>"
