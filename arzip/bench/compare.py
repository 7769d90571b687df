"""One file through arzip and through its peers: compress, decode, compare, then report."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any

import numpy as np

from arzip.archive import compress_stream, decompress_stream
from arzip.bench.peers import FILE_PEERS, IMAGE_PEERS, SOUND_PEERS, Peer
from arzip.errors import ArzipError
from arzip.files import open_input
from arzip.formats import take_apart
from arzip.settings import Settings

__all__ = ["compare_file", "table"]


def compare_file(path: Path, settings: Settings) -> list[dict[str, Any]]:
    """A row for arzip and one for each peer: name, bytes, bits_per_dim, seconds of both ways, and a remark.

    `bits_per_dim` counts the symbols that arzip coded, so that it is the same unit in every row.
    """
    with open_input(path) as source:
        data = source.read()
    coded, plain = io.BytesIO(), io.BytesIO()
    report = compress_stream(io.BytesIO(data), coded, settings)
    coded.seek(0)
    back = decompress_stream(coded, plain, settings)
    if plain.getvalue() != data:
        raise ArzipError(f"{path}: arzip decoded other bytes than it was given; please report this")
    rows = [_row(f"arzip -{settings.level} ({report.model})", report.bytes_out, report.seconds, back.seconds, "")]
    rows += [_measure(peer, data) for peer in FILE_PEERS]
    _, parsed, _ = take_apart(data)
    if parsed is not None and parsed.parts[0].kind == "image":
        if path.suffix.lower() == ".png":
            rows.append(_row("PNG as given", len(data), 0.0, 0.0, ""))
        rows += [_measure(peer, parsed.parts[0].array) for peer in IMAGE_PEERS]
    if parsed is not None and parsed.parts[0].kind == "audio":
        rows += [_measure(peer, parsed.parts[0].array) for peer in SOUND_PEERS]
    for row in rows:
        row["bits_per_dim"] = round(8 * row["bytes"] / max(report.dims, 1), 5) if row["bytes"] else None
    return rows


def _row(name: str, size: int | None, code: float, decode: float, remark: str) -> dict[str, Any]:
    return {"name": name, "bytes": size, "encode": round(code, 3), "decode": round(decode, 3), "remark": remark}


def _measure(peer: Peer, data: Any) -> dict[str, Any]:
    if not peer.installed:
        return _row(peer.name, None, 0.0, 0.0, "not installed")
    try:
        started = time.perf_counter()
        coded = peer.code(data)
        middle = time.perf_counter()
        back = peer.decode(coded)
        ended = time.perf_counter()
    except Exception as error:  # a peer may fail in any way; that is its row
        return _row(
            peer.name, None, 0.0, 0.0, f"failed: {str(error).splitlines()[0] if str(error) else type(error).__name__}"
        )
    same = np.array_equal(np.squeeze(back), np.squeeze(data)) if isinstance(data, np.ndarray) else back == data
    if not same:
        return _row(peer.name, None, 0.0, 0.0, "decodes to something else")
    return _row(peer.name, len(coded), middle - started, ended - middle, "")


def table(path: Path, rows: list[dict[str, Any]]) -> str:
    """The rows for people, smallest first."""
    lines = [f"{path}", f"{'':28}{'bytes':>12}{'bits/dim':>10}{'encode s':>10}{'decode s':>10}"]
    for row in sorted(rows, key=lambda r: r["bytes"] or 1 << 62):
        if row["bytes"] is None:
            lines.append(f"{row['name']:28}{row['remark']:>12}")
            continue
        lines.append(
            f"{row['name']:28}{row['bytes']:>12,}{row['bits_per_dim']:>10.4f}{row['encode']:>10.2f}{row['decode']:>10.2f}"
        )
    return "\n".join(lines)
