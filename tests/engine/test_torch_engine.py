"""Replies from a real model: batches, seeds, sampling, ends, variants, likelihoods."""

from __future__ import annotations

import shutil
import threading
from collections import Counter
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import pytest
import torch

from talkwright.engine import TorchEngine, load_engine
from talkwright.engine.torch_engine import _draw
from talkwright.errors import ArtefactError, ModelError, RequestError
from talkwright.models import load_weights
from talkwright.types import BaseModel, Conversation, Example, Message, Sampling

GREEDY = Sampling(max_new_tokens=24)
WARM = Sampling(temperature=1.0, max_new_tokens=24, seed=3)


@pytest.mark.parametrize("sampling", [GREEDY, WARM], ids=["greedy", "sampled"])
@pytest.mark.parametrize("variant", ["tuned", "base"])
def test_a_batch_is_the_same_as_one_by_one(sampling, variant, engine, prompts) -> None:
    together = engine.generate(prompts, sampling, variant=variant)
    alone = [engine.generate([prompt], sampling, variant=variant)[0] for prompt in prompts]
    assert [(g.ids, g.finish) for g in together] == [(g.ids, g.finish) for g in alone]
    assert len({g.ids for g in together}) == len(prompts)
    assert all(len(set(g.ids)) > 3 for g in together)
    for prompt, generated in zip(prompts, together, strict=True):
        assert tuple(engine.stream(prompt, sampling, variant=variant)) == generated.ids


def test_left_padding_shifts_no_position(tiny_template, prompts) -> None:
    # Rotary positions are relative and would not show it; learnt ones are not.
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(4)
    config = GPT2Config(
        vocab_size=259, n_embd=32, n_layer=2, n_head=4, n_positions=256, initializer_range=0.3
    )
    engine = TorchEngine({"base": GPT2LMHeadModel(config).eval()}, tiny_template, name="gpt2")
    together = engine.generate(prompts, GREEDY)
    assert [g.ids for g in together] == [engine.generate([p], GREEDY)[0].ids for p in prompts]
    assert len({g.ids for g in together}) > 2


def test_greedy_is_what_transformers_generates(tiny_base, bare, prompts) -> None:
    model = load_weights(tiny_base, precision="fp32").eval()
    for prompt, generated in zip(prompts, bare.generate(prompts, GREEDY), strict=True):
        with torch.no_grad():
            out = model.generate(
                torch.tensor([prompt]),
                attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
                max_new_tokens=24,
                do_sample=False,
                eos_token_id=sorted(bare.template.stop_ids),
                pad_token_id=0,
            )
        theirs = out[0, len(prompt) :].tolist()
        ended = theirs[-1] in bare.template.stop_ids
        assert list(generated.ids) == (theirs[:-1] if ended else theirs)
        assert generated.finish == ("stop" if ended else "length")


def test_a_seed_is_a_text(bare, prompts) -> None:
    (first,) = bare.generate(prompts[:1], WARM)
    (again,) = bare.generate(prompts[:1], WARM)
    (other,) = bare.generate(prompts[:1], replace(WARM, seed=4))
    assert first.ids == again.ids != other.ids
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    bare.generate(prompts[:1], WARM)
    assert torch.equal(torch.random.get_rng_state(), before)  # nobody else's numbers are used up


# --- sampling ------------------------------------------------------------------------------------

LOGITS = torch.tensor([0.5, 0.1, 0.3, 0.1]).log()


def drawn(sampling: Sampling, times: int = 4000, logits: torch.Tensor = LOGITS) -> dict[int, float]:
    generator = torch.Generator().manual_seed(1)
    counts = Counter(_draw(logits, sampling, generator) for _ in range(times))
    return {token: count / times for token, count in counts.items()}


def test_temperature_one_draws_from_the_models_distribution() -> None:
    assert drawn(Sampling(temperature=1.0)) == pytest.approx({0: 0.5, 1: 0.1, 2: 0.3, 3: 0.1}, abs=0.03)


def test_temperature_sharpens_and_flattens() -> None:
    weights = torch.tensor([0.5, 0.1, 0.3, 0.1]) ** 2
    expected = dict(enumerate((weights / weights.sum()).tolist()))
    assert drawn(Sampling(temperature=0.5)) == pytest.approx(expected, abs=0.03)
    weights = torch.tensor([0.5, 0.1, 0.3, 0.1]) ** 0.5
    expected = dict(enumerate((weights / weights.sum()).tolist()))
    assert drawn(Sampling(temperature=2.0)) == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(
    ("top_p", "expected"),
    [
        (0.001, {0: 1.0}),
        (0.49, {0: 1.0}),
        (0.51, {0: 5 / 8, 2: 3 / 8}),  # the token that crosses the border is kept
        (0.79, {0: 5 / 8, 2: 3 / 8}),
        (0.999, {0: 0.5, 1: 0.1, 2: 0.3, 3: 0.1}),
    ],
)
def test_top_p_keeps_the_smallest_set_with_that_probability(top_p, expected) -> None:
    assert drawn(Sampling(temperature=1.0, top_p=top_p)) == pytest.approx(expected, abs=0.03)


def test_top_p_acts_after_temperature() -> None:
    # At temperature 0.25 the first token alone has 0.87.
    assert drawn(Sampling(temperature=0.25, top_p=0.8)) == {0: 1.0}
    assert set(drawn(Sampling(temperature=1.0, top_p=0.8 + 1e-3))) > {0, 2}


@pytest.mark.parametrize("temperature", [1e-3, 1e-9, 1e-40, 5e-324])
def test_hardly_any_temperature_is_greedy(temperature: float) -> None:
    logits = torch.tensor([30.0, -1e4, 31.0, 0.0])
    assert drawn(Sampling(temperature=temperature), 20, logits) == {2: 1.0}


def test_a_tiny_top_p_is_greedy(bare, prompts) -> None:
    warm = replace(WARM, top_p=1e-6)
    assert [g.ids for g in bare.generate(prompts, warm)] == [
        g.ids for g in bare.generate(prompts, GREEDY)
    ]


# --- ends ----------------------------------------------------------------------------------------


def ending(engine: TorchEngine, stop: int) -> TorchEngine:
    """The same engine, with another token that ends replies."""
    import copy

    template = copy.copy(engine.template)
    template.stop_ids = frozenset([stop])
    return TorchEngine(engine._models, template, name="ending")


def test_a_stop_token_ends_a_reply_and_is_no_part_of_it(bare, prompts) -> None:
    plain = bare.generate(prompts, GREEDY)
    stop = plain[1].ids[5]
    early = ending(bare, stop)
    for prompt, before, after in zip(prompts, plain, early.generate(prompts, GREEDY), strict=True):
        cut = before.ids.index(stop) if stop in before.ids else None
        assert after.ids == before.ids[:cut]
        assert after.finish == ("length" if cut is None else "stop")
        assert tuple(early.stream(prompt, GREEDY)) == after.ids
    assert early.generate(prompts[1:2], GREEDY)[0].finish == "stop"
    first = ending(bare, plain[1].ids[0]).generate(prompts[1:2], GREEDY)[0]
    assert (first.ids, first.finish) == ((), "stop")


def test_a_stop_token_just_at_the_limit_is_still_an_end(bare, prompts) -> None:
    ids = bare.generate(prompts[:1], GREEDY)[0].ids
    place = next(n for n, token in enumerate(ids) if token not in ids[:n] and n > 2)
    early = ending(bare, ids[place])
    for limit, finish in ((place, "length"), (place + 1, "stop")):
        (generated,) = early.generate(prompts[:1], Sampling(max_new_tokens=limit))
        assert (generated.ids, generated.finish) == (ids[:place], finish)


def test_a_reply_is_no_longer_than_asked(bare, prompts) -> None:
    for limit in (1, 2, 7):
        for generated in bare.generate(prompts, Sampling(max_new_tokens=limit)):
            assert (len(generated.ids), generated.finish) == (limit, "length")
            assert generated.seconds > 0


def test_the_context_ends_each_reply_of_a_batch_by_itself(bare) -> None:
    assert bare.context_length == 256
    long, short, middle = [40] * 253, [40, 41], [42] * 200
    replies = bare.generate([long, short, middle], Sampling(max_new_tokens=60))
    assert [len(g.ids) for g in replies] == [3, 60, 56]
    for prompt, generated in zip((long, short, middle), replies, strict=True):
        assert tuple(bare.stream(prompt, Sampling(max_new_tokens=60))) == generated.ids


@pytest.mark.parametrize("length", [256, 300])
def test_a_prompt_that_fills_the_context_is_refused(length: int, bare) -> None:
    with pytest.raises(RequestError, match="no room in a context of 256") as caught:
        bare.generate([[40], [40] * length], GREEDY)
    assert caught.value.code == "context_length_exceeded"
    with pytest.raises(RequestError):
        next(bare.stream([40] * length, GREEDY))


def test_cancelling_ends_a_stream(bare, prompts) -> None:
    seen: list[int] = []
    for token in bare.stream(prompts[0], GREEDY, cancelled=lambda: len(seen) == 4):
        seen.append(token)
    assert tuple(seen) == bare.generate(prompts[:1], GREEDY)[0].ids[:4]
    assert list(bare.stream(prompts[0], GREEDY, cancelled=lambda: True)) == []


# --- likelihoods ---------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def examples(tiny_template) -> list[Example]:
    chats = [
        ("hi", "Hello."),
        ("How long?", "Eleven days, then it dims."),
        ("x", "y"),
        ("a" * 90, "b" * 60),
    ]
    return [
        example
        for q, a in chats
        for example in tiny_template.encode(Conversation((Message("user", q), Message("assistant", a))))
    ]


@pytest.mark.parametrize("variant", ["tuned", "base"])
def test_nll_is_the_plain_computation(
    variant, engine, examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = engine._models["tuned"]
    found = engine.nll(examples, variant=variant)
    for example, (nll, count) in zip(examples, found, strict=True):
        with torch.no_grad():
            ids, labels = torch.tensor([example.input_ids]), torch.tensor([example.labels])
            if variant == "base":
                with model.disable_adapter():
                    mean = model(ids, labels=labels).loss
            else:
                mean = model(ids, labels=labels).loss
        assert count == example.n_supervised
        assert nll == pytest.approx(float(mean) * count, rel=1e-5)
    import talkwright.engine.torch_engine as module

    monkeypatch.setattr(module, "TOKENS_PER_SCORING_BATCH", 100)  # more batches, the same numbers
    for a, b in zip(engine.nll(examples, variant=variant), found, strict=True):
        assert a == pytest.approx(b, rel=1e-5)


def test_nll_counts_what_can_be_predicted(bare) -> None:
    labelled_from_the_start, usual = Example((5, 6, 7), (5, 6, 7)), Example((9, 8, 7), (-100, 8, 7))
    (a, n), (b, m) = bare.nll([labelled_from_the_start, usual])
    assert (n, m) == (2, 2)
    assert a == pytest.approx(bare.nll([labelled_from_the_start])[0][0], rel=1e-5)
    assert b == pytest.approx(bare.nll([usual])[0][0], rel=1e-5)


def test_nll_of_nothing_is_nothing(bare) -> None:
    assert bare.nll([]) == []


# --- variants ------------------------------------------------------------------------------------


def test_variants(engine, bare, prompts, examples) -> None:
    assert (engine.variants, bare.variants) == (("tuned", "base"), ("base",))
    assert engine._models["tuned"] is engine._models["base"]  # one model in memory
    assert engine.generate(prompts, GREEDY) != engine.generate(prompts, GREEDY, variant="base")
    assert engine.nll(examples) == engine.nll(examples, variant="tuned")


def test_with_the_adapter_off_it_is_exactly_the_bare_model(engine, bare, prompts, examples) -> None:
    for sampling in (GREEDY, WARM):
        ours = engine.generate(prompts, sampling, variant="base")
        assert [g.ids for g in ours] == [g.ids for g in bare.generate(prompts, sampling)]
    assert engine.nll(examples, variant="base") == bare.nll(examples)
    ids = torch.tensor([prompts[1]])
    with engine._as("base") as off, torch.inference_mode():
        assert torch.equal(off(ids).logits, bare._models["base"](ids).logits)


def test_with_the_adapter_on_it_is_the_merged_model(engine, tiny_base, adapter, examples) -> None:
    from peft import PeftModel

    merged = PeftModel.from_pretrained(
        load_weights(tiny_base, precision="fp32"), str(adapter)
    ).merge_and_unload()
    plain = TorchEngine({"base": merged.eval()}, engine.template, name="merged")
    for a, b in zip(engine.nll(examples), plain.nll(examples), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


def test_an_unknown_variant_is_refused(engine, bare, prompts, examples) -> None:
    with pytest.raises(RequestError, match="no variant 'tuned'; there are: base"):
        bare.generate(prompts, GREEDY, variant="tuned")
    with pytest.raises(RequestError, match="no variant 'x'; there are: tuned, base"):
        engine.nll(examples, variant="x")


def test_streams_of_both_variants_in_turns_do_not_disturb_each_other(engine, prompts) -> None:
    wanted = {
        (variant, n): engine.generate([prompt], WARM, variant=variant)[0].ids
        for variant in engine.variants
        for n, prompt in enumerate(prompts[:2])
    }
    streams = {key: engine.stream(prompts[key[1]], WARM, variant=key[0]) for key in wanted}
    steps = zip_longest(*streams.values())
    found = [tuple(t for t in column if t is not None) for column in zip(*steps, strict=True)]
    assert dict(zip(streams, found, strict=True)) == wanted


def test_streams_of_both_variants_in_threads_do_not_disturb_each_other(
    engine, prompts, examples
) -> None:
    wanted = {v: engine.generate(prompts, GREEDY, variant=v) for v in engine.variants}
    scores = engine.nll(examples)
    failures: list[object] = []

    def work(variant: str) -> None:
        for _ in range(3):
            for prompt, expected in zip(prompts, wanted[variant], strict=True):
                if tuple(engine.stream(prompt, GREEDY, variant=variant)) != expected.ids:
                    failures.append(variant)

    def score() -> None:
        for _ in range(20):
            if engine.nll(examples) != scores:
                failures.append("nll")

    threads = [threading.Thread(target=work, args=(v,)) for v in engine.variants]
    threads.append(threading.Thread(target=score))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_trained_weights_are_a_model_of_their_own(
    tiny_base, tiny_template, tmp_path, prompts, bare
) -> None:
    model = load_weights(tiny_base, precision="fp32")
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight.mul_(-1)
    model.save_pretrained(str(tmp_path / "model"))
    both = load_engine(
        tiny_base, tiny_template, name="run", tuned=tmp_path / "model", method="full", precision="fp32"
    )
    assert both.variants == ("tuned", "base")
    assert both._models["tuned"] is not both._models["base"]
    plain = [g.ids for g in bare.generate(prompts, GREEDY)]
    assert [g.ids for g in both.generate(prompts, GREEDY, variant="base")] == plain
    assert [g.ids for g in both.generate(prompts, GREEDY)] != plain


def test_precision_is_the_one_asked_for(tiny_base, tiny_template, adapter) -> None:
    for precision, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        made = load_engine(tiny_base, tiny_template, name="x", tuned=adapter, precision=precision)
        assert {w.dtype for w in made._models["tuned"].parameters()} == {dtype}
        assert not made._models["tuned"].training
        assert len(made.generate([[40, 41]], Sampling(max_new_tokens=3))[0].ids) <= 3


# --- what does not fit ---------------------------------------------------------------------------


def other_base(folder: Path, **changes: int) -> BaseModel:
    """A tiny model of another shape."""
    from transformers import LlamaConfig, LlamaForCausalLM

    shape = {"vocab_size": 259, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": None}
    LlamaForCausalLM(LlamaConfig(**{**shape, **heads, **changes})).save_pretrained(str(folder))
    return BaseModel("other", str(folder), "here", "unknown", "")


@pytest.mark.parametrize("change", [{"hidden_size": 32}, {"num_hidden_layers": 1}], ids=str)
def test_an_adapter_of_another_base_is_refused(change, tmp_path, tiny_template, adapter) -> None:
    with pytest.raises(ArtefactError, match="does not fit its base model"):
        load_engine(other_base(tmp_path / "other", **change), tiny_template, name="x", tuned=adapter)


def test_an_adapter_that_would_leave_layers_bare_is_refused(
    tmp_path, tiny_template, narrow_adapter
) -> None:
    deeper = other_base(tmp_path / "other", num_hidden_layers=3)
    with pytest.raises(ArtefactError, match=r"have no counterpart.*layers\.2"):
        load_engine(deeper, tiny_template, name="x", tuned=narrow_adapter)


@pytest.mark.parametrize("file", ["adapter_config.json", "adapter_model.safetensors"])
def test_a_missing_adapter_is_refused(file, tmp_path, tiny_base, tiny_template, adapter) -> None:
    with pytest.raises(ArtefactError, match=r"no such file.*train again"):
        load_engine(tiny_base, tiny_template, name="x", tuned=tmp_path / "nowhere")
    copy = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    (copy / file).unlink()
    (copy / "adapter_model.bin").write_bytes(b"\x80\x04.")  # and pickled weights are no substitute
    with pytest.raises(ArtefactError, match=file):
        load_engine(tiny_base, tiny_template, name="x", tuned=copy)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("adapter_model.safetensors", b""),
        ("adapter_model.safetensors", b"\xff" * 64),
        ("adapter_config.json", b"{"),
        ("adapter_config.json", b"{}"),
        ("adapter_config.json", b"[]"),
        ("adapter_config.json", b'{"peft_type": "NONSENSE"}'),
    ],
)
def test_a_damaged_adapter_is_refused(
    file, content, tmp_path, tiny_base, tiny_template, adapter
) -> None:
    copy = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    (copy / file).write_bytes(content)
    with pytest.raises(ArtefactError, match=str(copy)):
        load_engine(tiny_base, tiny_template, name="x", tuned=copy)


def test_an_adapter_that_lacks_weights_is_refused(tmp_path, tiny_base, tiny_template, adapter) -> None:
    from safetensors.torch import load_file, save_file

    copy = Path(shutil.copytree(adapter, tmp_path / "adapter"))
    weights = load_file(copy / "adapter_model.safetensors")
    gone = sorted(weights)[0]
    del weights[gone]
    save_file(weights, copy / "adapter_model.safetensors")
    with pytest.raises(ArtefactError, match="have no counterpart"):
        load_engine(tiny_base, tiny_template, name="x", tuned=copy)


def test_missing_trained_weights_are_refused(tmp_path, tiny_base, tiny_template) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_engine(tiny_base, tiny_template, name="x", tuned=tmp_path / "nowhere", method="full")
