"""Names of products: base, components, suffix, extension and folder (spec framework.md §9)."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stpipe.step import Step

__all__ = ["given_output_file", "input_name", "layer_rank", "make_output_path"]

WRITABLE_EXTENSIONS = (".asdf", ".fits")


def layer_rank(source: str | None) -> int:
    """Rank of the layer a value comes from: default 0, CRDS 1, file 2, keyword and command line 3, attribute 4."""
    if not source or source == "default":
        return 0
    if source.startswith("crds:"):
        return 1
    if source.startswith("file:"):
        return 2
    return 4 if source == "attribute" else 3


def make_output_path(
    step: Step,
    basepath: str | None = None,
    *,
    ext: str | None = None,
    suffix: str | bool | None = None,
    **components: object,
) -> str:
    """Build the path of a product.

    Parameters
    ----------
    step : Step
        Gives what is not an argument: output_file, output_dir, output_ext, suffix and the primary input, its own or its
        parents'.
    basepath : str, optional
        Base name; folder and extension are dropped.
    ext : str, optional
        Extension, with or without dot.
    suffix : str or False, optional
        Suffix. False: none, and nothing is stripped from the base. Empty: none, but an old one is stripped.
    **components
        Joined with ``_`` between base and suffix in the order given; None is left out.

    Returns
    -------
    str
        The path, relative to the current folder unless a folder was set.
    """
    owner = given_output_file(step) if not basepath else _owner_of(step, basepath)
    base = str(basepath or (owner.output_file if owner else None) or step.default_output_file())
    extension = _extension(step, ext, owner, base)
    stem = _parts(base)[0]
    suffix = _suffix(step) if suffix is None else suffix
    separator = "_"
    if suffix is not False:
        stem, separator = step.remove_suffix(stem)
    parts = {**step.output_components, **components}
    name = "_".join([stem, *(str(part) for part in parts.values() if part is not None)])
    if suffix:
        name += f"{separator}{suffix}"
    return os.path.join(_folder(step, owner), name + extension)


def given_output_file(step: Step) -> Step | None:
    """Return the step whose ``output_file`` names the products of ``step``: itself or, where it may look, a parent."""
    if step.output_file:
        return step
    if not step.search_output_file:
        return None
    return next((parent for parent in step.ancestors() if parent.output_file), None)


def input_name(step: Step) -> str | None:
    """Name of the primary input of a step or the nearest parent that has one."""
    name = step.search_attr("_input_filename")
    return str(name) if name else None


def _owner_of(step: Step, basepath: str) -> Step | None:
    """Return the step whose own ``output_file`` a base name is, when code passes the parameter on as an argument."""
    return next((member for member in (step, *step.ancestors()) if member.output_file == basepath), None)


def _parts(base: str) -> tuple[str, str]:
    """Name without folder and extension, and the extension; ``.fits.gz`` counts as ``.fits``."""
    stem, ext = os.path.splitext(os.path.basename(base))
    inner = os.path.splitext(stem)
    return inner if ext == ".gz" and inner[1] else (stem, ext)


def _extension(step: Step, ext: str | None, owner: Step | None, base: str) -> str:
    if ext is None and owner is not None:
        ext = _extension_of_output_file(step, owner)
    ext = ext or step.output_ext or _parts(base)[1]
    return ext if not ext or ext.startswith(".") else f".{ext}"


def _extension_of_output_file(step: Step, owner: Step) -> str | None:
    """Extension in ``output_file`` where a model can write it and no ``output_ext`` was given with as much weight."""
    ext = os.path.splitext(str(owner.output_file))[1]
    if ext not in WRITABLE_EXTENSIONS:
        return None
    weight = layer_rank(owner.recorded_sources().get("output_file"))
    explicit = max(layer_rank(member.recorded_sources().get("output_ext")) for member in (step, owner))
    return None if explicit >= max(weight, 1) else ext


def _suffix(step: Step) -> str | bool:
    suffix = step.search_attr("suffix")
    return step.default_suffix() if suffix is None else suffix


def _folder(step: Step, owner: Step | None) -> str:
    """Folder of a product: output_dir, else a folder given in output_file, else the current one (empty text)."""
    output_dir = step.search_attr("output_dir")
    if output_dir:
        return os.path.expandvars(os.path.expanduser(str(output_dir)))
    if owner is None:
        return ""
    folder = os.path.dirname(str(owner.output_file))
    return "" if _same_folder(folder, os.curdir) or _same_folder(folder, _file_folder(owner)) else folder


def _file_folder(owner: Step) -> str:
    """Folder of the parameter file that gave ``output_file``: a bare name there was made absolute against it."""
    source = owner.recorded_sources().get("output_file", "")
    return os.path.dirname(source.removeprefix("file:")) if source.startswith("file:") else os.curdir


def _same_folder(left: str, right: str) -> bool:
    return os.path.abspath(left or os.curdir) == os.path.abspath(right or os.curdir)
