"""The page itself: results, cost maps and models' cards in one HTML file that needs nothing else.

The template is `page.html`, with `page.css` and `page.js` set into it; all text is escaped by jinja2.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arzip.bench.accounting import Explanation, Tally
from arzip.bench.results import FileResult, Group, totals
from arzip.bench.sound import rate_of
from arzip.errors import ModelError, UnsupportedInput
from arzip.report import figures
from arzip.report.cards import card_html
from arzip.report.cost_maps import TEXT_STEPS, bits_by_character, cost_picture, cost_text, sound_figure
from arzip.report.tables import best_peer, sorted_rows
from arzip.store import find

__all__ = ["cost_map", "page"]

_HERE = Path(__file__).parent
_EXCERPT = 2000  # characters of a text in a report
_OPEN = 4  # files whose details stand open


def page(groups: Sequence[Group], maps: Mapping[str, str], *, title: str = "arzip report") -> str:
    """The page of some groups; `maps` holds cost maps as HTML by the files' labels."""
    try:
        import jinja2
        import matplotlib as mpl
    except ImportError as error:
        raise UnsupportedInput(f"a page needs {error.name}: pip install 'arzip[report]'") from error
    del mpl
    loader = jinja2.FileSystemLoader(_HERE)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = lambda value, digits=0: "" if value is None else f"{value:,.{digits}f}"
    shown = [_group(at, group, maps) for at, group in enumerate(groups)]
    return environment.get_template("page.html").render(
        title=title,
        groups=shown,
        single=len(groups) == 1 and len(groups[0].files) == 1,
        models=[_model(name) for name in sorted({m for g in groups for f in g.files for m in f.models})],
        text_steps=TEXT_STEPS,
        css=(_HERE / "page.css").read_text(),
        script=(_HERE / "page.js").read_text(),
    )


def _group(at: int, group: Group, maps: Mapping[str, str]) -> dict[str, Any]:
    """What the template shows of a group."""
    files = group.measured
    rows = totals(files)
    original = sum(file.bytes for file in files)
    key = f"g{at}"
    accounted = [file for file in files if file.account]
    return {
        "key": key,
        "group": group,
        "original": original,
        "total": _table(f"All {len(files)} files, {original:,} bytes" if len(files) > 1 else "", rows),
        "lead": _lead(rows, original),
        "speed": [figures.speed_figure(rows, original, way, f"{key}-{way}") for way in ("encode", "decode")]
        if any(row.encode for row in rows)
        else [],
        "account": figures.account_figure(accounted, f"{key}-account") if accounted else "",
        "calibration": figures.calibration_figure(_merged(files), f"{key}-calibration") if accounted else "",
        "files": [_file(f"{key}f{n}", file, maps, n < _OPEN) for n, file in enumerate(files)],
    }


def _table(caption: str, rows: Sequence[Any]) -> dict[str, Any]:
    best = best_peer(rows)
    return {"caption": caption, "rows": sorted_rows(rows), "best": best.bytes if best else None}


def _lead(rows: Sequence[Any], original: int) -> dict[str, Any] | None:
    """The sentence above a group: arzip's smallest against the best peer."""
    ours = next((row for row in sorted_rows(rows) if row.ours), None)
    best = best_peer(rows)
    if ours is None or ours.bytes is None:
        return None
    difference = 100 * (ours.bytes / best.bytes - 1) if best and best.bytes else None
    return {"ours": ours, "best": best, "difference": difference, "share": 100 * ours.bytes / max(original, 1)}


def _merged(files: Sequence[FileResult]) -> list[Tally]:
    """Tallies of all files by classes of odds."""
    count: Counter[int] = Counter()
    predicted: Counter[int] = Counter()
    observed: Counter[int] = Counter()
    for file in files:
        for tally in file.calibration:
            at = round(float(figures.odds(tally.predicted)))
            count[at] += tally.count
            predicted[at] += tally.predicted * tally.count  # type: ignore[assignment]
            observed[at] += tally.observed * tally.count  # type: ignore[assignment]
    return [Tally(predicted[at] / count[at], observed[at] / count[at], count[at]) for at in sorted(count)]


def _file(key: str, file: FileResult, maps: Mapping[str, str], is_open: bool) -> dict[str, Any]:
    size = sum(step.bytes for step in file.account)
    return {
        "key": key,
        "file": file,
        "open": is_open,
        "table": _table(f"{file.label}, {file.bytes:,} bytes", file.rows),
        "account": figures.account_figure([file], f"{key}-account") if file.account and size else "",
        "size": size,
        "curve": figures.curve_figure(file, f"{key}-curve") if len(file.curve) > 2 else "",
        "map": maps.get(file.label, ""),
    }


def cost_map(explanation: Explanation, data: bytes, key: str, *, most: int = _EXCERPT) -> str:
    """Where the bits of a file went, as HTML: text on coloured ground, pictures side by side, curves over sound."""
    pieces = []
    for at, (symbols, costs) in enumerate(zip(explanation.parts, explanation.costs, strict=True)):
        if not costs.size:
            continue
        if symbols.kind == "audio":
            figure = sound_figure(symbols, costs, rate_of(data), f"{key}-sound{at}")
            pieces.append(f"<figure>{figure}<figcaption>Bits per sample, waveform, spectrogram</figcaption></figure>")
            continue
        text = bits_by_character(data, costs) if symbols.kind == "bytes" and costs.size == len(data) else None
        pieces.append(_text(*text, most) if text else _pictures(*cost_picture(symbols, costs)))
    return "\n".join(pieces)


def _text(text: str, bits: Any, most: int) -> str:
    cut = f", the first {most:,} of {len(text):,} characters" if len(text) > most else ""
    legend = "".join(f"<i class=b{n}>{step:g}</i>" for n, step in enumerate(TEXT_STEPS, 1))
    return (
        f"<figure><pre class=cost tabindex=0>{cost_text(text[:most], bits[:most])}</pre><figcaption>Bits per character"
        f"{cut}. Ground from <span class=legend>{legend}</span> bits on.</figcaption></figure>"
    )


def _pictures(pictures: Sequence[tuple[str, str]], top: float) -> str:
    shown = "".join(f'<img src="{address}" alt="{caption}">' for caption, address in pictures)
    captions = " and ".join(caption for caption, _ in pictures)
    legend = f"<span class=ramp></span> from 0 to {top:.1f} bits"
    return f"<figure><div class=pair>{shown}</div><figcaption>{captions.capitalize()}: {legend}</figcaption></figure>"


def _model(name: str) -> dict[str, Any]:
    """A model's card and learning curve; what its folder lacks is left out."""
    try:
        folder = find(name)
    except ModelError:
        return {"id": name, "card": "", "learning": ""}
    card, log = folder / "card.md", folder / "learning.json"
    rows = json.loads(log.read_text()) if log.is_file() else []
    return {
        "id": name,
        "card": card_html(card.read_text()) if card.is_file() else "",
        "learning": figures.learning_figure(rows, f"learning-{name}") if len(rows) > 1 else "",
    }
