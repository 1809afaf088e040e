"""The names that the ledger has for changes and marks, and the doctor for findings, in plain words."""

from __future__ import annotations

from talkwright.report.text import words

REPAIRS = {
    "added_bracket": "a missing bracket put in",
    "added_choices": "the choices put into the question, and the answer written out",
    "added_colon": "a missing colon put in",
    "added_comma": "a missing comma put in",
    "added_instruction": "the task put into words before the text, such as to summarise it",
    "added_quote": "a missing quotation mark put in",
    "after_broken_quotes": "found behind a quotation mark that is never closed",
    "alternating_roles": "texts without speakers, taken as said in turn, the user first",
    "cut_to_judged_turn": "cut behind the answer that was judged",
    "decoded_cp1252": "read as Windows-1252, for it is no UTF-8",
    "dropped_leading_assistant": "an answer before the first question taken out",
    "dropped_side_note": "a note beside the talk taken out",
    "dropped_trailing_user": "a last question without an answer taken out",
    "dropped_unknown_role": "a turn of an unknown speaker taken out",
    "escaped_backslash": "a single backslash written twice",
    "fixed_escape": "a broken escape mended",
    "fixed_line_ends": "line ends made alike",
    "fixed_quotes": "broken quotes mended",
    "fixed_unicode": "broken letters mended",
    "foreign_literal": "written as JavaScript, SQL or R write, not as JSON",
    "guessed_header": "a table without names over its columns, which were guessed from the rows",
    "guessed_role": "who speaks was guessed from the order of turns",
    "halved_backslashes": "escapes written twice undone",
    "joined_lines": "a row torn over several lines put together",
    "joined_rows": "messages of one conversation put together",
    "joined_texts": "several texts of one field put together, one a line",
    "merged_system": "system prompts joined into one",
    "merged_turns": "turns of one speaker in a row joined into one",
    "moved_system": "the system prompt put first",
    "number_to_text": "a number in place of a text, taken as text",
    "plain_markdown": "Markdown turned into plain text",
    "plain_markup": "a messenger's marks turned into plain text",
    "python_literal": "written as Python writes, not as JSON",
    "quoted_key": "a key put in quotes",
    "recognised_turns": "turns under unusual names, recognised by what they hold",
    "removed_attachment": "an attachment taken out",
    "removed_bracket": "a bracket too many taken out",
    "removed_call": "a call of a function around the row taken off",
    "removed_comment": "a comment taken out",
    "removed_empty_turn": "an empty turn taken out",
    "removed_nul": "NUL characters taken out",
    "removed_prefix": "characters before the row taken out",
    "removed_title": "lines above the names of the columns passed over",
    "removed_template_marks": "marks of a chat template at the edges of a text taken out",
    "removed_trailing_comma": "a comma too many taken out",
    "repaired_truncated": "a torn row: its whole messages kept",
    "repeated_key": "a field that is there twice, of which the last counts",
    "restored_formula": "a cell saved from spreadsheets restored",
    "sorted_turns": "turns put in order by their times or numbers",
    "split_by_silence": "a long chat parted where hours passed without a word",
    "split_line": "several rows on one line taken apart",
    "split_thinking": "thinking taken from the answer",
    "split_transcript": "a transcript taken apart into turns",
    "stripped_boilerplate": "the Alpaca preamble taken out",
    "stripped_html": "HTML tags taken out",
    "stripped_system": "the system prompt taken out",
    "stripped_whitespace": "white space at the edges taken out",
    "tidied_markdown": "broken Markdown mended",
    "tool_call_as_text": "the call of a tool kept as text",
    "unescaped_controls": "raw control characters read as text",
    "unescaped_quotes": "quotation marks written as HTML writes them made plain",
    "unwrapped_string": "quotes around the row taken off",
}
MARKS = {
    "arena_tie_learnt": "an Arena tie, of which one side is learnt",
    "bidi_controls": "invisible characters that turn the order of letters around",
    "contradiction": "another row answers the same question differently",
    "cut_off": "the last answer stops in the middle of a sentence",
    "evasive": "a general phrase without a word of its question",
    "foreign_question": "a question in another language than wanted",
    "ignored_attachment": "a picture or sound beside it, which is not read",
    "ignored_facts": "facts to check answers by, in no known shape and so left out",
    "ignored_tools": "a list of tools, in no known shape and so left out",
    "ignored_weight": "weights of answers, which are not followed",
    "literal_escapes": "a backslash and an n, where a line end may be meant",
    "no_pair_empty": "no preference pair: one side is empty",
    "no_pair_prompts_differ": "no preference pair: the questions differ",
    "no_pair_unreadable": "no preference pair: the other side cannot be read",
    "other_answers": "there were further answers to it",
    "other_rejected": "there were further answers that are worse",
    "other_translations": "there were further languages in it",
    "pair_lost": "no preference pair: cleaning left no difference between its sides",
    "pair_prompts_differ": "a preference pair whose sides part before the last answer",
    "perhaps_bad": "a column, or a field of a turn, that may call the answer bad",
    "placeholder": "a field that nobody filled in",
    "refusal": "the answer refuses, or speaks of being an AI",
    "repetition": "the answer repeats itself, or its question",
    "rule_timeout": "a rule of yours took too long here",
    "swapped_pair": "chosen and rejected exchanged, as their scores say",
    "tie": "no preference pair: neither side is better",
    "tool_call_without_result": "a tool was called, and no result follows",
    "tool_result_without_call": "a tool's result, and no call before it",
    "toxic": "a coarse or hateful word",
    "toxic_question": "a coarse or hateful word in a question",
    "unsure_order": "times that may mean another order of the turns than that of the file",
    "written_turns": "turns, or a template's signs, inside a question that is kept as it is",
    "unmoderated": "nothing in the file says whether it is harmful",
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
    if name.startswith(("masked_", "pii_")):
        did, _, kind = name.partition("_")
        said = words(kind)
        return f"{said} replaced by [{kind}]" if did == "masked" else f"private data: {said}"
    if name.startswith("unused_"):
        return f"the text of the column {words(name[7:])} is in no turn"
    if name.startswith("rule_") and name not in MARKS:
        return f"your rule {words(name[5:])}"
    return REPAIRS.get(name) or MARKS.get(name) or words(name)
