"""Which tokens are learned: from ranges of a rendered text to labels."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from talkwright.template.render import Piece, Rendering
from talkwright.template.tokens import Encoded
from talkwright.types import IGNORED, Example


@dataclass(frozen=True, slots=True)
class Layout:
    """One training row of a shape: pieces, and for each whether its tokens are learned."""

    pieces: tuple[Piece, ...]
    learned: tuple[bool, ...]


def mark(rendering: Rendering, spans: Sequence[tuple[int, int]]) -> Layout:
    """Cut pieces at the borders of spans (ranges of `rendering.text`) and mark those inside."""
    cuts = sorted({border for span in spans for border in span})
    pieces: list[Piece] = []
    learned: list[bool] = []
    for piece, start, end in zip(
        rendering.pieces, rendering.borders, rendering.borders[1:], strict=False
    ):
        inner = [cut for cut in cuts if start < cut < end] if not piece.field else []
        for low, high in zip([start, *inner], [*inner, end], strict=True):
            pieces.append(piece if piece.field else Piece(piece.text[low - start : high - start]))
            learned.append(any(a <= low and high <= b for a, b in spans))
    return Layout(tuple(pieces), tuple(learned))


def label(
    encoded: Encoded, learned: Sequence[tuple[int, int]], control_ids: Collection[int], conversation: str
) -> Example:
    """Make a row: a token is learned when any character of it is inside a learned span.

    Not so a control token that swallows the white space after it (`rstrip`): it is the prompt's.
    `learned` are ranges of the encoded text, in order.
    """
    labels: list[int] = []
    span = 0
    for token, (start, end) in zip(encoded.ids, encoded.offsets, strict=True):
        while span < len(learned) and learned[span][1] <= start:
            span += 1
        inside = span < len(learned) and max(end, start + 1) > learned[span][0]
        if inside and start < learned[span][0] and token in control_ids:
            inside = False
        labels.append(token if inside else IGNORED)
    return Example(tuple(encoded.ids), tuple(labels), conversation)
