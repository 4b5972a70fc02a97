"""Charts as SVG that suit a light and a dark page. The same data gives the same bytes."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pygal
from pygal.style import Style

# Pygal looks for plug-ins with a hook that warns on each import. There are none here.
sys.meta_path[:] = [hook for hook in sys.meta_path if not isinstance(hook, pygal.PluginImportFixer)]

# Colours by scheme: the ground, the text, thin lines, and one for each series.
_LIGHT = (
    "#ffffff",
    "#1f2328",
    "#d1d9e0",
    "#0969da",
    "#bc4c00",
    "#1a7f37",
    "#8250df",
    "#bf8700",
    "#cf222e",
)
_DARK = (
    "#0d1117",
    "#f0f6fc",
    "#3d444d",
    "#4493f8",
    "#f0883e",
    "#3fb950",
    "#ab7df8",
    "#d29922",
    "#f85149",
)
_NAMES = ("ground", "ink", "thin", *(f"series{number}" for number in range(len(_LIGHT) - 3)))
_SERIES = tuple(f"var(--{name})" for name in _NAMES[3:])
_WIDTH = 800


def _variables(colours: Sequence[str]) -> str:
    pairs = zip(_NAMES, colours, strict=True)
    return ":root{" + ";".join(f"--{name}:{colour}" for name, colour in pairs) + "}"


_CSS = (
    f"{_variables(_LIGHT)} @media (prefers-color-scheme: dark) {{{_variables(_DARK)}}}"
    # Colours fade in otherwise.
    " * {transition: none !important}"
    " .series .line {stroke-width: 2}"
)
_STYLE = Style(
    background="var(--ground)",
    plot_background="var(--ground)",
    foreground="var(--ink)",
    foreground_strong="var(--ink)",
    foreground_subtle="var(--thin)",
    guide_stroke_color="var(--thin)",
    major_guide_stroke_color="var(--thin)",
    guide_stroke_dasharray="none",
    major_guide_stroke_dasharray="none",
    colors=_SERIES,
    value_colors=("var(--ink)",) * len(_SERIES),
    opacity="1",
    stroke_opacity="1",
    font_family="sans-serif",
    title_font_size=16,
    label_font_size=12,
    major_label_font_size=12,
    legend_font_size=12,
)
_OPTIONS: Mapping[str, Any] = {
    "style": _STYLE,
    "width": _WIDTH,
    "css": ("file://style.css", "file://graph.css", f"inline:{_CSS}"),
    "js": (),
    # Ids would be random otherwise.
    "no_prefix": True,
    "disable_xml_declaration": True,
    "legend_at_bottom": True,
    "truncate_legend": -1,
}
# Pygal's version and date, and settings for scripts.
_NOT_DRAWN = re.compile(r"<!--.*?-->|<script.*?</script>|<desc.*?</desc>", re.DOTALL)


def lines(
    title: str,
    across: str,
    unit: str,
    sizes: Sequence[str],
    series: Mapping[str, Sequence[float | None]],
    highest: float | None = None,
) -> str:
    """Return a line for each series; the sizes are spaced evenly.

    Args:
        title: The chart's title.
        across: What the sizes count.
        unit: The values' unit.
        sizes: The labels of the horizontal axis.
        series: The values of each series at each size.
        highest: End of the vertical axis, if it is not the highest value.
    """
    top = highest or max(value for values in series.values() for value in values if value)
    chart = pygal.Line(
        **_OPTIONS,
        title=title,
        x_title=across,
        y_title=unit,
        height=400,
        range=(0, top),
    )
    chart.x_labels = sizes
    return _drawn(chart, series)


def bars(
    title: str, unit: str, rows: Sequence[str], series: Mapping[str, Sequence[float | None]]
) -> str:
    """Return a bar for each row, stacked from the series' values in it."""
    chart = pygal.HorizontalStackedBar(**_OPTIONS, title=title, x_title=unit, height=360)
    # The first row is at the bottom.
    chart.x_labels = list(reversed(rows))
    return _drawn(chart, {name: list(reversed(values)) for name, values in series.items()})


def _drawn(chart: Any, series: Mapping[str, Sequence[float | None]]) -> str:
    # Pygal leaves no room for the last row of the legend if that is shorter than the others.
    chart.legend_at_bottom_columns = 3 if len(series) % 3 == 0 else len(series)
    for name, values in series.items():
        chart.add(name, values)
    return _NOT_DRAWN.sub("", chart.render()) + "\n"
