"""From light to raw ramps.

Electrons are drawn twice per group, not per frame: those before the first frame count fully in the mean of the group,
those between its frames with one half on average; the scatter of the weights of these is a normal deviate added to the
read noise. Mean and covariance of group averages are exact. Pixels that come near the full well are followed frame by
frame, because the mean of clipped frames is no function of the mean signal.
"""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from jwst.simulation.detector import DetectorTruth
from jwst.simulation.effects import Effects, effects_for
from jwst.simulation.irs2 import IRS2_LINES, Irs2Frame
from jwst.simulation.noise import LevelDrifts, OneOverF
from jwst.simulation.response import averaging_offset, respond
from jwst.simulation.settings import ExposureSettings

__all__ = ["Exposed", "expose"]

TILE_PIXELS = 131072
BRIGHT_FRACTION = 0.55
ADC_LIMIT = 65535


@dataclass(frozen=True, eq=False)
class _Light:
    """What falls on the detector: electrons per frame and hits of one integration."""

    per_frame: np.ndarray
    hits: np.ndarray


@dataclass(frozen=True, eq=False)
class _Group:
    """What the tiles of one group need; ``place`` is the integration in the array, not in the exposure."""

    integration: int
    place: int
    number: int
    linear: np.ndarray | float
    level: np.ndarray
    correlated: np.ndarray
    zero_correlated: np.ndarray | None


@dataclass(frozen=True, eq=False)
class Exposed:
    """Raw samples.

    Parameters
    ----------
    data : (nints, ngroups, ny, nx) ndarray of uint16, DN
        Ramps.
    zeroframe : (nints, ny, nx) ndarray of uint16 or None, DN
        First frames, where groups are means of several.
    noise : (nints, ngroups, ny, nx) ndarray of float32 or None, DN
        1/f noise that the groups contain, if it was to be kept.
    """

    data: np.ndarray
    zeroframe: np.ndarray | None
    noise: np.ndarray | None = None


def _part(plane: np.ndarray, rows: slice) -> np.ndarray:
    """Rows of a plane; a single row stands for all."""
    return plane if plane.shape[0] == 1 else plane[rows]


class _Tile:
    """Some rows of one integration while the groups go by."""

    def __init__(self, job: _Job, rows: slice, light: _Light, integration: int) -> None:
        self.job, self.rows = job, rows
        detector = job.detector
        self.rate = light.per_frame[rows]
        self.gain, self.full_well = detector.gain[rows], detector.full_well[rows]
        self.coeffs = detector.coeffs[:, rows]
        self.electrons = np.zeros(self.rate.shape, np.float32)
        self.pedestal: np.ndarray | None = None
        hits = light.hits[(light.hits["y"] >= rows.start) & (light.hits["y"] < rows.stop)]
        self.frame = hits["frame"]
        self.pixel = (hits["y"] - rows.start) * self.rate.shape[1] + hits["x"]
        self.charge = hits["electrons"]
        rng = np.random.default_rng((job.settings.seed, 201, integration, rows.start))
        self.reset = rng.standard_normal(self.rate.shape, dtype=np.float32)
        self.reset *= np.float32(job.settings.noise.ktc)
        self.reset += detector.bias[rows]
        self._find_bright()

    def _find_bright(self) -> None:
        """Pick the pixels that are followed frame by frame."""
        final = self.rate * self.job.frames
        np.add.at(final.reshape(-1), self.pixel, self.charge)
        self.bright = np.flatnonzero(final.ravel() > BRIGHT_FRACTION * self.full_well.ravel())
        place = np.full(self.rate.size, -1)
        place[self.bright] = np.arange(len(self.bright))
        chosen = place[self.pixel] >= 0
        self.bright_frame, self.bright_charge = self.frame[chosen], self.charge[chosen]
        self.bright_place = place[self.pixel[chosen]]
        self.bright_electrons = np.zeros(len(self.bright))

    def _set_pedestal(self, linear: np.ndarray | float) -> None:
        """Take the signal that is there without electrons."""
        pedestal = self.job.detector.pedestal
        if isinstance(linear, np.ndarray):
            self.pedestal = linear[self.rows] + np.float32(pedestal)
        elif pedestal + linear:
            self.pedestal = np.full(self.rate.shape, pedestal + linear, np.float32)

    def _add_hits(self, image: np.ndarray, first: int, stop: int, *, average_end: int | None = None) -> None:
        """Add the charge of frames first to stop-1; up to ``average_end``, weighted by the part that the mean sees."""
        low, high = np.searchsorted(self.frame, (first, stop))
        charge = self.charge[low:high]
        if average_end is not None:
            charge = charge * ((average_end - self.frame[low:high]) / self.job.readout.nframes).astype(np.float32)
        np.add.at(image.reshape(-1), self.pixel[low:high], charge)

    def _response(self, electrons: np.ndarray) -> np.ndarray:
        signal = np.minimum(electrons, self.full_well) / self.gain
        if self.pedestal is not None:
            signal += self.pedestal
        return respond(signal, self.coeffs)

    def _bright_frames(self, rng: np.random.Generator, group: int) -> tuple[np.ndarray, np.ndarray]:
        """Follow the bright pixels to the end of a group: mean raw signal, and raw signal of the first frame."""
        readout = self.job.readout
        first, stop = group * readout.period, group * readout.period + readout.nframes
        rate, gain, full_well = (plane.ravel()[self.bright] for plane in (self.rate, self.gain, self.full_well))
        pedestal = np.float32(0) if self.pedestal is None else self.pedestal.ravel()[self.bright]
        coeffs = self.coeffs.reshape(4, -1)[:, self.bright]
        total, zero = np.zeros(len(self.bright)), np.zeros(len(self.bright))
        for frame in range(max(first - readout.groupgap, 0), stop):
            self.bright_electrons += rng.poisson(rate)
            low, high = np.searchsorted(self.bright_frame, (frame, frame + 1))
            np.add.at(self.bright_electrons, self.bright_place[low:high], self.bright_charge[low:high])
            if frame >= first:
                raw = respond(np.minimum(self.bright_electrons, full_well) / gain + pedestal, coeffs)
                total += raw
                zero = raw if frame == first else zero
        return total / readout.nframes, zero

    def expose(self, group: _Group) -> None:
        """Collect the light of the next group and write its samples."""
        readout, number = self.job.readout, group.number
        self._set_pedestal(group.linear)
        rng = np.random.default_rng((self.job.settings.seed, 202, group.integration, number, self.rows.start))
        first, stop = number * readout.period, number * readout.period + readout.nframes
        last = first - readout.groupgap if number else 0
        before = self.rate if number == 0 else self.rate * np.float32(readout.groupgap + 1)
        self.electrons += rng.poisson(before)
        self._add_hits(self.electrons, last, first + 1)
        mean = self.electrons.copy()
        self._add_hits(mean, first + 1, stop, average_end=stop)
        during = None
        if readout.nframes > 1:
            during = rng.poisson(self.rate * np.float32(readout.nframes - 1)).astype(np.float32)
            mean += np.float32(0.5) * during
        raw = self._response(mean)
        if readout.nframes > 1:
            spread = (self.rate / self.gain) ** 2 * np.float32((readout.nframes**2 - 1) / 12)
            raw += averaging_offset(raw, self.coeffs, spread)
        bright, bright_first = self._bright_frames(rng, number)
        raw.reshape(-1)[self.bright] = bright
        first_read = None
        if group.zero_correlated is not None:
            first_read = self._zero_frame(rng, group, bright_first)
        raw += self._noise(rng, during, first_read)
        self._digitize(raw, group.correlated, group.level, self.job.data[group.place, number])
        if during is not None:
            self.electrons += during
        self._add_hits(self.electrons, first + 1, stop)

    def _noise(self, rng: np.random.Generator, during: np.ndarray | None, first_read: np.ndarray | None) -> np.ndarray:
        """White noise of the mean of a group: reads, and the moments at which electrons came between its frames."""
        nframes = self.job.readout.nframes
        reads = nframes if first_read is None else nframes - 1
        variance = self.job.read_variance[self.rows] * np.float32(reads / nframes**2)
        if during is not None:
            moments = during * np.float32((nframes - 2) / (12 * nframes)) / self.gain**2
            moments.reshape(-1)[self.bright] = 0
            variance += moments
        noise = rng.standard_normal(variance.shape, dtype=np.float32)
        noise *= np.sqrt(variance, out=variance)
        if first_read is not None:
            noise += first_read * np.float32(1 / nframes)
        return noise

    def _zero_frame(self, rng: np.random.Generator, group: _Group, bright: np.ndarray) -> np.ndarray:
        """Write the first frame by itself; return its read noise, which is part of the first group too."""
        assert self.job.zeroframe is not None
        assert group.zero_correlated is not None
        zero = self._response(self.electrons)
        zero.reshape(-1)[self.bright] = bright
        read = rng.standard_normal(zero.shape, dtype=np.float32) * np.sqrt(self.job.read_variance[self.rows])
        zero += read
        self._digitize(zero, group.zero_correlated, group.level, self.job.zeroframe[group.place])
        return read

    def _digitize(self, raw: np.ndarray, correlated: np.ndarray, level: np.ndarray, out: np.ndarray) -> None:
        """Add reset level, bias, correlated noise and drifts; write the converted numbers."""
        raw += self.reset
        raw += correlated[self.rows]
        raw += _part(level, self.rows)
        out[self.job.lines(self.rows)] = convert(raw)


def convert(raw: np.ndarray) -> np.ndarray:
    """Return what the converter makes of levels, rounded and clipped in place: ndarray of float32, 0 to 65535 DN."""
    np.rint(raw, out=raw)
    return np.clip(raw, 0, ADC_LIMIT, out=raw)


class _Job:
    """One exposure under way: settings, truth, and the arrays to fill."""

    def __init__(self, settings: ExposureSettings, detector: DetectorTruth, integrations: range) -> None:
        self.settings, self.detector, self.readout = settings, detector, settings.readout
        self.integrations = integrations
        self.frames = settings.readout.frames(settings.ngroups)
        self.read_variance = (detector.read_noise * np.float32(settings.noise.read_noise)) ** 2
        self.irs2 = Irs2Frame(settings, detector) if settings.readout.irs2 else None
        nints, (_, ngroups, ny, nx) = len(integrations), settings.shape
        self.data = np.empty((nints, ngroups, IRS2_LINES if self.irs2 else ny, nx), np.uint16)
        self.zeroframe = np.empty((nints, ny, nx), np.uint16) if settings.zero_frame else None
        self.noise = np.empty((nints, ngroups, ny, nx), np.float32) if settings.keep_noise else None

    def tile_rows(self) -> list[slice]:
        """Rows of the tiles."""
        _, _, ny, nx = self.settings.shape
        step = max(TILE_PIXELS // nx, 1)
        return [slice(start, min(start + step, ny)) for start in range(0, ny, step)]

    def lines(self, rows: slice) -> slice | np.ndarray:
        """Return where rows of pixels lie in the data."""
        return rows if self.irs2 is None else self.irs2.normal_rows[rows]


class _Offsets:
    """What is added to whole planes: effects, drifts, 1/f noise."""

    def __init__(self, job: _Job, effects: Effects, pool: Executor) -> None:
        self.job, self.effects, self.pool = job, effects, pool
        self.drifts = LevelDrifts(job.settings)
        self.correlated = OneOverF(job.settings)

    def group(self, place: int, integration: int, number: int) -> _Group:
        """Collect the offsets of a group, and keep its noise if that is wanted."""
        job = self.job
        seed, frames = (job.settings.seed, 203, integration, number), job.readout.nframes
        if job.irs2 is None:
            plane = self.correlated.plane((*seed, 0), frames=frames, pool=self.pool)
        else:
            noise = job.irs2.noise((*seed, 0), frames=frames, pool=self.pool)
            plane = noise[job.irs2.normal_rows]
            drifts = self.drifts.walk[integration, number, :, 0]
            job.irs2.write_references(job.data[place, number], noise, drifts=drifts, seed=(*seed, 2))
        if job.noise is not None:
            job.noise[place, number] = plane
        zero = None
        if number == 0 and job.zeroframe is not None:
            zero = self.correlated.plane((*seed, 1), frames=1, pool=self.pool)
        level, raw = self.drifts.plane(integration, number), self.effects.raw(integration, number)
        if isinstance(raw, np.ndarray):
            level = level + raw
        return _Group(integration, place, number, self.effects.linear(integration, number), level, plane, zero)


def expose(
    settings: ExposureSettings,
    detector: DetectorTruth,
    *,
    rate: np.ndarray,
    hits: np.ndarray,
    integrations: range | None = None,
) -> Exposed:
    """Make the raw ramps of an exposure or of a segment of it.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    detector : DetectorTruth
        Truth of the rectangle that is read.
    rate : (ny, nx) ndarray of float32, electrons per second
        Light as the pixels see it, without dark current.
    hits : (n,) ndarray of `jwst.simulation.cosmic_rays.HITS`
        Cosmic rays of the whole exposure.
    integrations : range, optional
        Integrations to make; by default all.

    Returns
    -------
    Exposed
        Independent of the number of threads, and the same for an integration in any segment.

    Notes
    -----
    Beside the result a few planes are kept: one group of all tiles is made at a time.
    """
    job = _Job(settings, detector, range(settings.nints) if integrations is None else integrations)
    curve = None if settings.light_curve is None else settings.light_curve.factors(settings.nints)
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        offsets = _Offsets(job, effects_for(settings, detector, rate), pool)
        for place, integration in enumerate(job.integrations):
            seen = rate if curve is None else rate * np.float32(curve[integration])
            per_frame = (seen + detector.dark) * np.float32(settings.frame_time)
            light = _Light(per_frame, hits[hits["integration"] == integration])
            tiles = [_Tile(job, rows, light, integration) for rows in job.tile_rows()]
            for number in range(settings.ngroups):
                group = offsets.group(place, integration, number)
                list(pool.map(lambda tile, group=group: tile.expose(group), tiles))
    return Exposed(job.data, job.zeroframe, job.noise)
