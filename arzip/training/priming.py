"""From a recipe to a primer's folder: documents drawn from collections, read once, what is worth most kept, settled.

A document whose hash is divisible by 32 is never read; those of each collection tell what the primer brings, for each
alone and for an engine that begins with nothing.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tqdm import tqdm

from arzip.errors import UnsupportedInput
from arzip.mixing.byte_road import encode_bytes
from arzip.mixing.byte_state import Primer
from arzip.mixing.priming import packed, prime, settle
from arzip.recipe import Recipe
from arzip.store import load
from arzip.training.texts import is_held_out, read_documents

__all__ = ["publish_primer"]

_MEASURED = 24  # held-out documents of each collection


@dataclass(frozen=True)
class _Data:
    longest: int  # bytes that are read of a document
    megabytes: dict[str, float]  # to read of each collection
    judges: dict[str, int]  # documents of each that say which contexts are worth keeping
    settling: dict[str, int]  # documents of each that mixers and small maps are settled with
    nets: list[str]  # models that may read along; at most one


def publish_primer(recipe: Recipe, path: Path, corpus: Path, folder: Path) -> str:
    """Makes and writes a primer; returns a line about it. Raises UnsupportedInput for a recipe that does not fit."""
    try:
        data, bits = _Data(**recipe.data), int(recipe.architecture["bucket_bits"])
    except (TypeError, KeyError) as error:
        raise UnsupportedInput(
            f"{path}: a primer wants bucket_bits, longest, megabytes, judges, settling, nets ({error})"
        ) from error
    random = np.random.default_rng(recipe.seed)
    read: list[bytes] = []
    judges: list[bytes] = []
    settling: list[bytes] = []
    held_out: dict[str, list[bytes]] = {}
    for name, megabytes in tqdm(data.megabytes.items(), desc="collections", disable=None):
        documents = read_documents(corpus / name)
        order = random.permutation(len(documents))
        shuffled = [documents[i][: data.longest] for i in order]
        kept, kept_out = [d for d in shuffled if not is_held_out(d)], [d for d in shuffled if is_held_out(d)]
        judging, kept = kept[: data.judges[name]], kept[data.judges[name] :]
        judges += judging
        ends = np.cumsum([len(d) for d in kept])
        reading = int(np.searchsorted(ends, megabytes * 1e6)) + 1
        read += kept[:reading]
        settling += kept[reading:][: data.settling[name]]
        held_out[name] = kept_out[:_MEASURED]
    texts = b"\n".join(read[i] for i in random.permutation(len(read)))
    asked = (np.frombuffer(judge, np.uint8) for judge in tqdm(judges, desc="judges", disable=None))
    primer = prime(np.frombuffer(texts, np.uint8), asked, bucket_bits=bits)
    third = [np.frombuffer(settling[i], np.uint8) for i in random.permutation(len(settling))]
    primer = settle(primer, third)
    for name in data.nets:
        primer = settle(primer, third, load(name).gru)
        primer = settle(primer, third, load(name).gru, whole=True)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(packed(primer), folder / "weights.safetensors")
    if path.resolve() != (folder / "recipe.toml").resolve():
        shutil.copy(path, folder / "recipe.toml")
    gains = {name: _rates(documents, primer) for name, documents in held_out.items()}
    (folder / "learning.json").write_text(json.dumps({"bytes_read": len(texts), "bits_per_byte": gains}) + "\n")
    before, after = (np.mean([gain[key] for gain in gains.values()]) for key in ("without", "with"))
    mark = load(str(folder)).fingerprint.hex()
    return f"{recipe.id}: held-out documents at {after:.3f} bits/byte, {before:.3f} without; fingerprint {mark}"


def _rates(documents: list[bytes], primer: Primer) -> dict[str, float]:
    """Bits per byte of documents that are coded one by one."""

    def rate(primer: Primer | None) -> float:
        arrays: list[NDArray[np.uint8]] = [np.frombuffer(d, np.uint8) for d in documents]
        coded = sum(len(encode_bytes(a, lanes=1, primer=primer)[0]) for a in arrays)
        return round(8 * coded / max(1, sum(map(len, documents))), 4)

    return {"without": rate(None), "with": rate(primer)}
