"""The names that the ledger has for changes and marks, and the doctor for findings, in plain words."""

from __future__ import annotations

from talkwright.report.text import words

_REPAIRS = {
    "added_comma": "a missing comma put in",
    "added_instruction": "an instruction put in front, as the source asks",
    "decoded_cp1252": "read as Windows-1252, for it is no UTF-8",
    "dropped_leading_assistant": "an answer before the first question taken out",
    "dropped_side_note": "a note beside the talk taken out",
    "dropped_trailing_user": "a last question without an answer taken out",
    "dropped_unknown_role": "a turn of an unknown speaker taken out",
    "fixed_escape": "a broken escape mended",
    "fixed_line_ends": "line ends made alike",
    "fixed_quotes": "broken quotes mended",
    "escaped_backslash": "a single backslash written twice",
    "fixed_unicode": "broken letters mended",
    "guessed_role": "who speaks was guessed from the order of turns",
    "halved_backslashes": "escapes written twice undone",
    "joined_lines": "a row torn over several lines put together",
    "joined_rows": "messages of one conversation put together",
    "merged_system": "system prompts joined into one",
    "merged_turns": "turns of one speaker in a row joined into one",
    "plain_markdown": "Markdown turned into plain text",
    "python_literal": "written as Python writes, not as JSON",
    "quoted_key": "a key put in quotes",
    "removed_attachment": "an attachment taken out",
    "removed_bracket": "a bracket too many taken out",
    "removed_comment": "a comment taken out",
    "removed_empty_turn": "an empty turn taken out",
    "removed_nul": "NUL characters taken out",
    "removed_prefix": "characters before the row taken out",
    "removed_trailing_comma": "a comma too many taken out",
    "repaired_truncated": "a torn row: its whole messages kept",
    "restored_formula": "a cell saved from spreadsheets restored",
    "split_line": "several rows on one line taken apart",
    "split_names": "speakers' names taken from the text",
    "split_thinking": "thinking taken from the answer",
    "split_transcript": "a transcript taken apart into turns",
    "stripped_boilerplate": "the Alpaca preamble taken out",
    "stripped_html": "HTML tags taken out",
    "stripped_system": "the system prompt taken out",
    "stripped_whitespace": "white space at the edges taken out",
    "tidied_markdown": "broken Markdown mended",
    "unescaped_controls": "raw control characters read as text",
    "unwrapped_string": "quotes around the row taken off",
}
_MARKS = {
    "arena_tie_learnt": "an Arena tie, of which one side is learnt",
    "contradiction": "another row answers the same question differently",
    "cut_off": "the last answer stops in the middle of a sentence",
    "evasive": "a general phrase without a word of its question",
    "foreign_question": "a question in another language than wanted",
    "language": "a turn in another language than wanted",
    "literal_escapes": "a backslash and an n, where a line end may be meant",
    "no_pair_empty": "no preference pair: one side is empty",
    "no_pair_prompts_differ": "no preference pair: the questions differ",
    "other_answers": "there were further answers to it",
    "placeholder": "a field that nobody filled in",
    "refusal": "the answer refuses, or speaks of being an AI",
    "repetition": "the answer repeats itself, or its question",
    "rule_timeout": "a rule of yours took too long here",
    "swapped_pair": "chosen and rejected exchanged, as their scores say",
    "tool_call_without_result": "a tool was called, and no result follows",
    "tool_result_without_call": "a tool's result, and no call before it",
    "toxic": "a coarse or hateful word",
}
FINDINGS = {
    "boilerplate": "one opening everywhere", "clusters": "matters that come up very often",
    "contradictions": "contradicting answers", "control_strings": "control strings",
    "crowded": "one question again and again", "cut_off": "answers cut off",
    "ignores_question": "evasive answers", "languages": "other languages", "losses": "unusable rows",
    "mixed_styles": "mixed styles", "odd_turns": "odd turns", "one_answer": "one answer for everything",
    "placeholders": "unfilled fields", "private_data": "private data", "provenance": "unknown origin",
    "refusals": "refusals", "repetition": "repetition", "swapped": "exchanged sides",
    "system_prompts": "uneven system prompts", "too_little": "little data", "too_short": "curt answers",
    "uneven_lengths": "uneven lengths", "wrong_answers": "answers of other questions",
}  # fmt: skip
"""What the doctor's findings are called in a list."""


def finding(code: str) -> str:
    """A finding's code as the sentence at the top has it."""
    return FINDINGS.get(code, words(code))


def plain(name: str) -> str:
    """The name of a change or a mark in plain words."""
    if name.startswith(("masked_", "private_")):
        kind = words(name.partition("_")[2])
        return f"{kind} replaced by [{kind}]" if name.startswith("masked_") else f"private data: {kind}"
    if name.startswith("rule_") and name not in _MARKS:
        return f"your rule {words(name[5:])}"
    return _REPAIRS.get(name) or _MARKS.get(name) or words(name)
