"""What an archive or the model store holds, told without decoding anything and without importing torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from arzip.container import Fields, read_sections
from arzip.errors import CorruptArchive
from arzip.files import open_input
from arzip.formats import FORMATS
from arzip.recipe import read_recipe
from arzip.store import FINGERPRINT, model_folders
from arzip.symbols import KINDS

__all__ = ["describe", "inspect", "model_lines"]

_ROADS = (
    *("stored", "bytes", "net alone", "picture", "drawing", "sound", "primed bytes", "text", "picture by rank"),
    *("bytes beside a net", "text, learning", "bytes beside a net, learning"),
)


def inspect(path: Path) -> dict[str, Any]:
    """The facts of an archive; raises CorruptArchive or UnsupportedInput."""
    facts: dict[str, Any] = {"file": str(path), "format": "bytes", "parts": [], "frames": 0, "roads": {}}
    with open_input(path) as source:
        for section in read_sections(source):
            fields = Fields(section.body or b"")
            if section.tag == "H":
                number = fields.number()
                facts["format"] = FORMATS[number].NAME if number in FORMATS else f"format {number}"
                facts["parts"] = [_part(fields) for _ in range(fields.number(1 << 20))]
            elif section.tag == "F":
                road, _ = fields.number(), fields.number()
                name = _ROADS[road] if road < len(_ROADS) else f"road {road}"
                facts["frames"] += 1
                facts["roads"][name] = facts["roads"].get(name, 0) + 1
            elif section.tag == "E":
                facts["bytes_in"] = fields.number()
                facts["checksum"] = fields.rest().hex()
    facts["bytes_out"] = path.stat().st_size
    return facts


def _part(fields: Fields) -> dict[str, Any]:
    kind = fields.number()
    if kind >= len(KINDS):
        raise CorruptArchive(f"a part is of the unknown kind {kind}")
    depth = fields.number()
    shape = [fields.number() for _ in range(fields.number(4))]
    block = [fields.number() for _ in range(fields.number(4))] or shape
    model = fields.text().decode("ascii", "replace")
    mark = fields.raw(FINGERPRINT).hex() if model else ""
    return {"kind": KINDS[kind], "depth": depth, "shape": shape, "block": block, "model": model, "fingerprint": mark}


def describe(facts: dict[str, Any]) -> str:
    """The facts for people, a line each."""
    size, packed = facts["bytes_in"], facts["bytes_out"]
    lines = [f"{facts['file']}: {packed:,} bytes, {size:,} when restored, {facts['format']}, {facts['frames']} frames"]
    for part in facts["parts"]:
        shape = " x ".join(str(n) for n in part["shape"])
        model = f", model {part['model']} ({part['fingerprint']})" if part["model"] else ""
        lines.append(f"  {part['kind']} {shape}, {part['depth']} bits{model}")
    lines.append("  " + ", ".join(f"{count} frames {road}" for road, count in facts["roads"].items()))
    return "\n".join(lines)


def model_lines() -> list[str]:
    """The installed models with their published figures, a line each."""
    lines = [f"{name}: adaptive counting, no weights" for name in ("histogram", "order-1", "order-2")]
    for folder in model_folders():
        for weights in sorted(folder.glob("*/weights.safetensors")):
            recipe = read_recipe(weights.parent / "recipe.toml")
            results = weights.parent / "results.json"
            figures = json.loads(results.read_text()) if results.is_file() else {}
            told = ", ".join(f"{name} {value}" for name, value in figures.get("summary", {}).items())
            size = weights.stat().st_size
            lines.append(f"{recipe.id}: {recipe.net}, {size // 1024} KiB{', ' + told if told else ''}")
    return lines
