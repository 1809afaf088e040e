"""The data.augment section: what it refuses, and the queue behind it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from talkwright.config import Recipe, build_recipe, dump_recipe
from talkwright.data.augment.asking import Chain, Prices, Queue, Wanted, Writer
from talkwright.data.augment.replies import Replies, Written
from talkwright.errors import RecipeError
from talkwright.types import Message

GOOD: dict[str, Any] = {"url": "https://models.example/v1", "model": "m"}
STEPS = [{"kind": "paraphrase"}]


def section(**augment: Any) -> Recipe:
    return build_recipe({"data": {"sources": "x", "augment": augment}})


REFUSED = {
    "a key": ({"endpoint": {**GOOD, "key_env": "sk-abc123"}}, "not the key itself"),
    "a key in lower case": ({"endpoint": {**GOOD, "key_env": "gsk_abc123"}}, "not the key itself"),
    "a key in a header": ({"endpoint": {**GOOD, "headers": {"X-Api-Key": "k"}}}, "looks like a secret"),
    "a cookie": ({"endpoint": {**GOOD, "headers": {"Cookie": "k"}}}, "looks like a secret"),
    "two headers in one": ({"endpoint": {**GOOD, "headers": {"X-A": "b\r\nC: d"}}}, "can be sent"),
    "a login": ({"endpoint": {**GOOD, "url": "https://me:pw@models.example/v1"}}, "holds a login"),
    "a query": ({"endpoint": {**GOOD, "url": "https://models.example/v1?key=k"}}, "holds a login, a"),
    "no address": ({"endpoint": {**GOOD, "url": "models.example/v1"}}, "not an address"),
    "another scheme": ({"endpoint": {**GOOD, "url": "file:///etc/passwd"}}, "not an address"),
    "an odd port": ({"endpoint": {**GOOD, "url": "https://models.example:x/v1"}}, "not an address"),
    "a bare key": (
        {"endpoint": {**GOOD, "url": "http://models.example/v1", "key_env": "K"}}, "unencrypted",
    ),
    "half a price": ({"endpoint": {**GOOD, "price_in": 1.0}}, "together"),
    "no address at all": ({"endpoint": {}}, "endpoint.url and endpoint.model are needed"),
    "a cost of nothing": ({"endpoint": GOOD, "max_cost": 1.0}, "max_cost needs"),
    "local and an endpoint": ({"engine": "local", "endpoint": GOOD}, "engine is local"),
    "local and a cost": ({"engine": "local", "max_cost": 1.0}, "costs nothing"),
    "no steps": ({"endpoint": GOOD, "steps": []}, "there are no steps"),
    "style without one": ({"endpoint": GOOD, "steps": [{"kind": "style"}]}, "needs `style`"),
    "count for rows": ({"endpoint": GOOD, "steps": [{"kind": "evolve", "count": 3}]}, "has no effect"),
    "rows for count": (
        {"endpoint": GOOD, "steps": [{"kind": "instruct", "count": 3, "per_row": 2}]}, "has no effect",
    ),
    "none of a row": ({"endpoint": GOOD, "steps": [{"kind": "evolve", "per_row": 0}]}, "per_row"),
    "a misspelt setting": (
        {"endpoint": GOOD, "steps": [{"kind": "evolve", "max_row": 2}]}, "Did you mean 'max_rows'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant_is_refused(name: str) -> None:
    augment, said = REFUSED[name]
    with pytest.raises(RecipeError, match=said) as raised:
        section(**{"steps": STEPS, **augment})
    assert "abc123" not in str(raised.value)
    assert "pw" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["http://localhost:1/v1", "http://127.0.0.1/v1", "http://192.168.1.9/v1"]
)
def test_a_key_may_go_to_a_near_machine_unencrypted(url: str) -> None:
    recipe = section(endpoint={**GOOD, "url": url, "key_env": "K"}, steps=STEPS)
    assert Recipe.model_validate(dump_recipe(recipe)) == recipe


def queue_of(folder: Path, chains: list[Any], **settings: Any) -> Queue:
    writer = Writer(lambda queue: None, "m", "local", "m", settings.pop("prices", None))
    wanted = [Wanted(number, start, 0.0, 10, (10, 10)) for number, start in enumerate(chains)]
    return Queue(wanted, writer, Replies(folder, "m"), **settings)


def asking(text: str) -> Any:
    def chain() -> Chain:
        reply = yield (Message("user", text),)
        return (Message("assistant", reply),)

    return chain


def test_one_answer_holds_for_all_who_ask_the_same(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, [asking("same"), asking("same")])
    with queue.replies:
        first, second = queue.take(), queue.take()
        assert first is not None
        assert second is not None
        queue.done(second, Written("one"))
        queue.done(first, Written("two"))
    assert [row.result for row in queue.wanted] == [(Message("assistant", "one"),)] * 2


def test_a_row_is_begun_only_when_its_cost_is_certain_to_fit(tmp_path: Path) -> None:
    # At most 20 tokens a row, at a price of 1 each.
    chains = [asking(str(n)) for n in range(4)]
    queue = queue_of(tmp_path, chains, prices=Prices(1e6, 1e6), max_cost=45.0)
    with queue.replies:
        first, second = queue.take(), queue.take()
        assert first is not None
        assert second is not None
        assert queue.take() is None, "the third would fit only if the first two cost less than they can"
        queue.done(first, Written("a", "stop", 1, 1))
        third = queue.take()
        assert third is not None
        queue.done(second, Written("b"))  # does not say what it used, so it used all it could
        queue.done(third, Written("c", "stop", 2, 2))
        assert queue.take() is None
    assert [row.rejected.reason if row.rejected else None for row in queue.wanted] == [
        None, None, None, "over_budget",
    ]  # fmt: skip
