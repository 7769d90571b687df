"""A model on a corpus: bits per dimension and nats per example of the float net, the exact net, and the finished file.

The file's figure is the size of an archive that was decoded and compared; the exact net's is its own code length. The
float net, without any rounding, exists only where it was trained: its figure comes from the run's checkpoint. Of a
text, every byte is an example, of sound every sample of all channels.
"""

from __future__ import annotations

import io
import math
import os
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from arzip import store
from arzip.bench.examples import MULAW_DEPTH, wav_for
from arzip.errors import ArzipError, UnsupportedInput
from arzip.formats.mulaw import compressed
from arzip.library import Model, compress, decompress, load
from arzip.nets.char_rnn import lanes_of
from arzip.nets.wave_model import WaveModel
from arzip.training.corpora import corpus_folder, manifest_of
from arzip.training.samples import read_frames, read_patches
from arzip.training.small_pictures import read_images
from arzip.training.sounds import read_recordings
from arzip.training.tables import read_labelled, read_table
from arzip.training.texts import is_held_out, read_documents

__all__ = ["evaluate", "part_of", "told"]


def part_of(corpus: str, part: str) -> NDArray[Any]:
    """One part of a corpus: examples [N, D], a text's bytes [N] (train and valid only), or samples int16 [T, C].

    Raises UnsupportedInput.
    """
    manifest = manifest_of(corpus)
    facts = tomllib.loads(manifest.read_text())
    kind, folder = facts.get("kind"), corpus_folder(corpus, Path())
    if kind == "table":
        parts = read_table(folder / str(facts["file"]))
    elif kind == "patches":
        parts = read_patches(folder, str(facts["include"]))
    elif kind == "frames":
        parts = read_frames(folder, str(facts["include"]))
    elif kind == "labelled":
        parts = read_labelled(folder / str(facts["file"]))
    elif kind == "pictures":
        parts = {"test": read_images(folder / str(facts["test"]))}
    elif kind == "sound":
        files = facts["parts"]
        parts = {part: np.stack(read_recordings(folder, files[part]), axis=1)} if part in files else dict(files)
    elif kind == "bytes" and "file" in facts:
        parts = _texts(folder / str(facts["file"]))
    else:
        raise UnsupportedInput(f"corpus {corpus!r} is neither examples nor one text: {manifest} says so")
    if part not in parts:
        raise UnsupportedInput(f"corpus {corpus!r} has no part {part!r}; it has {', '.join(parts)}")
    return parts[part]


def _texts(path: Path) -> dict[str, NDArray[np.uint8]]:
    """Documents joined by line feeds, as training joins them."""
    parts: dict[str, list[bytes]] = {"train": [], "valid": []}
    for document in read_documents(path):
        parts["valid" if is_held_out(document) else "train"].append(document)
    return {part: np.frombuffer(b"\n".join(documents), np.uint8) for part, documents in parts.items()}


def evaluate(name: str, corpus: str, *, part: str = "test", run: Path | None = None) -> dict[str, Any]:
    """The figures; `run` is the folder of a training run (with checkpoint.pt) for the float net's.

    Raises UnsupportedInput, ModelError, and ArzipError when the archive does not give the examples back.
    """
    model = load(name)
    x = part_of(corpus, part)
    if model.kind == "audio" and model.depth == MULAW_DEPTH:
        x = compressed(x)
    file = _file_of(x, model)
    started = time.monotonic()
    # A net that an engine would take along is measured without it.
    archive = compress(file, model=name, adapt=not store.load(name).joins, threads=os.cpu_count())
    encoded = time.monotonic()
    if decompress(archive, model=name) != file:
        raise ArzipError(f"{name}: the archive of {corpus} does not give back the examples; please report this")
    decoded = time.monotonic()
    exact = float(model.bits(x).sum())
    figures = {
        "model": model.id,
        "corpus": corpus,
        "part": part,
        "examples": len(x),
        "dims": x.size,
        "archive_bytes": len(archive),
        "exact_bits_per_dim": round(exact / x.size, 6),
        "file_bits_per_dim": round(8 * len(archive) / x.size, 6),
        "exact_nats_per_example": _nats(exact, x),
        "file_nats_per_example": _nats(8 * len(archive), x),
        "encode_seconds": round(encoded - started, 2),
        "decode_seconds": round(decoded - encoded, 2),
    }
    if run is not None:
        bits = _float_bits(name, run, x)
        figures["float_bits_per_dim"] = round(bits / x.size, 6)
        figures["float_nats_per_example"] = _nats(bits, x)
    return figures


def _file_of(x: NDArray[Any], model: Model) -> bytes:
    if model.kind == "bytes":
        return x.tobytes()
    if model.kind == "audio":
        return wav_for(x, model, model.rate)
    out = io.BytesIO()
    np.save(out, x, allow_pickle=False)
    return out.getvalue()


def _nats(bits: float, x: NDArray[Any]) -> float:
    return round(bits * math.log(2) / len(x), 4)


def _float_bits(name: str, run: Path, x: NDArray[Any]) -> float:
    """The code length of the net as it was trained, in floats without rounding."""
    import torch

    from arzip.exact.bernoulli import bits_of
    from arzip.nets import NETS
    from arzip.recipe import read_recipe
    from arzip.store import adopt_members, find

    recipe = read_recipe(find(name) / "recipe.toml")
    try:
        saved = torch.load(run / "checkpoint.pt", map_location="cpu", weights_only=False)
    except OSError as error:
        raise UnsupportedInput(f"{run}: no checkpoint there ({error.strerror})") from error
    if saved["recipe"] != recipe.digest:
        raise UnsupportedInput(f"{run}: belongs to another recipe than {name}")
    if saved["step"] != recipe.schedule.steps:
        raise UnsupportedInput(f"{run}: has done {saved['step']} of {recipe.schedule.steps} steps; train it to the end")
    net: Any = NETS[recipe.net].net(**recipe.architecture)
    try:
        net.load_state_dict(saved["net"])
    except RuntimeError as error:
        raise UnsupportedInput(f"{run}: its net has other parameters than this version of arzip gives it") from error
    if hasattr(net, "adopt"):
        adopt_members(net, "fp32", "cpu", fresh=False)
    if x.ndim == 1:
        return _float_text_bits(net, x)
    if x.dtype == np.int16:
        return _float_sound_bits(net, x)
    total = 0.0
    with torch.no_grad():
        for first in range(0, len(x), 200):
            batch = torch.from_numpy(x[first : first + 200][:, net.order]).float()
            bits = net.bits(batch) if hasattr(net, "bits") else bits_of(net.unrounded(batch), batch)
            total += float(bits)
    return total


def _float_text_bits(net: Any, x: NDArray[np.uint8]) -> float:
    """The training reading of a text, cut into lanes as the coder cuts it; the last lane's rest is left out."""
    import torch

    lanes = lanes_of(len(x))
    length = -(-len(x) // lanes)
    whole = torch.from_numpy(x[: len(x) // length * length].astype(np.int64)).view(-1, length).t()
    with torch.no_grad():
        bits = sum(float(net.bits(whole[:, first : first + 16])) for first in range(0, whole.shape[1], 16))
    return bits * len(x) / whole.numel()


def _float_sound_bits(net: Any, x: NDArray[np.int16]) -> float:
    """The training reading of samples [T, C], cut into lanes as the coder cuts them."""
    import torch

    lanes = WaveModel(net).lanes(x)
    with torch.no_grad():
        bits = [net.head.lengths(net(lane[None]), lane[None]) for lane in torch.from_numpy(lanes)]
    return float(torch.cat(bits)[torch.from_numpy(WaveModel(net).lanes(np.ones_like(x)) > 0)].sum())


def told(figures: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [
        f"{figures['model']} on {figures['corpus']} ({figures['part']}): {figures['examples']:,} examples, "
        f"{figures['dims']:,} symbols, archive {figures['archive_bytes']:,} bytes, decoded and compared",
    ]
    for kind in ("float", "exact", "file"):
        if f"{kind}_bits_per_dim" in figures:
            bits, nats = figures[f"{kind}_bits_per_dim"], figures[f"{kind}_nats_per_example"]
            lines.append(f"  {kind:5}  {bits:.6f} bits/dim  {nats:.4f} nats/example")
    lines.append(f"  encoded in {figures['encode_seconds']} s, decoded in {figures['decode_seconds']} s")
    return "\n".join(lines)
