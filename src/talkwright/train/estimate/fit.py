"""From recorded runs to the few coefficients that no formula gives, and how well they then predict.

`bench/calibrate.py` calls this; the test of the recorded runs uses `runs_of` and `errors_of`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from talkwright.config import TrainSection
from talkwright.train.estimate.load import Load
from talkwright.train.estimate.machines import Rates
from talkwright.train.estimate.memory import memory
from talkwright.train.estimate.shape import Shape
from talkwright.train.estimate.work import KINDS, seconds_by_kind, step_seconds

METHODS = ("lora", "ia3", "prefix", "prompt", "full")
START: dict[str, Any] = {
    "library_mib": 600.0,
    "holes": dict.fromkeys(METHODS, 0.7) | {"full": 0.2},
    "four_bits_mib": 300.0,  # what packing and unpacking leave behind on a CPU: 270 to 390 in four runs
    "holes_recomputed": 0.7,
    "in_flight": 2.0,
    "saving": 1.0,
    "loading": 1.0,
    "cuda_mib": 600.0,  # a CUDA context with cuBLAS; not measured here
    "cuda_reserve": 0.05,  # what the caching allocator keeps in pieces; not measured here
}
PRECISIONS = ("fp32", "bf16")
GPU_FACTORS = dict.fromkeys(KINDS, 1.0) | {"products": 2.0, "attention": 2.5, "head": 2.0}
"""Not measured: half of the data sheet's operations for products, as the best published single-GPU LoRA
runs reach 41 to 43 % of it over everything (shared/research/performance.md, section 2)."""


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run: what it was, and what was measured (MiB, seconds of an optimizer step)."""

    name: str
    role: str
    shape: Shape
    section: TrainSection
    precision: str
    load: Load
    rates: Rates
    peak_mib: float
    step_seconds: float
    other_seconds: float


def runs_of(recorded: dict[str, Any]) -> list[Run]:
    """The runs of recorded_runs.json."""
    found = []
    for run in recorded["runs"]:
        shape = dict(recorded["models"][run["model"]])
        shape["linear"] = tuple((name, i, o) for name, i, o in shape["linear"])
        found.append(
            Run(
                run["name"], run["role"], Shape(**shape), TrainSection.model_validate(run["train"]),
                run["precision"], Load(**run["load"]), Rates(**run["rates"], measured=True),
                run["peak_mib"], run["step_seconds"], run["other_seconds"],
            )
        )  # fmt: skip
    return found


def predicted(run: Run, coefficients: dict[str, Any]) -> tuple[float, float]:
    """Peak memory in MiB and seconds a step, by the formulas."""
    how = (run.shape, run.section, run.precision, run.load)
    return (
        memory(*how, coefficients).peak / 2**20,
        step_seconds(*how, run.rates, coefficients),
    )


def errors_of(run: Run, coefficients: dict[str, Any]) -> tuple[float, float]:
    """How far predictions are off, as shares of what was measured: memory, time."""
    size, seconds = predicted(run, coefficients)
    return size / run.peak_mib - 1, seconds / run.step_seconds - 1


def fit(runs: list[Run], counted: dict[str, Any]) -> dict[str, Any]:
    """Coefficients from the runs of the role "fit", for each precision its own."""
    fitting = [run for run in runs if run.role == "fit"]
    of = {name: [run for run in fitting if run.precision == name] for name in PRECISIONS}
    return {
        "memory": {name: _fit_memory(some, counted) for name, some in of.items()},
        "time": {
            "cpu": {name: _fit_time(some, counted) for name, some in of.items()},
            "gpu": dict.fromkeys(PRECISIONS, GPU_FACTORS),
            "start_up": round(sorted(run.other_seconds for run in fitting)[len(fitting) // 2], 1),
        },
        "counted": counted,
    }


def _fit_memory(runs: list[Run], counted: dict[str, Any]) -> dict[str, Any]:
    """Least squares of relative errors; a maximum of peaks is not linear, so a simplex search."""
    from scipy.optimize import minimize  # type: ignore[import-untyped]

    names = ("library_mib", "holes_recomputed", "saving")
    # All adapters are one kind: of those that are not LoRA there are too few runs to tell them apart.
    first = [*(START[name] for name in names), START["holes"]["lora"], START["holes"]["full"]]

    def told(values: Any) -> dict[str, Any]:
        *rest, adapter, full = (round(float(x), 4) for x in values)
        plain = dict(zip(names, rest, strict=True))
        return {**START, **plain, "holes": dict.fromkeys(METHODS, adapter) | {"full": full}}

    def loss(values: Any) -> float:
        if min(values) < 0:
            return 1e9
        now = {"memory": dict.fromkeys(PRECISIONS, told(values)), "counted": counted}
        total = 0.0
        for run in runs:
            found = memory(run.shape, run.section, run.precision, run.load, now).peak / 2**20
            total += (found / run.peak_mib - 1) ** 2
        # What the runs hardly tell stays near where it starts.
        pull = sum((value / one - 1) ** 2 for value, one in zip(values, first, strict=True))
        return float(total + 1e-3 * pull)

    options = {"maxiter": 4000, "xatol": 1e-4, "fatol": 1e-9, "adaptive": True}
    return told(minimize(loss, first, method="Nelder-Mead", options=options).x)


def _fit_time(runs: list[Run], counted: dict[str, Any]) -> dict[str, float]:
    """Non-negative least squares of relative errors, each factor drawn a little towards 1."""
    import numpy
    from scipy.optimize import nnls

    rows, wanted = [], []
    for run in runs:
        kinds = seconds_by_kind(
            run.shape, run.section, run.precision, run.load, run.rates, {"counted": counted}
        )
        rows.append([kinds[kind] / run.step_seconds for kind in KINDS])
        wanted.append(1.0)
    for number in range(len(KINDS)):
        rows.append([0.05 * (number == other) for other in range(len(KINDS))])
        wanted.append(0.05)
    factors = nnls(numpy.array(rows), numpy.array(wanted))[0]
    return {kind: round(float(x), 4) for kind, x in zip(KINDS, factors, strict=True)}


def report(runs: list[Run], coefficients: dict[str, Any]) -> str:
    """A line a run, judged ones last, and the worst of them."""
    lines = [f"{'':<7}{'recipe':<24}{'MiB':>7}{'said':>7}{'off':>7}{'s/step':>9}{'said':>9}{'off':>7}"]
    worst = [0.0, 0.0]
    for run in sorted(runs, key=lambda each: each.role):
        size, seconds = predicted(run, coefficients)
        off = errors_of(run, coefficients)
        if run.role != "fit":
            judged = off if run.role == "judge" else (off[0], 0.0)
            worst = [max(w, abs(o)) for w, o in zip(worst, judged, strict=True)]
        lines.append(
            f"{run.role:<7}{run.name:<24}{run.peak_mib:>7.0f}{size:>7.0f}{off[0]:>7.1%}"
            f"{run.step_seconds:>9.3f}{seconds:>9.3f}{off[1]:>7.1%}"
        )
    lines.append(f"worst of the judged: memory {worst[0]:.1%}, time {worst[1]:.1%}")
    return "\n".join(lines)
