"""Why a row is dropped: every reason with what it means, for messages, reports and docs."""

from talkwright.data.cleaning.screen import SCREEN_REASONS

REASONS = {
    "not_json": "the line is not valid JSON",
    "too_deep": "brackets nested thousands deep, which no conversation is",
    "number_too_long": "a number of thousands of digits",
    "unknown_encoding": "neither UTF-8 nor Windows-1252, or not what `encoding` says; name the right "
    "one in the recipe, such as `encoding: cp1251` of a source",
    "not_an_object": "the row is neither an object nor a list of messages",
    "unknown_format": "no messages, and no prompt with a completion, under any known name; name them "
    "as `columns: {prompt: NAME, completion: NAME}` of the source",
    "other_format": "not what `format` in the recipe says; leave it out and the row is looked at",
    "columns_not_rows": "a whole table in one row; write one row a line (pandas: to_json(FILE, "
    "orient='records', lines=True))",
    "missing_column": "the named column is not in the row",
    "unsure_turns": "a list that looks like turns, but who asks and who answers, or which list or text "
    "counts, cannot be told; name the speakers as `roles: {NAME: user, NAME: assistant}` of the source, "
    "or call the list `messages`, its fields `role` (user, assistant), `content`",
    "not_a_message": "a turn has no role or no text",
    "uneven_turns": "columns of its turns (roles, texts) are not equally long: who says what is lost",
    "bad_role": "a turn's role is unknown; say who is who as `roles: {NAME: user, NAME: assistant}` of "
    "the source",
    "not_text": "images, sound or other content that is not text",
    "line_too_long": "a line or a value of more than 16 MiB, or of 4 MiB in a table, which is no "
    "conversation",
    "lost_bytes": "a block of NUL bytes, as a crash leaves it, in place of what was to be written; or "
    "the packed file is cut off here",
    "lost_end": "the packed file is cut off: how many rows came behind is unknown; copy it again",
    "truncated": "the row is cut off in the middle of a text",
    "broken_cell": "the cell that should hold a conversation cannot be read",
    "raw_text": "running text without turns: there is no question and no answer to learn",
    "lone_message": "one message of a talk, and no id that says of which; fill the ids in where they "
    "are missing, or name the column that has them as `columns: {group: NAME}` of the source",
    "answer_elsewhere": "a question whose answers are in another file, or such answers, as BFCL has "
    "them for scoring; put each answer that is to be learnt beside its question",
    "scattered_messages": "a message far from the others of its conversation; sort the file by these",
    "tree_message": "one message of a tree, and the ones before it are not in the file",
    "broken_tree": "the messages of the tree run in a circle",
    "arena_tie": "a battle, or two answers, without a winner; `ties: first` of the source learns from "
    "the first side",
    "arena_both_bad": "an Arena battle in which both answers were bad",
    "arena_no_winner": "a battle, or two answers, without a verdict",
    "unknown_verdict": "a verdict in a word that is not known; say what it means as "
    "`verdicts: {WORD: first}` of the source (first, second, tie or bad)",
    "unclear_verdict": "a verdict in a number that may mean either answer; say what it means as "
    "`verdicts: {0: first, 1: second}` of the source",
    "unclear_choice": "a question with choices, and an answer that may mean several of them, such as a "
    "number that counts from 0 or from 1; write the letter, or the answer itself",
    "arena_no_conversations": "Arena votes without the conversations; those are in another file",
    "arena_language": "not among the languages that data.sources.arena asks for",
    "arena_model": "not among the models that data.sources.arena asks for",
    "arena_turns": "fewer or more turns than data.sources.arena asks for",
    "arena_flagged": "flagged by the file's moderation or toxicity columns",
    "arena_date": "outside the days that data.sources.arena asks for, or without a date",
    "labelled_bad": "labelled as a bad answer",
    "weight_zero": "the last answer has weight 0: it is not to be learnt",
    "too_many_cells": "more cells than the header has columns; quote cells with the delimiter in them",
    "repeated_header": "the names of the columns once more: another table stands behind the first",
    "broken_quotes": "a quote is not closed, or not doubled inside a quoted cell",
    "empty": "no text at all",
    "no_user_turn": "nobody asks anything",
    "no_assistant_turn": "nobody answers",
    "too_long": "more characters than data.max_chars",
    "pii": "private data in it, and data.pii is drop",
    "duplicate": "the same as an earlier row",
    "near_duplicate": "almost the same as an earlier row",
    "not_sampled": "more rows than data.sources.count, cap or weight asks for; the lot fell on others",
    "contradiction": "another row answers the same question differently",
    "too_many_same": "data.max_same rows with the same question or answer were kept before it",
    **SCREEN_REASONS,
}


def meaning(reason: str) -> str:
    """What a drop reason means; those of the recipe's own rules are named after them."""
    return REASONS[reason] if reason in REASONS else f"the rule '{reason[5:]}' of data.rules"
