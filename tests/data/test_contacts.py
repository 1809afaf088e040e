"""A customer's address or number beside rows keeps them in one split, and is itself never kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from as_read import entries, jsonl, read

from talkwright.config import DataSection
from talkwright.data import prepare, read_dataset
from talkwright.data.reading.chat.turns import Draft


def group(**beside: Any) -> str | None:
    found = read({**beside, "question": "How long is it?", "answer": "It is 10 km long."})
    assert isinstance(found, Draft)
    return found.group


@pytest.mark.parametrize(
    ("one", "same"),
    [
        ({"email": "Ann@example.com"}, {"customer_email": "Ann Lee <ann@example.com>"}),
        ({"phone": "+49 711 1234567"}, {"Phone Number": "0049(711)123-4567"}),
        ({"phone": 497111234567}, {"mobile": "+497111234567"}),
        ({"contact": {"email": "ann@example.com", "name": "Ann"}}, {"email": "ann@example.com"}),
        ({"contact": {"id": 7}}, {"contact": {"name": "Ann", "id": "7"}}),
        ({"contact": "ann@example.com"}, {"thread_id": "t1", "email": "ann@example.com"}),
    ],
)
def test_one_customer_has_one_pseudonym(one: dict[str, Any], same: dict[str, Any]) -> None:
    found = group(**one)
    assert found is not None
    assert found.startswith("contact-")
    assert group(**same) == found
    assert group(email="bob@example.com") != found


@pytest.mark.parametrize("value", ["", "n/a", "web form", "-", "12", True, None, 1.5, {"name": "Ann"}])
def test_what_is_no_address_ties_nothing(value: Any) -> None:
    assert group(email=value, phone=value, contact=value) is None
    assert group(user_id="u1", email="ann@example.com") == "u1"


def rows(customers: int, email: Any = None) -> list[dict[str, Any]]:
    words = ("rail", "glass", "yarn", "fern", "soap", "lamp", "oven", "moss", "kite", "drum")
    return [
        {"email": email or f"user{n % customers}@example.com", "phone": f"0711 55{n % customers:05}",
         "question": f"Where is the {words[n % 10]} of {words[n // 10]} kept, room {n * 37}?",
         "answer": f"It is on shelf {n * 11} behind the {words[n // 10]}."}
        for n in range(100)
    ]  # fmt: skip


def prepared(tmp_path: Path, *given: Any, **more: Any) -> tuple[Path, dict[str, set[str]]]:
    source = {"path": str(jsonl(tmp_path / "a.jsonl", *given))}
    settings = {"sources": [source], "test": 0.2, "duplicates": "exact", "doctor": False, **more}
    out = tmp_path / "out"
    prepare(DataSection.model_validate(settings), seed=0, out=out)
    found = read_dataset(out)
    return out, {name: {c.group or "" for c in found[name]} for name in found}


@pytest.mark.parametrize("pii", ["mask", "keep"])
def test_a_customers_rows_are_in_one_split_and_the_address_nowhere(tmp_path: Path, pii: str) -> None:
    out, groups = prepared(tmp_path, *rows(20), pii=pii)
    assert groups["test"]
    assert sum(map(len, groups.values())) == len(set().union(*groups.values())) == 20
    for name in ("train.jsonl", "test.jsonl"):
        text = (out / name).read_text()
        assert "example.com" not in text
        assert "0711" not in text


def test_the_address_of_a_desk_ties_nothing(tmp_path: Path) -> None:
    out, groups = prepared(tmp_path, *rows(20, email="help@example.com"))
    assert groups["test"]
    about = json.loads((out / "counts.json").read_text())["leakage"]
    assert about["test"]["same_group"] == 0
    assert any("no customer's" in note for note in about["notes"])


def test_messages_of_a_contact_stay_together_and_those_of_an_agent_do_not(tmp_path: Path) -> None:
    def talk(day: int, who: str) -> list[dict[str, Any]]:
        said = (("user", f"Where is parcel {day}?"), ("assistant", f"Parcel {day} is in Ulm."))
        return [
            {"contact": who, "role": role, "text": text, "time": f"2024-01-{day:02} 10:0{at}:00"}
            for at, (role, text) in enumerate(said)
        ]

    given = [*talk(2, "C-77"), *talk(9, "C-77"), *talk(3, "C-78"), *talk(4, "C-79")]
    found = groups_of(jsonl(tmp_path / "a.jsonl", *given))
    assert len(found) == 4
    assert len({*found}) == 3
    assert not any("C-7" in group for group in found)
    sent = [{"ticket_id": n, "role": role, "text": f"{role} says {n}.", "email": f"{role}@example.com"}
            for n in range(3) for role in ("user", "assistant")]  # fmt: skip
    assert groups_of(jsonl(tmp_path / "b.jsonl", *sent)) == ["0", "1", "2"]  # the tickets alone


def groups_of(path: Path) -> list[str]:
    return [entry.conversation.group or "" for entry in entries(path) if entry.conversation]
