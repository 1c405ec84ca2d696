"""The outlier_detection step: parameters, the mode, models. Source: spec outlier_detection.md."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import Any

from jwst.stpipe import Step
from jwst.stpipe.inputs import is_model
from stpipe import Param
from stpipe.exceptions import NotBuiltError, ParameterError

__all__ = ["OutlierDetectionStep"]

log = logging.getLogger(__name__)

_MODES = {
    "coron": ("NRC_CORON", "MIR_LYOT", "MIR_4QPM"),
    "imaging": ("NRC_IMAGE", "MIR_IMAGE", "NRS_IMAGE", "NIS_IMAGE", "FGS_IMAGE"),
    "spec": ("NRC_WFSS", "NIS_WFSS", "MIR_LRS-FIXEDSLIT", "NRS_FIXEDSLIT", "NRS_MSASPEC"),
    "ifu": ("NRS_IFU", "MIR_MRS"),
}
_MODE_OF = {exp_type: mode for mode, exp_types in _MODES.items() for exp_type in exp_types}
_TIME_SERIES = ("NRC_TSIMAGE", "NRC_TSGRISM", "NRS_BRIGHTOBJ")
_NOT_BUILT = {
    "spec": "slit and slitless spectra",
}
_BUILT = ("imaging", "coron", "tso", "ifu")
_EXP_TYPE = "meta.exposure.type"
_PRODUCTS = {
    "imaging": ("outlier_i2d", "median", "blot"),
    "coron": ("median",),
    "tso": ("median",),
    "ifu": ("{detector}_outlier_output",),
}


class OutlierDetectionStep(Step):
    """Flag pixels that one exposure has and the others have not."""

    class_alias = "outlier_detection"

    mode: str | None = None
    """The mode, where a pipeline knows it; otherwise the exposures tell it."""

    weight_type = Param("ivm", "weight of a pixel: inverse variance or exposure time", choices=("ivm", "exptime"))
    pixfrac = Param(1.0, "side of the drop that a pixel is shrunk to", ge=0.0, le=1.0, unit="pixel")
    kernel = Param("square", "shape of the drop", choices=("square", "point", "turbo"))
    fillval = Param("NAN", "value of pixels of the common grid without data")
    maskpt = Param(0.7, "pixels below this fraction of the mean weight have no part in the median", ge=0.0, le=1.0)
    snr = Param("5.0 4.0", "limits in the first and the second pass, in units of the error")
    scale = Param("1.2 0.7", "factors of the derivative of the median, in the first and the second pass")
    backg = Param(0.0, "sky in the data that the exposures do not tell themselves; unit of the data")
    kernel_size = Param("7 7", "IFU: rows and columns of the median filter")
    threshold_percent = Param(99.8, "IFU: percentile beyond which pixels are outliers", ge=0.0, le=100.0)
    rolling_window_width = Param(25, "time series: integrations of the running median")
    ifu_second_check = Param(False, "IFU: flag also what has no finite difference")
    save_intermediate_results = Param(False, "save the resampled groups, the median and the blots")
    resample_data = Param(True, "bring the exposures to a common grid; False takes them as they are on the detector")
    good_bits = Param("~DO_NOT_USE", "flags of pixels that are used, as names or numbers; ~ for all but these")
    search_output_file = Param(False, "Use output_file of the pipeline")
    in_memory = Param(True, "keep exposures and medians in memory, not in temporary files")
    pixmap_stepsize = Param(
        1.0, "imaging: distance of the points at which coordinates are computed", ge=1.0, unit="pixel"
    )
    pixmap_order = Param(1, "imaging: order of the interpolation between them", choices=(1, 3))

    def process(self, input_data: Any) -> Any:
        """Flag the outliers of a set of exposures.

        Parameters
        ----------
        input_data : association, list, ModelContainer, ModelLibrary, data model or path
            Calibrated exposures.

        Returns
        -------
        ModelLibrary or data model
            What came in, with OUTLIER and DO_NOT_USE in ``dq``, and NaN in all other planes there. ``meta.cal_step``
            says FAILED where the exposures are fewer than two, or of a type that the step is not for; then nothing
            else is changed.

        Raises
        ------
        ParameterError
            A parameter that holds two numbers does not.
        InputError
            An exposure lacks what is needed.
        NotBuiltError
            The mode is not part of this release.
        """
        options = self._options()
        single = _is_single(input_data)
        library = None if single else self._open(input_data)
        mode = self.mode or (self._mode_of(input_data) if single else _mode_of_set(library))
        if mode in _NOT_BUILT:
            raise NotBuiltError(self._refusal(mode))
        if mode not in (None, *_BUILT):
            raise ParameterError(f"mode={mode!r} is none of {', '.join([*_BUILT, *_NOT_BUILT])}")
        if mode in ("coron", "tso"):
            return self._detect_in_cube(input_data, mode, options)
        if mode == "ifu":
            return self._detect_in_ifu(input_data)
        library = self._open(input_data) if library is None else library
        if mode is None:
            self._not_for(library)
        else:
            self._detect(library, options)
        return _only_member(library) if single else library

    def planned_products(self, parameters: Mapping[str, Any]) -> list[str]:
        """Paths of the results, and of the first intermediate products where they are saved."""
        mode, detector = str(self._planned_mode(parameters)), parameters.get("meta.instrument.detector")
        suffixes = _PRODUCTS.get(mode, ()) if self.save_intermediate_results else ()
        names = [suffix.format(detector=str(detector).lower()) for suffix in suffixes]
        return [*(self.planned_path(suffix=name) for name in names), *super().planned_products(parameters)]

    def planned_refusal(self, parameters: Mapping[str, Any]) -> str:
        """Say that a run would refuse exposures of a mode that is not built."""
        mode = self._planned_mode(parameters)
        return self._refusal(mode) if mode in _NOT_BUILT else ""

    def _planned_mode(self, parameters: Mapping[str, Any]) -> str | None:
        return self.mode or _mode(parameters)

    def _refusal(self, mode: str | None) -> str:
        return (
            f"The outlier detection of {_NOT_BUILT[str(mode)]} (mode {mode}) is not part of this release. Switch the "
            f"step off: steps={{'{self.name}': {{'skip': True}}}}"
        )

    def _options(self) -> Any:
        from jwst.outlier_detection.flagging import Limits
        from jwst.outlier_detection.utils import Options, fill_value, parse_pair

        fill_value(self.fillval)
        return Options(
            weight_type=self.weight_type,
            pixfrac=self.pixfrac,
            kernel=self.kernel,
            fillval=self.fillval,
            maskpt=self.maskpt,
            limits=Limits(parse_pair("snr", self.snr), parse_pair("scale", self.scale), self.backg),
            resample_data=self.resample_data,
            good_bits=self.good_bits,
            on_disk=not self.in_memory,
            stepsize=self.pixmap_stepsize,
            order=self.pixmap_order,
            window=self.rolling_window_width,
        )

    def _mode_of(self, source: Any) -> str | None:
        """The mode that one exposure tells."""
        from jwst.datamodels.metadata import flat_metadata, plain_metadata, read_file_metadata

        if is_model(source):
            return _mode(flat_metadata(plain_metadata(source.instance)))
        return _mode(flat_metadata(read_file_metadata(self.make_input_path(os.fspath(source)))))

    def _open(self, source: Any) -> Any:
        """The exposures as a library."""
        from jwst.lib.exposures import open_library

        return open_library(self, source, on_disk=not self.in_memory and not _is_single(source))

    def _detect(self, library: Any, options: Any) -> None:
        """Flag the outliers of images."""
        from jwst.outlier_detection.imaging import detect_outliers

        self.add_asn_id_to_output_name(library)
        products = self._save_product if self.save_intermediate_results else None
        detect_outliers(library, options, products=products)

    def _detect_in_cube(self, source: Any, mode: str, options: Any) -> Any:
        """Flag the outliers of one exposure of many integrations."""
        from jwst.outlier_detection import coron, tso

        if not _is_single(source):
            raise TypeError(
                f"Outlier detection of mode {mode} is for one exposure with all its integrations (CubeModel), not for "
                f"a {type(source).__name__}: call it for each"
            )
        model = self.prepare_output(source)
        self.add_asn_id_to_output_name(model)
        products = self._save_product if self.save_intermediate_results else None
        {"coron": coron, "tso": tso}[mode].detect_outliers(model, options, products=products)
        return model

    def _detect_in_ifu(self, source: Any) -> Any:
        """Flag the outliers of integral-field exposures."""
        from stpipe.outputs import is_library

        if _is_single(source) or is_library(source):
            raise TypeError(
                f"Outlier detection of mode ifu is for several exposures: give an association, a list or a "
                f"ModelContainer, not a {type(source).__name__}"
            )
        from jwst.outlier_detection.ifu import detect_outliers
        from jwst.outlier_detection.neighbours import FilterOptions

        options = FilterOptions.parse(self.kernel_size, self.threshold_percent, self.ifu_second_check)
        models = self.prepare_output(source)
        self.add_asn_id_to_output_name(models)
        detect_outliers(models, options, products=self._save_product if self.save_intermediate_results else None)
        return models

    def _not_for(self, library: Any) -> None:
        """Record that there is no mode for the exposures."""
        from jwst.stpipe.utilities import record_step_status

        log.error(
            "Outlier detection is not for exposures of type %s; nothing is flagged, and the status is FAILED",
            library.read_metadata(0).get(_EXP_TYPE) if len(library) else None,
        )
        record_step_status(library, "outlier_detection", success=False)

    def _save_product(self, suffix: str, name: str, make: Callable[[], Any]) -> None:
        """Save a product that is named after an exposure."""
        with make() as model:
            model.meta.filename = name
            self.save_model(model, suffix=suffix, output_file=name, force=True)


def _mode(metadata: Mapping[str, Any]) -> str | None:
    """The mode for an exposure with these metadata; None where there is none."""
    exp_type = metadata.get(_EXP_TYPE)
    if metadata.get("meta.visit.tsovisit") or exp_type in _TIME_SERIES:
        nints = metadata.get("meta.exposure.nints")
        if nints is None or nints >= 2:
            return "tso"
    return _MODE_OF.get(str(exp_type))


def _mode_of_set(library: Any) -> str | None:
    """The mode of several exposures: that of the first. A time series is one exposure."""
    return _MODE_OF.get(str(library.read_metadata(0).get(_EXP_TYPE))) if len(library) else None


def _is_single(source: Any) -> bool:
    """Whether an input is one exposure and no set of them."""
    if isinstance(source, str | os.PathLike):
        return not os.fspath(source).lower().endswith((".json", ".yaml", ".yml"))
    return is_model(source)


def _only_member(library: Any) -> Any:
    """The exposure that came in alone."""
    with library:
        model = library.borrow(0)
        library.shelve(model, 0, modify=False)
    return model
