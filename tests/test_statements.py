"""The tables of the specification's statements: each row names tests that exist, or says why there is none."""

from __future__ import annotations

import ast
import functools
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted((DOCS / "statements").glob("*.md"))
_NODE = re.compile(r"`(tests/[\w/]+\.py)::([\w:]+)`")
_SEPARATOR = re.compile(r"(?<!\\)\|")


def rows(page: Path) -> list[tuple[str, str, str]]:
    """Id, statement and what shows it, of every row of the tables of a page."""
    found = []
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in _SEPARATOR.split(line.strip())][1:-1]
        if line.startswith("|") and cells[0] != "id" and set(cells[0]) - set(":- "):
            assert len(cells) == 3, f"{page.name}: not three cells: {line}"
            found.append((cells[0], cells[1], cells[2]))
    return found


def counts(page: Path) -> tuple[int, int]:
    """Number of the statements of a page, and how many of them a test shows."""
    found = rows(page)
    return len(found), sum(bool(_NODE.search(shown)) for _, _, shown in found)


@functools.lru_cache
def names(path: Path) -> frozenset[str]:
    """Tests of a file, those in classes as ``Class::test``."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in tree.body if isinstance(node, functions)}
    targets = [one for node in tree.body if isinstance(node, ast.Assign) for one in node.targets]  # state machines
    found |= {one.id for one in targets if isinstance(one, ast.Name)}
    for group in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        found |= {group.name, *(f"{group.name}::{node.name}" for node in group.body if isinstance(node, functions))}
    return frozenset(found)


def _has(path: Path, name: str) -> bool:
    return path.exists() and name in names(path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_statement_names_tests_that_exist_or_a_reason(page):
    bad = []
    for key, _, shown in rows(page):
        nodes = _NODE.findall(shown)
        lost = [f"{path}::{name}" for path, name in nodes if not _has(ROOT / path, name)]
        reason = shown.partition("left out:")[2].strip()
        if lost or not (nodes or reason):
            bad.append((key, lost or shown))
    assert not bad
    assert rows(page)


def test_no_statement_has_the_id_of_another():
    ids = Counter(key for page in PAGES for key, _, _ in rows(page))
    assert [key for key, count in ids.items() if count > 1] == []


def test_the_counts_on_the_page_are_those_of_the_tables():
    text = (DOCS / "statements.md").read_text(encoding="utf-8")
    total = shown = 0
    for page in PAGES:
        there, tested = counts(page)
        total, shown = total + there, shown + tested
        assert f"({page.relative_to(DOCS).as_posix()}) | {there} | {tested} |" in text, (page.name, there, tested)
    assert f"| **all** | **{total}** | **{shown}** |" in text, (total, shown)
