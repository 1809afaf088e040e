"""The optimizers, and what a checkpoint keeps of them."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from talkwright.config import TrainSection, rate_beside_muon
from talkwright.errors import TrainError
from talkwright.models import needs_bitsandbytes

if TYPE_CHECKING:
    from torch import Tensor

    from talkwright.train.model import Masters

Group = dict[str, Any]


class Optimizer:
    """One or two optimizers of torch or bitsandbytes that take a step together."""

    def __init__(self, parts: list[Any], *, safe_to_repeat: bool = False):
        self._parts = parts
        self.safe_to_repeat = safe_to_repeat
        """Whether a step that ran out of memory has changed no weight and may be taken again."""

    def step(self, rate: float) -> None:
        """Take a step at this learning rate (times a group's own `scale`) and clear the gradients."""
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = rate * group.get("scale", 1.0)
            if self.safe_to_repeat:
                _make_moments(part)
            part.step()
        self.clear()

    def clear(self) -> None:
        """Forget the gradients."""
        for part in self._parts:
            part.zero_grad(set_to_none=True)

    def forget_half_made(self) -> None:
        """Drop moments that no update has used yet, so that the passes taken again have the room that
        the first ones had. Nothing where an update is not repeated: others' moments have other names."""
        for part in self._parts if self.safe_to_repeat else ():
            for master in [each for each, moments in part.state.items() if not float(moments["step"])]:
                del part.state[master]

    def state(self, master: Tensor) -> dict[str, Any]:
        """Moments and counters of one weight: tensors and numbers by name; none before a step."""
        for part in self._parts:
            if part.state.get(master):
                return dict(part.state[master])
        return {}

    def restore(self, master: Tensor, state: dict[str, Any]) -> None:
        """Put back what `state` gave."""
        import torch

        for part in self._parts:
            if not any(master is own for group in part.param_groups for own in group["params"]):
                continue
            # A counter of torch's stays where it is unless the update is fused with it.
            fused = part.defaults.get("fused")
            part.state[master] = {
                name: value.to(master.device)
                if isinstance(value, torch.Tensor) and (name != "step" or fused)
                else value
                for name, value in state.items()
            }

    def groups(self) -> list[Group]:
        """The parameter groups of all parts."""
        return [group for part in self._parts for group in part.param_groups]


def make_optimizer(model: Any, masters: Masters, section: TrainSection) -> Optimizer:
    """The recipe's optimizer over the masters. Raises TrainError for one that is not to be had here."""
    from torch.optim import Adafactor, AdamW, Muon

    groups = _groups(masters, section)
    start = section.learning_rate or 0.0
    if section.optimizer == "adamw":
        # The moments are its only allocations, and `step` has made them all before the first update.
        return Optimizer([AdamW(groups, lr=start, fused=True)], safe_to_repeat=True)
    if section.optimizer == "adafactor":
        return Optimizer([Adafactor(groups, lr=start)])
    if section.optimizer == "muon":
        inside, outside = _muon_or_not(model, masters, groups)
        parts: list[Any] = []
        if inside:
            parts.append(Muon(inside, lr=start, adjust_lr_fn="match_rms_adamw"))
        if outside:
            for group in outside:  # what is the default for the matrices comes to the default here
                group["scale"] *= rate_beside_muon(section.method)
            parts.append(AdamW(outside, lr=start, fused=True))
        return Optimizer(parts)
    return Optimizer([_of_bitsandbytes(groups, section, masters)])


def _make_moments(part: Any) -> None:
    """Make the moments that a fused AdamW lacks, as it would itself. It goes group by group, moments and
    update, so that memory running out in the second group would leave the first one updated."""
    import torch

    for group in part.param_groups:
        for master in group["params"]:
            if master.grad is None or part.state.get(master):
                continue
            part.state[master] = {
                "step": torch.zeros((), dtype=torch.float32, device=master.device),
                "exp_avg": torch.zeros_like(master, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(master, memory_format=torch.preserve_format),
            }


def _groups(masters: Masters, section: TrainSection) -> list[Group]:
    """Masters by weight decay (matrices only: it does no good to norms, biases and IA3's factors, which
    PEFT keeps as matrices of one row or column) and rate."""
    groups: dict[tuple[float, float], Group] = {}
    for name, master in zip(masters.names, masters.masters, strict=True):
        decay = section.weight_decay if master.ndim >= 2 and "ia3_l" not in name else 0.0
        scale = section.lora.plus_ratio if "lora_B" in name or "lora_embedding_B" in name else 1.0
        empty: Group = {"params": [], "weight_decay": decay, "scale": scale}
        groups.setdefault((decay, scale), empty)["params"].append(master)
    return [groups[key] for key in sorted(groups, reverse=True)]


def _muon_or_not(model: Any, masters: Masters, groups: list[Group]) -> tuple[list[Group], list[Group]]:
    """Muon is for the matrices between layers; embeddings, the head and vectors get AdamW."""
    ends = (model.get_input_embeddings(), model.get_output_embeddings())
    at_the_ends = {id(module.weight) for module in ends if module is not None}
    fit = {
        id(master)
        for weight, master in zip(masters.weights, masters.masters, strict=True)
        if weight.ndim == 2 and min(weight.shape) > 1 and id(weight) not in at_the_ends
    }

    def chosen(yes: bool) -> list[Group]:
        kept = [
            {**group, "params": [m for m in group["params"] if (id(m) in fit) == yes]}
            for group in groups
        ]
        return [group for group in kept if group["params"]]

    return chosen(True), chosen(False)


def _of_bitsandbytes(groups: list[Group], section: TrainSection, masters: Masters) -> Any:
    if find_spec("bitsandbytes") is None:
        raise TrainError(needs_bitsandbytes("optimizer", section.optimizer, "adamw"))
    from bitsandbytes import optim

    if section.optimizer.startswith("paged") and masters.masters[0].device.type != "cuda":
        raise TrainError(
            f"train.optimizer: {section.optimizer} moves moments out of a GPU's memory, and there is no "
            "GPU here; write `optimizer: adamw_8bit` or `adamw`"
        )
    kinds = {
        "adamw_8bit": optim.AdamW8bit,
        "paged_adamw": optim.PagedAdamW32bit,
        "paged_adamw_8bit": optim.PagedAdamW8bit,
    }
    return kinds[section.optimizer](groups, lr=section.learning_rate)
