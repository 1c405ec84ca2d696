"""Dithered exposures of one field: rates or raw data, truth, associations, catalogues, references."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from jwst.lib.dqflags import DO_NOT_USE, REFERENCE_PIXEL
from jwst.simulation.cosmic_rays import CHARGE_SCATTER, MEDIAN_CHARGE
from jwst.simulation.crds_cache import cache_for
from jwst.simulation.detector import DetectorTruth, make_detector
from jwst.simulation.field_settings import FieldFrame, FieldSettings
from jwst.simulation.field_truth import OUTLIERS, FrameTruth, frame_truth_path
from jwst.simulation.field_view import FieldView, place_sources, true_wcs
from jwst.simulation.references_photom import electrons_per_mjysr, filter_width
from jwst.simulation.sky_field import draw_sources, source_table

__all__ = ["SimulatedField", "field_cache", "simulate_field"]

DEAD, HOT, NON_SCIENCE = 1024, 2048, 512
LONGEST = 4
"""Pixels of an outlier."""
ABSOLUTE_LIMIT = 23.0
"""Faintest star of the absolute catalogue, AB magnitude."""
MARGIN = 2.0
"""Around the outermost frames, arcsec."""


@dataclass(frozen=True)
class SimulatedField:
    """A field on disk.

    Parameters
    ----------
    exposures : tuple of Path
        Rates (``…_rate.fits``) or raw data (``…_uncal.fits``), detector by detector for each exposure. Beside each lies
        its truth, ``…_frame.npz``; see `FrameTruth.load`.
    sources : Path
        Everything on the sky, ECSV.
    stars : Path
        The brighter stars as an absolute reference catalogue (RA, DEC, mag), ECSV.
    associations : (Path, Path)
        For Image2Pipeline and Image3Pipeline.
    product : str
        Name of the mosaic.
    """

    exposures: tuple[Path, ...]
    sources: Path
    stars: Path
    associations: tuple[Path, Path]
    product: str

    @classmethod
    def load(cls, folder: str | Path) -> SimulatedField:
        """Find the field in a folder.

        Raises
        ------
        FileNotFoundError
            There is none.
        """
        folder = Path(folder).absolute()
        found = sorted(folder.glob("*_sources.ecsv"))
        if not found:
            raise FileNotFoundError(f"No simulated field (…_sources.ecsv) in {folder}")
        frames = sorted(folder.glob("*_frame.npz"))
        stems = [str(path).removesuffix("_frame.npz") for path in frames]
        ends = [("_rate.fits", "_uncal.fits")[not Path(f"{stem}_rate.fits").exists()] for stem in stems]
        paths = tuple(Path(stem + end) for stem, end in zip(stems, ends))
        return _named(folder, found[0].name.removesuffix("_sources.ecsv"), paths)

    def truths(self) -> Iterator[FrameTruth]:
        """Yield the truth of each exposure."""
        for path in self.exposures:
            yield FrameTruth.load(path)


def _named(folder: Path, product: str, exposures: tuple[Path, ...]) -> SimulatedField:
    sources, stars = (folder / f"{product}_{kind}.ecsv" for kind in ("sources", "stars"))
    associations = (folder / f"{product}_image2_asn.json", folder / f"{product}_image3_asn.json")
    return SimulatedField(exposures, sources, stars, associations, product)


def field_cache(root: str | Path, settings: FieldSettings, *, raw: bool = False) -> Path:
    """Write an offline CRDS cache for a field.

    Parameters
    ----------
    root : str or Path
        Root folder, the value for CRDS_PATH.
    settings : FieldSettings
        The field.
    raw : bool
        With what Detector1Pipeline needs.

    Returns
    -------
    Path
        The root, absolute. The released pipeline can use it too.
    """
    frames = list(settings.frames())[: len(settings.detectors)]
    return cache_for(root, [frame.settings for frame in frames], traps=False, images_only=not raw)


def simulate_field(settings: FieldSettings, folder: str | Path = ".", *, raw: bool = False) -> SimulatedField:
    """Simulate dithered exposures of a field and write everything about them.

    Parameters
    ----------
    settings : FieldSettings
        What to simulate.
    folder : str or Path
        Where to write; made if missing.
    raw : bool
        Level-1b exposures for Detector1Pipeline, with all its effects; otherwise rates, drawn at once.

    Returns
    -------
    SimulatedField
        The same settings always give the same pixels. Cosmic rays of raw exposures are in their own truth
        (``…_truth.npz``): they have no other outliers.

    Notes
    -----
    Source: spec simulation_and_offline_crds.md §B.
    """
    from jwst.simulation.exposure import simulate

    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    frames = list(settings.frames())
    views = [_Geometry(frame) for frame in frames]
    sources = draw_sources(settings.sky, _radius(settings, views), density=settings.density)
    paths = []
    for frame, geometry in zip(frames, views):
        view = geometry.view(sources, settings.background)
        truth = _truth(settings, frame, view, geometry)
        if raw:
            exposure = replace(frame.settings, scene=view)
            path, truth = simulate(exposure, folder).path, replace(truth, outliers=np.zeros(0, OUTLIERS))
        else:
            path = folder / frame.rate_name
            _write_rate(path, settings, frame, truth)
        truth.save(frame_truth_path(path))
        paths.append(path)
    found = _named(folder, settings.product, tuple(paths))
    _write_catalogues(found, sources)
    _write_associations(found)
    return found


class _Geometry:
    """Where a frame really looks."""

    def __init__(self, frame: FieldFrame) -> None:
        from jwst.simulation.level1b import exposure_metadata

        settings = frame.settings
        assert settings.pointing is not None
        self.frame, self.shape = frame, settings.region.shape
        looks = replace(settings, pointing=settings.pointing.moved(frame.error))
        self.metadata = exposure_metadata(looks)
        self.wcs = true_wcs(self.metadata, self.shape)

    @property
    def reference(self) -> np.ndarray:
        """True V2, V3, right ascension, declination, roll of the reference point."""
        names = ("v2_ref", "v3_ref", "ra_ref", "dec_ref", "roll_ref")
        return np.array([self.metadata["wcsinfo"][name] for name in names])

    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Right ascension and declination of the corners, deg."""
        ny, nx = self.shape
        ra, dec = self.wcs(np.array([0, nx, nx, 0]) - 0.5, np.array([0, 0, ny, ny]) - 0.5, with_bounding_box=False)
        return ra, dec

    def view(self, sources: np.ndarray, background: float) -> FieldView:
        """What it sees."""
        sca, optics = self.frame.settings.sca, self.frame.settings.light_path
        names = tuple(name for name in (optics.filter, optics.pupil) if name)
        response = electrons_per_mjysr(filter_width(names), sca.pixel_scale)
        placed = place_sources(self.wcs, sources["ra"], sources["dec"])
        light = background + self.frame.pedestal
        return FieldView(sources, placed, light, sca.pixel_scale**2, response)


def _radius(settings: FieldSettings, views: list[_Geometry]) -> float:
    """Of a disc around the centre that covers all frames, arcsec."""
    ra, dec = (np.concatenate(values) for values in zip(*(view.corners() for view in views)))
    east = ((ra - settings.sky.ra + 180) % 360 - 180) * np.cos(np.radians(dec))
    return float(np.hypot(east, dec - settings.sky.dec).max()) * 3600 + MARGIN


def _border(settings: FieldSettings, shape: tuple[int, int]) -> np.ndarray:
    inner = np.ones(shape, bool)
    inner[settings.border : shape[0] - settings.border, settings.border : shape[1] - settings.border] = False
    return inner


def _truth(settings: FieldSettings, frame: FieldFrame, view: FieldView, geometry: _Geometry) -> FrameTruth:
    detector = make_detector(frame.settings.detector, frame.settings.region)
    usable = detector.usable & ~_border(settings, detector.usable.shape)
    error = frame.error
    return FrameTruth(
        brightness=view.brightness(geometry.shape).astype(np.float32),
        usable=usable,
        outliers=_draw_outliers(settings, frame, detector, usable),
        x=view.placed.x,
        y=view.placed.y,
        background=settings.background,
        pedestal=frame.pedestal,
        error=np.array([error.east, error.north, error.roll]),
        reference=geometry.reference,
    )


def _draw_outliers(
    settings: FieldSettings, frame: FieldFrame, detector: DetectorTruth, usable: np.ndarray
) -> np.ndarray:
    """Short tracks of charge, as rates."""
    ny, nx = usable.shape
    rng = np.random.default_rng((settings.seed, 42, frame.number, frame.settings.sca.number))
    number = rng.poisson(settings.outliers * usable.size)
    lengths = rng.integers(1, LONGEST + 1, number)
    along = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    angle = np.repeat(2 * np.pi * rng.random(number), lengths)
    y, x = (np.repeat(rng.random(number) * size, lengths) for size in (ny, nx))
    y, x = (np.floor(y + along * np.sin(angle)).astype(int), np.floor(x + along * np.cos(angle)).astype(int))
    charge = np.repeat(MEDIAN_CHARGE * np.exp(CHARGE_SCATTER * rng.standard_normal(number)), lengths)
    total = np.zeros((ny, nx))
    inside = (y >= 0) & (y < ny) & (x >= 0) & (x < nx)
    np.add.at(total, (y[inside], x[inside]), charge[inside])
    y, x = np.nonzero(total * usable)
    found = np.zeros(len(y), OUTLIERS)
    found["y"], found["x"] = y, x
    found["rate"] = total[y, x] / detector.gain[y, x] / _collecting_time(frame)
    return found


def _collecting_time(frame: FieldFrame) -> float:
    """Seconds from the first to the last group, of all integrations."""
    settings = frame.settings
    return settings.nints * (settings.ngroups - 1) * settings.group_time


def _write_rate(path: Path, settings: FieldSettings, frame: FieldFrame, truth: FrameTruth) -> None:
    """Draw a rate product and write it."""
    from stdatamodels.jwst.datamodels import ImageModel

    from jwst.simulation.level1b import exposure_metadata

    exposure, detector = frame.settings, make_detector(frame.settings.detector, frame.settings.region)
    planes = _draw_rate(settings, frame, detector, truth)
    with ImageModel(planes["data"].shape) as model:
        for name, plane in planes.items():
            setattr(model, name, plane)
        model.meta.telescope, model.meta.origin = "JWST", "SIMULATION"
        model.meta.date = exposure.start.isoformat(timespec="milliseconds")
        for section, values in exposure_metadata(exposure).items():
            for name, value in values.items():
                if value is not None:
                    setattr(getattr(model.meta, section), name, value)
        model.meta.bunit_data = model.meta.bunit_err = "DN/s"
        for step in ("dq_init", "saturation", "linearity", "dark_sub", "jump", "ramp_fit", "gain_scale"):
            setattr(model.meta.cal_step, step, "COMPLETE" if step != "gain_scale" else "SKIPPED")
        model.meta.filename = path.name
        model.save(path, overwrite=True)


def _draw_rate(
    settings: FieldSettings, frame: FieldFrame, detector: DetectorTruth, truth: FrameTruth
) -> dict[str, np.ndarray]:
    """Planes of a rate product: light through the detector, Poisson and read noise, outliers, flags."""
    exposure, seconds = frame.settings, _collecting_time(frame)
    names = tuple(name for name in (exposure.light_path.filter, exposure.light_path.pupil) if name)
    response = electrons_per_mjysr(filter_width(names), exposure.sca.pixel_scale)
    rng = np.random.default_rng((settings.seed, 43, frame.number, exposure.sca.number))
    light = truth.brightness.astype(np.float64) * response * detector.flat
    mean = (light + detector.dark) * seconds
    poisson = (mean / (seconds * detector.gain) ** 2).astype(np.float32)
    count, reads = exposure.ngroups, exposure.readout.nframes
    read = (settings.noise.read_noise * detector.read_noise) ** 2 / reads
    slope = 12 / (exposure.nints * exposure.group_time**2 * count * (count**2 - 1))
    read_variance = (read * slope).astype(np.float32)
    data = (rng.poisson(mean) / seconds - detector.dark) / detector.gain
    data += rng.standard_normal(data.shape) * np.sqrt(read_variance)
    data[truth.outliers["y"], truth.outliers["x"]] += truth.outliers["rate"]
    dq = _flags(settings, detector)
    planes = {"data": data, "err": np.sqrt(poisson + read_variance), "var_poisson": poisson}
    planes = {name: plane.astype(np.float32) for name, plane in (planes | {"var_rnoise": read_variance}).items()}
    planes["data"][(dq & DO_NOT_USE) != 0] = np.nan
    return planes | {"dq": dq}


def _flags(settings: FieldSettings, detector: DetectorTruth) -> np.ndarray:
    ny, nx = detector.usable.shape
    dq = np.zeros((ny, nx), np.uint32)
    marks: list[tuple[Any, int]] = [
        (detector.dead, DEAD | DO_NOT_USE),
        (detector.hot, HOT),
        (detector.very_hot, HOT | DO_NOT_USE),
        (detector.reference, REFERENCE_PIXEL | DO_NOT_USE),
        (_border(settings, (ny, nx)), NON_SCIENCE | DO_NOT_USE),
    ]
    for where, flag in marks:
        dq[where] |= np.uint32(flag)
    return dq


def _write_catalogues(found: SimulatedField, sources: np.ndarray) -> None:
    from astropy.table import Table

    source_table(sources).write(found.sources, format="ascii.ecsv", overwrite=True)
    bright = sources[(sources["kind"] == "star") & (sources["mag"] < ABSOLUTE_LIMIT)]
    stars = Table({"RA": bright["ra"], "DEC": bright["dec"], "mag": bright["mag"]})
    stars["RA"].unit = stars["DEC"].unit = "deg"
    stars.write(found.stars, format="ascii.ecsv", overwrite=True)


def _write_associations(found: SimulatedField) -> None:
    from jwst.associations.asn_from_list import asn_from_list
    from jwst.associations.lib.rules_level2_base import DMSLevel2bBase

    names = [path.name.rpartition("_")[0] for path in found.exposures]
    level2 = asn_from_list([f"{name}_rate.fits" for name in names], rule=DMSLevel2bBase)
    level3 = asn_from_list([f"{name}_cal.fits" for name in names], product_name=found.product)
    for path, association in zip(found.associations, (level2, level3)):
        path.write_text(association.dump("json")[1], encoding="utf-8")
