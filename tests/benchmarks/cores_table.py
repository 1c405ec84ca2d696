"""Time jump and ramp_fit with one core and with two, beside the released pipeline, and compare the products.

``python tests/benchmarks/cores_table.py FOLDER [REPEATS]``: FOLDER gets the NIRCam full frame (1x10) and its cache, and
keeps them for the next time. Each line is a process of its own that calls the step REPEATS times (3 by default); the
quickest call counts, so workers that stay warm are started in the first. Steps read the product of the step before and
write their own. Run it when nothing else runs.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from compare_products import compare_folders
from modes_table import Case, prepare
from peer import available, reduce_here, reduce_with_peer

__all__ = ["main"]

CASES = {
    "jump": Case("jump", "full_1x10", "JumpStep", "dark_current"),
    "jump, snowballs": Case("jump", "full_1x10", "JumpStep", "dark_current", {"expand_large_events": True}),
    "ramp_fit": Case("ramp_fit", "full_1x10", "RampFitStep", "jump"),
}
CORES = ("none", "2")


def main() -> int:
    """Measure and print; the exit status is 1 where products of one core and of two differ."""
    folder, repeats, code = Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 3, 0
    titles = ("step", "maximum_cores", "ours", "memory, main process", "released", "memory", "products")
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}", flush=True)
    for name, case in CASES.items():
        path, cache = prepare(folder, case)
        outs = {cores: folder / "cores" / cores for cores in CORES}
        for cores, out in outs.items():
            shutil.rmtree(out, ignore_errors=True)
            keywords = {"maximum_cores": cores, **case.keywords}
            ours = reduce_here(case.runs, str(path), str(out), cache=cache, repeats=repeats, **keywords)
            line = f"| {name} | {cores} | {ours.call:.2f} s | {ours.memory:.0f} MiB |"
            if available():
                theirs = reduce_with_peer(
                    case.runs, str(path), str(folder / "cores" / "released"), cache=cache, repeats=repeats, **keywords
                )
                line += f" {theirs.call:.2f} s | {theirs.memory:.0f} MiB |"
            if cores != CORES[0]:
                products = compare_folders(outs[CORES[0]], out)
                different = [f"{file}: {'; '.join(lines)}" for file, lines in products.items() if lines]
                line += f" differ: {' '.join(different)} |" if different or not products else " identical |"
                code |= bool(different)
            print(line, flush=True)
    return code


if __name__ == "__main__":
    sys.exit(main())
