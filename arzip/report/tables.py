"""Results as Markdown and CSV, and the table of the README."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping

from arzip.bench.measure import Row
from arzip.bench.results import FileResult, Group, totals

__all__ = ["as_csv", "as_markdown", "best_peer", "readme_table", "sorted_rows"]

_PEERS_IN_README = 3


def sorted_rows(rows: Iterable[Row]) -> list[Row]:
    """Smallest first, failures last."""
    return sorted(rows, key=lambda row: (row.bytes is None, row.bytes))


def best_peer(rows: Iterable[Row]) -> Row | None:
    """The smallest that is not arzip."""
    return next((row for row in sorted_rows(rows) if not row.ours and row.bytes is not None), None)


def as_markdown(groups: Iterable[Group]) -> str:
    """Every table of a report: totals, files, accounts, failures."""
    lines = ["# arzip report", ""]
    for group in groups:
        told = ", ".join(f"{name} {value}" for name, value in {**group.machine, **group.versions}.items())
        lines += [
            f"## {group.title}",
            "",
            f"{group.made}; {told}; median of {group.runs}; arzip -T {group.threads}",
            "",
        ]
        files = group.measured
        if len(files) > 1:
            original = sum(file.bytes for file in files)
            lines += [f"### All {len(files)} files, {original:,} bytes", "", *_rows(totals(files)), ""]
        for file in files:
            what = "" if file.format == "bytes" else f" ({file.format})"
            lines += [f"### {file.label}, {file.bytes:,} bytes{what}", "", *_rows(file.rows), ""]
            lines += _account(file)
        if group.failures:
            lines += ["### What failed", "", *(f"- {line}" for line in group.failures), ""]
    return "\n".join(lines)


def _rows(rows: Iterable[Row]) -> list[str]:
    rows = list(rows)
    best = best_peer(rows)
    lines = ["| tool | bytes | bits/dim | of best peer | encode s | decode s | peak MiB |", "|---|" + "---:|" * 6]
    for row in sorted_rows(rows):
        name = f"**{row.name}** ({row.road})" if row.ours and row.road else row.name
        if row.bytes is None:
            lines.append(f"| {name} | {row.remark} | | | | | |")
            continue
        share = f"{100 * row.bytes / best.bytes:.1f} %" if best and best.bytes else ""
        times = f"{row.encode:.2f} | {row.decode:.2f} | {row.peak_mib:.0f}" if row.encode else "| | "
        lines.append(f"| {name} | {row.bytes:,} | {row.bits_per_dim:.4f} | {share} | {times} |")
    return lines


def _account(file: FileResult) -> list[str]:
    if not file.account:
        return []
    lines = ["| where the bytes went | bytes | bits/dim |", "|---|---:|---:|"]
    dims = max(1, file.dims)
    lines += [f"| {step.name} | {step.bytes:,} | {step.bits / dims:.5f} |" for step in file.account]
    size = sum(step.bytes for step in file.account)
    return [*lines, f"| the archive | {size:,} | {8 * size / dims:.5f} |", ""]


def as_csv(groups: Iterable[Group]) -> str:
    """One line per file and tool."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    names = (
        "bytes",
        "bits_per_dim",
        "encode",
        "decode",
        "encode_cpu",
        "decode_cpu",
        "peak_mib",
        "runs",
        "road",
        "remark",
    )
    writer.writerow(["group", "file", "original", "dims", "tool", *names])
    for group in groups:
        for file in group.files:
            if file.failure:
                writer.writerow([group.name, file.label, "", "", "", *[""] * (len(names) - 1), file.failure])
            for row in file.rows:
                figures = ("" if getattr(row, name) is None else getattr(row, name) for name in names)
                writer.writerow([group.name, file.label, file.bytes, file.dims, row.name, *figures])
    return out.getvalue()


def readme_table(groups: Iterable[Group], elsewhere: Mapping[str, Mapping[str, int]]) -> str:
    """The README's table: a line per group, the smallest peers of the same run beside those measured elsewhere.

    `elsewhere` holds sizes by group and tool; what was measured in the same run goes before them.
    """
    lines = ["| data | original | arzip | others |", "|---|---:|---:|---|"]
    for group in groups:
        rows = sorted_rows(totals(group.measured))
        ours = [row for row in rows if row.ours and row.bytes is not None]
        others = {row.name: row.bytes for row in rows if not row.ours and row.bytes is not None}
        shown = sorted({**elsewhere.get(group.name, {}), **others}.items(), key=lambda item: item[1])[:_PEERS_IN_README]
        first = next((row for row in ours if row.name == "arzip -5"), ours[0]) if ours else None
        cell = f"{first.bytes:,}" if first else "failed"
        cell += "".join(f"; {row.name.removeprefix('arzip ')} {row.bytes:,}" for row in ours if row is not first)
        peers = "; ".join(f"{name} {size:,}" for name, size in shown)
        lines.append(f"| {group.title} | {sum(file.bytes for file in group.measured):,} | {cell} | {peers} |")
    return "\n".join(lines) + "\n"
