"""One value for everything that decides which ids come out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from talkwright.template import Template


def test_it_is_the_same_after_saving_and_loading_and_in_another_process(family, tmp_path: Path) -> None:
    family.template.save(tmp_path)
    assert Template.load(tmp_path).fingerprint == family.template.fingerprint
    if family.name not in ("chatml", "zephyr"):
        return  # starting Python takes seconds; two kinds of tokenizer will do
    code = (
        f"from talkwright.template import Template; print(Template.load({str(tmp_path)!r}).fingerprint)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip() == family.template.fingerprint


def test_it_does_not_depend_on_what_was_rendered_before(family_named: Callable) -> None:
    from talkwright.types import Message

    first, second = family_named("gemma").template, family_named("gemma").template
    second.prompt_ids([Message("user", "a")])
    assert first.fingerprint == second.fingerprint == Template(second._tokenizer).fingerprint


def test_it_changes_with_template_text_system_prompt_stop_ids_and_tokenizer(
    family_named: Callable,
) -> None:
    family = family_named("chatml")
    tokenizer = family.tokenizer
    seen = {family.template.fingerprint}
    seen.add(Template(tokenizer, system="Be kind.").fingerprint)
    seen.add(Template(tokenizer, system="").fingerprint)
    seen.add(Template(tokenizer, extra_stop_ids=[0]).fingerprint)
    tokenizer.chat_template = tokenizer.chat_template.replace("assistant\\n", "assistant \\n")
    seen.add(Template(tokenizer).fingerprint)
    tokenizer = family_named("chatml").tokenizer
    tokenizer.backend_tokenizer.add_tokens(["<|new|>"])
    seen.add(Template(tokenizer).fingerprint)
    assert len(seen) == 6


def test_truncation_and_padding_set_by_somebody_else_change_neither_it_nor_the_ids(
    family_named: Callable,
) -> None:
    from talkwright.types import Message

    family = family_named("llama3")
    asked = [Message("user", "how can you thank me, please? " * 20)]
    ids = family.template.prompt_ids(asked)
    family.tokenizer.backend_tokenizer.enable_truncation(8)
    family.tokenizer.backend_tokenizer.enable_padding(length=512)
    again = Template(family.tokenizer)
    assert again.fingerprint == family.template.fingerprint
    assert again.prompt_ids(asked) == ids


def test_stop_ids_that_only_the_generation_config_names_survive_saving(
    family_named: Callable, tmp_path: Path
) -> None:
    family = family_named("llama3")
    more = family.added["<|end_of_text|>"]
    template = Template(family.tokenizer, extra_stop_ids=[more])
    template.save(tmp_path)
    loaded = Template.load(tmp_path)
    assert loaded.stop_ids == template.stop_ids == {more, family.added["<|eot_id|>"]}
    assert loaded.fingerprint == template.fingerprint


def test_the_description_names_what_it_stands_for(family) -> None:
    described = family.template.describe()
    assert described["fingerprint"] == family.template.fingerprint
    assert described["chat_template"] == family.tokenizer.chat_template
    assert set(described["stop"]) == family.template.stop_ids
