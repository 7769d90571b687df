"""The shape of the project: imports in one direction, short files, one importer of constriction, sorted names."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1] / "arzip"
FILES = sorted(ROOT.rglob("*.py"))
LONGEST = 360
# A module may import from lines above its own, and within its own package.
LAYERS = [
    [
        "errors",
        "compiled",
        "symbols",
        "causal",
        "fronts",
        "settings",
        "recipe",
        "blocks",
        "files",
        "given",
        "outcome",
        "streams",
    ],
    ["exact"],
    ["coding"],
    ["mixing"],
    ["nets", "formats", "container"],
    ["store", "pictures", "audio"],
    ["primed", "levels"],
    ["ways"],
    ["roads"],
    ["archive"],
    ["seeking"],
    ["training", "library", "jobs", "inspection"],
    ["bench"],
    ["report"],
    ["cli", "__init__"],
    ["__main__"],
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def top(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    own = top(path)
    assert own in LEVEL, f"{own} has no place in the layers"
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "arzip" or len(parts) < 2 or parts[1] not in LEVEL or parts[1] == own:
            continue
        if own == "__init__" or LEVEL[parts[1]] < LEVEL[own]:
            continue
        within = own in LAYERS[0] and parts[1] in LAYERS[0]
        assert within, f"{path.name} imports {name}, which is not below it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_stay_readable(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST
    if text.strip():
        assert ast.get_docstring(ast.parse(text)), "a module says what it is for"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_all_is_sorted(path: Path) -> None:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            names = ast.literal_eval(node.value)
            constants = [n for n in names if n.isupper()]
            rest = [n for n in names if not n.isupper()]
            assert names == sorted(constants) + sorted(rest, key=lambda n: (n[0].islower(), n)), path.name


def test_one_module_imports_the_coders_library() -> None:
    users = [str(p.relative_to(ROOT)) for p in FILES if "constriction" in imports(p)]
    assert users == ["coding/coder.py"]


def test_no_fast_math_anywhere() -> None:
    for path in FILES:
        for line in path.read_text().splitlines():
            if line.lstrip().startswith("@njit"):
                assert "fastmath" not in line and "parallel" not in line, path
