"""Machines to train on: this one, measured for a second or two, and a table of GPUs with dated prices.

Memory, operations, bandwidth and power of GPUs are their makers' data sheets: dense (no sparsity) bf16
with fp32 accumulation, fp32 without tensor cores. A price is what its source said on its date, for one
GPU on demand; `--prices FILE` replaces prices and adds machines.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from talkwright.config import parse_yaml
from talkwright.errors import RecipeError
from talkwright.models import best_precision

GB, GIB = 1e9, 2**30


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars an hour for one machine, who said so, and when (ISO date)."""

    hour: float
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: bytes of memory, operations a second by precision (bf16 None: it has none), bytes a
    second, watts at full load (None: not known)."""

    name: str
    memory: float
    bf16: float | None
    fp32: float
    bandwidth: float
    watts: float | None
    price: Price | None
    gpu: bool = True


@dataclass(frozen=True, slots=True)
class Rates:
    """What a machine does in a second: `products` and `attention` floating-point operations, `passing`
    bytes through memory by element-wise operations; `call` is seconds of one small operation. `short`
    are products in bf16, in which Muon works whatever the precision; 0: as `products`."""

    products: float
    attention: float
    passing: float
    call: float
    gpu: bool = False
    measured: bool = False
    short: float = 0.0


def _gpu(
    name: str, gigabytes: float, bf16: float | None, fp32: float, bandwidth: float, watts: float,
    price: float, source: str, date: str,
) -> Machine:  # fmt: skip
    """Gigabytes (of 2**30), teraflops, teraflops, gigabytes a second, watts, dollars an hour."""
    return Machine(
        name, gigabytes * GIB, None if bf16 is None else bf16 * 1e12, fp32 * 1e12, bandwidth * GB, watts,
        Price(price, source, date),
    )  # fmt: skip


_RUNPOD = "runpod.io/pricing, secure cloud"
_TABLE = [
    _gpu("t4", 15, None, 8.1, 320, 70, 0.526, "AWS g4dn.xlarge, list price", "2025-01-01"),
    _gpu("rtx3090", 24, 71, 35.6, 936, 350, 0.18, "openrelay.inc", "2026-09-20"),
    _gpu("rtx4090", 24, 165, 82.6, 1008, 450, 0.69, "runpod.io by gpu.fund", "2026-05-27"),
    _gpu("rtx5090", 32, 209, 104.8, 1792, 575, 0.91, "vast.ai by gpu.fund", "2026-05-27"),
    _gpu("l4", 22.5, 121, 30.3, 300, 72, 0.44, "runpod.io by deploybase.ai", "2026-03-10"),
    _gpu("l40s", 45, 362, 91.6, 864, 350, 0.79, "runpod.io by deploybase.ai", "2026-03-10"),
    _gpu("a100-40", 40, 312, 19.5, 1555, 400, 1.99, "lambda.ai", "2026-11-16"),
    _gpu("a100", 80, 312, 19.5, 2039, 400, 1.79, _RUNPOD, "2026-11-09"),
    _gpu("h100-pcie", 80, 756, 51, 2000, 350, 2.89, _RUNPOD, "2026-11-09"),
    _gpu("h100", 80, 989, 67, 3350, 700, 3.99, _RUNPOD, "2026-11-09"),
    _gpu("h200", 140, 989, 67, 4800, 700, 4.59, "runpod.io/pricing", "2026-10-07"),
    _gpu("b200", 179, 2250, 75, 8000, 1000, 6.79, "runpod.io/pricing", "2026-10-07"),
]
ALSO_CALLED = {  # names as `_plain` makes them
    "a10080": "a100",
    "h100sxm": "h100",
    "3090": "rtx3090",
    "4090": "rtx4090",
    "5090": "rtx5090",
}
THIS = "this machine"

# --- the table -----------------------------------------------------------------------------------


def all_machines(prices: Path | None = None) -> dict[str, Machine]:
    """All GPUs of the table by name, with the prices and machines of a file over them.

    Raises RecipeError for a file that cannot be used.
    """
    table = {machine.name: machine for machine in _TABLE}
    if prices is None:
        return table
    found = _read_prices(prices)
    for name, values in _section(found, "machines", prices).items():
        if _plain(name) == _plain(THIS):
            raise RecipeError(
                f"{prices}: machines.{name}: this machine is measured, not described. It can have a "
                f"price: `prices: {{{THIS}: 0.5}}` (dollars an hour)"
            )
        table.pop(_known_as(name, table) or name, None)
        table[name] = _own_machine(name, values, prices, *_said(found, prices))
    for name, price in _prices(found, prices).items():
        known = _known_as(name, table)
        if known:
            table[known] = replace(table[known], price=price)
        elif _plain(name) != _plain(THIS):
            raise RecipeError(
                f"{prices}: prices.{name}: no such machine; the table has {', '.join(table)}, and there "
                f"is '{THIS}'"
            )
    return table


def find_machine(name: str, table: dict[str, Machine]) -> Machine:
    """A machine by name. Raises RecipeError that lists the names there are."""
    known = _known_as(name, table)
    if known is None:
        raise RecipeError(
            f"--gpu {name}: not in the table, which has {', '.join(table)}. Add it in a file: "
            "--prices FILE with `machines: {NAME: {memory: 24, bf16: 120, fp32: 30, bandwidth: 600, "
            "watts: 300, price: 0.5}}` (GiB, teraflops, GB/s, dollars an hour)"
        )
    return table[known]


def _known_as(name: str, table: dict[str, Machine]) -> str | None:
    """The table's name for a machine, however it is written: RTX_4090, nvidia-h100, A100 80GB."""
    if name in table:
        return name
    *rest, last = re.split(r"[\s_-]+", name.lower().strip())
    size = re.fullmatch(r"(\d+)gi?b?", last) if rest else None
    plain = _plain(" ".join(rest) if size else name)
    for each, machine in table.items():
        if _plain(each) == ALSO_CALLED.get(plain, plain):
            # Sellers' gigabytes are a little more than what a program finds.
            if size is None or 0.9 <= machine.memory / GIB / int(size[1]) <= 1.01:
                return each
        elif size and _plain(each) == plain + size[1]:
            return each
    return None


def _plain(name: str) -> str:
    return re.sub(r"nvidia|geforce|tesla|[\s_-]", "", name.lower())


def _read_prices(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"--prices {file}: cannot be read: {error}") from None
    found = parse_yaml(text, str(file))
    if not isinstance(found, dict) or not {"prices", "machines"} & found.keys():
        raise RecipeError(
            f"{file}: a file of prices is YAML or JSON with `prices: {{h100: 2.5}}`, "
            "`date: 2026-11-01`, `source: who said so`, and maybe `machines:` of your own; there is "
            "neither `prices` nor `machines` in it"
        )
    if unknown := sorted(map(str, found.keys() - {"prices", "machines", "date", "source"})):
        raise RecipeError(
            f"{file}: '{unknown[0]}' means nothing here; use prices, machines, date, source"
        )
    return found


def _said(found: dict[str, Any], file: Path) -> tuple[str, str]:
    """Who said what a file says, and when."""
    return str(found.get("source", file.name)), str(found.get("date", "no date given"))


def _prices(found: dict[str, Any], file: Path) -> dict[str, Price]:
    """Prices by the names that a file has for machines."""
    hours = {
        name: _number(price, f"prices.{name}", file)
        for name, price in _section(found, "prices", file).items()
    }
    return {name: Price(hour, *_said(found, file)) for name, hour in hours.items()}


def _own_machine(name: str, values: Any, file: Path, said: str, date: str) -> Machine:
    known = ("memory", "bf16", "fp32", "bandwidth", "watts", "price")
    if not isinstance(values, dict) or (odd := sorted(set(values) - set(known))):
        found = f"'{odd[0]}'" if isinstance(values, dict) else repr(values)
        raise RecipeError(f"{file}: machines.{name}: {found} is not one of {', '.join(known)}")

    def get(key: str, needed: bool = False) -> float | None:
        if values.get(key) is None:
            if needed:
                raise RecipeError(f"{file}: machines.{name}.{key} is missing")
            return None
        return _number(values[key], f"machines.{name}.{key}", file)

    bf16, price = get("bf16"), get("price")
    return Machine(
        name,
        memory=(get("memory", True) or 0) * GIB,
        bf16=None if bf16 is None else bf16 * 1e12,
        fp32=(get("fp32", True) or 0) * 1e12,
        bandwidth=(get("bandwidth", True) or 0) * GB,
        watts=get("watts"),
        price=None if price is None else Price(price, said, date),
    )


def _section(found: dict[str, Any], name: str, file: Path) -> dict[str, Any]:
    values = found.get(name) or {}
    if not isinstance(values, dict):
        raise RecipeError(f"{file}: `{name}` is a list of `name: value`, but it is {values!r}")
    return {str(name): value for name, value in values.items()}  # 4090 is a number to YAML


def _number(value: Any, where: str, file: Path) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < 1e9:
        raise RecipeError(f"{file}: {where}: must be a number above 0, but it is {value!r}")
    return float(value)


# --- rates ---------------------------------------------------------------------------------------


def table_rates(machine: Machine, precision: str) -> Rates:
    """What to expect of a GPU that is not at hand, before the factors of `coefficients.json`: its data
    sheet. 10 microseconds a call is what launching a small kernel from Python takes."""
    peak = machine.bf16 if precision == "bf16" and machine.bf16 else machine.fp32
    return Rates(peak, peak, machine.bandwidth, 1e-5, gpu=True, short=machine.bf16 or machine.fp32)


def this_machine(prices: Path | None = None) -> Machine:
    """The machine that this runs on: its GPU if torch sees one, else its processor; with its price, if a
    file has one."""
    import torch

    hours = {} if prices is None else _prices(_read_prices(prices), prices)
    price = next((each for name, each in hours.items() if _plain(name) == _plain(THIS)), None)
    if torch.cuda.is_available():
        about = torch.cuda.get_device_properties(0)
        bare = about.name.lower().replace("nvidia", "").replace("geforce", "").replace(" ", "")
        like = next((m for m in reversed(_TABLE) if bare.startswith(m.name.partition("-")[0])), None)
        watts = like.watts if like else None
        return Machine(THIS, float(about.total_memory), None, 0.0, 0.0, watts, price, gpu=True)
    return Machine(THIS, main_memory(), None, 0.0, 0.0, None, price, gpu=False)


def best_precision_here() -> str:
    """What `precision: auto` means on this machine."""
    return best_precision()


def main_memory() -> float:
    """Bytes of main memory that this process may use: the least of the machine's, of its containers'
    limits (control groups) and of its own (`ulimit -v`, `ulimit -d`)."""
    whole = float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    return max(0.0, min([whole, *_of_groups(), *_of_process()]))


def _of_groups(
    own: Path = Path("/proc/self/cgroup"), mounted: Path = Path("/sys/fs/cgroup")
) -> list[float]:
    """Limits of the control groups that this process is in, from its own up to the root, in both
    versions; inside a container its own may be all that is seen, as the root."""
    try:
        lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    folders = {(mounted, "memory.max"), (mounted / "memory", "memory.limit_in_bytes")}
    for line in lines:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        inside = Path(path.lstrip("/"))
        for group in (inside, *inside.parents):
            if not controllers:
                folders |= {(mounted / group, "memory.max"), (mounted / "unified" / group, "memory.max")}
            elif "memory" in controllers.split(","):
                folders.add((mounted / "memory" / group, "memory.limit_in_bytes"))
    found = []
    for folder, name in folders:
        try:
            said = (folder / name).read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            continue
        if said.isdigit():
            found.append(float(said))
    return found


def _of_process() -> list[float]:
    """Limits of the process. That on its addresses holds also for what is mapped and not in memory, such
    as most of a library, and which leaves that much less room."""
    try:
        import resource
    except ImportError:  # not on Windows
        return []
    mapped = 0.0
    try:
        size, resident = Path("/proc/self/statm").read_text(encoding="ascii").split()[:2]
        mapped = (float(size) - float(resident)) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        pass
    limits = ((resource.RLIMIT_AS, mapped), (resource.RLIMIT_DATA, 0.0))
    allowed = [(resource.getrlimit(kind)[0], taken) for kind, taken in limits]
    return [float(most) - taken for most, taken in allowed if most != resource.RLIM_INFINITY]


def measure_rates(precision: str, seconds: float = 0.25) -> Rates:
    """Measure this machine: five kinds of work, `seconds` each, in sizes that training has."""
    import torch

    gpu = torch.cuda.is_available()
    device = "cuda" if gpu else "cpu"
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    scale = 8 if gpu else 1
    with torch.random.fork_rng():
        a = torch.randn(1024 * scale, 640 * scale, device=device, dtype=dtype)
        b = torch.randn(1536 * scale, 640 * scale, device=device, dtype=dtype)
        heads = [
            torch.randn(1, 8 * scale, 256, 64, device=device, dtype=dtype, requires_grad=True)
            for _ in range(3)
        ]
        wide = torch.randn(1024 * scale, 1536, device=device, dtype=dtype)
    small = torch.zeros(8, device=device)

    def attend() -> None:
        out = torch.nn.functional.scaled_dot_product_attention(*heads, is_causal=True)
        out.sum().backward()

    def call() -> None:
        for _ in range(100):
            small.add(1.0)

    product = _seconds_of(lambda: torch.nn.functional.linear(a, b), seconds, gpu)
    c, d = a.bfloat16(), b.bfloat16()
    short = _seconds_of(lambda: torch.nn.functional.linear(c, d), seconds, gpu)
    attention = _seconds_of(attend, seconds, gpu)
    # silu and a product: three tensors read, two written.
    passing = _seconds_of(lambda: torch.nn.functional.silu(wide) * wide, seconds, gpu)
    return Rates(
        products=2 * a.shape[0] * a.shape[1] * b.shape[0] / product,
        attention=6 * heads[0].shape[1] * 256 * 256 * 64 / attention,
        passing=5 * wide.numel() * wide.element_size() / passing,
        call=_seconds_of(call, seconds, gpu) / 100,
        gpu=gpu,
        measured=True,
        short=2 * a.shape[0] * a.shape[1] * b.shape[0] / short,
    )


def _seconds_of(work: Callable[[], Any], seconds: float, gpu: bool) -> float:
    """Median time of one piece of work, repeated for `seconds`."""
    import torch

    work()
    found: list[float] = []
    until = time.perf_counter() + seconds
    while len(found) < 3 or time.perf_counter() < until:
        started = time.perf_counter()
        work()
        if gpu:
            torch.cuda.synchronize()
        found.append(time.perf_counter() - started)
    return median(found)
