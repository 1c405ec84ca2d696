"""Outlier detection and resampling of flight NIRISS exposures (program 1093, 80 x 80 pixels, calibrated in 2022).

    python flight_niriss.py run FOLDER OUT.npz       with the interpreter of either pipeline
    python flight_niriss.py compare OURS.npz PEER.npz

The exposures are of type NIS_AMI; as calwebb_image3 does, the mode is set to imaging.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile
import time

import numpy as np

SETS = ("012001", "013001", "014001")
PLANES = ("data", "err", "dq", "var_poisson", "var_rnoise", "var_flat")
MOSAIC = ("data", "wht", "con", "err", "var_rnoise", "var_poisson", "var_flat")
VARIANTS = {
    "default": {},
    "sensitive": {"snr": "3.0 2.0", "weight_type": "exptime", "kernel": "turbo"},
    "detector": {"resample_data": False},
}


def library_of(paths):
    """The exposures of one observation."""
    from jwst.datamodels import ModelLibrary

    members = [{"expname": str(path), "exptype": "science"} for path in paths]
    return ModelLibrary({"asn_id": "a3001", "products": [{"name": "flight", "members": members}]})


def run_one(paths, options, *, resampled):
    """Results of one observation: planes of the exposures, intermediate products, and the mosaic."""
    from jwst.outlier_detection import OutlierDetectionStep

    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        step = OutlierDetectionStep(save_intermediate_results=True, output_dir=folder, **options)
        step.mode = "imaging"
        step.save_results = False
        start = time.perf_counter()
        result = step.run(library_of(paths))
        kept["seconds"] = time.perf_counter() - start
        kept |= intermediate(pathlib.Path(folder))
    with result:
        for index in range(len(result)):
            model = result.borrow(index)
            kept |= {f"exposure{index}_{plane}": np.array(getattr(model, plane)) for plane in PLANES}
            kept[f"exposure{index}_status"] = str(model.meta.cal_step.outlier_detection)
            result.shelve(model, index, modify=False)
    if resampled:
        kept |= mosaic_of(result)
    return kept


def intermediate(folder):
    """Images of the intermediate products, by name."""
    from astropy.io import fits

    kept = {}
    for path in sorted(folder.glob("*.fits")):
        if path.stem.endswith(("i2d", "median", "blot")):
            with fits.open(path) as hdus:
                kept |= {f"{path.stem}_{hdu.name}": np.array(hdu.data) for hdu in hdus if hdu.name in ("SCI", "WHT")}
    return kept


def mosaic_of(library):
    """The exposures combined."""
    from jwst.resample import ResampleStep

    step = ResampleStep()
    start = time.perf_counter()
    mosaic = step.run(library)
    kept = {"mosaic_seconds": time.perf_counter() - start}
    kept |= {f"mosaic_{plane}": np.array(getattr(mosaic, plane)) for plane in MOSAIC}
    y, x = np.mgrid[: mosaic.data.shape[0] : 20, : mosaic.data.shape[1] : 20]
    kept["mosaic_sky"] = np.array(mosaic.meta.wcs(x, y))
    return kept


def run(folder, target):
    """All observations with all variants."""
    kept = {}
    for name in SETS:
        paths = sorted(pathlib.Path(folder).glob(f"jw01093{name}_*_cal.fits"))
        for variant, options in VARIANTS.items():
            found = run_one(paths, options, resampled=variant == "default")
            kept |= {f"{name}/{variant}/{key}": value for key, value in found.items()}
    np.savez_compressed(target, **kept)


def compare(ours, peer):
    """Print, for each observation and variant, what differs."""
    first, second = np.load(ours), np.load(peer)
    for group in sorted({key.rpartition("/")[0] for key in first.files}):
        names = sorted(key for key in {*first.files, *second.files} if key.rpartition("/")[0] == group)
        report(group, {name.rpartition("/")[2]: (found(first, name), found(second, name)) for name in names})


def found(archive, name):
    """A value, or None."""
    return archive[name] if name in archive.files else None


def report(group, pairs):
    """Print the largest difference of each kind of product."""
    flagged, worst = [], {}
    for name, (one, two) in sorted(pairs.items()):
        if one is None or two is None or one.shape != two.shape:
            print(f"  {group} {name}: {'missing' if one is None or two is None else (one.shape, two.shape)}")
        elif "seconds" not in name:
            kind = name.split("_", 1)[1] if name.startswith("exposure") else "_".join(name.split("_")[-2:])
            worst[kind] = max(worst.get(kind, 0.0), difference(one, two))
            if name.endswith("_dq"):
                flagged.append((int((one & 16 > 0).sum()), int((two & 16 > 0).sum())))
    print(f"{group}: flagged (ours, peer) {flagged}")
    print("   ", ", ".join(f"{kind} {value:.2g}" for kind, value in worst.items()))
    print("   ", ", ".join(f"{k} {o:.3f} {p:.3f}" for k, (o, p) in pairs.items() if "seconds" in k and p is not None))


def difference(one, two):
    """Largest difference relative to the median size; infinite where NaN or whole numbers differ."""
    if one.dtype.kind != "f" or two.dtype.kind != "f":
        return 0.0 if np.array_equal(one, two) else np.inf
    if not np.array_equal(np.isnan(one), np.isnan(two)):
        return np.inf
    size = np.maximum(np.abs(two), np.nanmedian(np.abs(two)) if np.isfinite(two).any() else 1.0)
    return float(np.nanmax(np.abs(one - two) / np.where(size == 0, 1, size), initial=0.0))


if __name__ == "__main__":
    {"run": run, "compare": compare}[sys.argv[1]](*sys.argv[2:])
