"""The resample step: parameters, libraries, products. Source: spec resample.md."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from jwst.stpipe import Step
from jwst.stpipe.inputs import is_model
from stpipe import Param
from stpipe.exceptions import InputError

if TYPE_CHECKING:
    import numpy as np

    from jwst.resample.grid import GridRequest, OutputGrid
    from jwst.resample.resample import ResampleSettings

__all__ = ["ResampleStep"]

log = logging.getLogger(__name__)

_BLOCK = 1 << 16
"""Pixels that are looked at at one time."""

_KERNELS = {
    "square": "the pixel itself, made smaller by pixfrac",
    "gaussian": "a Gaussian; does not keep the flux of single pixels",
    "point": "all in the output pixel of the centre",
    "turbo": "a square along the output axes: fast, nearly the same as square",
    "lanczos2": "a sinc function with two lobes; only for pixfrac 1 and images without bad pixels",
    "lanczos3": "the same with three lobes",
}
_WEIGHTS = {"ivm": "inverse variance of the read noise", "exptime": "time of the exposure"}


class WrongInputError(InputError, TypeError):
    """What is given is no image and no collection of images."""


class ResampleStep(Step):
    """Combine images on one undistorted grid."""

    class_alias = "resample"

    pixfrac = Param(1.0, "size of the drops that pixels shrink to", ge=0.0, le=1.0, unit="pixel")
    kernel = Param("square", "shape of the drops", choices=_KERNELS)
    fillval = Param("NAN", "value of pixels without data: a number, NAN or INDEF")
    weight_type = Param("ivm", "weights of the pixels", choices=_WEIGHTS)
    output_shape = Param(
        None, "columns and rows of the output", min_length=2, max_length=2, unit="pixel", type=list[int]
    )
    crpix = Param(
        None, "place of crval in the output, x and y from 0", min_length=2, max_length=2, unit="pixel", type=list[float]
    )
    crval = Param(
        None, "right ascension and declination of crpix", min_length=2, max_length=2, unit="deg", type=list[float]
    )
    rotation = Param(
        None, "angle of the y axis, east of north; none for that of the first input", unit="deg", type=float
    )
    pixel_scale_ratio = Param(1.0, "output to input pixel scale")
    pixel_scale = Param(None, "output pixel scale; stands above the ratio", unit="arcsec", type=float)
    output_wcs = Param("", "ASDF file with the output grid; stands above all other parameters of the grid")
    single = Param(False, "one product for each exposure, all on the same grid")
    blendheaders = Param(True, "blend the metadata of the inputs and list them in a table (HDRTAB)")
    in_memory = Param(True, "keep all inputs in memory; for inputs that are not in a library yet")
    enable_ctx = Param(True, "make the context planes (CON): which input went into which pixel")
    enable_err = Param(True, "make the error plane, for which the variances are resampled")
    report_var = Param(True, "keep the variance planes")
    propagate_dq = Param(False, "make a DQ plane: flags of all pixels that went in")
    pixmap_stepsize = Param(1.0, "above 1: world coordinates are interpolated between pixels that far apart")
    pixmap_order = Param(1, "order of that interpolation: 1 or 3")

    def process(self, step_input: Any) -> Any:
        """Combine images.

        Parameters
        ----------
        step_input : ModelLibrary, ModelContainer, list, association, ImageModel, str or Path
            Calibrated images.

        Returns
        -------
        ImageModel or ModelLibrary
            A library for ``single``: one image for each exposure.

        Raises
        ------
        InputError
            The inputs cannot be combined; the text says why and what to do.
        ParameterError
            A parameter cannot be used.
        """
        from jwst.resample.resample_utils import footprints, grid_of_library

        settings = self._settings(step_input)
        library = self._library(step_input)
        regions = footprints(library, required=not self.output_wcs)
        grid = grid_of_library(library, self._grid_request(), regions, output_wcs=self._custom_grid())
        log.info(
            "Resampling %d images to %d columns and %d rows of %.6g arcsec",
            len(library),
            *grid.shape[::-1],
            grid.pixel_scale,
        )
        if self.single:
            return self._single(library, grid, settings)
        product = _combined(library, range(len(library)), grid, settings)
        return _named_after(product, library)

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Path of the result: one, however many inputs there are; those of ``single`` depend on the inputs."""
        return [] if self.single else [self.planned_path()]

    def _settings(self, step_input: Any) -> ResampleSettings:
        from jwst.resample.resample import ResampleSettings, fill_value

        fill_value(self.fillval)
        return ResampleSettings(
            pixfrac=self.pixfrac,
            kernel=self.kernel,
            fillval=self.fillval,
            weight_type=self.weight_type,
            context=self.enable_ctx,
            errors=self.enable_err,
            variances=self.report_var,
            flags=self.propagate_dq,
            blend=self.blendheaders and not _is_one_image(step_input),
            direct_errors=self.single,
            stepsize=max(1.0, self.pixmap_stepsize),
            order=self.pixmap_order,
        )

    def _grid_request(self) -> GridRequest:
        from jwst.resample.grid import GridRequest

        return GridRequest(
            crpix=self.crpix,
            crval=self.crval,
            rotation=self.rotation,
            pixel_scale_ratio=self.pixel_scale_ratio,
            pixel_scale=self.pixel_scale,
            output_shape=self.output_shape,
        )

    def _custom_grid(self) -> str | None:
        """Path of the file with the output grid: from the current folder, else from that of the inputs."""
        if not self.output_wcs:
            return None
        path = os.path.expanduser(self.output_wcs)
        return path if os.path.exists(path) else self.make_input_path(path)

    def _library(self, step_input: Any) -> Any:
        from jwst.lib.exposures import open_library, refuse_mixed

        if is_model(step_input) and type(step_input).__name__ != "ImageModel":
            raise WrongInputError(
                f"resample combines images (ImageModel), and this is a {type(step_input).__name__}. Spectra need "
                "resample_spec, cubes of spectra cube_build"
            )
        library = open_library(self, step_input, on_disk=not self.in_memory)
        refuse_mixed(library)
        return library

    def _single(self, library: Any, grid: OutputGrid, settings: ResampleSettings) -> Any:
        """One image for each exposure, as a library."""
        from jwst.datamodels import ModelLibrary
        from jwst.resample.group_files import GroupFiles

        groups = library.group_indices.values()
        images = (_group_image(library, indices, grid, settings) for indices in groups)
        return GroupFiles(images).library() if library.on_disk else ModelLibrary(list(images))


def _is_one_image(step_input: Any) -> bool:
    """Whether an input is one image, open or in a file."""
    if isinstance(step_input, str | os.PathLike):
        return not os.fspath(step_input).lower().endswith((".json", ".yaml", ".yml"))
    return is_model(step_input)


def _combined(library: Any, indices: Sequence[int], grid: OutputGrid, settings: ResampleSettings) -> Any:
    """One image of some members of a library."""
    from jwst.resample.product_metadata import describe_library
    from jwst.resample.resample import ResampleImage

    regions = [library.read_metadata(index).get("meta.wcsinfo.s_region") for index in indices]
    resampler = ResampleImage(grid, settings, inputs=len(indices), regions=[one for one in regions if one])
    groups = {index: group for group, members in library.group_indices.items() for index in members}
    with library:
        for index in indices:
            model = library.borrow(index)
            changed = False
            try:
                changed = _made_consistent(model)
                resampler.add_model(model, groups[index])
            finally:
                library.shelve(model, index, modify=changed)
            del model
    product = resampler.finalize()
    describe_library(product, library)
    return product


def _made_consistent(model: Any) -> bool:
    """Make the planes of an image consistent about unusable pixels; whether that changed the image."""
    from jwst.lib.invalid import FLOAT_PLANES, sync_invalid
    from jwst.resample.resample import check_image

    check_image(model)
    planes = [plane for name in FLOAT_PLANES if (plane := getattr(model, name, None)) is not None]
    arrays = planes if model.dq is None else [*planes, model.dq]
    if all(array.shape == model.data.shape for array in arrays) and _is_consistent(planes, model.dq):
        return False
    before = _unusable(planes, model.dq)
    sync_invalid(model)
    return _unusable(planes, model.dq) != before


def _unusable(planes: Sequence[np.ndarray], dq: np.ndarray | None) -> list[int]:
    """How many pixels of each plane cannot be used."""
    import numpy as np

    flags = [] if dq is None else [int(np.count_nonzero(dq & np.uint32(1)))]
    return flags + [int(np.count_nonzero(np.isnan(plane))) for plane in planes]


def _is_consistent(planes: Sequence[np.ndarray], dq: np.ndarray | None) -> bool:
    """Whether all planes, which have one shape, lack the same pixels, and these are flagged."""
    import numpy as np

    ny, nx = planes[0].shape
    step = max(1, _BLOCK // nx)
    for start in range(0, ny, step):
        rows = slice(start, start + step)
        missing = np.isnan(planes[0][rows])
        if not all(np.array_equal(np.isnan(plane[rows]), missing) for plane in planes[1:]):
            return False
        if dq is not None and not np.array_equal((dq[rows] & np.uint32(1)) != 0, missing):
            return False
    return True


def _group_image(library: Any, indices: Sequence[int], grid: OutputGrid, settings: ResampleSettings) -> Any:
    """The image of one exposure, with its name."""
    image = _combined(library, indices, grid, settings)
    name = library.read_metadata(indices[0]).get("meta.filename") or "exposure.fits"
    root = os.path.splitext(os.path.basename(name))[0]
    image.meta.filename = f"{root.rpartition('_')[0] or root}_outlier_i2d.fits"
    return image


def _named_after(product: Any, library: Any) -> Any:
    """Give a product the name of its association, where that is one of a file."""
    name = str(library.asn["products"][0].get("name") or "")
    if ".fits" in name:
        product.meta.filename = name
    return product
