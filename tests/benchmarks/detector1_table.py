"""Time Detector1Pipeline beside the released pipeline, and print the table of the ratios.

``python tests/benchmarks/detector1_table.py [FOLDER] [REPEATS] [NAME ...]`` writes the comparison exposures and their
cache into FOLDER (kept for the next time; a temporary folder by default) and reduces each with both pipelines in
turn, each time in a new process that calls the pipeline REPEATS times (3 by default) with ``save_results=True``. The
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
    """Print seconds of the quickest call, of import and first call, and peak memory in MiB, with the ratios."""
    columns = (("call", "s", "call"), ("import + first call", "s", "first"), ("memory", "MiB", "memory"))
    print(f"{'exposure':16s}" + "".join(f"{title + ': ours / released':>36s}" for title, _, _ in columns))
    for name, (ours, theirs) in costs.items():
        line = f"{name:16s}"
        for _, unit, field in columns:
            mine, other = getattr(ours, field), getattr(theirs, field, None)
            digits = 0 if unit == "MiB" else 2
            text = f"{mine:.{digits}f} {unit}"
            line += f"{text if other is None else f'{text} / {other:.{digits}f} {unit} = {other / mine:.1f}x':>36s}"
        print(line)


def main() -> int:
    """Measure and print."""
    folder, repeats, *names = [*sys.argv[1:], *(None, None)[len(sys.argv[1:]) :]]
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(folder or temporary)
        print_table(measure(root, tuple(names) or TIMED, int(repeats or 3)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
