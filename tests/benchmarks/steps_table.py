"""Compare what every step of a pipeline makes with the released one, and print a table of exposures x steps.

``python tests/benchmarks/steps_table.py FOLDER PIPELINE EXPOSURE [PARAMETERS]``: EXPOSURE is a raw file, FOLDER/crds
the cache it was made with, PARAMETERS a JSON of keywords of the call (``{"steps": {"emicorr": {"skip": false}}}``).
Both pipelines run once with ``save_results`` of every step; their products lie in FOLDER/steps/NAME/{ours,theirs}.
"""

from __future__ import annotations

import json
import pathlib
import sys

from compare_products import compare_folders
from peer import available, reduce_here, reduce_with_peer

import jwst.pipeline

__all__ = ["compare_steps", "main"]


def compare_steps(
    folder: pathlib.Path, pipeline: str, exposure: pathlib.Path, parameters: dict
) -> dict[str, list[str]]:
    """Reduce an exposure with both pipelines, all steps saving, and compare product by product.

    Returns
    -------
    dict of str to list of str
        What differs, by the name of the product without that of the exposure; an empty list means equal.
    """
    steps = {name: {"save_results": True} for name in getattr(jwst.pipeline, pipeline).step_defs}
    for name, values in parameters.get("steps", {}).items():
        steps[name] |= values
    keywords = {**parameters, "steps": steps}
    root = exposure.name.removesuffix("_uncal.fits")
    name = parameters.get("output_file", exposure.parent.name)
    folders = [folder / "steps" / name / side for side in ("ours", "theirs")]
    for side, reduce in zip(folders, (reduce_here, reduce_with_peer), strict=True):
        side.mkdir(parents=True, exist_ok=True)
        for old in side.glob("*"):
            old.unlink()
        cost = reduce(pipeline, str(exposure), str(side), cache=str(folder / "crds"), **keywords)
        print(f"{side.name}: {cost.call:.2f} s, {cost.memory:.0f} MiB", file=sys.stderr)
    found = compare_folders(*folders)
    return {key.removeprefix(f"{root}_").removesuffix(".fits"): lines for key, lines in found.items()}


def main() -> int:
    """Compare and print; 0 if nothing differs."""
    if not available():
        print("the released pipeline is not here", file=sys.stderr)
        return 1
    folder, pipeline, exposure, *rest = sys.argv[1:]
    parameters = json.loads(rest[0]) if rest else {}
    found = compare_steps(pathlib.Path(folder).resolve(), pipeline, pathlib.Path(exposure).resolve(), parameters)
    for name, lines in found.items():
        print(f"{name}: {'; '.join(lines) or 'equal'}")
    return int(any(found.values()))


if __name__ == "__main__":
    sys.exit(main())
