"""The report of a provenance as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stpipe.provenance import Provenance, RunRecord, StepRecord

__all__ = ["report_lines"]


def report_lines(provenance: Provenance, *, complete: bool = False) -> Iterator[str]:
    """Yield the lines of the report, the latest run last.

    Parameters
    ----------
    provenance : Provenance
        What made a product.
    complete : bool, optional
        List the parameters that are defaults, too.
    """
    for number, run in enumerate(provenance.runs, 1):
        if number > 1:
            yield ""
        yield from _run_lines(run, complete)


def _run_lines(run: RunRecord, complete: bool) -> Iterator[str]:
    from stpipe.explain import aligned

    yield f"{run.step.name}: {run.step.class_name}"
    facts = [
        ("started", run.started),
        ("recorded", run.recorded),
        ("input", ", ".join(run.inputs) or "not known"),
        ("context", run.context or "none used"),
        ("run", run.run),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
    ]
    yield from aligned(facts)
    if run.steps:
        yield "steps:"
        yield from aligned([(f"  {step.name}", f"{step.seconds:8.3f} s", _status(step)) for step in run.steps])
    if run.references:
        yield "references:"
        yield from aligned([(f"  {kind}", name) for kind, name in run.references.items()])
    yield from _parameter_lines(run, complete)


def _status(step: StepRecord) -> str:
    return f"{step.status}: {step.reason}" if step.reason else step.status


def _parameter_lines(run: RunRecord, complete: bool) -> Iterator[str]:
    from stpipe.explain import aligned, value_text

    facts = run.flat()
    shown = {name: fact for name, fact in facts.items() if complete or fact[1] != "default"}
    yield (
        f"parameters ({len(facts)}):"
        if complete
        else f"parameters that are not defaults ({len(shown)} of {len(facts)}):"
    )
    if shown:
        yield from aligned([(f"  {name}", value_text(value), source) for name, (value, source) in shown.items()])
