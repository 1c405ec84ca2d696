"""What every parameter of a step is and who set it: ``Step.explain``, ``strun --explain``, the HTML view of a step.

Nothing is run here. An `Explanation` is made from an instance, whose parameters know their sources.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stpipe.step import Step

__all__ = ["Explanation", "ParameterFact", "class_path", "explain_step", "input_text", "value_text"]


@dataclass(frozen=True, slots=True)
class ParameterFact:
    """One parameter of a step.

    Attributes
    ----------
    name : str
        Name.
    value : object
        Value that a run would start with.
    source : str
        ``default``, ``crds:<file>``, ``file:<path>``, ``keyword``, ``command line`` or ``attribute``.
    doc : str
        What it means.
    unit : str or None
        Its unit.
    general : bool
        Whether every step has it.
    same : bool
        Whether the value is that of the default, whoever set it.
    """

    name: str
    value: Any
    source: str
    doc: str = ""
    unit: str | None = None
    general: bool = False
    same: bool = field(default=False, compare=False)

    @property
    def is_default(self) -> bool:
        """Whether nobody has set it."""
        return self.source == "default"

    @property
    def differs(self) -> bool:
        """Whether somebody has set it to another value than the default."""
        return not (self.is_default or self.same)


@dataclass(frozen=True, repr=False)
class Explanation:
    """The parameters of a step and its sub-steps, each with its source; `str` gives a table, a notebook shows HTML.

    Attributes
    ----------
    name : str
        Name of the step.
    class_name : str
        Dotted path of its class.
    parameters : tuple of ParameterFact
        In the order of declaration.
    steps : dict of str to Explanation
        The sub-steps by key.
    input : str or None
        What parameters from the reference service were chosen for.
    notes : tuple of str
        What went wrong while the parameters were looked up.
    """

    name: str
    class_name: str
    parameters: tuple[ParameterFact, ...]
    steps: Mapping[str, Explanation] = field(default_factory=dict)
    input: str | None = None
    notes: tuple[str, ...] = ()

    def flat(self) -> dict[str, ParameterFact]:
        """Every parameter by its dotted name, e.g. ``steps.jump.rejection_threshold``."""
        facts = {fact.name: fact for fact in self.parameters}
        for key, step in self.steps.items():
            facts.update({f"steps.{key}.{name}": fact for name, fact in step.flat().items()})
        return facts

    def changed(self) -> dict[str, ParameterFact]:
        """The parameters that somebody has set to other values than the defaults, by dotted name."""
        return {name: fact for name, fact in self.flat().items() if fact.differs}

    def __getitem__(self, name: str) -> ParameterFact:
        """Return one parameter by its dotted name; KeyError names near ones."""
        facts = self.flat()
        if name not in facts:
            from stpipe.parameters import near_hint

            raise KeyError(f"{name}{near_hint(name, facts)}")
        return facts[name]

    def __str__(self) -> str:
        return "\n".join(self._lines())

    __repr__ = __str__

    def _lines(self) -> Iterator[str]:
        yield f"{self.name}: {self.class_name}"
        if self.input:
            yield f"input: {self.input}"
        yield from self._tables("")
        yield ""
        yield from self._summary()
        yield from (f"warning: {note}" for note in self.notes)

    def _tables(self, prefix: str) -> Iterator[str]:
        yield ""
        if prefix:
            yield f"{prefix}: {self.class_name}"
        yield from aligned([(_marked(fact), value_text(fact.value), fact.source) for fact in self.parameters])
        for key, step in self.steps.items():
            yield from step._tables(f"{prefix}.steps.{key}".removeprefix("."))

    def _summary(self) -> Iterator[str]:
        changed, total = self.changed(), len(self.flat())
        if changed:
            yield f"{len(changed)} of {total} parameters are not defaults (*):"
            yield from aligned([(f"  {name}", value_text(fact.value), fact.source) for name, fact in changed.items()])
        else:
            yield f"All {total} parameters have their default values."
        same = sum(fact.same and not fact.is_default for fact in self.flat().values())
        if same:
            yield f"{same} {'was' if same == 1 else 'were'} set to the default value (=)."

    def _repr_html_(self) -> str:
        from stpipe.html_view import explanation_html

        return explanation_html(self)


def _marked(fact: ParameterFact) -> str:
    return f"{' ' if fact.is_default else '=' if fact.same else '*'} {fact.name}"


def aligned(rows: Sequence[tuple[str, ...]], widest: int = 44) -> Iterator[str]:
    """Lay rows out in columns; a cell wider than ``widest`` pushes the rest of its row to the right."""
    columns = list(zip(*rows, strict=True))
    widths = [max((len(cell) for cell in column if len(cell) <= widest), default=0) for column in columns]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def value_text(value: Any) -> str:
    """Return a value as Python would write it; models and other objects by their class."""
    if value is None or isinstance(value, bool | int | float | str):
        return repr(value)
    if isinstance(value, list | tuple):
        inner = ", ".join(value_text(item) for item in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, type) or callable(value):
        return getattr(value, "__qualname__", repr(value))
    return f"<{type(value).__name__}>"


def class_path(step: Any) -> str:
    """Dotted path of the class of a step."""
    from stpipe.utilities import get_fully_qualified_class_name

    return get_fully_qualified_class_name(step)


def input_text(value: Any) -> str | None:
    """Short text for an input: a path as it is, a model by class and file name, a list by its length."""
    if value is None:
        return None
    if isinstance(value, str | os.PathLike):
        return os.fspath(value)
    if isinstance(value, list | tuple):
        return (
            f"{len(value)} inputs: {', '.join(str(input_text(item)) for item in value[:3])}{', …' * (len(value) > 3)}"
        )
    name = getattr(getattr(value, "meta", None), "filename", None)
    return f"<{type(value).__name__}{f' {name}' if name else ''}>"


def explain_step(step: Step, init: Any = None, *, notes: Sequence[str] = ()) -> Explanation:
    """Explain an instance as it is.

    Parameters
    ----------
    step : Step
        Any step or pipeline.
    init : object, optional
        Input, to be named in the explanation.
    notes : sequence of str, optional
        Warnings that belong to it.

    Returns
    -------
    Explanation
    """
    from stpipe.step import Step

    common = Step.declared_parameters()
    sources = step.parameter_sources()
    facts = []
    for name, param in step.declared_parameters().items():
        value, source = sources[name]
        same = _is(value, param.default)
        facts.append(ParameterFact(name, value, source, param.doc, param.unit, general=name in common, same=same))
    steps = {key: explain_step(sub_step) for key, sub_step in step.sub_steps().items()}
    return Explanation(step.name, class_path(step), tuple(facts), steps, input_text(init), tuple(notes))


def _is(value: Any, default: Any) -> bool:
    """Whether a value is the default; an empty text or list means "not set", like None."""
    if not isinstance(value, str | bool | int | float | list | tuple | None):
        return False
    return ("" if value in (None, []) else value) == ("" if default in (None, []) else default)
