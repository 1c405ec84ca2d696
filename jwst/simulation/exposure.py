"""Simulated exposures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jwst.simulation.cosmic_rays import Hits, draw_hits
from jwst.simulation.detector import make_detector
from jwst.simulation.nirspec_optics_msa import metafile_name, write_metafile
from jwst.simulation.ramp import Exposed
from jwst.simulation.scene import render_scene
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.superstripes import Frame, expose_frames, frames_of, put_together
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
    segments : tuple of SimulatedExposure
        One for each segment, if there are several; the first one has the path and the truth of the whole.
    """

    path: Path
    truth_path: Path
    settings: ExposureSettings
    segments: tuple[SimulatedExposure, ...] = ()


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
        The two files. The same settings always give the same pixels. With exposures of the microshutters comes the
        file that says which are open (MSAMETFL).

    Notes
    -----
    Source: spec simulation_and_offline_crds.md §B.
    """
    output_dir = Path(output_dir)
    output_dir.mkdir(parents=True, exist_ok=True)
    whole = make_detector(settings.detector, settings.region.parent(settings.sca))
    light = render_scene(settings.scene, whole.subarray) * whole.flat
    frames = tuple(frames_of(settings, light))
    scene = _Scene(settings, frames, draw_hits(settings, frames[0].detector.reference), light)
    parts = tuple(scene.segment(number, output_dir) for number in range(len(settings.segment_ranges)))
    if settings.type == "NRS_MSASPEC":
        write_metafile(output_dir / metafile_name(settings.root))
    first = parts[0]
    return SimulatedExposure(first.path, first.truth_path, settings, parts if len(parts) > 1 else ())


@dataclass(frozen=True, eq=False)
class _Scene:
    """What an exposure looks at, with which lines of the detector."""

    settings: ExposureSettings
    frames: tuple[Frame, ...]
    hits: Hits
    light: np.ndarray

    def segment(self, number: int, output_dir: Path) -> SimulatedExposure:
        """Expose and write one segment."""
        from jwst.simulation.level1b import write_level1b

        settings, integrations = self.settings, self.settings.segment_ranges[number]
        exposed = expose_frames(settings, self.frames, hits=self.hits.pixels, integrations=integrations)
        path = output_dir / settings.segment_filename(number)
        write_level1b(path, settings, exposed, segment=number)
        truth = self._truth(exposed, integrations)
        (truth if len(self.frames) == 1 else put_together(truth, settings, self.light)).save(truth_path(path))
        return SimulatedExposure(path, truth_path(path), settings)

    def _truth(self, exposed: Exposed, integrations: range) -> Truth:
        settings, detector = self.settings, self.frames[0].detector
        curve = np.ones(len(integrations))
        if settings.light_curve is not None:
            curve = settings.light_curve.factors(settings.nints)[integrations.start : integrations.stop]
        rate = self.frames[0].rate * np.float32(curve.mean())
        return Truth(
            rate=(rate / detector.gain * np.float32(detector.gain_factor)).astype(np.float32),
            electron_rate=rate,
            dark=detector.dark,
            gain=detector.gain,
            flat=detector.flat,
            usable=detector.usable,
            hits=_of_integrations(self.hits.pixels, integrations),
            nframes=settings.readout.nframes,
            groupgap=settings.readout.groupgap,
            group_time=settings.group_time,
            showers=_of_integrations(self.hits.showers, integrations),
            light_curve=curve,
            noise=np.zeros((0, 0, 0, 0), np.float32) if exposed.noise is None else exposed.noise,
        )


def _of_integrations(events: np.ndarray, integrations: range) -> np.ndarray:
    """Events of some integrations, which are counted from 0 then."""
    low, high = integrations.start, integrations.stop
    chosen = events[(events["integration"] >= low) & (events["integration"] < high)].copy()
    chosen["integration"] -= low
    return chosen
