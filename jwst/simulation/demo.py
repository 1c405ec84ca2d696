"""The demo: simulate an exposure, calibrate it, compare it with the truth; then a mosaic of dithered exposures."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwst.lib.dqflags import JUMP_DET
from jwst.simulation.crds_cache import cache_for
from jwst.simulation.demo_mosaic import MosaicResult, make_mosaic, mosaic_settings
from jwst.simulation.exposure import SimulatedExposure, simulate
from jwst.simulation.judge import TruthSummary, compare_with_truth
from jwst.simulation.picture import Panel, draw_panels
from jwst.simulation.scene import Scene
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.truth import Truth
from stpipe.exceptions import OutputError

__all__ = ["DemoResult", "draw_demo", "run_demo"]


@dataclass(frozen=True)
class DemoResult:
    """What the demo made.

    Parameters
    ----------
    exposure : SimulatedExposure
        The exposure.
    crds_path : Path
        The cache.
    rate, ramp, picture : Path
        Products.
    summary : TruthSummary
        Agreement with the truth.
    seconds : dict of str to float
        Time of each part.
    mosaic : MosaicResult
        The mosaic of dithered exposures and its catalogue.
    """

    exposure: SimulatedExposure
    crds_path: Path
    rate: Path
    ramp: Path
    picture: Path
    summary: TruthSummary
    seconds: dict[str, float]
    mosaic: MosaicResult

    @property
    def good(self) -> bool:
        """True if everything is within its limits."""
        return self.summary.good and self.mosaic.summary.good


def _demo_settings(small: bool) -> ExposureSettings:
    if small:
        return ExposureSettings(subarray="SUB320", scene=Scene(stars=8000, galaxies=2000))
    return ExposureSettings()


@contextmanager
def _crds_path(path: Path) -> Iterator[None]:
    """Let crds use a cache and nothing else for the time of a run."""
    names = ("CRDS_PATH", "CRDS_SERVER_URL", "CRDS_CONTEXT")
    before = {name: os.environ.pop(name, None) for name in names}
    os.environ["CRDS_PATH"] = str(path)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _calibrate(uncal: Path, verbose: bool) -> None:
    from jwst.pipeline import Detector1Pipeline

    saving = {"output_dir": str(uncal.parent), "save_results": True, "save_calibrated_ramp": True}
    Detector1Pipeline.call(str(uncal), configure_log=verbose, **saving)


def draw_demo(path: Path, exposure: Path, rate: Path, ramp: Path) -> None:
    """Draw raw data, rate, residual and jumps of an exposure.

    Parameters
    ----------
    path : Path
        The PNG.
    exposure, rate, ramp : Path
        Level-1b file, rate and calibrated ramp of a simulated exposure.
    """
    from astropy.io import fits

    truth = Truth.load(exposure)
    with fits.open(exposure) as file:
        last = file["SCI"].data[-1, -1].astype(np.float32)
        where = f"{file[0].header['DETECTOR']} {file[0].header['SUBARRAY']} {file[0].header['READPATT']}"
        shape = " x ".join(str(size) for size in file["SCI"].data.shape)
    with fits.open(rate) as file:
        data, err = file["SCI"].data, file["ERR"].data
    with fits.open(ramp) as file:
        jumps = ((file["GROUPDQ"].data & JUMP_DET) != 0).any(axis=(0, 1))
    pull = np.divide(data - truth.rate, err, out=np.full(data.shape, np.nan, np.float32), where=err > 0)
    pull[~truth.usable] = np.nan
    panels = [
        Panel("Raw data, last group", last, "DN"),
        Panel("Rate", data, "DN/s", (1.0, 99.0)),
        Panel("(rate - truth) / error", pull, "sigma", (2.0, 98.0), diverging=True),
        Panel("Pixels with a cosmic ray flagged", jumps.astype(np.float32), "(part of pixels)", (0.0, 99.8)),
    ]
    draw_panels(path, f"{exposure.name}", panels, subtitle=f"{where}, {shape}, simulated")


def run_demo(
    output: str | Path, *, small: bool = False, verbose: bool = False, say: Callable[[str], None] = print
) -> DemoResult:
    """Simulate, calibrate, compare, draw: one exposure, then dithered exposures that become a mosaic and a catalogue.

    Parameters
    ----------
    output : str or Path
        Folder for everything; made if missing.
    small : bool
        A subarray instead of a full frame, and smaller windows in the mosaic.
    verbose : bool
        Show the log of the pipeline.
    say : callable
        Gets one line of text after the other.

    Returns
    -------
    DemoResult

    Raises
    ------
    OutputError
        A pipeline ended without its product.
    """
    output, settings, field = Path(output).absolute(), _demo_settings(small), mosaic_settings(small)
    seconds: dict[str, float] = {}

    def timed(name: str, work: Callable[[], object]) -> object:
        start = time.perf_counter()
        result = work()
        took = time.perf_counter() - start
        seconds[name] = seconds.get(name, 0.0) + took
        say(f"{name:<28}{took:8.2f} s")
        return result

    crds_path = output / "crds_cache"
    frames = [frame.settings for frame in field.frames()]
    timed("reference files", lambda: cache_for(crds_path, [settings, *frames[: len(field.detectors)]]))
    with _crds_path(crds_path):
        exposure, rate, ramp, picture = _one_exposure(settings, output, verbose, timed)
        summary = timed("comparison", lambda: compare_with_truth(rate, ramp=ramp))
        assert isinstance(summary, TruthSummary)
        timed("picture", lambda: draw_demo(picture, exposure.path, rate, ramp))
        _tell_products(output, settings.filename.replace("_uncal.fits", "_*"), say)
        say(f"  {crds_path}  (CRDS_PATH for these data)\n\nAgainst the truth\n{summary}\n")
        mosaic = make_mosaic(field, output / "mosaic", timed=timed, verbose=verbose)
    _tell_products(mosaic.mosaic.parent, f"{mosaic.field.product}_*", say)
    say(f"\nAgainst the truth\n{mosaic.summary}")
    return DemoResult(exposure, crds_path, rate, ramp, picture, summary, seconds, mosaic)


def _one_exposure(
    settings: ExposureSettings, output: Path, verbose: bool, timed: Callable[[str, Callable[[], object]], object]
) -> tuple[SimulatedExposure, Path, Path, Path]:
    """Simulate and calibrate an exposure: it, its rate, its ramp, and where the picture goes."""
    exposure = timed("exposure", lambda: simulate(settings, output))
    assert isinstance(exposure, SimulatedExposure)
    timed("Detector1Pipeline", lambda: _calibrate(exposure.path, verbose))
    rate, ramp, picture = (
        exposure.path.with_name(exposure.path.name.replace("_uncal.fits", ending))
        for ending in ("_rate.fits", "_ramp.fits", "_demo.png")
    )
    if not rate.exists():
        raise OutputError(f"The pipeline ended without {rate}; see its log for the reason.")
    return exposure, rate, ramp, picture


def _tell_products(folder: Path, pattern: str, say: Callable[[str], None]) -> None:
    say("\nProducts")
    for path in sorted(folder.glob(pattern)):
        say(f"  {path}  ({path.stat().st_size / 1e6:.1f} MB)")
