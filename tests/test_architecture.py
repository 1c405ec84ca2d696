"""Imports point down: the layers of docs/architecture.md, read off the source."""

from __future__ import annotations

import ast
import pathlib

import pytest

import jwst
import stpipe

STPIPE = pathlib.Path(stpipe.__file__).parent
JWST = pathlib.Path(jwst.__file__).parent

HIGHER = {
    "events": ("engine", "step", "pipeline", "cli", "resolve", "outputs"),
    "exceptions": ("engine", "step", "pipeline", "cli", "resolve", "outputs", "parameters"),
    "parameters": ("engine", "step", "pipeline", "cli", "resolve"),
    "checks": ("engine", "step", "pipeline", "cli", "resolve"),
    "config_file": ("engine", "step", "pipeline", "cli"),
    "resolve": ("engine", "step", "pipeline", "cli"),
    "references": ("engine", "step", "pipeline", "cli"),
    "outputs": ("engine", "step", "pipeline", "cli"),
    "engine": ("step", "pipeline", "cli", "hooks"),
    "step": ("cli",),
    "pipeline": ("cli",),
}
"""Modules that the one on the left must not import when it is imported."""

PACKAGES_WITHOUT_CORES = {
    "assign_wcs",
    "associations",
    "stpipe",
    "datamodels",
    "lib",
    "pipeline",
    "scripts",
    "simulation",
}
CORE_IMPORTS = {"numpy", "scipy", "jwst.lib", "stpipe.exceptions", "stpipe.parallel"}

MORE_IMPORTS = {
    "background/average.py": {"astropy.stats"},
    "outlier_detection/blotting.py": {"drizzle.cdrizzle"},
    "outlier_detection/patch_store.py": {"tempfile"},
    "resample/drizzling.py": {"drizzle"},
    "resample/grid.py": {"astropy", "gwcs"},
    "resample/pixmap.py": {"astropy.modeling"},
    "resample/weights.py": {"astropy.nddata.bitmask", "stdatamodels.jwst.datamodels.dqflags"},
    "skymatch/outline.py": {"spherical_geometry.polygon"},
    "source_catalog/aperture.py": {"astropy.stats"},
    "tweakreg/segment_table.py": {"astropy.utils", "photutils.segmentation"},
    "tweakreg/starfinders.py": {"astropy", "photutils"},
    "tweakreg/tweakreg_catalog.py": {"astropy.table"},
}
"""Cores that need a library for the same numbers as the release (clips, drizzle, polygons on the sphere, coordinates,
finding sources), or a temporary file."""

NO_CORES = {
    "assign_mtwcs/moving_target_wcs.py",
    "model_blender/blend_schema.py",
    "model_blender/blender.py",
    "outlier_detection/group_images.py",
    "outlier_detection/imaging.py",
    "outlier_detection/utils.py",
    "resample/group_files.py",
    "resample/product_metadata.py",
    "resample/resample.py",
    "source_catalog/detection.py",
    "source_catalog/products.py",
    "source_catalog/reference_data.py",
    "source_catalog/source_catalog.py",
    "tweakreg/alignment.py",
    "tweakreg/correctors.py",
    "tweakreg/custom_catalogs.py",
    "tweakreg/ordered.py",
    "tweakreg/reference_catalogs.py",
    "tweakreg/utils.py",
}
"""Modules between a step and its cores: they work with models, tables, files or a library of corrections."""


def source_files(root):
    return sorted(path for path in root.rglob("*.py"))


def imports(path, *, top_level_only=False):
    """Absolute names of what a module imports; ``TYPE_CHECKING`` blocks do not count."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if top_level_only else ast.walk(tree)
    hidden = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in nodes:
        if id(node) in hidden:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", source_files(STPIPE), ids=lambda path: str(path.relative_to(STPIPE)))
def test_stpipe_knows_no_telescope(path):
    assert not [name for name in imports(path) if name.split(".")[0] == "jwst"]


@pytest.mark.parametrize("module", HIGHER)
def test_imports_of_stpipe_point_down(module):
    names = set(imports(STPIPE / f"{module}.py", top_level_only=True))
    assert not names & {f"stpipe.{higher}" for higher in HIGHER[module]}


def core_files():
    for path in source_files(JWST):
        package = path.relative_to(JWST).parts[0]
        if path.parent == JWST or package in PACKAGES_WITHOUT_CORES or path.name == "__init__.py":
            continue
        if path.relative_to(JWST).as_posix() in NO_CORES:
            continue
        names = set(imports(path))
        if not path.name.endswith("_step.py") and not {"stdatamodels.jwst", "jwst.stpipe", "asdf"} & names:
            yield path


@pytest.mark.parametrize("path", list(core_files()), ids=lambda path: str(path.relative_to(JWST)))
def test_cores_know_arrays_only(path):
    package = f"jwst.{path.relative_to(JWST).parts[0]}"
    standard = {"__future__", "abc", "bisect", "collections", "concurrent", "dataclasses", "enum", "functools"}
    standard |= {"contextlib", "copy", "itertools", "logging", "math", "os", "re", "types", "typing", "warnings"}
    more = MORE_IMPORTS.get(path.relative_to(JWST).as_posix(), set())
    for name in imports(path):
        allowed = name.split(".")[0] in standard or name.startswith(package)
        allowed |= any(name == core or name.startswith(f"{core}.") for core in CORE_IMPORTS)
        allowed |= any(name == one or name.startswith(f"{one}.") for one in more)
        assert allowed, f"{path.name} imports {name}"


def test_exceptions_are_needed():
    assert all((JWST / name).exists() for name in (*NO_CORES, *MORE_IMPORTS))
    for name, allowed in MORE_IMPORTS.items():
        used = set(imports(JWST / name))
        assert all(any(one == lib or one.startswith(f"{lib}.") for one in used) for lib in allowed), name


def test_there_are_cores():
    names = {path.name for path in core_files()}
    assert {"jump.py", "ramp_fit.py", "linearity.py", "saturation.py", "reference_pixels.py", "traps.py"} <= names
