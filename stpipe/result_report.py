"""What a result is and what made it: type, arrays, units, status of each step, parameters, references, context, times.

``stpipe.report(model)`` prints as text; a notebook shows it as HTML. In a notebook the models that a run returns show
themselves like this: their classes get an HTML formatter of the running shell when a top-level run ends.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.provenance import Provenance

__all__ = ["ArrayFact", "Report", "Reports", "register_with_notebook", "report"]


@dataclass(frozen=True, slots=True)
class ArrayFact:
    """One array or table of a model.

    Attributes
    ----------
    name : str
        Attribute of the model.
    shape : tuple of int
        Its shape; the number of rows for a table.
    dtype : str
        Type of its elements; names of the columns for a table.
    unit : str
        Unit that the metadata name; empty where they name none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    unit: str = ""


@dataclass(frozen=True, repr=False)
class Report:
    """One model, as it can be read without looking at pixels.

    Attributes
    ----------
    model_type, filename : str
        Class, and ``meta.filename``.
    arrays : tuple of ArrayFact
        Arrays that the model holds now; none is made or read for the report.
    parts : dict of str to int
        Lists in the model (slits, spectra) and how many entries they have.
    statuses : dict of str to str
        ``meta.cal_step``: step to COMPLETE, SKIPPED, FAILED.
    references : dict of str to str
        ``meta.ref_file``: type to name.
    context : str or None
        Context that the references were chosen in.
    provenance : Provenance or None
        Runs with times, statuses, parameters and their sources; None for a model of other software.
    """

    model_type: str
    filename: str = ""
    arrays: tuple[ArrayFact, ...] = ()
    parts: Mapping[str, int] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    context: str | None = None
    provenance: Provenance | None = None

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        from stpipe.explain import aligned

        yield f"{self.model_type}: {self.filename or 'no file name'}"
        yield from aligned([(f"  {fact.name}", shape_text(fact), fact.dtype, fact.unit) for fact in self.arrays])
        yield from (f"  {name}: {count} entries" for name, count in self.parts.items())
        if self.statuses:
            yield "status:"
            yield from aligned([(f"  {step}", status) for step, status in self.statuses.items()])
        if self.provenance is not None:
            yield ""
            yield str(self.provenance)
            return
        if self.references:
            yield f"references ({self.context or 'context not known'}):"
            yield from aligned([(f"  {kind}", name) for kind, name in self.references.items()])
        yield "What made it is not recorded in it: no parameters, no times."

    def _repr_html_(self) -> str:
        from stpipe.html_view import report_html

        return report_html(self)


@dataclass(frozen=True, repr=False)
class Reports:
    """Reports of the models of a list or container.

    Attributes
    ----------
    reports : tuple of Report
        In order.
    """

    reports: tuple[Report, ...]

    def __str__(self) -> str:
        return "\n\n".join(map(str, self.reports)) or "No models."

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from stpipe.html_view import reports_html

        return reports_html(self.reports)


def report(result: Any) -> Report | Reports:
    """Tell what a result is and what made it.

    Parameters
    ----------
    result : data model or sequence of data models
        What ``call``, ``run`` or an opener of models returned.

    Returns
    -------
    Report or Reports
        Prints as text; a notebook shows it as HTML.

    Raises
    ------
    TypeError
        It is neither; a file has to be opened first, a library has to be borrowed from.
    """
    from stpipe.datamodel import AbstractDataModel

    if isinstance(result, Sequence) and not isinstance(result, str | bytes):
        return Reports(tuple(_report_of(model) for model in result))
    if isinstance(result, AbstractDataModel) and hasattr(result, "meta"):
        return _report_of(result)
    raise TypeError(f"A report needs a data model or a list of them, not {type(result).__name__}; open a file first.")


def _report_of(model: Any) -> Report:
    meta = getattr(model, "meta", None)
    tree = _tree_of(model)
    references = _references_of(meta)
    return Report(
        model_type=type(model).__name__,
        filename=getattr(meta, "filename", None) or "",
        arrays=tuple(_array_facts(tree, meta)),
        parts={name: len(value) for name, value in tree.items() if _is_list_of_parts(value)},
        statuses={name: text for name, text in _tree_of(getattr(meta, "cal_step", None)).items() if text},
        references={name: text for name, text in references.items() if name != "crds"},
        context=references.get("crds"),
        provenance=_provenance_of(model),
    )


def _tree_of(node: Any) -> dict[str, Any]:
    """Public content of a model or node; that of ``stdatamodels`` is read where it lies, so that nothing is made."""
    content = getattr(node, "_instance", None)
    if not isinstance(content, Mapping):
        content = getattr(node, "__dict__", {})
    return {str(name): value for name, value in content.items() if not str(name).startswith("_")}


def _array_facts(tree: Mapping[str, Any], meta: Any) -> Iterator[ArrayFact]:
    for name, value in tree.items():
        shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", None)
        if isinstance(shape, tuple) and dtype is not None:
            columns = getattr(dtype, "names", None)
            unit = getattr(meta, f"bunit_{name}", None)
            yield ArrayFact(name, shape, ", ".join(columns) if columns else str(dtype), str(unit or ""))


def _is_list_of_parts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, Mapping) for item in value)


def _references_of(meta: Any) -> dict[str, str]:
    """Type to name of each reference; ``crds`` to the context."""
    found = {}
    for kind, node in _tree_of(getattr(meta, "ref_file", None)).items():
        values = node if isinstance(node, Mapping) else _tree_of(node)
        name = values.get("context_used" if kind == "crds" else "name")
        if name:
            found[kind] = str(name)
    return found


def _provenance_of(model: Any) -> Provenance | None:
    from stpipe.exceptions import InputError
    from stpipe.provenance import read

    with suppress(InputError):
        return read(model)
    return None


def shape_text(fact: ArrayFact) -> str:
    """Return ``2048 x 2048``."""
    return " x ".join(map(str, fact.shape)) or "one number"


def register_with_notebook(result: Any) -> None:
    """Have the running IPython shell show models of the class of a result by their reports; else do nothing.

    A class that has an HTML view already keeps it.
    """
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    display = getattr(shell, "display_formatter", None)
    if display is None:
        return
    for cls in {type(model) for model in (result if isinstance(result, list | tuple) else [result])}:
        if _wants_view(cls, display.formatters["text/html"]):
            display.formatters["text/html"].for_type(cls, _html_of)


def _wants_view(cls: type, formatter: Any) -> bool:
    """Whether a class is that of data models and has no HTML view of its own."""
    from stpipe.datamodel import AbstractDataModel

    if not issubclass(cls, AbstractDataModel) or hasattr(cls, "_repr_html_"):
        return False
    try:
        formatter.lookup_by_type(cls)
    except KeyError:
        return True
    return False


def _html_of(model: Any) -> str | None:
    """HTML of a model or container, or None where it has no metadata: the shell then shows its text."""
    return report(model)._repr_html_() if hasattr(model, "meta") or isinstance(model, Sequence) else None
