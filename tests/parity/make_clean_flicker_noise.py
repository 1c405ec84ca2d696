"""Make parity vectors of clean_flicker_noise. Run it with the interpreter of the released pipeline (jwst 3.0.0).

CRDS_PATH must name a cache with the mappings of CRDS_CONTEXT; they are copied to a temporary cache in which the gain
and read noise of the draft rates are constants. Inputs are made again from their seeds by `build`, for the tests too.
Of large outputs some lines are kept.
"""

import os
import pathlib
import shutil
import tempfile

import numpy as np

GAIN, READNOISE = 1.8, 15.0
FULL = 2048

NIRCAM = {"instrument": "NIRCAM", "detector": "NRCALONG", "type": "NRC_IMAGE", "axes": (-1, 2), "filter": "F444W"}
NIRISS = {"instrument": "NIRISS", "detector": "NIS", "type": "NIS_IMAGE", "axes": (-2, -1), "filter": "CLEAR"}
NRS1 = {"instrument": "NIRSPEC", "detector": "NRS1", "type": "NRS_FIXEDSLIT", "axes": (2, 1), "filter": "F170LP"}
NRS2 = NRS1 | {"detector": "NRS2", "axes": (-2, -1), "type": "NRS_MSASPEC"}
MIRI = {"instrument": "MIRI", "detector": "MIRIMAGE", "type": "MIR_IMAGE", "axes": (1, 2), "filter": "F770W"}
TSO = NIRCAM | {"type": "NRC_CORON"}

CASES = {
    "ramp": {"shape": (2, 3, 16, 20)},
    "ramp columns": {"shape": (2, 3, 20, 16), "where": NIRISS},
    "ramp own masks": {"shape": (3, 3, 12, 16), "options": {"single_mask": False}},
    "ramp no background": {"shape": (1, 3, 16, 20), "options": {"background_method": None}},
    "ramp no clip": {"shape": (1, 3, 16, 20), "options": {"n_sigma": 0.0}},
    "ramp model": {"shape": (1, 3, 24, 30), "sources": 1, "options": {"background_method": "model"}},
    "ramp model boxes": {
        "shape": (1, 3, 24, 30),
        "options": {"background_method": "model", "background_box_size": [5, 7]},
        "sources": 0,
    },
    "ramp model fails": {"shape": (1, 2, 24, 30), "options": {"background_method": "model"}, "mask": "thin"},
    "ramp histogram": {"shape": (1, 2, 40, 40), "options": {"fit_histogram": True, "n_sigma": 1.5}},
    "ramp user mask": {"shape": (2, 3, 16, 20), "mask": "plane"},
    "ramp user masks": {"shape": (2, 3, 16, 20), "mask": "cube"},
    "ramp flat": {"shape": (1, 3, 24, 30), "options": {"apply_flat_field": True}},
    "ramp median image": {"shape": (3, 3, 16, 20), "where": TSO, "options": {"background_method": "median_image"}},
    "ramp one group": {"shape": (2, 1, 8, 8)},
    "ramp miri": {"shape": (1, 4, 16, 20), "where": MIRI, "mask": "plane"},
    "ramp fourier": {"shape": (1, 2, 40, 48), "where": NRS1, "options": {"fit_method": "fft"}},
    "rate": {"shape": (32, 40)},
    "rate columns": {"shape": (40, 32), "where": NIRISS},
    "rate model": {"shape": (48, 64), "options": {"background_method": "model"}},
    "rate flat": {"shape": (40, 48), "options": {"apply_flat_field": True, "background_method": "model"}},
    "rates": {"shape": (3, 16, 20)},
    "rates own masks": {"shape": (3, 24, 30), "options": {"single_mask": False, "fit_histogram": True}},
    "rates median image": {"shape": (3, 16, 20), "where": TSO, "options": {"background_method": "median_image"}},
    "rate channels": {"shape": (12, FULL), "subarray": "FULL", "options": {"fit_by_channel": True}},
    "rate channels columns": {
        "shape": (FULL, 12),
        "subarray": "FULL",
        "where": NIRISS,
        "options": {"fit_by_channel": True},
    },
    "rate fourier 1": {"shape": (64, 40), "where": NRS1, "options": {"fit_method": "fft"}, "sources": 1},
    "rate fourier 2": {"shape": (32, 60), "where": NRS2, "options": {"fit_method": "fft"}, "sources": 1},
    "rate fourier allslits": {
        "shape": (40, 64),
        "where": NRS1,
        "subarray": "ALLSLITS",
        "options": {"fit_method": "fft", "background_method": "model"},
        "sources": 0,
    },
    "rate nirspec median": {"shape": (32, 40), "where": NRS2},
    "rate miri regions": {"shape": (24, 30), "where": MIRI, "options": {"mask_science_regions": True}},
    "rate soss regions": {
        "shape": (96, FULL),
        "where": NIRISS | {"type": "NIS_SOSS"},
        "subarray": "SUBSTRIP96",
        "options": {"mask_science_regions": True, "n_sigma": 0.0},
        "pupil": 246.2,
        "only": ("mask",),
    },
}
for _number, (_slope, _sources, _where) in enumerate(
    (slope, sources, where) for where in (NIRCAM, NIRISS) for slope in (0.0, 3e-5, 1e-3) for sources in (0, 1, 3)
):
    CASES[f"autoparam {_number}"] = {
        "shape": (64, 64),
        "where": _where,
        "slope": _slope,
        "sources": _sources,
        "noise": 0.002,
        "options": {"autoparam": True},
        "only": ("data",),
    }
KEPT = ("data", "mask", "flicker_bkg", "flicker_noise")


def build(seed, shape, *, where=NIRCAM, sources=3, slope=1e-3, noise=0.3, **_):
    """Make data, and for ramps group and pixel flags, of a case: steps of lines, a slope, sources, NaN."""
    rng = np.random.default_rng(seed)
    ny, nx = shape[-2:]
    y, x = np.indices((ny, nx))
    rate = 2 + slope * (x + 0.4 * y)
    for _ in range(sources):
        centre, peak = rng.uniform(0, (ny, nx)), 10 ** rng.uniform(1, 3)
        rate = rate + peak * np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / 6)
    by_row = abs(where["axes"][1]) == 2 and where["instrument"] != "MIRI"
    lines = (*shape[:-2], ny, 1) if by_row else (*shape[:-2], 1, nx)
    if len(shape) < 4:
        data = rate + rng.normal(0, noise, shape) + rng.normal(0, noise, lines)
        data[rng.random(shape) < 0.005] = np.nan
        return data.astype(np.float32), None, np.where(np.isnan(data), np.uint32(1), np.uint32(0))
    steps = 10 * rate + rng.normal(0, 3, shape)
    data = 1000 + np.cumsum(steps, axis=1) + rng.normal(0, 4, lines) + rng.normal(0, 3, shape)
    groupdq = (4 * (rng.random(shape) < 0.02)).astype(np.uint8)
    groupdq[rng.random(shape) < 0.005] |= 1
    data[rng.random(shape) < 0.001] = np.nan
    return data.astype(np.float32), groupdq, (rng.random((ny, nx)) < 0.01).astype(np.uint32)


def user_mask(kind, shape):
    """A mask of a user, 1 for background."""
    plane = np.ones(shape[-2:], np.float32)
    plane[3:7, 5:15] = 0
    if kind == "thin":
        plane[1::2] = 0
    if kind == "cube":
        plane = np.repeat(plane[None], shape[0], axis=0)
        plane[1, 10:16] = 0
    return plane


def flat_field(shape):
    """A flat with gaps."""
    rng = np.random.default_rng(5)
    flat = rng.normal(1, 0.03, shape[-2:]).astype(np.float32)
    flat[rng.random(flat.shape) < 0.01] = 0
    flat[rng.random(flat.shape) < 0.01] = np.nan
    return flat


def trace_model():
    """Traces of SOSS that are no whole number anywhere."""
    from stdatamodels.jwst import datamodels

    x = np.arange(0.0, FULL)
    rows = (40.123 + 50 * ((x - 1000) / 1000) ** 2, 95.456 + 0.055 * x, 150.789 + 0.045 * x)
    model = datamodels.PastasossModel()
    model.traces = [
        {
            "spectral_order": order,
            "pivot_x": 1000.0,
            "pivot_y": float(y[1000]),
            "trace": np.stack([x, y], axis=1),
            "cutoff": FULL,
            "short_cutoff": 0.5,
        }
        for order, y in enumerate(rows, 1)
    ]
    model.wavecal_models = [
        {
            "spectral_order": order,
            "polynomial_degree": 2,
            "coefficients": np.array([2.8, -1.9, 0.1, 0, 0, 0]) / order,
            "scale_extents": np.array([[0.0, -0.5], [FULL, 0.5]]),
        }
        for order in (1, 2, 3)
    ]
    model.throughputs = [
        {"spectral_order": order, "wavelength": np.linspace(0.5, 5, 10), "throughput": np.ones(10)}
        for order in (1, 2, 3)
    ]
    meta = model.meta
    meta.pwcpos_cmd, meta.pwcpos_bounds, meta.instrument.name = 245.76, [245.0, 246.5], "NIRISS"
    meta.soss_xdim, meta.soss_ydim, meta.subarray_ymin = FULL, 300, 1792
    meta.wavemap_nwl, meta.wavemap_wlmin, meta.wavemap_wlmax = 5001, 0.5, 5.5
    meta.order2_separation_cutoff = [0.77, 0.95]
    return model


def place(meta, shape):
    """Fill the subarray keywords of a model."""
    meta.subarray.xstart = meta.subarray.ystart = 1
    meta.subarray.ysize, meta.subarray.xsize = shape[-2:]


def model_of(seed, case):
    """The input of a case as a data model."""
    from stdatamodels.jwst import datamodels

    data, groupdq, dq = build(seed, **case)
    where = case.get("where", NIRCAM)
    model = getattr(datamodels, {2: "ImageModel", 3: "CubeModel", 4: "RampModel"}[data.ndim])(data=data)
    if data.ndim == 4:
        model.groupdq, model.pixeldq = groupdq, dq
    else:
        model.dq = dq
        for name in ("err", "var_poisson", "var_rnoise"):
            setattr(model, name, np.zeros_like(data))
    meta = model.meta
    meta.filename = "exposure.fits"
    meta.instrument.name, meta.instrument.detector = where["instrument"], where["detector"]
    meta.instrument.filter, meta.exposure.type = where["filter"], where["type"]
    meta.observation.date, meta.observation.time = "2023-07-01", "00:00:00"
    meta.exposure.readpatt = {"MIRI": "FAST", "NIRSPEC": "NRSRAPID"}.get(where["instrument"], "RAPID")
    meta.exposure.nints = data.shape[0] if data.ndim > 2 else 1
    meta.exposure.ngroups = data.shape[1] if data.ndim > 3 else 5
    meta.exposure.nframes, meta.exposure.groupgap = 1, 0
    meta.exposure.group_time = meta.exposure.frame_time = 10.0
    place(meta, data.shape)
    meta.subarray.name = case.get("subarray", "SUB64")
    meta.subarray.fastaxis, meta.subarray.slowaxis = where["axes"]
    meta.instrument.pupil_position = case.get("pupil")
    return model


def flat_model(shape, instrument):
    """`flat_field` as a data model, with flags in a corner."""
    from stdatamodels.jwst import datamodels

    model = datamodels.FlatModel(data=flat_field(shape), dq=np.zeros(shape[-2:], np.uint32))
    model.dq[-4:, -5:] = 512
    model.dq[-8:-4, -5:] = 4
    model.meta.instrument.name = instrument
    place(model.meta, shape)
    return model


def options_of(case, folder):
    """Parameters of a case; a mask is written into a folder."""
    from stdatamodels.jwst import datamodels

    shape = case["shape"]
    options = {"override_flat": "N/A", **case.get("options", {})}
    if case.get("pupil"):
        options["override_pastasoss"] = trace_model()
    if options.get("apply_flat_field") or case.get("where") is MIRI:
        options["override_flat"] = flat_model(shape, case.get("where", NIRCAM)["instrument"])
    if "mask" in case:
        mask = user_mask(case["mask"], shape)
        path = os.path.join(folder, "mask_of_user.fits")
        (datamodels.ImageModel if mask.ndim == 2 else datamodels.CubeModel)(data=mask).save(path)
        options["user_mask"] = path
    return options


def sample(array, case):
    """What is kept of a large output."""
    if case.get("only") == ("data",):
        return array[::5, ::5]
    if max(array.shape) < FULL:
        return array
    return array[..., ::37, :] if array.shape[-2] == FULL else array[..., ::37]


def constant_references(folder):
    """Copy the mappings of the cache into a folder, and have every gain and read noise be a constant."""
    source = pathlib.Path(os.environ["CRDS_PATH"])
    for part in ("mappings", "config"):
        shutil.copytree(source / part, folder / part)
    os.environ["CRDS_PATH"] = str(folder)
    import crds
    from stdatamodels.jwst import datamodels

    classes = {"gain": (datamodels.GainModel, GAIN), "readnoise": (datamodels.ReadnoiseModel, READNOISE)}

    def write(model, parameters, reftype):
        name = crds.getrecommendations(parameters, [reftype], observatory="jwst")[reftype]
        path = pathlib.Path(crds.locate_file(name, "jwst"))
        path.parent.mkdir(parents=True, exist_ok=True)
        model.save(path)

    for seed, case in enumerate(CASES.values()):
        parameters = model_of(seed, case).get_crds_parameters()
        if len(case["shape"]) == 4 and "mask" not in case:
            for reftype, (cls, value) in classes.items():
                model = cls(data=np.full((64, 64), value, np.float32))
                place(model.meta, (64, 64))
                write(model, parameters, reftype)
        if case.get("where") is MIRI and case.get("options"):
            write(flat_model(case["shape"], "MIRI"), parameters, "flat")


def product_of(result, suffix):
    """An output of the step: its data, or a product that it saved."""
    from stdatamodels.jwst import datamodels

    if suffix == "data":
        return result.data
    with datamodels.open(f"exposure_{suffix}.fits") as product:
        return np.array(product.data, bool if suffix == "mask" else np.float32)


def main():
    import logging
    import sys
    import warnings

    sys.tracebacklimit = 0
    os.environ["STPIPE_DISABLE_CRDS_STEPPARS"] = "true"
    from jwst.assign_wcs import AssignWcsStep
    from jwst.clean_flicker_noise import CleanFlickerNoiseStep

    AssignWcsStep.run = lambda self, model: model  # asked for by a median image, and of no use to it here
    logging.disable(logging.WARNING)
    warnings.simplefilter("ignore")
    target = pathlib.Path(__file__).with_name("clean_flicker_noise.npz")
    vectors = {}
    with tempfile.TemporaryDirectory() as folder:
        constant_references(pathlib.Path(folder) / "crds")
        os.chdir(folder)
        for seed, (name, case) in enumerate(CASES.items()):
            kept = case.get("only", KEPT)
            saving = {f"save_{key}": True for key in ("mask", "background", "noise") if kept != ("data",)}
            result = CleanFlickerNoiseStep.call(model_of(seed, case), skip=False, **saving, **options_of(case, folder))
            print(name, result.meta.cal_step.clean_flicker_noise)
            for suffix in kept:
                vectors[f"{name}/{suffix}"] = sample(product_of(result, suffix), case)
    np.savez_compressed(target, **vectors)
    print(target.stat().st_size)


if __name__ == "__main__":
    main()
