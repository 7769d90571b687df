"""Writes the README's table of results from benchmarks/results.json.

    ARZIP_CORPORA=FOLDER arzip bench --runs 3      measures the fixed sets with all peers, some hours
    arzip bench --sets canterbury,small            measures some of them anew; the others stay
    python benchmarks/table.py                     puts the table into the README

A test fails when the README says something else than this would write.
"""

from __future__ import annotations

import json
from pathlib import Path

from arzip.bench.results import read_results
from arzip.bench.sets import SETS
from arzip.report.tables import readme_table

HERE = Path(__file__).resolve().parent
README = HERE.parent / "README.md"
FIRST, LAST = "<!-- table of results: python benchmarks/table.py -->\n", "<!-- end of the table -->\n"


def table() -> str:
    """The table, sets in their fixed order."""
    groups = {group.name: group for group in read_results(HERE / "results.json")}
    elsewhere = json.loads((HERE / "elsewhere.json").read_text())
    return readme_table([groups[each.name] for each in SETS if each.name in groups], elsewhere)


def with_table(readme: str) -> str:
    """The README's text with the table in its place."""
    before, rest = readme.split(FIRST)
    _, after = rest.split(LAST)
    return f"{before}{FIRST}\n{table()}\n{LAST}{after}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text()))
