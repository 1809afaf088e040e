"""Prompts that are a whole conversation written out, with the answer in the column beside."""

from __future__ import annotations

import re

from talkwright.data.reading.chat.transcripts import read_transcript
from talkwright.types import Message

WRITTEN = "written_turns"  # a mark: a question with turns or a template's signs in it, kept as it is
_SIGNS = re.compile(
    r"\A\s*(?:(?:<s>|<bos>|<\|begin_of_text\|>)\s*)?(?:<\|(?:im_start|start_header_id|user|system)\|>|\[INST\]"
    r"|<start_of_turn>)"
)
_LABEL = re.compile(r"[^\n]{0,40}[:：]")  # on the first line of a transcript
_ENDS = re.compile(
    r"(?<!\s)(?:\s*(?:<\|(?:im_end|eot_id|end|endoftext|end_of_text)\|>|<end_of_turn>|</s>|<eos>)){1,9}\s*\Z"
)
_TASK = ("### Instruction", "Below is an instruction")  # Alpaca's: the boilerplate goes in cleaning


def turns_of(prompt: str, answer: str) -> tuple[list[Message] | None, list[str]]:
    """The turns of a prompt with its answer behind them, as `{"text": ...}` is read, and marks.

    None where the prompt is a plain question, or where it is not certain that the answer, and nothing
    else, is the last turn; WRITTEN is among the marks then if the prompt looks like turns.
    """
    start = prompt.lstrip()
    signs = _SIGNS.match(prompt) is not None
    if not signs and not start.startswith("###") and _LABEL.match(start.lstrip("*[<")) is None:
        return None, []
    if start.startswith(_TASK):
        return None, []
    found = read_transcript(prompt + answer)
    if found is not None and len(found) > 1 and found[-1].role == "assistant" != found[-2].role:
        said = found[-1].content
        if said and said in (answer.strip(), _ENDS.sub("", answer).strip()):
            return found, []
    return None, [WRITTEN] if signs or read_transcript(prompt) is not None else []
