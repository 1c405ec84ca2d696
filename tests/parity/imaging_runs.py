"""Runs of the imaging pipelines on bench B1, the same for the released pipeline and for this one.

``peer python make_imaging_runs.py`` writes what is found to imaging_runs.npz and imaging_runs.json.
"""

from __future__ import annotations

import os
import pathlib

import imaging_bench as bench
import numpy as np

__all__ = ["IMAGE2", "IMAGE3", "found_in", "run_image2", "run_image3"]

SHAPE = (30, 36)
PLANES = ("data", "err", "var_flat", "dq")
COMBINED = ("data", "err", "wht", "con")
META = (
    "filename",
    "model_type",
    "bunit_data",
    "asn.pool_name",
    "asn.table_name",
    "background.method",
    "background.subtracted",
    "exposure.exposure_time",
    "exposure.type",
    "instrument.detector",
    "photometry.conversion_megajanskys",
    "resample.pointings",
    "target.type",
    "wcsinfo.crval1",
)
MOVING = ((80.0, -69.5), (80.00001, -69.50001))

IMAGE2 = (*bench.MODES, "cube", "tacq", "association", "all_bad")
IMAGE3 = ("association", "on_disk", "single", "pair", "moving", "without_tweakreg")


def run_image2(case, folder):
    """Run calwebb_image2 in a folder, which is the current one; references and inputs are made first."""
    from jwst.pipeline import Image2Pipeline

    instrument = case if case in bench.MODES else "NIRCAM"
    steps = bench.overrides(folder, instrument, shape=SHAPE)
    changes = {"cube": {"shape": (3, *SHAPE), "exp_type": "NRC_TSIMAGE"}, "tacq": {"exp_type": "NRC_TACQ"}}
    model = bench.rate(1, instrument=instrument, **{"shape": SHAPE, **changes.get(case, {})})
    if case == "all_bad":
        model.dq[:] = 1
    name = model.meta.filename
    model.save(name)
    if case == "association":
        bench.rate(2, shape=SHAPE, level=0.5, offset=(9.0, 5.0)).save("background_rate.fits")
        bench.rate(3, shape=SHAPE).save("other_rate.fits")
        products = {
            "prodA": [(name, "science"), ("background_rate.fits", "background")],
            "prodB": [("other_rate.fits", "science")],
        }
        name = bench.write_asn("i2_asn.json", products)
        steps["bkg_subtract"]["save_results"] = True
    return Image2Pipeline.call(name, steps=steps, save_results=True)


def make_cals(folder):
    """Calibrated images in a folder, with stars; made without a pipeline."""
    from jwst.assign_wcs import AssignWcsStep

    steps = bench.overrides(folder, shape=SHAPE)
    names = []
    for number, offset in enumerate(((0, 0), (3.3, 1.2), (-2.6, 4.4), (1.7, -3.1)), start=1):
        rate = bench.rate(number, shape=SHAPE, offset=offset)
        rate.data += bench.stars(SHAPE, offset, 5)
        rate.meta.filename = rate.meta.filename.replace("rate", "cal")
        rate.var_flat = np.full(SHAPE, 1e-5, np.float32)
        rate.meta.bunit_data = rate.meta.bunit_err = "MJy/sr"
        rate.meta.photometry.pixelarea_steradians = 2.29e-14
        rate.meta.photometry.pixelarea_arcsecsq = 0.00097344
        if number == 2:
            rate.data[12:14, 17] += 30  # a cosmic ray that nobody has flagged
        cal = AssignWcsStep.call(rate, **steps["assign_wcs"])
        names.append(cal.meta.filename)
        cal.save(names[-1])
    return names


def run_image3(case, folder):
    """Run calwebb_image3 in a folder, which is the current one."""
    from jwst.pipeline import Image3Pipeline

    names = make_cals(folder)
    members = [(name, "science") for name in names]
    given = bench.write_asn("i3_asn.json", {"mosaic": [*members, (names[0], "background")]})
    steps = {"source_catalog": {"skip": True}}
    options = {"on_disk": {"in_memory": False}}.get(case, {})
    if case == "single":
        given = names[0]
    elif case in ("pair", "moving"):
        given = names[:2]
    elif case == "without_tweakreg":
        steps["tweakreg"] = {"skip": True}
    if case == "moving":
        make_moving(given)
    Image3Pipeline.call(given, steps=steps, save_results=True, **options)


def make_moving(names):
    """Have exposures say that their target moves."""
    from stdatamodels.jwst import datamodels

    for name, target in zip(names, MOVING):
        with datamodels.open(name) as model:
            model.meta.target.type = "MOVING"
            model.meta.wcsinfo.mt_ra, model.meta.wcsinfo.mt_dec = target
            model.save(f"new_{name}")
        os.replace(f"new_{name}", name)


def found_in(folder):
    """What is in the products in a folder: arrays and metadata, by name and attribute."""
    from stdatamodels.jwst import datamodels

    arrays, facts = {}, {}
    for path in sorted(pathlib.Path(folder).glob("*.fits")):
        if path.stem.rpartition("_")[2] not in ("cal", "calints", "i2d", "crf", "bsub"):
            continue
        with datamodels.open(str(path)) as model:
            combined = path.stem.endswith("i2d")
            for name in COMBINED if combined else PLANES:
                value = getattr(model, name, None)
                if value is not None:
                    arrays[f"{path.name}:{name}"] = np.array(value, dtype=value.dtype.newbyteorder("="))
            meta = {name: model[f"meta.{name}"] for name in META if _has(model, name)}
            status = {key: value for key, value in model.meta.cal_step.instance.items() if value is not None}
            facts[path.name] = {
                **meta,
                "status": status,
                "frames": list(model.meta.wcs.available_frames) if model.meta.wcs is not None else None,
                "rows": len(model.hdrtab) if model.hasattr("hdrtab") else None,
            }
    return arrays, facts


def _has(model, name):
    try:
        return model[f"meta.{name}"] is not None
    except KeyError:
        return False
