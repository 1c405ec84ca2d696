"""Simulated NIRCam exposures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwst.simulation.cosmic_rays import draw_hits
from jwst.simulation.detector import make_detector
from jwst.simulation.ramp import expose
from jwst.simulation.scene import render_scene
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.truth import Truth, truth_path

__all__ = ["SimulatedExposure", "simulate"]


@dataclass(frozen=True)
class SimulatedExposure:
    """A simulated exposure on disk.

    Parameters
    ----------
    path : Path
        The level-1b file, ``…_uncal.fits``.
    truth_path : Path
        What it contains, ``…_truth.npz``; see `Truth.load`.
    settings : ExposureSettings
        What was asked for.
    """

    path: Path
    truth_path: Path
    settings: ExposureSettings


def simulate(settings: ExposureSettings, output_dir: str | Path = ".") -> SimulatedExposure:
    """Simulate an exposure and write it with its truth.

    Parameters
    ----------
    settings : ExposureSettings
        What to simulate.
    output_dir : str or Path
        Where to write; made if missing.

    Returns
    -------
    SimulatedExposure
        The two files. The same settings always give the same pixels.

    Notes
    -----
    Source: spec simulation_and_offline_crds.md §B.
    """
    from jwst.simulation.level1b import write_level1b

    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    detector = make_detector(settings.detector, settings.region)
    rate = render_scene(settings.scene, settings.region) * detector.flat
    hits = draw_hits(settings, detector.reference)
    exposed = expose(settings, detector, rate, hits)
    path = output_dir / settings.filename
    write_level1b(path, settings, exposed)
    truth = Truth(
        rate=(rate / detector.gain).astype(np.float32),
        electron_rate=rate,
        dark=detector.dark,
        gain=detector.gain,
        flat=detector.flat,
        usable=detector.usable,
        hits=hits,
        nframes=settings.readout.nframes,
        groupgap=settings.readout.groupgap,
        group_time=settings.group_time,
    )
    truth.save(truth_path(path))
    return SimulatedExposure(path, truth_path(path), settings)
