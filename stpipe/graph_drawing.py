"""A resource graph as the text of a Mermaid flow chart."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from stpipe.graph_nodes import Provider
from stpipe.graph_steps import NEEDED, GraphStep

__all__ = ["mermaid"]


def mermaid(steps: Sequence[GraphStep], providers: Mapping[str, Provider], present: Collection[str]) -> str:
    """Draw steps as boxes and resources as rounded boxes; optional ones hang on dotted lines, present ones are filled.

    A step that is not used for a resource it could provide has no line to it.
    """
    names = {name: f"r{place}" for place, name in enumerate(_resources(steps))}
    lines = ["flowchart LR"]
    lines += [f'    {key}(["{_text(name)}"])' for name, key in names.items()]
    for place, step in enumerate(steps):
        lines.append(f'    s{place}["{_text(step.name)}"]')
        lines += [f"    {names[name]} {'-->' if need is NEEDED else '-.->'} s{place}" for name, need in step.wants]
        lines += [f"    s{place} --> {names[name]}" for name in step.provides if providers[name].step is step]
    filled = [key for name, key in names.items() if name in present]
    if filled:
        lines += ["    classDef present fill:#cfc", f"    class {','.join(filled)} present"]
    return "\n".join(lines)


def _resources(steps: Sequence[GraphStep]) -> dict[str, None]:
    found: dict[str, None] = {}
    for step in steps:
        found.update(dict.fromkeys([name for name, _ in step.wants]))
        found.update(dict.fromkeys(step.provides))
    return found


def _text(name: str) -> str:
    return name.replace('"', "#quot;")
