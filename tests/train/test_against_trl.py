"""Twenty steps of our loop are twenty steps of TRL's SFTTrainer."""

from __future__ import annotations

import sys

import pytest
import torch

from talkwright.models import load_weights
from talkwright.train import make_plan
from talkwright.train.model import prepare_model
from talkwright.train.plan import rows_of_steps

STEPS = 20


@pytest.mark.skipif(sys.version_info < (3, 11), reason="this TRL needs Python 3.11")
@pytest.mark.filterwarnings("ignore:.*:FutureWarning", "ignore:.*:UserWarning")  # of TRL, about TRL
def test_twenty_steps_of_trl(
    train_tiny, tiny_base, tiny_template, rows, section, metrics_of, weights_of, tmp_path
) -> None:
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
    from trl import SFTConfig, SFTTrainer

    settings = {"max_steps": STEPS, "clip": 0.5, "weight_decay": 0.01, "learning_rate": 5e-3}
    chosen = section(**settings)
    order = [n for step in rows_of_steps(make_plan(chosen, len(rows)), 4, 7) for n in step]
    # The same start: our own initial adapter, copied.
    first, _ = prepare_model(tiny_base, chosen, 7)
    theirs = get_peft_model(
        load_weights(tiny_base, precision="fp32"),
        LoraConfig(
            r=16, lora_alpha=32, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    theirs.load_state_dict(first.state_dict())
    columns = [{"input_ids": rows[n].input_ids, "labels": rows[n].labels} for n in order]
    trainer = SFTTrainer(
        model=theirs,
        train_dataset=Dataset.from_list(columns),
        processing_class=tiny_template._tokenizer,
        args=SFTConfig(
            output_dir=str(tmp_path / "trl"),
            max_steps=STEPS,
            per_device_train_batch_size=4,
            learning_rate=5e-3,
            lr_scheduler_type="constant",
            warmup_steps=0,
            max_grad_norm=0.5,
            weight_decay=0.01,
            optim="adamw_torch",
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            seed=7,
            shuffle_dataset=False,
            train_sampling_strategy="sequential",
            max_length=None,
            report_to="none",
            save_strategy="no",
            disable_tqdm=True,
        ),
    )
    their_losses: list[float] = []
    plain_step = trainer.training_step

    def record(*given: object, **named: object) -> torch.Tensor:
        loss = plain_step(*given, **named)
        their_losses.append(float(loss))
        return loss

    trainer.training_step = record
    trainer.train()

    out = train_tiny(**settings)
    our_losses = [row["loss"] for row in metrics_of(out)]
    assert len(our_losses) == len(their_losses) == STEPS
    assert our_losses[0] > 4
    assert our_losses[-1] < 0.8 * our_losses[0]
    assert our_losses == pytest.approx(their_losses, rel=1e-4)
    wanted = get_peft_model_state_dict(trainer.model)
    got = weights_of(out)
    assert got.keys() == wanted.keys()
    moved = sum(
        (wanted[n] - s).square().sum() for n, s in get_peft_model_state_dict(first).items()
    ).sqrt()
    apart = sum((wanted[n] - got[n]).square().sum() for n in wanted).sqrt()
    assert apart <= 1e-3 * moved


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info < (3, 11), reason="this TRL needs Python 3.11")
@pytest.mark.filterwarnings("ignore:.*:FutureWarning", "ignore:.*:UserWarning")
def test_two_hundred_steps_of_bf16_stay_as_near_to_trl_as_trl_to_itself(
    train_tiny, tiny_base, tiny_template, rows, section, metrics_of, tmp_path
) -> None:
    """TRL with a step's rows in one pass and in two is the band: what rounding alone may do."""
    from accelerate.state import AcceleratorState
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from trl import SFTConfig, SFTTrainer

    steps = 200
    settings = {"max_steps": steps, "clip": 0.5, "learning_rate": 2e-3, "precision": "bf16"}
    chosen = section(**settings)
    order = [n for step in rows_of_steps(make_plan(chosen, len(rows)), 4, 7) for n in step]
    columns = [{"input_ids": rows[n].input_ids, "labels": rows[n].labels} for n in order]
    first, _ = prepare_model(tiny_base, chosen, 7)

    def of_trl(passes: int) -> list[float]:
        theirs = get_peft_model(
            load_weights(tiny_base, precision="bf16"),
            LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"),
        )
        theirs.load_state_dict(first.state_dict())
        trainer = SFTTrainer(
            model=theirs,
            train_dataset=Dataset.from_list(columns),
            processing_class=tiny_template._tokenizer,
            args=SFTConfig(
                output_dir=str(tmp_path / f"trl{passes}"), max_steps=steps, bf16=True, use_cpu=True,
                per_device_train_batch_size=4 // passes, gradient_accumulation_steps=passes,
                learning_rate=2e-3, lr_scheduler_type="constant", warmup_steps=0, max_grad_norm=0.5,
                optim="adamw_torch", gradient_checkpointing=False, seed=7, shuffle_dataset=False,
                train_sampling_strategy="sequential", max_length=None, report_to="none",
                save_strategy="no", disable_tqdm=True,
            ),
        )  # fmt: skip
        seen: list[float] = []
        plain_step = trainer.training_step

        def record(*given: object, **named: object) -> torch.Tensor:
            loss = plain_step(*given, **named)
            seen.append(float(loss))
            return loss

        trainer.training_step = record
        trainer.train()
        return [sum(seen[n : n + passes]) for n in range(0, len(seen), passes)]

    whole, halves = of_trl(1), of_trl(2)
    AcceleratorState._reset_state(reset_partial_state=True)  # one a process, and TRL's mixes precisions
    ours = [row["loss"] for row in metrics_of(train_tiny(**settings)) if "loss" in row]
    assert len(whole) == len(halves) == len(ours) == steps
    assert ours[-1] < 0.5 * ours[0]

    def apart(curve: list[float]) -> float:
        """Mean distance from TRL's curve in nats."""
        return sum(abs(a - b) for a, b in zip(curve, whole, strict=True)) / steps

    band = apart(halves)
    assert apart(ours) <= 2 * band, f"TRL from itself {band:.5f}, ours from TRL {apart(ours):.5f}"
