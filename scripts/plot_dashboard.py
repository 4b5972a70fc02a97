"""Plot the panels of Grafana's dashboard from a run under load (`make dashboard-picture`).

Grafana itself is not needed: a Prometheus scrapes a stack under `glimpse bench`, and Chromium draws
the results of the panels' queries.
"""

from __future__ import annotations

import argparse
import html
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.polling import ready
from tests.support.services import Prometheus, Stack, free_port
from tests.support.services.prometheus import scraping
from tests.support.web import chromium

ROOT = Path(__file__).parent.parent
_DASHBOARD = ROOT / "docker" / "grafana" / "dashboards" / "glimpse.json"
_BIND = "GLIMPSE_METRICS_BIND"
# Size in pixels of the units in which the dashboard places its panels; it is 24 units wide.
_UNIT_WIDTH, _UNIT_HEIGHT = 60, 30
_COLOURS = ("#3274d9", "#e0752d", "#37872d", "#a352cc", "#c4162a", "#1f9a9a", "#b88200", "#6d7688")
_QUALITY = 85
_STYLE = """
body { margin: 0; background: #f4f5f5; font: 12px "DejaVu Sans", sans-serif; color: #24292e; }
section { position: absolute; box-sizing: border-box; padding: 6px 8px; background: white;
          border: 1px solid #dcdde0; border-radius: 4px; overflow: hidden; }
section.row { background: none; border: 0; font-weight: bold; padding: 8px 2px; }
h2 { margin: 0 0 4px; font-size: 12px; } b { font-size: 22px; margin-right: 12px; }
small { color: #5a6069; margin-right: 8px; white-space: nowrap; }
"""

Series = tuple[str, list[tuple[float, float]]]


def main() -> None:
    """Run a stack under load, and write the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"), help="folder to write to")
    parser.add_argument("--model", default="starter", help="encoder of the stack")
    parser.add_argument("--seconds", type=int, default=120, help="length of the run")
    given = parser.parse_args()
    if reason := chromium.absent() or Prometheus.absent():
        parser.error(reason)
    panels = json.loads(_DASHBOARD.read_text())["panels"]
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), {"GLIMPSE_MODEL": given.model})
        workers = (stack.search_worker, stack.ingest_worker)
        for worker in workers:
            worker.settings[_BIND] = str(free_port())
        addresses = [f"127.0.0.1:{worker.settings[_BIND]}" for worker in workers]
        config = scraping(stack.api.url.removeprefix("http://"), addresses)
        watching = Path(folder) / "prometheus"
        watching.mkdir()
        with stack, Prometheus(watching, config) as prometheus:
            ready(stack.client, 120)
            began = time.time()
            _load(stack.api.url, given.seconds)
            sections = list(_sections(panels, prometheus, began, time.time()))
    file = given.out / "dashboard.jpg"
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    _draw(sections, height, file)
    print(f"{file}: {file.stat().st_size // 1000} kB")  # noqa: T201 - output of the script


def _load(url: str, seconds: int) -> None:
    glimpse = Path(sys.executable).parent / "glimpse"
    rates = ("--rate", "12", "--searches", "4", "--pictures", "10000")
    command = [str(glimpse), "bench", "--seconds", str(seconds), *rates]
    subprocess.run(command, env={**os.environ, "GLIMPSE_URL": url}, check=True)  # noqa: S603 - our own


def _sections(
    panels: Sequence[Mapping[str, Any]], prometheus: Prometheus, began: float, ended: float
) -> Iterator[str]:
    for panel in panels:
        unit = panel.get("fieldConfig", {}).get("defaults", {}).get("unit", "none")
        series = [
            one
            for target in panel.get("targets", [])
            for one in _series(prometheus, target, began, ended)
        ]
        yield _section(panel, series, unit)


def _series(
    prometheus: Prometheus, target: Mapping[str, str], began: float, ended: float
) -> Iterator[Series]:
    query = target["expr"].replace("$__rate_interval", "15s")
    step = max((ended - began) / 200, 1)
    span = {"start": f"{began:.3f}", "end": f"{ended:.3f}", "step": f"{step:.3f}"}
    for found in prometheus.get("query_range", query=query, **span)["result"]:
        points = [(float(at), float(value)) for at, value in found["values"]]
        finite = [(at - began, value) for at, value in points if math.isfinite(value)]
        if finite:
            yield _name(target.get("legendFormat", ""), found["metric"]), finite


def _name(legend: str, labels: Mapping[str, str]) -> str:
    """Return what a series is called, with the values of its labels."""
    named = re.sub(r"{{(\w+)}}", lambda label: labels.get(label[1], ""), legend)
    return named.replace("__auto", "")


def _section(panel: Mapping[str, Any], series: Sequence[Series], unit: str) -> str:
    place = panel["gridPos"]
    width, height = place["w"] * _UNIT_WIDTH - 8, place["h"] * _UNIT_HEIGHT - 8
    style = (
        f"left:{place['x'] * _UNIT_WIDTH + 4}px;top:{place['y'] * _UNIT_HEIGHT + 4}px;"
        f"width:{width}px;height:{height}px"
    )
    if panel["type"] == "row":
        return f'<section class="row" style="{style}">{html.escape(panel["title"])}</section>'
    if panel["type"] == "stat":
        body = "".join(
            f"<small>{html.escape(name)}</small><b>{_words(points[-1][1], unit)}</b>"
            for name, points in series
        )
    else:
        body = _plot(series, unit, width - 18, height - 60)
    return f'<section style="{style}"><h2>{html.escape(panel["title"])}</h2>{body}</section>'


def _plot(series: Sequence[Series], unit: str, width: int, height: int) -> str:
    if not series:
        return "<small>No data</small>"
    top = max(value for _, points in series for _, value in points) or 1.0
    end = max(at for _, points in series for at, _ in points) or 1.0
    lines, names = [], []
    for number, (name, points) in enumerate(series):
        colour = _COLOURS[number % len(_COLOURS)]
        path = " ".join(
            f"{at / end * width:.1f},{height - value / top * (height - 4):.1f}"
            for at, value in points
        )
        lines.append(
            f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>'
        )
        names.append(f'<small style="color:{colour}">{html.escape(name)}</small>')
    frame = f'<path d="M0 {height}H{width}M0 4H{width}" stroke="#e3e4e6"/>'
    svg = f'<svg width="{width}" height="{height + 2}">{frame}{"".join(lines)}</svg>'
    return f"<small>{_words(top, unit)}</small>{svg}<div>{''.join(names)}</div>"


def _words(value: float, unit: str) -> str:
    """Return a value in its unit, as Grafana calls that."""
    if unit == "s":
        return f"{value * 1000:.3g} ms" if value < 1 else f"{value:.3g} s"
    if unit == "percentunit":
        return f"{value:.0%}"
    if unit in ("bytes", "Bps"):
        return f"{value / 1e6:.3g} MB" + ("/s" if unit == "Bps" else "")
    return f"{value:.3g}" + ("/s" if unit in ("cps", "reqps") else "")


def _draw(sections: Sequence[str], height: int, file: Path) -> None:
    """Draw sections on a page of a height in the dashboard's units."""
    viewport = {"width": 24 * _UNIT_WIDTH + 8, "height": height * _UNIT_HEIGHT + 8}
    with chromium.started() as browser:
        tab = browser.new_page(viewport=viewport)  # type: ignore[arg-type]
        tab.set_content(f"<!doctype html><style>{_STYLE}</style><body>{''.join(sections)}")
        tab.screenshot(path=file, type="jpeg", quality=_QUALITY)


if __name__ == "__main__":
    main()
