"""Missing, wrong and hostile chat templates: a sentence that says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from talkwright.errors import RequestError, TemplateError
from talkwright.template import Template
from talkwright.types import Conversation, Message

CHAT = Conversation((Message("user", "what is it, please?"), Message("assistant", "the answer to it")))
LOOP = "{% for m in messages %}<|im_start|>{{ m.role }}\n"
END = "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"


@pytest.fixture
def use(family_named: Callable) -> Callable[[str | None], Template]:
    """use(text): the ChatML family's tokenizer with this chat template."""
    family = family_named("chatml")

    def make(text: str | None) -> Template:
        family.tokenizer.chat_template = text
        return Template(family.tokenizer)

    return make


def test_no_chat_template(use) -> None:
    for text in (None, ""):
        with pytest.raises(TemplateError, match=r"no chat template.*chat_template: my_template.jinja"):
            use(text)


def test_a_tokenizer_that_is_not_fast() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(TemplateError, match=r"tokenizer\.json"):
        Template(Slow())


@pytest.mark.parametrize(
    "body",
    [
        pytest.param("{{ m.content | upper }}", id="upper case"),
        pytest.param("{{ m.content | lower }}", id="lower case"),
        pytest.param("{{ m.content | capitalize }}", id="capitalised"),
        pytest.param("{{ m.content[:5] }}", id="slice"),
        pytest.param("{{ m.content[:500] }}", id="long slice"),
        pytest.param("{{ m.content[:5] }} {{ m.content }}", id="slice and whole"),
        pytest.param("{{ m.content[1:] }}", id="without first"),
        pytest.param("{{ m.content | tojson }}", id="json"),
        pytest.param("{{ m.content | escape }}", id="html"),
        pytest.param("{{ m.content | replace(' ', '_') }}", id="spaces"),
        pytest.param("{{ m.content.split('\\n')[0] }}", id="first line"),
        pytest.param("{{ m.content | reverse }}", id="reversed"),
        pytest.param("{{ m.content }} ({{ m.content | length }})", id="length"),
        pytest.param("{{ m.content }}{{ m.content }}", id="twice"),
        pytest.param(
            "{% if m.content | length > 30 %}long: {% endif %}{{ m.content }}", id="looks at the length"
        ),
        pytest.param("{{ m.content if m.role == 'user' else '' }}", id="no answers"),
        pytest.param("{{ m.content if m.role != 'user' else '' }}", id="no questions"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_template_that_changes_loses_or_repeats_what_was_said(use, body: str) -> None:
    with pytest.raises(TemplateError, match=r"the chat template (changes|leaves out|writes message)"):
        use(LOOP + body + "<|im_end|>\n" + END).encode(CHAT)


def test_trimming_is_no_change(use) -> None:
    template = use(LOOP + "{{ m.content | trim }}<|im_end|>\n" + END)
    spaced = Conversation((Message("user", " a  b "), Message("assistant", "\nc\n")))
    assert template.decode(template.encode(spaced)[0].input_ids) == "user\na  b\nassistant\nc\n"


def test_a_template_without_a_stop_token(use) -> None:
    template = use("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}assistant: ")
    with pytest.raises(TemplateError, match=r"no stop token.*chat_template"):
        template.encode(CHAT)


def test_a_generation_prompt_that_is_not_how_answers_are_written(use) -> None:
    template = use(
        LOOP + "{{ m.content }}<|im_end|>\n{% endfor %}{{ '<|im_start|>bot:' if add_generation_prompt }}"
    )
    with pytest.raises(TemplateError, match="generation prompt is not how"):
        template.encode(CHAT)


def test_a_syntax_error_names_the_line(use) -> None:
    with pytest.raises(TemplateError, match=r"not valid Jinja: line 2: .*chat_template"):
        use("{% for m in messages %}\n{{ m.content }\n{% endfor %}")


@pytest.mark.parametrize(
    "expression",
    [
        "raise_exception('not with me')", "1 / 0", "messages[99].content", "nothing.at.all",
        "messages + 1", "range(10 ** 9)", "messages.__class__.__mro__", "''.join(5)",
        "messages | sum", "strftime_now()",
    ],
)  # fmt: skip
def test_a_template_that_fails_is_a_template_error(use, expression: str) -> None:
    with pytest.raises(TemplateError, match="the chat template refuses this chat"):
        use("{{ " + expression + " }}" + LOOP + "{{ m.content }}<|im_end|>\n" + END).encode(CHAT)


def test_a_chat_the_template_refuses_says_why_and_names_the_roles(family_named: Callable) -> None:
    template = family_named("mistral").template
    twice = [Message("user", "a"), Message("user", "b")]
    with pytest.raises(RequestError, match=r"user and assistant take turns.*user, user") as caught:
        template.prompt_ids(twice)
    assert caught.value.param == "messages"
    with pytest.raises(TemplateError, match="take turns"):
        template.encode(Conversation((*twice, Message("assistant", "c"))))


def test_a_system_prompt_with_no_place_to_go_is_not_lost(use) -> None:
    template = use(
        "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }}\n"
        "{{ m.content }}<|im_end|>\n" + END
    )
    assert not template.has_system
    folded = template.encode(Conversation((Message("system", "rules"), *CHAT.messages)))
    assert template.decode(folded[0].input_ids).startswith("user\nrules\n\nwhat is it")
    with pytest.raises(TemplateError, match="no user message to write the system prompt into"):
        template.encode(Conversation((Message("system", "rules"), Message("assistant", "yes"))))
    with pytest.raises(RequestError, match="no user message"):
        template.prompt_ids([Message("system", "rules"), Message("tool", "yes")])


def test_prompts_that_nobody_can_answer(family) -> None:
    user, answer, system = Message("user", "a"), Message("assistant", "b"), Message("system", "c")
    for messages in ([], [user, answer], [system], [user, system, user], [system, system, user]):
        with pytest.raises(RequestError) as caught:
            family.template.prompt_ids(messages)
        assert caught.value.param == "messages"


def test_a_conversation_without_an_answer_teaches_nothing(family) -> None:
    with pytest.raises(TemplateError, match="without an assistant turn"):
        family.template.encode(Conversation((Message("user", "a"),)))
    with pytest.raises(TemplateError):
        family.template.encode(Conversation(()))


def test_load_reads_a_folder_and_a_named_template_replaces_its_own(
    family_named: Callable, tmp_path: Path
) -> None:
    family = family_named("chatml")
    family.template.save(tmp_path)
    asked = [Message("user", "hello")]
    assert Template.load(tmp_path).prompt_ids(asked) == family.template.prompt_ids(asked)
    override = LOOP.replace("{{ m.role }}", "{{ m.role }}!") + "{{ m.content }}<|im_end|>\n" + END
    loaded = Template.load(tmp_path, chat_template=override)
    assert loaded.decode(loaded.prompt_ids(asked)) == "user!\nhello\nassistant\n"
    with pytest.raises(TemplateError, match="not valid Jinja"):
        Template.load(tmp_path, chat_template="{% if %}")


@pytest.mark.parametrize("damage", ["missing", "empty", "cut", "not json", "wrong shape", "no folder"])
def test_a_folder_without_a_readable_tokenizer(
    family_named: Callable, tmp_path: Path, damage: str
) -> None:
    family_named("chatml").template.save(tmp_path)
    path = tmp_path / "tokenizer.json"
    text = path.read_text(encoding="utf-8")
    folder = tmp_path
    if damage == "missing":
        path.unlink()
    elif damage == "no folder":
        folder = tmp_path / "nowhere"
    else:
        new = {
            "empty": "",
            "cut": text[:1000],
            "not json": "\x00\x01",
            "wrong shape": json.dumps({"model": 5}),
        }
        path.write_text(new[damage], encoding="utf-8")
    with pytest.raises(TemplateError, match=r"tokenizer cannot be read.*tokenizer\.json"):
        Template.load(folder)


def test_a_damaged_generation_config_is_named(family_named: Callable, tmp_path: Path) -> None:
    family_named("chatml").template.save(tmp_path)
    (tmp_path / "generation_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(TemplateError, match=r"generation_config\.json"):
        Template.load(tmp_path)
