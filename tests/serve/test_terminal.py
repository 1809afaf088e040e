"""The terminal chat, with both ends of the terminal in the test's hands."""

from __future__ import annotations

import json

import pytest

from talkwright.config import ServeSection
from talkwright.serve import chat_in_terminal


@pytest.fixture
def chat(watched):
    def run(engine, lines, **options):
        if isinstance(engine, list):
            engine = watched(engine)
        waiting, written = iter(lines), []

        def read(prompt):
            line = next(waiting, EOFError())
            if isinstance(line, BaseException):
                raise line
            return line

        section = options.pop("section", ServeSection())
        chat_in_terminal(engine, section, read=read, write=written.append, **options)
        return "".join(written)

    return run


def test_answers_stream_and_the_history_is_kept(watched, chat):
    engine = watched(["Hi there.", "Fine."])
    out = chat(engine, ["hello", "", "how are you?"])
    assert "tuned> Hi there.\n" in out
    assert "tuned> Fine.\n" in out
    assert engine.calls[1][2] == "user\nhello\nassistant\nHi there.\nuser\nhow are you?\nassistant\n"


def test_control_characters_of_the_model_never_reach_the_terminal(chat):
    out = chat(["a\x1b[2Jb\x07c\rd\x9be\x7ff\x00\tg\nh"], ["hello"])
    assert "a[2Jbcdef\tg\nh" in out
    assert not set(out) & set("\x1b\x07\r\x9b\x7f\x00")


def test_the_system_prompt_can_be_shown_set_and_put_back(watched, chat):
    engine = watched(["x"])
    out = chat(
        engine, ["/system", "a", "/system Be brief.", "b", "/system -", "c"], system="You are Lumo."
    )
    assert "System prompt: You are Lumo." in out
    starts = [prompt.split("\n")[1] for _, _, prompt in engine.calls]
    assert starts == ["You are Lumo.", "Be brief.", "You are Lumo."]
    assert "There is no system prompt." in chat(["x"], ["/system"])


def test_undo_retry_and_reset(watched, chat):
    engine = watched(["1", "2", "3", "4", "5"])
    out = chat(engine, ["/undo", "/retry", "a", "b", "/retry", "/undo", "c", "/reset", "d"])
    assert "There is nothing to take back." in out
    assert "There is no question yet." in out
    prompts = [prompt for _, _, prompt in engine.calls]
    assert prompts[2] == prompts[1]
    assert prompts[3] == "user\na\nassistant\n1\nuser\nc\nassistant\n"
    assert prompts[4] == "user\nd\nassistant\n"


def test_save_writes_one_row_and_never_over_a_file(chat, tmp_path):
    path = tmp_path / "chat.jsonl"
    out = chat(["Hé"], ["/save", f"/save {path}", "a", f"/save {path}", f"/save {path}"], system="S")
    assert "Name the file" in out
    assert "nothing to save" in out
    assert f"{path} is there already" in out
    (line,) = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(line) == {
        "messages": [
            {"role": "system", "content": "S"},
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "Hé"},
        ]
    }
    assert "cannot be written" in chat(["x"], ["a", f"/save {tmp_path / 'no' / 'such.jsonl'}"])


def test_set_changes_how_answers_are_drawn_and_refuses_nonsense(watched, chat):
    engine = watched(["x"])
    right = ["/set temperature=0.7", "/set top_p = 0.5", "/set max_new_tokens=3", "/set seed=5"]
    wrong = ["/set temperature=9", "/set temperature=hot", "/set color=red"]
    lines = [*right, "a", "/set", *wrong, "b"]
    out = chat(engine, lines)
    sampling = engine.calls[1][1]
    assert (sampling.temperature, sampling.top_p, sampling.max_new_tokens, sampling.seed) == (
        0.7,
        0.5,
        3,
        5,
    )
    assert engine.calls[0][1] == sampling
    assert "temperature=0.7  top_p=0.5  max_new_tokens=3  seed=5" in out
    assert "less than or equal to 2" in out
    assert "takes a number, not 'hot'" in out
    assert "There is no setting 'color'" in out


def test_the_other_model_can_be_compared_with_or_take_over(watched, chat):
    engine = watched(["x"])
    out = chat(engine, ["/compare", "a", "/compare", "/base", "b", "/base", "c"])
    assert [variant for variant, _, _ in engine.calls] == ["tuned", "base", "base", "tuned"]
    assert engine.calls[1][2] == "user\na\nassistant\n"
    assert "base> x" in out
    alone = watched(["x"], variants=("base",))
    assert "There is no other model" in chat(alone, ["/base"])


def test_ctrl_c_stops_an_answer_and_keeps_what_was_said(watched, chat):
    class Interrupted(type(watched(["x"]))):
        def stream(self, prompt_ids, sampling, **more):
            for number, token in enumerate(super().stream(prompt_ids, sampling, **more)):
                if number == self.stop_at:
                    raise KeyboardInterrupt
                yield token

    engine = Interrupted(watched(["x"]).template, ["Hello you", "Yes"])
    engine.stop_at = 5
    out = chat(engine, ["a", KeyboardInterrupt(), "b"])
    assert "tuned> Hello\n(stopped)" in out
    assert "(Ctrl-D or /quit leaves)" in out
    assert engine.calls[1][2] == "user\na\nassistant\nHello\nuser\nb\nassistant\n"
    engine.stop_at = 0
    engine.calls.clear()
    assert "the question is taken back" in chat(engine, ["a", "/undo"])


def test_a_chat_that_outgrows_the_context_drops_its_oldest_turns_and_says_so(watched, chat, tmp_path):
    engine = watched(["y" * 30], context_length=220)
    path = tmp_path / "all.jsonl"
    section = ServeSection(max_new_tokens=40)
    lines = [f"question {n}" for n in range(4)]
    out = chat(engine, [*lines, f"/save {path}"], system="Keep me.", section=section)
    last = engine.calls[-1][2]
    assert last.startswith("system\nKeep me.\nuser\n")
    assert "question 0" not in last
    assert "question 3" in last
    assert "no longer sees the first 1 question" in out
    assert len(json.loads(path.read_text())["messages"]) == 9


def test_a_question_too_long_for_the_model_is_refused_and_not_kept(watched, chat):
    engine = watched(["ok"], context_length=100)
    out = chat(engine, ["x" * 200, "b"])
    assert "Cannot answer" in out
    assert "/reset" in out
    assert engine.calls[0][2] == "user\nb\nassistant\n"


def test_it_tells_of_answers_cut_off_and_of_silence(chat):
    out = chat(["abcdef", ""], ["/set max_new_tokens=3", "a", "b"])
    assert "tuned> abc\n(cut off" in out
    assert "(the model said nothing)" in out


def test_help_unknown_commands_and_quit(chat, watched):
    engine = watched(["x"])
    out = chat(engine, ["/help", "/dance", "/quit", "never"])
    assert "/save FILE" in out
    assert "There is no command /dance" in out
    assert engine.calls == []


def test_text_that_is_no_unicode_does_no_harm(watched, chat):
    engine = watched(["x"])
    chat(engine, ["caf\udce9"])
    assert engine.calls[0][2] == "user\ncaf?\nassistant\n"
