"""What the page's histories mean to a model, and how questions are answered into them."""

from __future__ import annotations

import asyncio

import pytest

from talkwright.serve.asking import Controls, ask, ask_again
from talkwright.serve.desk import Desk
from talkwright.serve.history import COPIED, NOTICE, catch_up, cut, notice, said, text_of, to_messages

CONTROLS = Controls("", 0.0, 1.0, 100)


def user(text):
    return said("user", text)


def bot(text):
    return said("assistant", text)


def test_only_answered_questions_and_the_last_one_are_sent():
    history = [user("a"), bot("A"), user("b"), notice("no"), user("c"), user("d"), bot("D"), user("e")]
    told = [(m.role, m.content) for m in to_messages(history, "S")]
    assert told == [
        ("system", "S"), ("user", "a"), ("assistant", "A"),
        ("user", "d"), ("assistant", "D"), ("user", "e"),
    ]  # fmt: skip
    assert to_messages(history, " ")[0].role == "user"


def test_content_comes_back_in_parts_and_anything_else_is_no_text():
    assert text_of({"content": [{"type": "text", "text": "a"}, "b", {"file": "x"}, 3, None]}) == "ab"
    assert text_of({}) == ""


def test_cutting_takes_the_question_and_all_that_follows():
    history = [user("a"), bot("A"), user("b"), bot("B")]
    assert cut(history, 3) == (history[:2], "b")
    assert cut(history, 0) == ([], "a")
    assert cut(history, 99) == (history[:2], "b")
    assert cut([], 0) == ([], None)


def test_catching_up_keeps_own_answers_and_marks_copied_ones():
    ahead = [user("a"), bot("A"), user("b"), bot("B")]
    assert catch_up([user("a"), bot("mine")], ahead) == [
        user("a"), bot("mine"), user("b"), said("assistant", "B", COPIED),
    ]  # fmt: skip
    assert catch_up([user("x"), bot("mine")], ahead)[:1] == [user("a")]
    assert catch_up(ahead, []) == []
    assert catch_up([], [user("a"), notice("no")]) == [user("a"), notice("no")]


async def last_of(steps):
    seen = [both async for both in steps]
    return seen[-1] if seen else None


def run(engine, *args, again=None, desk=None):
    async def scene():
        line = desk or Desk()
        steps = ask_again(engine, line, again, *args) if again is not None else ask(engine, line, *args)
        both = await last_of(steps)
        line.close()
        return both

    return asyncio.run(scene())


def test_a_question_is_answered_by_the_first_model_only(watched):
    engine = watched(["Hi"])
    assert run(engine, "hello", [], [], False, CONTROLS) == ([user("hello"), bot("Hi")], [])
    assert [variant for variant, _, _ in engine.calls] == ["tuned"]


def test_comparing_asks_both_models_with_their_own_histories(watched):
    engine = watched(["one", "two"])
    first = run(engine, "hello", [user("a"), bot("A")], [], True, CONTROLS)
    assert first[0][-1] == bot("one")
    assert first[1] == [user("a"), said("assistant", "A", COPIED), user("hello"), bot("two")]
    assert [variant for variant, _, _ in engine.calls] == ["tuned", "base"]
    run(engine, "more", *first, True, CONTROLS)
    assert "one" in engine.calls[2][2]
    assert "two" not in engine.calls[2][2]
    assert "two" in engine.calls[3][2]


def test_asking_again_replaces_the_answer_or_the_question(watched):
    engine = watched(["new"])
    history = [user("a"), bot("A"), user("b"), bot("B")]
    assert run(engine, None, history, [], False, CONTROLS, again=2) == ([*history[:3], bot("new")], [])
    edited = run(engine, "c", history, [], False, CONTROLS, again=0)
    assert edited == ([user("c"), bot("new")], [])
    assert run(engine, None, [], [], False, CONTROLS, again=0) is None


@pytest.mark.parametrize("answer", ["", " \n"])
def test_an_empty_answer_is_said_to_be_one(watched, answer):
    one, _ = run(watched([answer]), "hello", [], [], False, CONTROLS)
    assert one[-1]["metadata"]["title"] == NOTICE


def test_a_chat_that_does_not_fit_is_told_in_the_chat(watched):
    one, _ = run(watched(["Hi"], context_length=50), "x" * 60, [], [], False, CONTROLS)
    assert one[-1]["metadata"]["title"] == NOTICE
    assert "50" in text_of(one[-1])


def test_a_full_line_and_a_failure_are_told_in_the_chat(watched, caplog):
    class Full(Desk):
        waiting = -1

        def __init__(self):
            super().__init__(waiting=-1)

    one, _ = run(watched(["Hi"]), "hello", [], [], False, CONTROLS, desk=Full())
    assert "waiting already" in text_of(one[-1])
    engine = watched(["Hi"])
    engine.fail_after = 1
    one, _ = run(engine, "hello", [], [], False, CONTROLS)
    assert one[-1]["metadata"]["title"] == NOTICE
    assert "weights" not in text_of(one[-1])
    assert "the weights are gone" in caplog.text


def test_closing_the_generator_stops_the_engine(watched, wait_until):
    engine = watched(["word " * 100], delay=0.005)

    async def scene():
        desk = Desk()
        steps = ask(engine, desk, "hello", [], [], False, CONTROLS)
        async for one, _ in steps:
            if len(one) == 2:
                break
        await steps.aclose()
        await asyncio.to_thread(wait_until, lambda: engine.cancelled_at)
        desk.close()

    asyncio.run(scene())
    assert engine.cancelled_at[0] < 100
