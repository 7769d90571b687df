"""One file through arzip and through its peers, for the terminal."""

from __future__ import annotations

from arzip.bench.measure import Row

__all__ = ["table"]


def table(label: str, rows: list[Row]) -> str:
    """The rows for people, smallest first."""
    head = f"{'':34}{'bytes':>12}{'bits/dim':>10}{'encode s':>10}{'decode s':>10}{'peak MiB':>10}"
    lines = [label, head]
    for row in sorted(rows, key=lambda r: (r.bytes is None, r.bytes)):
        name = f"{row.name} ({row.road})" if row.road else row.name
        if row.bytes is None:
            lines.append(f"{name:34}  {row.remark}")
            continue
        sizes = f"{row.bytes:>12,}{row.bits_per_dim:>10.4f}"
        lines.append(f"{name:34}{sizes}{row.encode:>10.2f}{row.decode:>10.2f}{row.peak_mib:>10.0f}")
    return "\n".join(lines)
