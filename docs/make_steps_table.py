"""Write docs/steps.md: every pipeline and step with its parameters, from the declarations in the code.

Run ``python docs/make_steps_table.py`` after a parameter has changed; tests/jwst/test_docs.py tells when it is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from jwst.stpipe import Step
from jwst.stpipe.integration import PIPELINES, STEPS, Entry
from jwst.stpipe.not_built import NotBuiltStep

__all__ = ["PAGE", "main", "steps_page"]

PAGE = Path(__file__).with_name("steps.md")

_HEAD = """\
<!-- Made by docs/make_steps_table.py; do not edit. -->

# Steps and pipelines

Every step runs as `strun ALIAS FILE`, as `Class.call(FILE)`, and in a pipeline as `steps={"ALIAS": {…}}`.
Classes are in `jwst.step` and `jwst.pipeline`. `strun ALIAS --help` prints the same tables.

`N/A` as the file of a reference means that there is none: the step is skipped.
"""

_COMMON_TEXT = """\
## Parameters of all steps and pipelines

For each reference type there is also `override_<type>`: a path or a data model to be used instead of the file of CRDS.
"""


def steps_page() -> str:
    """Text of steps.md.

    Returns
    -------
    str
        Markdown.
    """
    common = Step.declared_parameters()
    parts = [_HEAD, "\n".join(_overview()), _COMMON_TEXT, "\n".join(_table(common))]
    for entry in PIPELINES:
        parts.append(_section(entry, common))
    for entry in _sorted_steps():
        parts.append(_section(entry, common))
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(steps_page(), encoding="utf-8")


def _sorted_steps() -> list[Entry]:
    return sorted(STEPS, key=lambda entry: entry.alias)


def _class_of(entry: Entry) -> Any:
    return getattr(import_module(f"jwst.{entry.module}"), entry.name)


def _purpose(cls: Any) -> str:
    """First line of the docstring without the remark of steps that cannot run."""
    return cls.__doc__.strip().splitlines()[0].rstrip(".").removesuffix(" (not in this release)")


def _state(cls: Any) -> str:
    words = ["not built"] if issubclass(cls, NotBuiltStep) else []
    if cls.declared_parameters()["skip"].default:
        words.append("off by default")
    return ", ".join(words)


def _overview() -> Iterator[str]:
    """Yield the rows of a table of all classes."""
    yield from ("| alias | class | what it does | references | |", "|---|---|---|---|---|")
    for entry in (*PIPELINES, *_sorted_steps()):
        cls = _class_of(entry)
        references = "" if entry in PIPELINES else ", ".join(cls.reference_file_types)
        yield _row(f"`{entry.alias}`", f"`{entry.name}`", _purpose(cls), references, _state(cls))


def _section(entry: Entry, common: Mapping[str, Any]) -> str:
    """Heading, purpose and table of one class."""
    cls = _class_of(entry)
    lines = [f"## {entry.alias}", "", f"`jwst.{'pipeline' if entry in PIPELINES else 'step'}.{entry.name}`: "]
    state = _state(cls)
    lines[-1] += _purpose(cls) + (f" (*{state}*)." if state else ".")
    if entry in PIPELINES:
        lines += ["", "Steps, as they are named in `steps`: " + ", ".join(f"`{key}`" for key in cls.step_defs) + "."]
    elif cls.reference_file_types:
        lines += ["", "References: " + ", ".join(cls.reference_file_types) + "."]
    own = {name: param for name, param in cls.declared_parameters().items() if _is_own(name, param, common)}
    lines += ["", *(_table(own) if own else ["No parameters of its own."])]
    return "\n".join(lines)


def _is_own(name: str, param: Any, common: Mapping[str, Any]) -> bool:
    """Whether a parameter is to be told for a class: not an override, and not just as it is for all."""
    if name.startswith("override_"):
        return False
    return name not in common or param.default != common[name].default


def _table(params: Mapping[str, Any]) -> Iterator[str]:
    yield from ("| parameter | type | default | meaning |", "|---|---|---|---|")
    for name, param in params.items():
        yield _row(f"`{name}`", _type_text(param), f"`{param.default!r}`", _meaning(param))


def _type_text(param: Any) -> str:
    """Name of the check, limits and unit."""
    if param.choices:
        return "one of " + ", ".join(f"`{choice!r}`" for choice in param.choices)
    limits = (("≥", param.ge), (">", param.gt), ("≤", param.le), ("<", param.lt))
    text = " ".join([param.check_name, *(f"{sign} {limit:g}" for sign, limit in limits if limit is not None)])
    if param.min_length is not None and param.min_length == param.max_length:
        text += f" of {param.min_length}"
    return text + (f", {param.unit}" if param.unit else "")


def _meaning(param: Any) -> str:
    """Help text, and what each choice means."""
    choices = "; ".join(f"`{choice!r}`: {text}" for choice, text in param.choice_help.items())
    return f"{param.doc}. {choices}" if choices else param.doc


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


if __name__ == "__main__":
    main()
