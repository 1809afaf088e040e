"""Conversations → token ids and labels: the ONLY place that makes either.

In: a model folder's tokenizer and chat template, and messages. Out: `Example`s for training (ids and
labels) and prompt ids for every engine. Training, evaluation, the terminal, the page and the API all
render here, so they cannot drift apart; `Template.fingerprint` travels with every artefact to prove it.

Refuses: a model without a fast tokenizer or a chat template, a template that writes no stop token
after an answer, a template that loses or changes what was said, and rows that would teach nothing.
No character of any message can become a control token (`tokens.py` says how).
"""

from __future__ import annotations

from talkwright.template.check import check_dataset, fit_length
from talkwright.template.show import mark_supervised, show_examples
from talkwright.template.stored import FORMAT, read_examples
from talkwright.template.template import Template

__all__ = [
    "FORMAT",
    "Template",
    "check_dataset",
    "fit_length",
    "mark_supervised",
    "read_examples",
    "show_examples",
]
