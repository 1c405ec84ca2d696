"""Frames of an exposure whose integrations read different lines, and the truth about the product made of them.

Source: spec common_detector.md §7. An exposure without superstripes has one kind of frame, and nothing to put together.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from jwst.simulation.detector import DetectorTruth, lines_of, make_detector
from jwst.simulation.ramp import Exposed, expose
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.truth import Truth

__all__ = ["Frame", "expose_frames", "frames_of", "put_together"]


@dataclass(frozen=True, eq=False)
class Frame:
    """What a frame consists of.

    Parameters
    ----------
    detector : DetectorTruth
        Truth about its pixels.
    rate : (ny, nx) ndarray of float32, electrons per second
        Light on them.
    """

    detector: DetectorTruth
    rate: np.ndarray


def frames_of(settings: ExposureSettings, light: np.ndarray) -> Iterator[Frame]:
    """Yield the kinds of frames of an exposure.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    light : (ny, nx) ndarray of float32, electrons per second
        Light on the rectangle that all its lines are part of.

    Yields
    ------
    Frame
        One for each superstripe.
    """
    for stripe in range(settings.superstripes):
        detector = make_detector(settings.detector, settings.region, stripe=stripe)
        yield Frame(detector, lines_of(light, settings.region, settings.sca, stripe=stripe))


def expose_frames(
    settings: ExposureSettings, frames: tuple[Frame, ...], *, hits: np.ndarray, integrations: range
) -> Exposed:
    """Make raw ramps whose integrations show one kind of frame after the other.

    Parameters
    ----------
    settings : ExposureSettings
        The exposure.
    frames : tuple of Frame
        Kinds of frames.
    hits : (n,) ndarray of `jwst.simulation.cosmic_rays.HITS`
        Cosmic rays of the whole exposure.
    integrations : range
        Integrations to make.

    Returns
    -------
    Exposed
    """
    if len(frames) == 1:
        return expose(settings, frames[0].detector, rate=frames[0].rate, hits=hits, integrations=integrations)
    parts = [
        expose(settings, frame.detector, rate=frame.rate, hits=hits, integrations=integrations[number :: len(frames)])
        for number, frame in enumerate(frames)
    ]
    zero = [part.zeroframe for part in parts if part.zeroframe is not None]
    noise = [part.noise for part in parts if part.noise is not None]
    data = _in_turn([part.data for part in parts])
    return Exposed(data, _in_turn(zero) if zero else None, _in_turn(noise) if noise else None)


def _in_turn(parts: list[np.ndarray]) -> np.ndarray:
    """Put integrations of several parts one after the other, the first of each first."""
    stacked = np.stack(parts, axis=1)
    return stacked.reshape(-1, *stacked.shape[2:])


def put_together(truth: Truth, settings: ExposureSettings, light: np.ndarray) -> Truth:
    """Return the truth about the product of an exposure with superstripes.

    Parameters
    ----------
    truth : Truth
        Truth about the exposure, with planes of the first kind of frame.
    settings : ExposureSettings
        The exposure.
    light : (ny, nx) ndarray of float32, electrons per second
        Light on the rectangle that all its lines are part of.

    Returns
    -------
    Truth
        Planes of the rectangle of the product; pixels that no stripe reads are not usable. Light curve and noise are
        those of single stripes.
    """
    region, sca = settings.region, settings.sca
    assert region.stripes is not None
    axis, name = (1, "x") if sca.transposed else (0, "y")
    length, product, parent = region.shape[axis], region.product(sca), region.parent(sca)
    science = region.stripes.science(length, sca)
    start = (product.xstart if sca.transposed else product.ystart) - 1
    places = [region.stripes.places(length, sca, stripe=k) - start for k in range(region.stripes.count)]
    seen = np.zeros(product.shape[axis], bool)
    for place in places:
        seen[place[science]] = True
    whole = make_detector(settings.detector, parent)
    cut = (slice(None),) * axis + (slice(start, start + product.shape[axis]),)
    rate = light[cut] * np.float32(truth.light_curve.mean())
    hits = truth.hits[science[truth.hits[name]]].copy()
    hits[name] = np.stack(places)[hits["integration"] % len(places), hits[name]]
    hits["integration"] //= len(places)
    return replace(
        truth,
        rate=rate / whole.gain[cut],
        electron_rate=rate,
        dark=whole.dark[cut],
        gain=whole.gain[cut],
        flat=whole.flat[cut],
        usable=whole.usable[cut] & (seen[None, :] if sca.transposed else seen[:, None]),
        hits=hits,
    )
