"""Documents with deflated contents against xz -9e of the file: every archive is decoded and compared. Prints a table.

    python benchmarks/documents.py [FILE...]

Without files the documents of the tests are made and measured.
"""

from __future__ import annotations

import io
import lzma
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from arzip.archive import compress_stream, decompress_stream
from arzip.settings import Settings
from tests.documents import DOCUMENTS


def measure(name: str, data: bytes) -> None:
    """One row; raises SystemExit when the decoded bytes differ."""
    coded, back = io.BytesIO(), io.BytesIO()
    made = compress_stream(io.BytesIO(data), coded, Settings())
    coded.seek(0)
    decompress_stream(coded, back, Settings())
    if back.getvalue() != data:
        raise SystemExit(f"{name}: decoded to other bytes")
    xz, size = len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)), made.bytes_out
    print(f"| {name} | {len(data):,} | {made.dims:,} | {xz:,} | {size:,} | {xz / size:.2f} |", flush=True)


def main() -> None:
    print("| document | file | symbols inside | xz -9e | arzip | factor |\n|---|---:|---:|---:|---:|---:|")
    given = {path: Path(path).read_bytes() for path in sys.argv[1:]}
    for name, data in (given or {name: make() for name, make in DOCUMENTS.items()}).items():
        measure(name, data)


if __name__ == "__main__":
    main()
