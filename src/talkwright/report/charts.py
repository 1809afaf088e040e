"""Charts as inline SVG: drawn with matplotlib, coloured by the page's own style sheet.

matplotlib draws in placeholder colours that are replaced by CSS variables afterwards, so one drawing
serves light, dark and print. Text stays text in the page's font; ids are prefixed with the chart's
name, so several drawings live in one page. A figure is WIDTH units wide and scales with its column.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from talkwright.report.shape import Bars
from talkwright.report.taught import Lengths
from talkwright.report.text import count, decimal
from talkwright.report.training import Points, Training
from talkwright.report.verdict import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 340
MAX_POINTS = 600

_COLOURS = {
    "ink": "#010203",
    "soft": "#010204",
    "line": "#010205",
    "tuned": "#010206",
    "validation": "#010208",
    "better": "#010209",
    "worse": "#01020a",
    "none": "#01020b",
    "changed": "#01020c",
}
_TONES = {"better": "better", "worse": "worse", "none": "none", "neutral": "changed"}


def _draw(name: str, label: str, height: float, paint: Callable[[Figure], None]) -> Markup:
    """Let `paint` fill a figure of WIDTH × height units and return it as an accessible SVG element."""
    import matplotlib
    from matplotlib.figure import Figure

    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": name,
        "font.size": 13,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": _COLOURS["line"],
        "axes.labelcolor": _COLOURS["soft"],
        "axes.facecolor": "none",
        "xtick.color": _COLOURS["line"],
        "ytick.color": _COLOURS["line"],
        "xtick.labelcolor": _COLOURS["soft"],
        "ytick.labelcolor": _COLOURS["soft"],
        "text.color": _COLOURS["ink"],
        "text.parse_math": False,
    }
    with matplotlib.rc_context(settings):
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        figure.patch.set_facecolor("none")
        paint(figure)
        out = io.StringIO()
        figure.savefig(
            out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    return Markup(_inline(out.getvalue(), name, label))


def _inline(svg: str, name: str, label: str) -> str:
    """Cut matplotlib's document down to one <svg> element that can share a page with others."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    view = re.search(r'viewBox="[^"]+"', svg)
    head = f'<svg class="plot" {view.group() if view else ""} role="img" aria-label="{escape(label)}">'
    svg = re.sub(r"<svg[^>]*>", lambda _: head, svg, count=1)
    used = set(re.findall(r'(?:url\(#|xlink:href="#)([^)"]+)', svg))
    svg = re.sub(
        r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg
    )
    svg = svg.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    for colour, placeholder in _COLOURS.items():
        svg = svg.replace(placeholder, f"var(--{colour})")
    svg = re.sub(r"font: ([0-9.]+px) [^;\"]+", r"font-size: \1", svg)
    return re.sub(r"\n\s*", "\n", svg).strip()


# --- differences ---------------------------------------------------------------------------------


def differences(rows: Sequence[Row]) -> list[tuple[str, Markup]]:
    """(caption, chart) of the differences with their intervals, one chart for each kind of scale.

    Scores out of 100 share an axis in points; everything else is shown as a share of the base's
    value, the only scale on which a loss and a time can stand together.
    """
    scores = [
        _placed(row, 100.0 if row.metric.scale == "share" else 1.0) for row in rows if _scored(row)
    ]
    # Not perplexity: it is the loss once more, and the interval of its difference, taken as a share of
    # the base's value, can pass -100 %, which no ratio does.
    relative = [
        _placed(row, 100.0 / abs(row.a))
        for row in rows
        if not _scored(row) and row.a and row.name != "perplexity"
    ]
    charts = []
    for name, caption, found in (
        ("points", "Scores out of 100: tuned − base, in points", scores),
        ("relative", "Other measures: tuned − base, in % of base", relative),
    ):
        drawn = [place for place in found if place]
        if drawn:
            charts.append((caption, _whiskers(f"differences-{name}", caption, drawn)))
    return charts


_Placed = tuple[Row, float, float, float]


def _scored(row: Row) -> bool:
    return row.metric.scale in ("share", "points")


def _placed(row: Row, factor: float) -> _Placed | None:
    if row.delta is None or row.low is None or row.high is None:
        return None  # a dot without its interval would look surer than it is; the table has the number
    return row, row.delta * factor, row.low * factor, row.high * factor


def _whiskers(name: str, caption: str, placed: list[_Placed]) -> Markup:
    label = f"{caption}. " + "; ".join(
        f"{row.metric.title} {row.difference}, {row.badge}" for row, *_ in placed
    )
    step, top, bottom = 30.0, 8.0, 30.0
    height = top + bottom + step * len(placed)

    def paint(figure: Figure) -> None:
        left, right = 108 / WIDTH, 46 / WIDTH
        axes = figure.add_axes((left, bottom / height, 1 - left - right, 1 - (top + bottom) / height))
        limits = _limits(placed)
        axes.set_xlim(*limits)
        axes.set_ylim(len(placed) - 0.5, -0.5)
        axes.axvline(0, color=_COLOURS["soft"], linewidth=1)
        axes.grid(axis="x", color=_COLOURS["line"], linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines["left"].set_visible(False)
        axes.tick_params(length=0, pad=6)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=5)
        for at, (row, delta, low, high) in enumerate(placed):
            colour = _COLOURS[_TONES[row.tone]]
            axes.plot([low, high], [at, at], color=colour, linewidth=2.4, solid_capstyle="round")
            axes.plot([delta], [at], "o", color=colour, markersize=8, markeredgewidth=0, clip_on=False)
            figure.text(left - 0.02, _row_y(axes, at), _short(row.metric.title), ha="right", va="center")
            shown = decimal(delta, 0 if abs(delta) >= 9.95 else 1, sign=True)
            figure.text(1, _row_y(axes, at), shown, ha="right", va="center", color=colour, weight="bold")

    return _draw(name, label, height, paint)


def _short(title: str) -> str:
    # matplotlib warns of characters its own font lacks, though the page's font may have them; a
    # metric unknown here can have any name, and the table shows it in full.
    plain = re.sub(r"[^\x20-\x7e]", "?", title)
    return plain if len(plain) <= 17 else f"{plain[:16]}…"


def _row_y(axes: Axes, at: int) -> float:
    box = axes.get_position()
    bottom, top = axes.get_ylim()
    return float(box.y0 + (at - bottom) / (top - bottom) * box.height)


def _limits(placed: list[_Placed]) -> tuple[float, float]:
    # A measure that grew tenfold would flatten all others; its number still stands beside it.
    low = max(-150.0, min(0.0, *(place[2] for place in placed)))
    high = min(150.0, max(0.0, *(place[3] for place in placed)))
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room


# --- training ------------------------------------------------------------------------------------


def _thinned(points: Points) -> Points:
    every = max(1, -(-len(points) // MAX_POINTS))
    kept = points[::every]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


def loss_curve(training: Training, label: str) -> Markup:
    """Raw and smoothed training loss and validation loss over steps."""

    def paint(figure: Figure) -> None:
        axes = _plain_axes(figure, 250)
        raw, smooth = _thinned(training.loss), _thinned(training.smooth)
        axes.plot(*_columns(raw), color=_COLOURS["tuned"], alpha=0.28, linewidth=1)
        axes.plot(*_columns(smooth), color=_COLOURS["tuned"], linewidth=2.2, solid_capstyle="round")
        if training.validation:
            marks = "o" if len(training.validation) <= 40 else ""
            axes.plot(
                *_columns(training.validation),
                color=_COLOURS["validation"],
                linewidth=1.8,
                marker=marks,
                markersize=5,
            )
        best = next((point for point in training.validation if point[0] == training.best_step), None)
        if best:
            axes.plot(*best, "o", markersize=12, mfc="none", mec=_COLOURS["validation"], mew=1.5)
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)

    return _draw("loss", label, 250, paint)


def rate_curve(rate: Points) -> Markup:
    """Learning rate over steps."""
    peak = max(value for _, value in rate)

    def paint(figure: Figure) -> None:
        axes = _plain_axes(figure, 250)
        axes.plot(
            *_columns(_thinned(rate)), color=_COLOURS["tuned"], linewidth=2.2, solid_capstyle="round"
        )
        axes.set_ylim(0, peak * 1.08 or 1)
        axes.margins(x=0.02)
        axes.yaxis.set_major_formatter(lambda value, _: _power(value))

    return _draw(
        "rate", f"Learning rate over {count(rate[-1][0])} steps, {peak:.3g} at its peak.", 250, paint
    )


def _power(value: float) -> str:
    """0.00075 as `7.5e−4`: rates are read and typed that way."""
    figures, _, exponent = f"{value:.2e}".partition("e")
    return f"{float(figures):g}e{int(exponent)}".replace("-", "−") if value else "0"


def _plain_axes(figure: Figure, height: float) -> Axes:
    axes = figure.add_axes((44 / WIDTH, 40 / height, 1 - 56 / WIDTH, 1 - 52 / height))
    axes.grid(axis="y", color=_COLOURS["line"], linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines["left"].set_visible(False)
    axes.tick_params(length=0, pad=6)
    axes.set_xlabel("step", labelpad=4)
    axes.locator_params(axis="x", nbins=6, integer=True)
    axes.locator_params(axis="y", nbins=6)
    return axes


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [step for step, _ in points], [value for _, value in points]


# --- lengths -------------------------------------------------------------------------------------


def length_histograms(splits: Sequence[Lengths], limit: int | None) -> list[Markup]:
    """One histogram of row lengths in tokens a split, all on the same axis, empty for an empty split."""
    longest = max((split.counted[-1][0] for split in splits if split.counted), default=0)
    # A few giant rows must not squeeze the others into one bar: beyond 1.5 limits they share the last.
    edge = max(2, min(longest, round(1.5 * limit)) if limit else longest)
    return [
        # A split's own name comes from a file and may be anything; ids are numbered instead.
        _histogram(f"lengths{number}", split, limit, edge) if split.counted else Markup()
        for number, split in enumerate(splits)
    ]


def _histogram(name: str, split: Lengths, limit: int | None, edge: int, bins: int = 28) -> Markup:
    label = (
        f"{split.name}: {count(split.rows)} rows, median {count(split.median)} tokens, "
        f"longest {count(split.longest)}, max_length {count(limit)}."
    )
    in_reach = limit is not None and limit <= 2 * edge

    def paint(figure: Figure) -> None:
        axes = _plain_axes(figure, 190)
        axes.set_xlabel("tokens per row", labelpad=4)
        right = max(edge, limit) if limit and in_reach else edge
        axes.hist(
            [min(length, edge) for length, _ in split.counted], weights=[n for _, n in split.counted],
            bins=bins, range=(0, right), color=_COLOURS["tuned"], alpha=0.85, rwidth=0.88,
        )  # fmt: skip
        axes.set_xlim(0, right * 1.04)
        axes.locator_params(axis="y", nbins=4, integer=True)
        if limit and in_reach:
            axes.axvline(limit, color=_COLOURS["validation"], linewidth=1.6, linestyle=(0, (4, 3)))
        if limit:
            at = limit / (right * 1.04) - 0.02 if in_reach else 1.0
            text = f"max_length {limit}" if in_reach else f"max_length {limit} →"
            axes.set_ylim(top=axes.get_ylim()[1] * 1.18)
            colour = _COLOURS["validation"]
            axes.text(at, 1.0, text, ha="right", va="top", color=colour, transform=axes.transAxes)

    return _draw(name, label, 190, paint)


# --- sizes ---------------------------------------------------------------------------------------


def size_bars(name: str, what: str, found: Bars) -> Markup:
    """How many rows have which size, a bar a size."""
    label = f"Rows by {what}: " + "; ".join(f"{size}: {count(rows)}" for size, rows in found.bars)
    height, step = 190.0, max(1, -(-len(found.bars) // 6))

    def paint(figure: Figure) -> None:
        axes = _plain_axes(figure, height)
        axes.set_xlabel(what, labelpad=4)
        places = range(len(found.bars))
        axes.bar(
            places, [rows for _, rows in found.bars], color=_COLOURS["tuned"], alpha=0.85, width=0.8
        )
        axes.set_xlim(-0.8, max(len(found.bars), 3) - 0.2)
        shown = [at for at in places if at % step == 0]
        doubling = any("–" in size for size, _ in found.bars)
        axes.set_xticks(shown, [_power_label(found.bars[at][0], doubling) for at in shown])
        axes.locator_params(axis="y", nbins=4, integer=True)

    return _draw(name, label, height, paint)


def _power_label(size: str, doubling: bool) -> str:
    """129–256 as ≤256, and 1025–2048 as ≤2k: what fits below a bar."""
    edge = size.partition("–")[2] or (size if doubling and size.isdigit() else "")
    if not edge:
        return size
    number = int(edge)
    return f"≤{number // 1024}k" if number >= 1024 else f"≤{number}"
