"""HTML for notebooks: tables that take their colours from the page, so that light and dark themes both read well."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stpipe.explain import Explanation, ParameterFact
    from stpipe.planning import PlannedStep, RunPlan
    from stpipe.provenance import Provenance, RunRecord
    from stpipe.result_report import Report

__all__ = [
    "details",
    "escape",
    "explanation_html",
    "frame",
    "plan_html",
    "provenance_html",
    "report_html",
    "reports_html",
    "table",
]

_LINE = "1px solid color-mix(in srgb, currentColor 22%, transparent)"
_CELL = f"text-align:left;vertical-align:top;padding:2px 12px 2px 0;border:0;border-bottom:{_LINE};white-space:normal"
_TABLE = "border-collapse:collapse;background:transparent;color:inherit;margin:2px 0 8px 0;font-size:0.92em"
_FAINT = "opacity:0.65"
_CODE = "font-family:monospace;background:transparent;color:inherit;white-space:pre-wrap"


def escape(value: object) -> str:
    """Return a text that HTML shows as it is."""
    return html.escape(str(value), quote=True)


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a table.

    Parameters
    ----------
    headers : sequence of str
        Plain texts.
    rows : iterable of sequence of str
        Cells, already HTML.
    """
    head = "".join(f'<th style="{_CELL};{_FAINT};font-weight:normal">{escape(text)}</th>' for text in headers)
    lines = ("".join(f'<td style="{_CELL}">{cell}</td>' for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def details(summary: str, body: str, *, is_open: bool = False) -> str:
    """Make a section that folds; both texts are HTML."""
    start = "<details open" if is_open else "<details"
    indent = "margin:2px 0 2px 1em"
    return f'{start} style="{indent}"><summary style="cursor:pointer">{summary}</summary>{body}</details>'


def code(value: object, *, strong: bool = False) -> str:
    """Return a text in the type of programs."""
    weight = ";font-weight:bold" if strong else ""
    return f'<span style="{_CODE}{weight}">{escape(value)}</span>'


def faint(value: object) -> str:
    """Return a text that steps back."""
    return f'<span style="{_FAINT}">{escape(value)}</span>'


def frame(*parts: str) -> str:
    """Put parts, already HTML, into one block that inherits the colours of the page."""
    return f'<div style="color:inherit;background:transparent;text-align:left">{"".join(parts)}</div>'


def explanation_html(explanation: Explanation) -> str:
    """Parameter tables of a step and, folded, of its sub-steps."""
    title = f"<div><b>{escape(explanation.name)}</b> {faint(explanation.class_name)}</div>"
    source = f"<div>input: {code(explanation.input)}</div>" if explanation.input else ""
    notes = "".join(f"<div><b>warning:</b> {escape(note)}</div>" for note in explanation.notes)
    return frame(title, source, notes, _tables(explanation), *_steps(explanation))


def _tables(explanation: Explanation) -> str:
    """The parameters that matter, and, folded, those that every step has and nobody has set."""
    folded = [fact for fact in explanation.parameters if fact.general and fact.is_default]
    shown = [fact for fact in explanation.parameters if not (fact.general and fact.is_default)]
    rest = details(faint(f"{len(folded)} general parameters · all default"), _parameter_table(folded)) if folded else ""
    return (_parameter_table(shown) if shown else "") + rest


def _parameter_table(facts: Iterable[ParameterFact]) -> str:
    return table(("parameter", "value", "source", "meaning"), map(_row, facts))


def _steps(explanation: Explanation) -> Iterator[str]:
    for key, step in explanation.steps.items():
        summary = f"<b>{escape(key)}</b> {faint(step.class_name.rpartition('.')[2])} {faint(_count(step))}"
        facts = {fact.name: fact for fact in step.parameters}
        if "skip" in facts and facts["skip"].value:
            summary += f" {faint('· skipped')}"
        is_open = any(fact.differs for fact in step.parameters)
        yield details(summary, _tables(step) + "".join(_steps(step)), is_open=is_open)


def _count(explanation: Explanation) -> str:
    changed = sum(fact.differs for fact in explanation.parameters)
    total = len(explanation.parameters)
    return f"· {changed} of {total} set" if changed else f"· all {total} default"


def _row(fact: ParameterFact) -> tuple[str, ...]:
    from stpipe.explain import value_text

    value = code(value_text(fact.value), strong=fact.differs)
    if fact.unit and fact.value is not None:
        value += f" {faint(fact.unit)}"
    source = faint(fact.source) if fact.is_default else escape(fact.source)
    return code(fact.name, strong=fact.differs), value, source, escape(fact.doc)


def plan_html(plan: RunPlan) -> str:
    """Steps in order, references and files of a plan."""
    title = f"<div><b>{escape(plan.step.key)}</b> {faint(plan.step.class_name)}</div>"
    facts = [f"input: {code(plan.input or 'none')}", *(f"context: {code(name)}" for name in plan.contexts.values())]
    facts += [f"<b>problem:</b> {escape(text)}" for text in dict.fromkeys(plan.problems)]
    facts += [f"<b>warning:</b> {escape(text)}" for text in plan.notes]
    files = [
        (code(product.path, strong=True), faint("exists, would be replaced") if product.exists else "")
        for product in plan.products
    ]
    written = table(("files that would be written", ""), files) if files else "<div>No files would be written.</div>"
    return frame(title, *(f"<div>{fact}</div>" for fact in facts), _planned_table(plan.step), written)


def _planned_table(step: PlannedStep) -> str:
    rows = list(_planned_rows(step, ""))
    unused = f"<div>{faint('not used for this input: ' + ', '.join(step.unused))}</div>" if step.unused else ""
    return (table(("", "step", "references"), rows) if rows else "") + unused


def _planned_rows(step: PlannedStep, prefix: str) -> Iterator[tuple[str, ...]]:
    own = _reference_lines(step)
    if own and not prefix:
        yield "", code(step.key, strong=True), own
    for number, member in enumerate(step.steps, 1):
        name = faint(member.key) if member.skipped else code(member.key, strong=True)
        yield (
            f"{prefix}{number}",
            name,
            faint(f"skipped: {member.skipped}") if member.skipped else _reference_lines(member),
        )
        yield from _planned_rows(member, f"{prefix}{number}.")


def _reference_lines(step: PlannedStep) -> str:
    lines = [faint(hook) for hook in step.hooks]
    lines += [f"{faint(reference.reftype)} {code(reference)}" for reference in step.references]
    lines += [f"<b>would fail:</b> {escape(step.refusal)}"] if step.refusal else []
    return "<br>".join(lines)


def provenance_html(provenance: Provenance) -> str:
    """What made a product, run by run, the latest open."""
    runs = provenance.runs
    return frame(
        *(
            details(f"<b>{escape(run.step.name)}</b> {faint(run.started)}", _run_html(run), is_open=run is runs[-1])
            for run in runs
        )
    )


def _run_html(run: RunRecord) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
    facts = {
        "class": run.step.class_name,
        "input": ", ".join(run.inputs),
        "started": run.started,
        "recorded": run.recorded,
        "context": run.context or "none used",
        "versions": versions,
    }
    lines = "".join(f"<div>{faint(name)} {code(text)}</div>" for name, text in facts.items())
    steps = [
        (
            code(step.name),
            escape(f"{step.seconds:.3f}\N{NO-BREAK SPACE}s"),
            escape(f"{step.status}: {step.reason}" if step.reason else step.status),
            "<br>".join(f"{faint(kind)} {code(name)}" for kind, name in step.references.items()),
        )
        for step in run.steps
    ]
    return lines + (table(("step", "time", "status", "references"), steps) if steps else "") + _chosen_html(run)


def _chosen_html(run: RunRecord) -> str:
    """Parameters that somebody has set, with their sources; folded, the defaults of each step."""
    from stpipe.explain import value_text

    known = run.flat()
    chosen = {name: fact for name, fact in known.items() if fact[1] != "default"}
    rows = [(code(name), code(value_text(value)), escape(source)) for name, (value, source) in chosen.items()]
    shown = table(("parameter", "value", "source"), rows) if rows else ""
    texts = {step.name: ", ".join(_default_texts(step.parameters)) for step in (run.step, *run.steps)}
    defaults = [(code(name, strong=True), escape(text)) for name, text in texts.items() if text]
    rest = details(faint(f"{len(known) - len(chosen)} defaults"), table(("step", "parameters"), defaults))
    return details(f"parameters {faint(f'· {len(chosen)} of {len(known)} set')}", shown + rest, is_open=True)


def _default_texts(parameters: Mapping[str, tuple[object, str]]) -> Iterator[str]:
    from stpipe.explain import value_text

    for name, (value, source) in parameters.items():
        if source == "default":
            yield f"{name}={value_text(value)}"


def report_html(report: Report) -> str:
    """One model: its arrays, the status of each step, and what made it."""
    from stpipe.result_report import shape_text

    title = f"<div><b>{escape(report.model_type)}</b> {code(report.filename or 'no file name')}</div>"
    arrays = [
        (code(fact.name, strong=True), escape(shape_text(fact)), code(fact.dtype), escape(fact.unit))
        for fact in report.arrays
    ]
    arrays += [(code(name, strong=True), f"{count} entries", "", "") for name, count in report.parts.items()]
    shown = table(("array", "shape", "type", "unit"), arrays) if arrays else ""
    return frame(title, shown, _statuses_html(report), _origin_html(report))


def reports_html(reports: Sequence[Report]) -> str:
    """Several models, each folded but the first."""
    parts = (
        details(f"<b>{escape(one.model_type)}</b> {code(one.filename)}", report_html(one), is_open=number == 0)
        for number, one in enumerate(reports)
    )
    return frame(f"<div>{len(reports)} models</div>", *parts)


def _statuses_html(report: Report) -> str:
    if not report.statuses:
        return ""
    counts = Counter(report.statuses.values())
    summary = ", ".join(f"{count} {status}" for status, count in counts.items())
    rows = [(code(step), escape(status)) for step, status in report.statuses.items()]
    return details(f"status of the steps {faint(f'· {summary}')}", table(("step", "status"), rows))


def _origin_html(report: Report) -> str:
    if report.provenance is not None:
        return provenance_html(report.provenance)
    rows = [(code(kind), code(name)) for kind, name in report.references.items()]
    title = f"references {faint(f'· {report.context}' if report.context else '')}"
    references = details(title, table(("type", "file"), rows), is_open=True) if rows else ""
    return references + f"<div>{faint('What made it is not recorded in it: no parameters, no times.')}</div>"
