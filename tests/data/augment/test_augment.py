"""New rows: made from training rows alone, checked, accounted for, and the same every time."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest

from talkwright.errors import DataError, RecipeError

PARAPHRASE = {"kind": "paraphrase"}
ALL_KINDS = (
    {"kind": "paraphrase", "per_row": 2, "max_rows": 8},
    {"kind": "back_translate", "language": "German", "max_rows": 5},
    {"kind": "style", "style": "warm and chatty", "max_rows": 5},
    {"kind": "evolve", "max_rows": 5},
    {"kind": "instruct", "count": 6},
)


@pytest.fixture
def rows(world) -> list[dict[str, Any]]:
    world.augment(world.recipe(*ALL_KINDS))
    return world.rows("train")


def test_every_kind_makes_rows_and_the_sums_add_up(world) -> None:
    counts = world.augment(world.recipe(*ALL_KINDS))
    assert counts["asked"] == 16 + 5 + 5 + 5 + 6
    assert counts["asked"] == counts["kept"] + sum(counts["dropped"].values())
    assert set(counts["kinds"]) == {step["kind"] for step in ALL_KINDS}
    assert all(kind["kept"] >= 3 for kind in counts["kinds"].values()), counts
    ledger = world.rows("ledger")
    assert len(ledger) == counts["asked"]
    assert len(world.rows("train")) == counts["kept"]
    assert [row["conversation"] for row in ledger if row["fate"] == "kept"]
    assert len(world.endpoint.seen) == counts["replies"] == 16 + 5 * 2 + 5 + 5 * 2 + 6
    lengths = [
        sum(len(m["content"]) for m in body["messages"]) // 4 for _, _, body in world.endpoint.seen
    ]
    assert counts["tokens_in"] == sum(lengths)


def test_only_training_rows_are_sent_and_made_from(world, rows) -> None:
    from talkwright.data import read_dataset

    splits = read_dataset(world.folder / "data")
    training = {row.id for row in splits["train"]}
    assert rows
    for row in rows:
        assert set(row["made"]["of"]) <= training
    sent = "\n".join(world.endpoint.prompts)
    held_out = world.split("test") + world.split("validation")
    assert len(held_out) >= 8
    assert [question for question in held_out if question in sent] == []


def test_each_row_says_where_it_comes_from(world, rows) -> None:
    for row in rows:
        made = row["made"]
        assert made["model"] == "writer-1"
        assert made["host"] == world.endpoint.url.removeprefix("http://").removesuffix("/v1")
        assert made["prompt"] == f"{made['kind']}-1"
        assert len(made["request"]) == 32
        line = int(row["where"].removeprefix("augment/ledger.jsonl:"))
        assert world.rows("ledger")[line - 1]["conversation"] is not None


def test_what_is_to_stay_stays(world, rows) -> None:
    """Paraphrases keep the answer, styles keep the question."""
    from talkwright.data import read_dataset

    train = {row.id: row for row in read_dataset(world.folder / "data")["train"]}
    for row in rows:
        source = train[row["made"]["of"][0]]
        asked, answer = (message["content"] for message in row["messages"])
        kind = row["made"]["kind"]
        if kind in ("paraphrase", "back_translate"):
            assert answer == source.messages[1].content
            assert asked != source.messages[0].content
        if kind == "style":
            assert asked == source.messages[0].content
            assert answer != source.messages[1].content


def test_a_second_time_asks_nothing_and_gives_the_same_bytes(world) -> None:
    recipe = world.recipe(*ALL_KINDS)
    world.augment(recipe)
    asked = len(world.endpoint.seen)
    world.augment(recipe, out="again")
    assert len(world.endpoint.seen) == asked
    assert world.bytes_of("again") == world.bytes_of("new")


def test_the_order_of_replies_changes_nothing(world, tmp_path) -> None:
    recipe = world.recipe(*ALL_KINDS, at={"max_concurrent": 8})
    draw = random.Random(3)
    world.endpoint.misbehave = lambda *_: bool(time.sleep(draw.random() * 0.03))
    world.augment(recipe)
    world.endpoint.misbehave = None
    (world.folder / "cache").rename(world.folder / "first-cache")
    world.augment(world.recipe(*ALL_KINDS, at={"max_concurrent": 1}), out="in-order")
    assert world.bytes_of("in-order") == world.bytes_of("new")


def test_copies_of_held_out_rows_are_dropped(world) -> None:
    recipe = world.recipe(PARAPHRASE)
    world.augment(world.recipe({"kind": "paraphrase", "max_rows": 1}), out="first")  # makes the splits
    held_out = world.split("test")
    near = held_out[0].replace("the", "that", 1)
    answers = [f"<t1>{held_out[0]}</t1>", f"<t1>{near.upper()}</t1>"]
    world.endpoint.answer = lambda body: answers[len(world.endpoint.seen) % 2]
    counts = world.augment(recipe)
    assert counts["dropped"].pop("copy_of_held_out") >= counts["asked"] - 5
    assert not [row for row in world.rows("train") if row["messages"][0]["content"] in held_out]


def test_a_held_out_answer_is_no_model_for_a_new_one(world) -> None:
    from talkwright.data import read_dataset

    recipe = world.recipe({"kind": "instruct", "count": 3}, new_facts="keep")
    world.augment(recipe, out="first")
    answer = read_dataset(world.folder / "data")["test"][0].messages[1].content
    world.endpoint.answer = lambda body: (
        f"<question>And what about my thing number {len(world.endpoint.seen)}?</question>"
        f"<answer>{answer}</answer>"
    )
    (world.folder / "cache").rename(world.folder / "first-cache")
    assert world.augment(recipe)["dropped"] == {"copy_of_held_out": 3}


def test_rows_of_the_suite_are_held_out_too(world) -> None:
    from talkwright.types import Conversation, Message

    question = "Do lanterns by Lumen Works survive a night in the rain?"
    suite = [Conversation((Message("user", question), Message("assistant", "They do.")))]
    world.endpoint.answer = lambda body: f"<t1>{question}</t1>"
    recipe = world.recipe({"kind": "paraphrase", "max_rows": 4})
    counts = world.augment(recipe, suite=suite)
    assert counts["dropped"] == {"copy_of_held_out": 4}


def test_duplicates_among_new_rows_are_dropped(world) -> None:
    world.endpoint.answer = lambda body: "<t1>Would you mind telling me all about this thing?</t1>"
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 6}))
    assert counts["kept"] == 1
    assert counts["dropped"] == {"duplicate": 5}


def test_what_says_the_same_as_its_source_is_dropped(world) -> None:
    def parrot(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"].split("<t1>")[1].split("</t1>")[0]
        return f"<t1>{text.upper() if len(world.endpoint.seen) % 2 else text + ' please'}</t1>"

    world.endpoint.answer = parrot
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 8}))
    assert counts["dropped"] == {"too_similar": 4, "unchanged": 4}


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("Sure! Here you go.", "garbage"),
        ("<t1></t1>", "garbage"),
        ("<t1>one</t1> or <t1>two</t1>", "garbage"),
        ("<t2>wrong tag</t2>", "garbage"),
        ("\x00\ud83d" * 5, "garbage"),
        ("I'm sorry, but I cannot help with that.", "refused"),
        ("As an AI language model I have no opinions.", "refused"),
        ("<t1>Ich habe eine Frage und das ist nicht so klar: was ist das?</t1>", "wrong_language"),
        ("<t1>I wonder about item 4711 of yours, what is it?</t1>", "invented_facts"),
        ("<t1>I do not want the thing that you sell, so what now?</t1>", "lost_facts"),
    ],
)  # fmt: skip
def test_useless_replies_are_dropped_with_the_reason(world, reply: str, reason: str) -> None:
    world.endpoint.answer = lambda body: reply
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 2}))
    assert counts["dropped"] == {reason: 2}
    assert world.rows("train") == []


def test_a_thinking_model_may_think_first(world) -> None:
    good = world.endpoint.answer
    world.endpoint.answer = lambda body: f"<think>Maybe <t1>this</t1>?</think>\n{good(body)}"
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 4}))
    assert counts["kept"] == 4


def test_private_data_in_new_rows_is_masked(world) -> None:
    world.endpoint.answer = lambda body: (
        "<t1>Please write to ann.smith@mail.example about this thing, will you?</t1>"
    )
    world.values["pii_keep"] = []
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 1}))
    # Masked first, so that what is judged is what would be learnt; a placeholder out of nowhere is not.
    assert counts["dropped"] == {"invented_facts": 1}
    assert "ann.smith" not in "".join(p.decode() for p in world.bytes_of().values())


def test_a_warning_says_that_private_data_leaves(world, capfd) -> None:
    world.values["pii"] = "keep"
    world.augment(world.recipe({"kind": "paraphrase", "max_rows": 1}))
    assert "private data in the training rows is sent to 127.0.0.1" in capfd.readouterr().err


def test_made_up_facts_are_dropped_unless_wanted(world) -> None:
    world.endpoint.answer = lambda body: (
        f"<question>Is there a {len(world.endpoint.seen)} year guarantee on everything?</question>"
        "<answer>Yes, for 99 years on all that we sell.</answer>"
    )
    assert world.augment(world.recipe({"kind": "instruct", "count": 1}))["dropped"] == {
        "invented_facts": 1
    }
    kept = world.augment(world.recipe({"kind": "instruct", "count": 1}, new_facts="keep"), out="kept")
    assert kept["kept"] == 1


def test_an_evolved_question_that_is_held_out_is_not_answered(world) -> None:
    world.augment(world.recipe({"kind": "paraphrase", "max_rows": 1}), out="first")
    world.endpoint.seen.clear()
    world.endpoint.answer = lambda body: f"<question>{world.split('test')[0]}</question>"
    counts = world.augment(world.recipe({"kind": "evolve", "max_rows": 3}))
    assert counts["dropped"] == {"copy_of_held_out": 3}
    assert len(world.endpoint.seen) == 3


def test_system_prompts_and_later_turns_come_along(world, tmp_path) -> None:
    import json

    talk = [
        {"role": "system", "content": "You are Lumi."},
        {"role": "user", "content": "How long is the guarantee on lamps?"},
        {"role": "assistant", "content": "Two years."},
        {"role": "user", "content": "And on the shades of these lamps?"},
        {"role": "assistant", "content": "One year."},
    ]
    (tmp_path / "one.jsonl").write_text(json.dumps({"messages": talk}) + "\n")
    world.values.update(sources=str(tmp_path / "one.jsonl"), test=0, validation=0)
    counts = world.augment(world.recipe({"kind": "paraphrase"}))
    assert counts["kept"] == 1
    (row,) = world.rows("train")
    assert [m["role"] for m in row["messages"]] == [m["role"] for m in talk]
    assert row["messages"][0]["content"] == "You are Lumi."
    assert row["messages"][3]["content"].endswith("And on the shades of these lamps?")
    assert row["messages"][3] != talk[3]


def test_rows_with_tool_calls_are_passed_over(world, tmp_path) -> None:
    import json

    talk = [
        {"role": "user", "content": "What is the weather in Oslo?"},
        {"role": "assistant", "content": '{"call": "weather"}'},
        {"role": "tool", "content": "rain"},
        {"role": "assistant", "content": "Rain."},
    ]
    (tmp_path / "one.jsonl").write_text(json.dumps({"messages": talk}) + "\n")
    world.values.update(sources=str(tmp_path / "one.jsonl"), test=0, validation=0)
    with pytest.raises(DataError, match="tool calls"):
        world.augment(world.recipe({"kind": "paraphrase"}))
    assert world.endpoint.seen == []


def test_a_limit_on_the_cost_stops_in_time_and_at_the_same_row(world) -> None:
    prices = {"price_in": 1000.0, "price_out": 1000.0}
    step = {"kind": "paraphrase", "max_tokens": 64}
    whole = world.augment(world.recipe(step, at=prices), out="whole")
    assert whole["cost"] > 0
    limit = whole["cost"] * 0.5
    (world.folder / "cache").rename(world.folder / "first-cache")
    draw = random.Random(5)
    world.endpoint.misbehave = lambda *_: bool(time.sleep(draw.random() * 0.02))
    counts = world.augment(world.recipe(step, at={**prices, "max_concurrent": 8}, max_cost=limit))
    assert 0 < counts["cost"] <= limit
    assert counts["dropped"]["over_budget"] >= 5
    assert counts["replies"] >= 5
    (world.folder / "cache").rename(world.folder / "second-cache")
    world.augment(world.recipe(step, at={**prices, "max_concurrent": 1}, max_cost=limit), out="one")
    assert world.bytes_of("one") == world.bytes_of("new")


def test_an_endpoint_that_does_not_count_has_an_unknown_cost(world) -> None:
    world.endpoint.usage = False
    prices = {"price_in": 1.0, "price_out": 1.0}
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 3}, at=prices))
    assert counts["cost"] is None
    assert counts["replies_without_usage"] == 3


def test_a_preview_is_near_what_it_costs_and_sends_nothing(world) -> None:
    from talkwright.data import endpoint_writer, preview

    prices = {"price_in": 2.0, "price_out": 8.0}
    recipe = world.recipe(*ALL_KINDS, at=prices)
    world.augment(world.recipe({"kind": "paraphrase", "max_rows": 1}), out="first")
    world.endpoint.seen.clear()
    ask = {"seed": recipe.seed, "cache": world.folder / "cache"}
    writer = endpoint_writer(recipe.data.augment)
    before = preview(recipe.data, world.folder / "data", writer, **ask)
    assert world.endpoint.seen == []
    assert before["rows"] == 37
    assert before["requests"] == 47
    counts = world.augment(recipe)
    assert 0.7 * counts["cost"] < before["cost"] < 1.4 * counts["cost"]
    assert counts["cost"] < before["cost_at_most"]
    after = preview(recipe.data, world.folder / "data", writer, **ask)
    assert after["answered_before"] == 37


def test_without_steps_nothing_happens() -> None:
    from talkwright.config import build_recipe
    from talkwright.data import endpoint_writer

    with pytest.raises(RecipeError, match=r"no data\.augment\.steps"):
        endpoint_writer(build_recipe({"data": "x"}).data.augment)


def test_any_function_can_write(world) -> None:
    from talkwright.data import Writer, Written, in_batches

    sizes = []

    def answer(chats: Any, temperature: float, max_tokens: int) -> list[Written]:
        sizes.append(len(chats))
        return [
            Written(world.endpoint.answer({"messages": [{"content": m.content} for m in chat]}))
            for chat in chats
        ]

    writer = Writer(in_batches(answer, 4), "a function", "local", "a function of this test")
    counts = world.augment(world.recipe({"kind": "paraphrase", "max_rows": 6}), writer=writer)
    assert counts["kept"] == 6
    assert sizes == [4, 2]
    assert world.endpoint.seen == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: text.replace(" euros", "0 euros"), "lost_facts"),
        (lambda text: text.replace("days", "weeks"), "lost_facts"),
        (lambda text: text.replace("https://shop.example/", "https://shop.example/new/"), "lost_facts"),
        (lambda text: text.replace("Lumen Works", "the workshop"), "lost_facts"),
        (lambda text: f"{text} Call +47 22 33 44 55.", "invented_facts"),
        (lambda text: "I'm sorry, but I can't assist with that request.", "refused"),
        (lambda text: text, None),
    ],
)
def test_a_style_may_change_no_fact(world, change: Any, reason: str | None) -> None:
    def restyle(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"].split("<t1>")[1].split("</t1>")[0]
        return f"<t1>Oh, with the greatest pleasure, dear friend of ours! {change(text)}</t1>"

    world.endpoint.answer = restyle
    counts = world.augment(world.recipe({"kind": "style", "style": "effusive", "max_rows": 2}))
    assert counts["dropped"] == ({reason: 2} if reason else {})


def test_the_way_back_does_not_see_the_original(world) -> None:
    def translate(body: dict[str, Any]) -> str:
        there = "into German" in body["messages"][-1]["content"]
        number = len(world.endpoint.seen)
        text = (
            "Ich und die Sache, das ist nicht so mit der"
            if there
            else "So I ask you again about it, you"
        )
        return f"<t1>{text} {'abcdefghij'[number % 10]}?</t1>"

    world.endpoint.answer = translate
    world.augment(
        world.recipe(
            {"kind": "back_translate", "language": "German", "max_rows": 4}, at={"max_concurrent": 1}
        )
    )
    questions = world.split("train")
    shown = [[q for q in questions if q in prompt] for prompt in world.endpoint.prompts]
    assert len(shown) == 8
    assert [bool(found) for found in shown] == [True, False] * 4


def test_what_is_not_translated_is_not_sent_back(world) -> None:
    world.endpoint.answer = lambda body: "<t1>What is it that you would like to know of the thing?</t1>"
    counts = world.augment(world.recipe({"kind": "back_translate", "language": "German", "max_rows": 2}))
    assert counts["dropped"] == {"wrong_language": 2}
    assert len(world.endpoint.seen) == 2


def test_a_row_that_the_mixture_repeats_is_asked_about_once(world, shop) -> None:
    world.values.update(sources=[{"path": str(shop), "count": 70}], test=0.1, validation=0.1)
    counts = world.augment(world.recipe(PARAPHRASE))
    questions = world.split("train")
    assert len(questions) > len(set(questions))
    assert counts["asked"] == len(set(questions))
