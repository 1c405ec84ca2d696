"""Reduce simulated exposures and print how far the results are from the truth.

``python tests/benchmarks/truth_table.py FOLDER [SECTION ...]``: FOLDER is one that `mode_exposures.py` wrote, or is
written like that if it is not there; more exposures go to folders beside them. Sections: ``emi``, ``showers``,
``likely``, ``pulls``, ``flicker``; without names, all. The same exposures always give the same figures.
"""

from __future__ import annotations

import logging
import os
import pathlib
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from mode_exposures import MODES, make_mode_set, mode_files
from truth_figures import (
    false_showers,
    judge_interference,
    line_noise,
    rate_accuracy,
    spoiled_hits,
)

from jwst.simulation import ExposureSettings, NoiseSettings, Scene, Truth, simulate
from jwst.simulation.judge import judge_hits, judge_rate
from jwst.simulation.judge_effects import judge_noise, judge_showers

__all__ = ["EXTRA", "SECTIONS", "main", "prepare"]

STRONG = NoiseSettings(one_over_f=8.0)
EXTRA = {
    "truth_showers": replace(MODES["miri_full_1x20"], seed=201, noise=NoiseSettings(showers=0.8)),
    "truth_likely": replace(
        MODES["nircam_noise"],
        seed=202,
        ngroups=10,
        nints=4,
        noise=NoiseSettings(one_over_f=0.0, amplifier_drift=0.0, odd_even_drift=0.0, cosmic_rays=20.0),
        keep_noise=False,
        scene=Scene(sky=0.35, stars=60000, galaxies=2000),
    ),
    "truth_noise_nrs": replace(MODES["nrs_picture_frame"], seed=203, noise=STRONG, keep_noise=True),
    "truth_noise_nrs_sub": replace(MODES["nrs_sub"], seed=204, noise=STRONG, keep_noise=True),
    "truth_noise_niriss": replace(MODES["niriss_full"], seed=205, noise=STRONG, keep_noise=True),
}
"""Exposures that use the references of `MODES`."""

BEFORE_EMI = ("group_scale", "dq_init")
RATES = {"faint, below 1 DN/s": (-1.0, 1.0), "middle, 20 to 100": (20.0, 100.0), "bright, 200 to 2000": (200.0, 2000.0)}
PULLS = {
    "MIRI imager": ("miri_full_1x20", {"emicorr": {"skip": False}}),
    "MIRI imager, no emicorr": ("miri_full_1x20", {"emicorr": {"skip": True}}),
    "MIRI MRS": ("miri_mrs_full", {"emicorr": {"skip": False}}),
    "NIRSpec traditional": ("nrs_full", {}),
    "NIRSpec IRS2": ("nrs_irs2_full", {}),
    "NIRISS": ("niriss_full", {}),
    "FGS": ("fgs_full", {}),
    "NIRISS superstripe": ("niriss_superstripe", {}),
    "NIRCam stripes": ("nircam_stripes", {}),
    "NIRCam, white noise": ("truth_likely", {}),
}

CLEANING: dict[str, dict[str, Any]] = {
    "off": {"skip": True},
    "median": {"skip": False},
    "median, by channel": {"skip": False, "fit_by_channel": True},
    "fft": {"skip": False, "fit_method": "fft"},
}
FLICKER = {
    "nircam_noise": ("off", "median"),
    "truth_noise_niriss": ("off", "median", "median, by channel"),
    "truth_noise_nrs": ("off", "median", "fft"),
    "truth_noise_nrs_sub": ("off", "median", "fft"),
}


def prepare(folder: pathlib.Path) -> None:
    """Write what is missing, and use the cache of the folder. A cache that is there stays as it is."""
    if not (folder / "crds").exists():
        make_mode_set(folder, tuple(MODES))
    os.environ["CRDS_PATH"] = str(folder / "crds")
    for name in ("CRDS_SERVER_URL", "CRDS_CONTEXT"):
        os.environ.pop(name, None)
    for name, settings in EXTRA.items():
        if not (folder / name / settings.filename).exists():
            simulate(settings, folder / name)


def exposure(folder: pathlib.Path, name: str) -> tuple[str, ExposureSettings, Truth]:
    """Return the path, the settings and the truth of an exposure in one segment."""
    settings = (MODES | EXTRA)[name]
    path = folder / name / settings.filename if name in EXTRA else mode_files(folder, name)[0]
    return str(path), settings, Truth.load(path)


def reduce(path: str, steps: dict[str, dict[str, Any]], *, last: str | None = None) -> Any:
    """Run the pipeline in memory, up to a step if one is named; the ramp is the result then."""
    from jwst.pipeline import Detector1Pipeline
    from jwst.pipeline.calwebb_detector1 import step_order

    chosen = {name: dict(values) for name, values in steps.items()}
    if last is not None:
        order = step_order("MIRI" if "mir" in pathlib.Path(path).name else None)
        late = (*order[order.index(last) + 1 :], "ramp_fit", "gain_scale")
        for name in late:
            chosen[name] = chosen.get(name, {}) | {"skip": True}
    return Detector1Pipeline.call(path, steps=chosen, save_results=False)


def section_emi(folder: pathlib.Path) -> None:
    """Print amplitudes of the interference before and after emicorr."""
    print("emicorr: amplitude of the waves, DN")
    print(f"  {'exposure':20s}{'wave':8s}{'true':>7s}{'before':>10s}{'joint':>10s}{'sequential':>12s}{'noise':>8s}")
    for name in ("miri_sub_tso_100x5", "miri_sub256", "miri_full_1x20", "miri_slow_1x12"):
        path, settings, truth = exposure(folder, name)
        found = []
        for values in ({"skip": True}, {"skip": False}, {"skip": False, "algorithm": "sequential"}):
            with reduce(path, {"emicorr": values}, last="emicorr") as ramp:
                found.append(judge_interference(ramp.data, settings, truth))
        for before, joint, sequential in zip(*found, strict=True):
            print(
                f"  {name:20s}{before.name:8s}{before.true:7.2f}{before.amplitude:10.3f}{joint.amplitude:10.3f}"
                f"{sequential.amplitude:12.3f}{joint.error:8.3f}"
            )


def section_showers(folder: pathlib.Path) -> None:
    """Print completeness of the search for showers and its false events."""
    print("jump with find_showers")
    print(f"  {'exposure':20s}{'showers':>9s}{'found':>7s}{'without':>9s}{'false events':>14s}")
    for name in ("truth_showers", "miri_full_1x20", "miri_mrs_full"):
        path, _, truth = exposure(folder, name)
        flags = []
        for wanted in (True, False):
            steps = {"emicorr": {"skip": False}, "jump": {"find_showers": wanted}}
            with reduce(path, steps, last="jump") as ramp:
                flags.append(ramp.groupdq.copy())
        found, missed = (judge_showers(flag, truth) for flag in flags)
        false = false_showers(flags[0], flags[1], truth)
        print(f"  {name:20s}{found.showers:9d}{found.found:7d}{missed.found:9d}{false:14d}")


def section_likely(folder: pathlib.Path) -> None:
    """Print rates of both fits against the truth."""
    path, settings, truth = exposure(folder, "truth_likely")
    print(
        f"ramp_fit: {settings.nints} x {settings.ngroups} groups of {settings.region.name}, NIRCam, white noise; DN/s"
    )
    print(f"  {'fit':22s}{'pixels':22s}{'number':>8s}{'rate':>9s}{'bias':>10s}{'+-':>9s}{'scatter':>10s}{'pull':>7s}")
    cases: dict[str, dict[str, Any]] = {
        "OLS_C": {},
        "LIKELY": {"ramp_fit": {"algorithm": "LIKELY"}},
        "LIKELY, jump off": {"ramp_fit": {"algorithm": "LIKELY"}, "jump": {"skip": True}},
        "OLS_C, jump off": {"jump": {"skip": True}},
    }
    jumps = []
    for fit, steps in cases.items():
        with reduce(path, steps) as rate:
            for pixels, limits in RATES.items():
                row = rate_accuracy(rate.data, rate.err, rate.dq, truth, limits=limits)
                print(
                    f"  {fit:22s}{pixels:22s}{row.pixels:8d}{row.rate:9.3f}{row.bias:10.4f}{row.bias_error:9.4f}"
                    f"{row.scatter:10.4f}{row.pull:7.3f}"
                )
        jumps.append((fit, *_spoiled(path, steps, settings, truth)))
    for fit, spoiled, hits in jumps:
        print(f"  {fit:22s}hits above 300 electrons that spoil a rate by 5 sigma: {spoiled} of {hits}")
    with reduce(path, {}, last="jump") as ramp:
        found = judge_hits(ramp.groupdq, truth)
    print(
        f"  jump step: completeness {found.completeness:.2%} of {found.hits}, false {found.false_alarms:.1e} a sample"
    )


def _spoiled(path: str, steps: dict[str, dict[str, Any]], settings: ExposureSettings, truth: Truth) -> tuple[int, int]:
    """Hits that spoil rates of integrations, and all hits."""
    from jwst.step import RampFitStep

    with reduce(path, steps, last="jump") as ramp:
        rate, rateints = RampFitStep.call(ramp, **steps.get("ramp_fit", {}))
    with rate, rateints:
        return spoiled_hits(rateints.data, rateints.err, truth, nints=settings.nints, ngroups=settings.ngroups)


def section_pulls(folder: pathlib.Path) -> None:
    """Print slope pulls of all instruments."""
    print("rates: (rate - truth) / error over clean pixels, rate / truth above 50 DN/s")
    print(f"  {'exposure':26s}{'pixels':>10s}{'median':>9s}{'sigma':>8s}{'bright':>8s}{'ratio':>9s}{'+-':>9s}")
    for title, (name, steps) in PULLS.items():
        path, _, truth = exposure(folder, name)
        with reduce(path, steps) as rate:
            row = judge_rate(rate.data, rate.err, rate.dq, truth)
        print(
            f"  {title:26s}{row.pixels:10,d}{row.pull_median:9.4f}{row.pull_sigma:8.4f}{row.bright_pixels:8d}"
            f"{row.bright_ratio:9.5f}{row.bright_error:9.5f}"
        )


def section_flicker(folder: pathlib.Path) -> None:
    """Print 1/f noise before and after clean_flicker_noise."""
    print("clean_flicker_noise: 1/f noise of 8 DN a full frame, in differences of groups")
    print(f"  {'exposure':22s}{'fit':22s}{'slow / white':>13s}{'sigma, DN':>11s}{'1/f left':>10s}{'power left':>12s}")
    for name, methods in FLICKER.items():
        path, settings, truth = exposure(folder, name)
        for title in methods:
            fast = -2 if settings.sca.transposed else -1
            with reduce(path, {"clean_flicker_noise": CLEANING[title]}, last="clean_flicker_noise") as ramp:
                noise = line_noise(ramp.data, truth, groupdq=ramp.groupdq, fast=fast)
                left = judge_noise(ramp.data, truth, groupdq=ramp.groupdq)
            print(
                f"  {name:22s}{title:22s}{noise.slow:13.2f}{noise.sigma:11.3f}{left.left:10.4f}{left.power:12.4f}",
                flush=True,
            )


SECTIONS: dict[str, Callable[[pathlib.Path], None]] = {
    "emi": section_emi,
    "showers": section_showers,
    "likely": section_likely,
    "pulls": section_pulls,
    "flicker": section_flicker,
}
"""Parts of the table by name."""


def main() -> int:
    """Print the table, or parts of it."""
    unknown = set(sys.argv[2:]) - set(SECTIONS)
    if len(sys.argv) < 2 or unknown:
        print(__doc__)
        return 2
    logging.disable(logging.CRITICAL)
    folder = pathlib.Path(sys.argv[1]).absolute()
    prepare(folder)
    for name in sys.argv[2:] or SECTIONS:
        SECTIONS[name](folder)
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
