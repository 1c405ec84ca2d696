"""The skymatch step: parameters, the library, levels written to the images. Source: spec skymatch.md."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from jwst.stpipe import Step
from stpipe import Param

__all__ = ["SkyMatchStep"]

log = logging.getLogger(__name__)


class SkyMatchStep(Step):
    """Measure or equalise the sky level of overlapping images."""

    class_alias = "skymatch"

    skymethod = Param(
        "match",
        "which levels",
        choices={
            "local": "the sky of each exposure",
            "global": "the lowest sky of all exposures, for all",
            "match": "differences of sky between overlapping exposures",
            "global+match": "differences of sky, and the lowest sky that is left then",
            "user": "levels of a list",
        },
    )
    match_down = Param(True, "match to the lowest level; False: to the highest")
    subtract = Param(False, "subtract the level from the data")
    skylist = Param(None, "'user': text file with the name and the level of each image", type=str)
    stepsize = Param(
        None, "points of the outline of an image are so far apart; None: its corners", type=int, unit="pixel"
    )
    skystat = Param(
        "mode",
        "statistic of the sky",
        choices={
            "median": "median of the values that are left",
            "midpt": "where the cumulative histogram reaches one half",
            "mean": "mean of the values that are left",
            "mode": "peak of the histogram",
        },
    )
    dqbits = Param("~DO_NOT_USE+NON_SCIENCE", "flags of good pixels; None: all pixels are good", type=str)
    lower = Param(None, "values below are left out", type=float)
    upper = Param(None, "values above are left out", type=float)
    nclip = Param(5, "number of clips", ge=0)
    lsigma = Param(4.0, "lower limit of a clip", ge=0.0, unit="sigma")
    usigma = Param(4.0, "upper limit of a clip", ge=0.0, unit="sigma")
    binwidth = Param(0.1, "width of the bins of the histogram", ge=0.0, unit="sigma")
    in_memory = Param(True, "keep the images in memory; False: in temporary files")

    def process(self, step_input: Any) -> Any:
        """Find the sky levels of images.

        Parameters
        ----------
        step_input : str, Path, association, list, ModelContainer or ModelLibrary
            Images with WCS.

        Returns
        -------
        ModelLibrary
            ``meta.background`` of each image tells its level; ``data`` are less by it if ``subtract``.

        Raises
        ------
        InputError
            An image, or the list of levels, cannot be used; the text says which and why.
        ParameterError
            ``dqbits`` names no flags, or a list of levels is missing.
        """
        from jwst.lib.exposures import open_library

        self._check()
        library = open_library(self, step_input, on_disk=not self.in_memory)
        with library:
            shifts, starts = self._user_levels(library) if self.skymethod == "user" else self._levels(library)
            for index in range(len(library)):
                model = library.borrow(index)
                self._record(model, shifts[index], starts[index])
                library.shelve(model, index)
                del model  # or two are held while the next one is opened
        return library

    def _check(self) -> None:
        """Refuse parameters that do not go together before anything is opened."""
        from jwst.skymatch.images import ignored_flags
        from stpipe.exceptions import ParameterError

        ignored_flags(self.dqbits)
        if self.stepsize is not None and self.stepsize < 1:
            raise ParameterError(f"stepsize: {self.stepsize} pixels; give 1 or more, or None for the corners alone")
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            raise ParameterError(f"lower ({self.lower}) is above upper ({self.upper}): no value of the sky is between")

    def _user_levels(self, library: Any) -> tuple[list[float], list[float]]:
        """Levels of the list, and zeros."""
        from jwst.skymatch.user_sky import user_levels

        names = [str(library.read_metadata(index).get("meta.filename", "")) for index in range(len(library))]
        return user_levels(self.skylist, names), [0.0] * len(names)

    def _levels(self, library: Any) -> tuple[list[float], list[float]]:
        """Levels that are found (NaN: none), and those that have been subtracted already, of all images."""
        from jwst.skymatch.images import Wanted, describe, ignored_flags, measure
        from jwst.skymatch.matching import levels_of, units_of

        images = []
        for index in range(len(library)):
            model = library.borrow(index)
            try:
                images.append(describe(model, stepsize=self.stepsize, subtract=self.subtract))
            finally:
                library.shelve(model, index, modify=False)
            del model
        members = library.asn["products"][0]["members"]
        unit = units_of([member["group_id"] for member in members])
        overlap, whole = "match" in self.skymethod, self.skymethod != "match"
        wanted = Wanted(self._statistic(), ignored_flags(self.dqbits), overlap=overlap, whole=whole)
        levels = levels_of(measure(library, images, unit, wanted), self.skymethod, down=self.match_down)
        return [float(level) for level in levels[unit]], [image.level for image in images]

    def _statistic(self) -> Any:
        from jwst.skymatch.sky_statistics import SkyStatistic

        return SkyStatistic(self.skystat, self.lower, self.upper, self.nclip, self.lsigma, self.usigma, self.binwidth)

    def _record(self, model: Any, shift: float, start: float) -> None:
        """Write the level of an image, and subtract it if that is wanted."""
        background, name = model.meta.background, model.meta.filename
        if not np.isfinite(shift):
            log.warning("No sky level was found for %s: it stays as it is", name)
            model.meta.cal_step.skymatch = "SKIPPED"
            return
        if self.skymethod == "user" and background.subtracted:
            log.warning("A sky of %s has been subtracted from %s before", background.level, name)
        if self.subtract:
            model.data = np.subtract(model.data, np.float32(shift))
        background.level, background.subtracted, background.method = start + shift, self.subtract, self.skymethod
        log.info("The sky level of %s is %.6g%s", name, start + shift, ", subtracted" if self.subtract else "")
        self.complete(model)
