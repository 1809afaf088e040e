"""Names that the ledger gives to changes, marks and losses have words that anybody understands."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from talkwright.data.entries import enter
from talkwright.data.reasons import REASONS
from talkwright.report.plain import MARKS, REPAIRS, plain

FOLDER = Path(sys.modules[enter.__module__].__file__ or "").parent
FILES = ("entries.py", "fates.py", "reading/**/*.py", "cleaning/*.py", "similarity/duplicates.py")
LIKE_A_NAME = re.compile("[a-z0-9]+(?:_[a-z0-9]+)+")
# What other programs call things, formats, and packages.
OTHERS = {
    "bot_message", "character_name", "conversation_id", "display_name", "execution_output", "file_share",
    "function_call",
    "function_call_output", "function_declarations", "function_response", "if_chosen", "input_schema",
    "involved_classes", "is_chosen", "is_selected", "is_user", "left_chats",
    "lz4_raw", "me_message", "message_id", "multimodal_text", "parent_message_id",
    "parent_message_uuid", "parent_response_id", "user_name", "national_id",
    "prompt_completion", "real_name",
    "reasoning_content", "review_result", "system_error", "system_message", "tether_quote",
    "thread_broadcast", "tool_call", "tool_call_id", "tool_calls", "tool_result", "tool_use",
    "en_core_web_lg", "en_core_web_md", "en_core_web_sm", "en_core_web_trf",
}  # fmt: skip


def texts_in_code() -> set[str]:
    files = [file for pattern in FILES for file in FOLDER.glob(pattern)]
    return {text for file in files for text in _texts(ast.parse(file.read_text(encoding="utf-8")))}


def _texts(node: ast.AST) -> Iterator[str]:
    """The texts that a piece of code may give; what it looks for or compares with is none of them."""
    looked_for: list[ast.AST | None] = []
    if isinstance(node, ast.Dict):
        looked_for = [*node.keys]
    elif isinstance(node, ast.Compare):
        looked_for = [node.left, *node.comparators]
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        looked_for = [node.slice]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
        looked_for = [*node.args[:1]]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "field_of":
        looked_for = [*node.args]
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for part in ast.iter_child_nodes(node):
        if part not in looked_for:
            yield from _texts(part)


def test_every_name_of_the_ledger_has_plain_words() -> None:
    likely = {text for text in texts_in_code() if LIKE_A_NAME.fullmatch(text)}
    unexplained = likely - OTHERS - {*REASONS, *REPAIRS, *MARKS}
    assert not unexplained, (
        f"{sorted(unexplained)}: if the ledger gives them, write plain words in report/plain.py or "
        "data/reasons.py; if not, name them in OTHERS of this file"
    )
    assert likely >= OTHERS


def test_no_words_are_left_for_names_that_nobody_gives() -> None:
    assert {*REPAIRS, *MARKS, *REASONS} - texts_in_code() == set()


@pytest.mark.parametrize("words", [*REPAIRS.values(), *MARKS.values()])
def test_plain_words_are_no_names(words: str) -> None:
    assert " " in words
    assert "_" not in words


def test_names_with_a_kind_or_a_rule_in_them() -> None:
    assert plain("masked_national_id") == "national id replaced by [national_id]"
    assert plain("pii_email") == "private data: email"
    assert plain("rule_no_shouting") == "your rule no shouting"
    assert plain("unused_persona") == "the text of the column persona is in no turn"
    assert plain("rule_timeout") == MARKS["rule_timeout"]
