"""What a plan would do, as a table."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.plan_entries import PlanEntry

__all__ = ["Preview", "PreviewRow", "preview_of"]

_FEW = 2
_HEADERS = ("target", "entry", "will change", "references", "outputs")


@dataclass(frozen=True)
class PreviewRow:
    """One entry for one target.

    Attributes
    ----------
    target, entry : str
        Name of the exposure, label of the entry.
    will_change : bool
        Whether the step would make something new.
    reason : str
        Why not.
    references : tuple of PlannedReference
        What it would use.
    outputs : tuple of str
        Paths that it would write.
    """

    target: str
    entry: str
    will_change: bool
    reason: str = ""
    references: tuple[Any, ...] = ()
    outputs: tuple[str, ...] = ()

    def texts(self) -> tuple[str, ...]:
        """Return the cells of the table."""
        change = "yes" if self.will_change else f"no: {self.reason}" if self.reason else "no"
        used = (one for one in self.references if one.file != "N/A")
        references = dict.fromkeys(f"{one.reftype} {_file_text(one)}" for one in used)
        return self.target, self.entry, change, _listed(list(references)), _listed(self.outputs)


def _file_text(reference: Any) -> str:
    return "missing" if reference.origin == "failed" else os.path.basename(reference.file) or reference.remark


@dataclass(frozen=True, repr=False)
class Preview:
    """What a plan would do; `str` gives a table, a notebook shows HTML.

    Attributes
    ----------
    rows : tuple of PreviewRow
        By entry, then target.
    unreadable : tuple of (str, str)
        Exposures that take no part, and why.
    """

    rows: tuple[PreviewRow, ...] = ()
    unreadable: tuple[tuple[str, str], ...] = ()

    def __iter__(self) -> Iterator[PreviewRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __str__(self) -> str:
        return "\n".join([*_lines([_HEADERS, *(row.texts() for row in self.rows)]), *self._left_out()])

    __repr__ = __str__

    def _left_out(self) -> Iterator[str]:
        yield from (f"cannot be read: {name}: {why}" for name, why in self.unreadable)

    def _repr_html_(self) -> str:
        from stpipe.html_view import escape, frame, table

        rows = [tuple(map(escape, row.texts())) for row in self.rows]
        return frame(table(_HEADERS, rows), *(f"<div>{escape(line)}</div>" for line in self._left_out()))


def _listed(texts: Sequence[str]) -> str:
    """Name a few; the attributes of the row have all."""
    more = f" and {len(texts) - _FEW} more" if len(texts) > _FEW else ""
    return ", ".join(texts[-_FEW:]) + more


def _lines(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(f"{text:<{width}}" for text, width in zip(row, widths)).rstrip()


def preview_of(exposures: Iterable[Any], entries: Iterable[PlanEntry]) -> Preview:
    """Return the table of a plan, made from what `Plan.add` has found out."""
    exposures = list(exposures)
    rows = [
        PreviewRow(
            one.name,
            entry.label,
            result.will_change,
            result.reason,
            tuple(result.planned_references),
            tuple(result.planned_outputs),
        )
        for entry in entries
        for one in exposures
        if one.name in entry.links and (result := entry.links[one.name].result) is not None
    ]
    return Preview(tuple(rows), tuple((one.name, str(one.error)) for one in exposures if one.error))
