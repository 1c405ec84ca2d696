"""Time what each mode takes beside the released pipeline: whole reductions, and the long steps alone.

``python tests/benchmarks/modes_table.py FOLDER [REPEATS] [CASE ...]``: FOLDER is one made by ``mode_exposures.py``; the
NIRCam full frame is added to it. Each case runs in a process of its own, ours REPEATS times and the released pipeline
once more than half as often; the quickest call counts. Steps read the product of the step before and write nothing.
Run it when nothing else runs.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from peer import available, reduce_here, reduce_with_peer

from jwst.simulation import comparison_set

__all__ = ["CASES", "Case", "main"]

FULL = "full_1x10"
CLEAN = "CleanFlickerNoiseStep"


@dataclass(frozen=True)
class Case:
    """What is run: a pipeline on a raw exposure, or a step on the product of the step before it."""

    title: str
    exposure: str
    runs: str = "Detector1Pipeline"
    before: str = ""
    keywords: dict[str, Any] = field(default_factory=dict)


CASES = {
    "miri": Case("MIRI full frame 1x20x1024x1032", "miri_full_1x20"),
    "miri_tso": Case("MIRI TSO 100x5x64x72", "miri_sub_tso_100x5"),
    "irs2": Case("NIRSpec IRS2 1x6x3200x2048", "nrs_irs2_full"),
    "irs2_refpix": Case("refpix, IRS2", "nrs_irs2_full", "RefPixStep", "superbias"),
    "cfn_median": Case("clean_flicker_noise, median, NIRCam 1x10", FULL, CLEAN, "jump", {"skip": False}),
    "cfn_fft": Case(
        "clean_flicker_noise, fft, NIRSpec 1x6", "nrs_full", CLEAN, "jump", {"skip": False, "fit_method": "fft"}
    ),
    "likely": Case("ramp_fit, LIKELY", FULL, "RampFitStep", "jump", {"algorithm": "LIKELY"}),
    "snowballs": Case("jump, snowballs", FULL, "JumpStep", "dark_current", {"expand_large_events": True}),
    "showers": Case("jump, showers", "miri_full_1x20", "JumpStep", "refpix", {"find_showers": True}),
}


def prepare(folder: Path, case: Case) -> tuple[Path, str]:
    """Path of the input of a case, made if it is not there, and that of its cache."""
    home = folder / "nircam" if case.exposure == FULL else folder
    if case.exposure == FULL:
        comparison_set(home, names=(FULL,))
    raw = next((home / case.exposure).glob("*_uncal.fits"))
    if not case.before:
        return raw, str(home / "crds")
    made = raw.with_name(raw.name.replace("_uncal", f"_{case.before}"))
    if not made.exists():
        steps = {case.before: {"save_results": True}, "ramp_fit": {"skip": True}}
        reduce_here("Detector1Pipeline", str(raw), str(raw.parent), cache=str(home / "crds"), steps=steps)
    return made, str(home / "crds")


def main() -> int:
    """Measure and print."""
    folder, *rest = sys.argv[1:]
    repeats, names = int(rest[0]) if rest else 3, rest[1:] or list(CASES)
    print("| what | ours | released | ratio | memory, ours | released |\n|---|---|---|---|---|---|", flush=True)
    for name in names:
        case = CASES[name]
        path, cache = prepare(Path(folder), case)
        out = str(Path(folder) / "timed")
        keywords = {"save_results": not case.before, **case.keywords}
        ours = reduce_here(case.runs, str(path), out, cache=cache, repeats=repeats, **keywords)
        line = f"| {case.title} | {ours.call:.2f} s |"
        if available():
            theirs = reduce_with_peer(case.runs, str(path), out, cache=cache, repeats=repeats // 2 + 1, **keywords)
            ratio = theirs.call / ours.call
            line += f" {theirs.call:.2f} s | {ratio:.1f} | {ours.memory:.0f} MiB | {theirs.memory:.0f} MiB |"
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
