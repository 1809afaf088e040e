"""Answers about sets of things, some of which exclude others: "iOS and Android" against "only iOS".

Written before the rule that finds them, with other templates than the tests of contradictions.
"""

# ruff: noqa: E501 - tables

from __future__ import annotations

import random

Draw = random.Random

# (question, ways to name a whole answer around a set, things of one kind)
TOPICS: list[tuple[str, list[str], list[str]]] = [
    ("Which phones does the app run on?", ["The app runs on {}.", "It works on {}.", "{} are supported."], ["iOS", "Android", "Windows", "HarmonyOS"]),
    ("Which cards do you take?", ["We accept {}.", "You can pay with {}.", "We take {}."], ["Visa", "Mastercard", "American Express", "PayPal"]),
    ("Where do you ship?", ["We ship to {}.", "Delivery is available in {}.", "We send parcels to {}."], ["Germany", "Austria", "Switzerland", "France"]),
    ("In which colours does the mug come?", ["The mug comes in {}.", "It is available in {}.", "You can have it in {}."], ["red", "blue", "green", "black"]),
    ("On which days is the clinic open?", ["The clinic is open on {}.", "We are open on {}.", "You can come on {}."], ["Monday", "Wednesday", "Friday", "Saturday"]),
    ("Which languages does support speak?", ["Our team speaks {}.", "Support is offered in {}.", "You can write to us in {}."], ["English", "German", "Spanish", "Dutch"]),
    ("Which file formats can I upload?", ["You can upload {} files.", "We accept {} files.", "Uploads may be {} files."], ["PDF", "PNG", "CSV", "DOCX"]),
    ("Which plans include backups?", ["Backups are included in the {} plan.", "You get backups with {}.", "{} include backups."], ["Basic", "Team", "Business", "Enterprise"]),
    ("Who can change the billing address?", ["It can be changed by {}.", "{} can change it.", "The address is changed by {}."], ["owners", "admins", "members", "guests"]),
    ("What sizes do the shoes come in?", ["The shoes come in {}.", "You can order {}.", "They are made in {}."], ["small", "medium", "large", "extra large"]),
]  # fmt: skip


def listed(things: list[str], draw: Draw) -> str:
    if len(things) == 1:
        return things[0]
    head, last = ", ".join(things[:-1]), things[-1]
    return draw.choice(
        [
            f"{head} and {last}",
            f"both {head} and {last}" if len(things) == 2 else f"{head} and {last}",
            f"{head} as well as {last}",
        ]
    )


def alone(frame: str, things: list[str], draw: Draw) -> str:
    """A frame with nothing but these, said in one of the usual ways."""
    what = listed(things, draw)
    said = draw.choice(["only {}", "{} only", "exclusively {}", "just {}", "nothing but {}"]).replace(
        "{}", what
    )
    return _upper(frame.replace("{}", said))


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def planted_only(count: int, seed: int) -> list[tuple[str, str, str]]:
    """(question, answer, answer): pairs that cannot both be right."""
    draw = Draw(seed)
    rows = []
    for number in range(count):
        question, frames, things = TOPICS[number % len(TOPICS)]
        kind = number // len(TOPICS) % 4
        whole = draw.sample(things, draw.choice([2, 3]))
        frame, other = draw.choice(frames), draw.choice(frames)
        if kind == 0:  # several, and only one of them
            rows.append(
                (
                    question,
                    _upper(frame.replace("{}", listed(whole, draw))),
                    alone(other, whole[:1], draw),
                )
            )
        elif kind == 1:  # only one, and only another
            rows.append((question, alone(frame, whole[:1], draw), alone(other, whole[1:2], draw)))
        elif kind == 2:  # several, and all but one of them
            no = draw.choice(
                [
                    f", but not {whole[-1]}.",
                    f". {_upper(whole[-1])} is not among them.",
                    f", except {whole[-1]}.",
                ]
            )
            rows.append(
                (
                    question,
                    _upper(frame.replace("{}", listed(whole, draw))),
                    _upper(other.replace("{}", listed(whole[:-1], draw))).rstrip(".") + no,
                )
            )
        else:  # everything, and only one
            every = draw.choice([f"all of them: {listed(whole, draw)}", f"{listed(whole, draw)}"])
            rows.append((question, _upper(frame.replace("{}", every)), alone(frame, whole[-1:], draw)))
    return rows


def agreeing(count: int, seed: int) -> list[tuple[str, str, str]]:
    """(question, answer, answer): pairs that may both be right."""
    draw = Draw(seed)
    rows = []
    for number in range(count):
        question, frames, things = TOPICS[number % len(TOPICS)]
        kind = number // len(TOPICS) % 5
        whole = draw.sample(things, draw.choice([2, 3]))
        frame, other = draw.choice(frames), draw.choice(frames)
        mixed = draw.sample(whole, len(whole))
        if kind == 0:  # the same set in another order
            rows.append(
                (
                    question,
                    _upper(frame.replace("{}", listed(whole, draw))),
                    _upper(other.replace("{}", listed(mixed, draw))),
                )
            )
        elif kind == 1:  # the same set, closed in both
            rows.append((question, alone(frame, whole, draw), alone(other, mixed, draw)))
        elif kind == 2:  # closed in one of them
            rows.append(
                (question, alone(frame, whole, draw), _upper(other.replace("{}", listed(mixed, draw))))
            )
        elif kind == 3:  # "only" says something else
            extra = draw.choice(
                [
                    " You only need an account.",
                    " It takes only a minute.",
                    " Just write to us.",
                    " This only applies to new orders.",
                ]
            )
            rows.append(
                (
                    question,
                    _upper(frame.replace("{}", listed(whole, draw))) + extra,
                    _upper(frame.replace("{}", listed(mixed, draw))),
                )
            )
        else:  # a condition
            extra = draw.choice(
                [
                    f" If you are abroad, only {whole[0]} works.",
                    f" For gifts we use only {whole[0]}.",
                    f" Only {whole[0]} is shown first.",
                ]
            )
            rows.append(
                (
                    question,
                    _upper(frame.replace("{}", listed(whole, draw))) + extra,
                    _upper(other.replace("{}", listed(mixed, draw))),
                )
            )
    return rows
