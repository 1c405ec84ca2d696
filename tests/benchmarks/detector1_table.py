"""Time Detector1Pipeline beside the released pipeline, and print the table of the ratios.

``python tests/benchmarks/detector1_table.py [FOLDER] [REPEATS] [NAME ...]`` writes the comparison exposures and their
cache into FOLDER (kept for the next time; a temporary folder by default) and reduces each with both pipelines in
turn, each time in a new process that calls the pipeline REPEATS times (2 by default) with ``save_results=True``. The
quickest call counts, so that imports, which the released pipeline does before its first call and this one within it,
are in neither figure. Run it when nothing else runs.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

from peer import Cost, available, reduce_here, reduce_with_peer

from jwst.simulation import comparison_set

__all__ = ["main", "measure"]

TIMED = ("full_1x10", "full_1x5", "sub160_100x10", "sub64p_20x10")


def measure(folder: pathlib.Path, names: tuple[str, ...], repeats: int) -> dict[str, tuple[Cost, Cost | None]]:
    """Reduce exposures with both pipelines.

    Returns
    -------
    dict of str to (Cost, Cost or None)
        Ours and theirs; None where the released pipeline is not there.
    """
    exposures = comparison_set(folder, names=names)
    cache, result = str(exposures.crds_path), {}
    for name in names:
        path = str(exposures.exposures[name].path)
        arguments = ("Detector1Pipeline", path)
        theirs = None
        if available():
            out = str(folder / "products" / name / "theirs")
            theirs = reduce_with_peer(*arguments, out, cache=cache, repeats=repeats)
        ours = reduce_here(*arguments, str(folder / "products" / name / "ours"), cache=cache, repeats=repeats)
        result[name] = (ours, theirs)
    return result


def print_table(costs: dict[str, tuple[Cost, Cost | None]]) -> None:
    """Print seconds of the call, peak memory in MiB, and the ratios."""
    print(f"{'exposure':16s} {'ours':>8s} {'released':>9s} {'ratio':>6s}   {'ours':>9s} {'released':>9s} {'ratio':>6s}")
    for name, (ours, theirs) in costs.items():
        line = f"{name:16s} {ours.call:7.2f}s"
        if theirs is not None:
            line += (
                f" {theirs.call:8.2f}s {theirs.call / ours.call:5.1f}x   {ours.memory:6.0f}MiB {theirs.memory:6.0f}MiB"
            )
            line += f" {theirs.memory / ours.memory:5.1f}x"
        print(line)


def main() -> int:
    """Measure and print."""
    folder, repeats, *names = [*sys.argv[1:], *(None, None)[len(sys.argv[1:]) :]]
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(folder or temporary)
        print_table(measure(root, tuple(names) or TIMED, int(repeats or 2)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
