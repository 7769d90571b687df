"""matplotlib figures as SVG that lives in a page: its colours are the page's variables, its letters the page's font.

A figure is drawn in the light theme's colours; in the SVG each becomes `var(--name)`, so that light, dark and paper
need no second drawing. Figures are made at the width of a phone and grow with the page.
"""

from __future__ import annotations

import html
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["COLOURS", "FAINT", "INK", "axes", "svg"]

INK, FAINT = "#1c2126", "#d5dae0"
COLOURS = ("#2a6fbb", "#d9730d", "#3a8f5b", "#b0417f", "#7a5ac2", "#1d8a99", "#9a7d0a", "#7b8794")
_VARIABLES = {INK: "ink", FAINT: "line"} | {c: f"c{n}" for n, c in enumerate(COLOURS, 1)}
_STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "arzip",
    "font.size": 10.5,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "figure.facecolor": "none",
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "text.color": INK,
    "xtick.color": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.visible": False,
    "ytick.minor.visible": False,
    "ytick.color": INK,
    "path.simplify_threshold": 0.3,
}


@contextmanager
def axes(width: float, height: float, *, rows: int = 1, cols: int = 1, **grid: Any) -> Iterator[tuple[Any, Any]]:
    """A figure of a size in inches and its axes, drawn in the page's style; closed at the end of the block."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure, figure.subplots(rows, cols, **grid)


def svg(figure: Any, key: str, alt: str) -> str:
    """The figure as an <svg> element; `key` keeps its ids apart from others', `alt` is what it shows, in words."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", lambda tag: _shorter(tag[0], key), text)
    for colour, name in _VARIABLES.items():
        text = text.replace(colour, f"var(--{name})")
    size = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', text)
    assert size is not None
    label = html.escape(alt, quote=True)
    head = f'<svg viewBox="0 0 {size[1]} {size[2]}" role="img" aria-label="{label}">'
    body = re.sub(r">\s+<", "><", text[text.index(">") + 1 :]).strip()
    while body != (body := re.sub(r"<g></g>|<defs></defs>", "", body)):
        pass
    return head + body


def _shorter(tag: str, key: str) -> str:
    """A tag without what a page needs not: names of groups, fonts, decimals; ids with the figure's key before them."""
    tag = re.sub(r' id="[a-zA-Z.]+\d*[a-z]*_\d+"', "", tag)
    tag = re.sub(r'\bid="', f'id="{key}-', tag)
    tag = re.sub(r'(href="#|url\(#)', rf"\g<1>{key}-", tag)
    tag = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", tag)
    tag = re.sub(r" ?font-family: [^;\"]*;?", "", tag)
    tag = re.sub(r" ?stroke-(linecap|linejoin|miterlimit): \w+;?", "", tag)
    tag = re.sub(r' transform="rotate\(-?0 [^"]*"', "", tag)
    tag = re.sub(r"(\d+\.\d)\d+", r"\1", tag)
    return re.sub(r"\s+", " ", tag)
