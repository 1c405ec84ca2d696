"""Exposures for tests of outlier detection: the bench B1 of spec common_imaging.md §6, and harder ones.

Used by the tests and by make_outlier_detection.py, with whichever `jwst` is installed.
"""

from __future__ import annotations

import math

import numpy as np

SCALE = 0.0312
DITHERS = ((0.0, 0.0), (3.3, 1.2), (-2.6, 4.4), (1.7, -3.1))
ROLLS = (0.0, 3.0, -2.0, 0.7)
LEVELS = (0.30, None, 0.12, 0.05)
PRODUCTS = ("outlier_i2d", "median", "blot")

CASES = {
    "plain": ("plain", {}),
    "high": ("plain", {"snr": "30.0 20.0"}),
    "same_pixels": ("plain", {"resample_data": False}),
    "two": ("two", {}),
    "level": ("level", {}),
    "backg": ("plain", {"backg": 0.1}),
    "hard": ("hard", {}),
    "hard_exptime": ("hard", {"weight_type": "exptime", "pixfrac": 0.7, "kernel": "turbo", "scale": "1.0 0.5"}),
    "hard_point": ("hard", {"kernel": "point", "fillval": "0.0", "maskpt": 0.3, "snr": "4.0 3.0", "backg": 0.05}),
    "hard_unmasked": ("hard", {"fillval": "0.0", "maskpt": 0.0}),
    "hard_bits": ("hard", {"good_bits": "~DO_NOT_USE+NON_SCIENCE"}),
    "hard_same_pixels": ("hard", {"resample_data": False, "maskpt": 0.9}),
    "hard_coarse": ("hard", {"pixmap_stepsize": 10.0, "pixmap_order": 3}),
    "pairs": ("pairs", {}),
    "skies": ("skies", {"backg": 0.02}),
}


def distortion():
    """The distortion LIN of the bench."""
    from astropy.modeling.models import Scale, Shift
    from stdatamodels.jwst.datamodels import DistortionModel

    chain = Shift(-59.5) & Shift(-49.5) | Scale(-SCALE) & Scale(SCALE) | Shift(120.0) & Shift(-527.0)
    model = DistortionModel(model=chain, input_units="pixel", output_units="arcsec")
    model.meta.instrument.name = "NIRCAM"
    model.meta.instrument.detector = "NRCA1"
    model.meta.instrument.module = "A"
    model.meta.instrument.channel = "SHORT"
    model.meta.instrument.p_pupil = "CLEAR|"
    model.meta.exposure.p_exptype = "NRC_IMAGE|"
    model.meta.author = "test"
    model.meta.pedigree = "GROUND"
    model.meta.description = "linear distortion for tests"
    model.meta.useafter = "2014-01-01T00:00:00"
    model.meta.reftype = "distortion"
    return model


def exposure(number, shape=(100, 120), *, offset=(0.0, 0.0), roll=0.0, detector="NRCA1"):
    """One exposure of ones, with world coordinates."""
    from jwst.assign_wcs import AssignWcsStep

    model = bare_exposure(number, shape, offset=offset, roll=roll, detector=detector)
    unused = {f"override_{kind}": "N/A" for kind in AssignWcsStep.reference_file_types}
    return AssignWcsStep.call(model, **unused | {"override_distortion": distortion()})


def bare_exposure(number, shape=(100, 120), *, offset=(0.0, 0.0), roll=0.0, detector="NRCA1"):
    """One exposure of ones, without world coordinates."""
    from stdatamodels.jwst.datamodels import ImageModel

    ny, nx = shape
    model = ImageModel(shape)
    for name, value in {"data": 1.0, "err": 0.02, "var_poisson": 0.004, "var_rnoise": 4e-4, "var_flat": 0.0}.items():
        setattr(model, name, np.full(shape, value, dtype=np.float32))
    model.dq = np.zeros(shape, dtype=np.uint32)
    dec = -69.5 + offset[1] * SCALE / 3600
    ra = 80.0 + offset[0] * SCALE / 3600 / math.cos(math.radians(-69.5))
    model.meta.instrument.instance.update(
        name="NIRCAM", detector=detector, module="A", channel="SHORT", filter="F200W", pupil="CLEAR"
    )
    model.meta.wcsinfo.instance.update(
        v2_ref=120.0, v3_ref=-527.0, roll_ref=roll, ra_ref=ra, dec_ref=dec, v3yangle=-0.5, vparity=-1, wcsaxes=2
    )
    model.meta.wcsinfo.instance.update(crpix1=(nx + 1) / 2, crpix2=(ny + 1) / 2, crval1=ra, crval2=dec)
    model.meta.exposure.instance.update(
        type="NRC_IMAGE", exposure_time=100.0 + number, measurement_time=90.0 + 3 * number, duration=110.0
    )
    model.meta.exposure.instance.update(start_time=60126.0, mid_time=60126.005, end_time=60126.01)
    model.meta.observation.instance.update(
        program_number="01234",
        observation_number="001",
        visit_number="001",
        visit_group="02",
        sequence_id="1",
        activity_id="01",
        exposure_number=f"{number:05d}",
        date="2023-07-01",
        time="00:00:00.000",
    )
    model.meta.subarray.instance.update(name="FULL", xstart=1, ystart=1, xsize=nx, ysize=ny)
    model.meta.velocity_aberration.scale_factor = 1.00001
    model.meta.telescope = "JWST"
    model.meta.photometry.instance.update(pixelarea_steradians=2.29e-14, pixelarea_arcsecsq=0.00097344)
    model.meta.bunit_data = "MJy/sr"
    model.meta.filename = f"jw01234001001_02101_{number:05d}_{detector.lower()}_cal.fits"
    return model


def plain(count=4):
    """The four exposures of the statements of spec outlier_detection.md, with four hits."""
    rng = np.random.default_rng(11)
    models = [exposure(number, offset=offset) for number, offset in enumerate(DITHERS, start=1)]
    for model in models:
        model.data = (1 + rng.normal(0, 0.02, model.data.shape)).astype(np.float32)
    for index, (y, x), height in ((0, (50, 60), 3), (0, (20, 20), 0.15), (1, (40, 40), 5), (2, (70, 30), 2)):
        models[index].data[y, x] += np.float32(height)
    return models[:count]


def level():
    """The same on a sky that is known and has not been subtracted."""
    models = plain()
    for model in models:
        model.data += np.float32(2)
        model.meta.background.level = 2.0
        model.meta.background.subtracted = False
    return models


def hard(shape=(56, 64)):
    """Rotated exposures of a bright star on different skies, with hits, flags, NaN, and variances that differ."""
    rng = np.random.default_rng(2026)
    models = []
    for number, (offset, roll, sky) in enumerate(zip(DITHERS, ROLLS, LEVELS), start=1):
        model = exposure(number, shape, offset=offset, roll=roll)
        _observe(model, rng, sky)
        models.append(model)
    return models


def skies():
    """The hard exposures, some of which do not say, or deny, that the sky is in the data."""
    models = hard()
    models[0].meta.background.subtracted = None
    models[2].meta.background.subtracted = True
    return models


def pairs():
    """Two exposures of two detectors each."""
    rng = np.random.default_rng(7)
    models = []
    for number, (dx, dy) in enumerate(DITHERS[:3], start=1):
        for detector, gap in (("NRCA1", 0.0), ("NRCA2", 50.3)):
            model = exposure(number, (48, 48), offset=(dx + gap, dy), roll=0.4 * number, detector=detector)
            _observe(model, rng, None)
            models.append(model)
    return [models[index] for index in (0, 2, 1, 3, 5, 4)]


def _observe(model, rng, sky):
    """Give an exposure a star at one place of the sky, noise, hits and flags."""
    ny, nx = model.data.shape
    y, x = np.mgrid[:ny, :nx].astype(float)
    ra, dec = model.meta.wcs(x, y)
    east, north = (ra - 80.0006) * math.cos(math.radians(-69.5)) * 3600, (dec + 69.50005) * 3600
    star = 400 * np.exp(-((east - 0.2) ** 2 + (north + 0.1) ** 2) / (2 * (1.3 * SCALE) ** 2))
    data = 1 + star + rng.normal(0, 0.02, (ny, nx)) + (sky or 0.0)
    data[rng.integers(0, ny, 40), rng.integers(0, nx, 40)] += rng.uniform(0.05, 6, 40)
    model.data = data.astype(np.float32)
    model.err = rng.uniform(0.015, 0.03, (ny, nx)).astype(np.float32) + (0.02 * np.sqrt(star)).astype(np.float32)
    model.var_rnoise = rng.uniform(3e-4, 6e-4, (ny, nx)).astype(np.float32)
    for bit in (1, 512, 4):
        model.dq[rng.integers(0, ny, 12), rng.integers(0, nx, 12)] |= np.uint32(bit)
    model.data[rng.integers(0, ny, 5), rng.integers(0, nx, 5)] = np.nan
    model.err[rng.integers(0, ny, 5), rng.integers(0, nx, 5)] = np.nan
    if sky is not None:
        model.meta.background.level = sky
        model.meta.background.subtracted = False


SCENES = {"plain": plain, "two": lambda: plain(2), "level": level, "hard": hard, "skies": skies, "pairs": pairs}


def summary(result, folder):
    """What is compared: flags, and some pixels of every product that was written.

    Parameters
    ----------
    result : ModelLibrary
    folder : Path
        Where the intermediate products are.

    Returns
    -------
    dict of ndarray
    """
    from astropy.io import fits

    found = {"names": np.array(sorted(path.name for kind in PRODUCTS for path in folder.glob(f"*_{kind}.fits")))}
    with result:
        for index in range(len(result)):
            model = result.borrow(index)
            found[f"dq{index}"] = np.array(model.dq).astype(np.uint16)
            found[f"valid{index}"] = np.packbits(np.isfinite(model.data) & np.isfinite(model.err))
            found[f"status{index}"] = np.array(str(model.meta.cal_step.outlier_detection))
            result.shelve(model, index, modify=False)
    for name in found["names"]:
        with fits.open(folder / str(name)) as hdus:
            image = np.array(hdus["SCI"].data, dtype=np.float32)
            found[f"shape_{name}"] = np.array(image.shape)
            found[f"sample_{name}"] = image[::10, ::8]
            found[f"sum_{name}"] = np.array([np.nansum(image, dtype=np.float64), np.isnan(image).sum()])
            if "WHT" in [hdu.name for hdu in hdus]:
                found[f"weight_{name}"] = np.array(hdus["WHT"].data, dtype=np.float32)[::10, ::8]
    return found
