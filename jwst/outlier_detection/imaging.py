"""Outliers of images: flag what differs from the median of all groups of exposures.

Source: spec outlier_detection.md §A.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from jwst.outlier_detection.blotting import blot
from jwst.outlier_detection.flagging import flag_against_blot, flag_against_median
from jwst.outlier_detection.group_images import GroupImages
from jwst.outlier_detection.median import Patch, mask_low_weights, median_of_patches, weight_threshold
from jwst.outlier_detection.patch_store import PatchStore
from jwst.outlier_detection.utils import Options, Products, background_of_blot, check_planes, label, like, mark
from jwst.resample.grid import make_grid
from jwst.resample.pixmap import PixelMaps
from jwst.resample.weights import weight_map
from jwst.stpipe import record_step_status
from stpipe.exceptions import InputError

__all__ = ["detect_outliers", "footprints_of"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Run:
    """What all parts of one run use."""

    library: Any
    options: Options
    products: Products | None
    store: PatchStore

    @contextmanager
    def member(self, index: int, *, modify: bool = False) -> Iterator[Any]:
        """Borrow a member for the time of a block."""
        model = self.library.borrow(index)
        try:
            yield model
        except BaseException:
            self.library.shelve(model, index, modify=False)
            raise
        self.library.shelve(model, index, modify=modify)

    def save(self, suffix: str, model: Any, make: Callable[[], Any]) -> None:
        """Save an intermediate product that is named after a member, if these are wanted."""
        if self.products is not None:
            self.products(suffix, str(model.meta.filename or ""), make)


def detect_outliers(
    library: Any, options: Options, *, products: Products | None = None, maps: PixelMaps | None = None
) -> None:
    """Flag the outliers of images, in place.

    Parameters
    ----------
    library : ModelLibrary of ImageModel
        Calibrated exposures. ``dq`` gets OUTLIER and DO_NOT_USE, all other planes NaN where they are flagged;
        ``meta.cal_step.outlier_detection`` becomes COMPLETE, or FAILED with fewer than two exposures.
    options : Options
    products : callable, optional
        Saves intermediate products; see `jwst.outlier_detection.utils.Products`.
    maps : PixelMaps, optional
        Shared with other steps of a pipeline.

    Raises
    ------
    InputError
        An exposure lacks data, errors, world coordinates or a footprint, or has another shape than the others where
        they are not resampled.
    """
    if len(library) < 2:
        log.warning(
            "Outlier detection needs two exposures or more and got %d; nothing is flagged, and the status is FAILED",
            len(library),
        )
        record_step_status(library, "outlier_detection", success=False)
        return
    with library, PatchStore(on_disk=options.on_disk or library.on_disk) as store:
        run = _Run(library, options, products, store)
        if options.resample_data:
            _detect_resampled(run, PixelMaps() if maps is None else maps)
        else:
            _detect_on_detector(run)


def footprints_of(library: Any) -> list[str]:
    """Read the footprints of all exposures.

    Parameters
    ----------
    library : ModelLibrary
        No member is borrowed.

    Raises
    ------
    InputError
        An exposure has none.
    """
    footprints = []
    for index in range(len(library)):
        metadata = library.read_metadata(index)
        region = metadata.get("meta.wcsinfo.s_region")
        if not region:
            raise InputError(
                f"{metadata.get('meta.filename') or f'exposure {index + 1}'} has no footprint (S_REGION): run "
                "assign_wcs on it, or give resample_data=False"
            )
        footprints.append(region)
    return footprints


def _detect_resampled(run: _Run, maps: PixelMaps) -> None:
    """Flag against the median on a common grid."""
    regions = footprints_of(run.library)
    with run.member(0) as first:
        grid = make_grid(regions, first.meta.wcs, first.meta.wcsinfo.instance)
    del first  # or two exposures are held while the next one is opened
    images = GroupImages(grid, run.options, maps, regions)
    groups = list(run.library.group_indices.values())
    log.info("The median is that of %d groups of exposures on %d x %d pixels", len(groups), *grid.shape[::-1])
    for members in groups:
        _add_group(run, images, members)
    median = median_of_patches(run.store.patches, grid.shape, out=run.store.plane(grid.shape))
    run.store.patches.clear()
    with run.member(0) as first:
        run.save("median", first, partial(images.model_of, first, median))
    del first
    for index in range(len(run.library)):
        with run.member(index, modify=True) as model:
            _flag(run, model, median, images)
            del model


def _add_group(run: _Run, images: GroupImages, members: Sequence[int]) -> None:
    """Resample the exposures of a group into one image, without the pixels of low weight."""
    image = images.start()
    for index in members:
        with run.member(index) as model:
            check_planes(model)
            image.add(model)
            del model
    data, weight, corner = image.finish()
    del image
    if run.products is not None:
        with run.member(members[0]) as first:
            planes = [Patch(*corner, data, images.fill), Patch(*corner, weight, 0.0)]
            run.save(
                "outlier_i2d", first, lambda: images.model_of(first, *(p.whole(images.grid.shape) for p in planes))
            )
    threshold = weight_threshold(weight, run.options.maskpt)
    mask_low_weights(data, weight, threshold)
    outside = np.nan if threshold > 0 else images.fill
    run.store.add(data, corner, outside=outside)


def _flag(run: _Run, model: Any, median: np.ndarray, images: GroupImages) -> None:
    """Flag an exposure against the median on the common grid."""
    blotted = blot(median, images.places(model))
    run.save("blot", model, lambda: like(model, blotted))
    limits = run.options.limits.with_background(background_of_blot(model, run.options.limits.background))
    flagged = flag_against_blot(model.data, model.err, blotted, limits)
    mark(model, flagged)


def _detect_on_detector(run: _Run) -> None:
    """Flag against the median on the pixels of the detector."""
    shape = _add_exposures(run)
    median = median_of_patches(run.store.patches, shape, out=run.store.plane(shape))
    run.store.patches.clear()
    with run.member(0) as first:
        run.save("median", first, partial(like, first, median))
    del first
    for index in range(len(run.library)):
        with run.member(index, modify=True) as model:
            mark(model, flag_against_median(model.data, model.err, median, run.options.limits.snr[0]))
            del model


def _add_exposures(run: _Run) -> tuple[int, int]:
    """Keep all exposures without the pixels of low weight; return their shape."""
    shape: tuple[int, int] | None = None
    for index in range(len(run.library)):
        with run.member(index) as model:
            check_planes(model)
            shape = shape or model.data.shape
            if model.data.shape != shape:
                raise InputError(
                    f"{label(model)} has the shape {model.data.shape} and the first exposure {shape}: with "
                    "resample_data=False all have to have the same pixels. Leave resample_data=True"
                )
            data = np.array(model.data, dtype=np.float32)
            weight = weight_map(model, run.options.weight_type, run.options.good_bits)
            del model
        mask_low_weights(data, weight, weight_threshold(weight, run.options.maskpt))
        run.store.add(data, (0, 0))
    assert shape is not None
    return shape
