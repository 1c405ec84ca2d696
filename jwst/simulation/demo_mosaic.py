"""The second half of the demo: dithered exposures of a field become a mosaic and a catalogue."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jwst.simulation.field import SimulatedField, simulate_field
from jwst.simulation.field_report import FieldSummary, compare_field
from jwst.simulation.field_settings import FieldSettings
from jwst.simulation.picture_image import picture_of_product
from jwst.simulation.settings import NoiseSettings
from jwst.simulation.sky_field import SkyField
from stpipe.exceptions import OutputError

__all__ = ["MosaicResult", "make_mosaic", "mosaic_settings"]

QUIET = NoiseSettings(one_over_f=0.3, amplifier_drift=0.0, odd_even_drift=0.0)
"""Windows in the middle of a detector see no reference pixels: nothing would take drifts of the amplifier out again."""

Timed = Callable[[str, Callable[[], object]], object]


@dataclass(frozen=True)
class MosaicResult:
    """What the second half of the demo made.

    Parameters
    ----------
    field : SimulatedField
        The exposures and what is really there.
    mosaic, catalogue, picture : Path
        Products.
    summary : FieldSummary
        Agreement with the truth.
    """

    field: SimulatedField
    mosaic: Path
    catalogue: Path
    picture: Path
    summary: FieldSummary


def mosaic_settings(small: bool) -> FieldSettings:
    """Return the field of the demo: another detector than that of the first half, so that both fit in one cache."""
    if small:
        return FieldSettings(detectors=("NRCB1",), noise=QUIET)
    sky = SkyField(stars=300, galaxies=100)
    return FieldSettings(detectors=("NRCB1",), window=512, dither=2.0, sky=sky, noise=QUIET)


def _reduce(field: SimulatedField, folder: Path, verbose: bool, timed: Timed) -> None:
    from jwst.pipeline import Detector1Pipeline, Image2Pipeline, Image3Pipeline

    saving = {"output_dir": str(folder), "save_results": True, "configure_log": verbose}

    def detector1() -> None:
        for path in field.exposures:
            Detector1Pipeline.call(str(path), **saving)

    level2, level3 = (str(path) for path in field.associations)
    timed(f"Detector1Pipeline, {len(field.exposures)} times", detector1)
    timed("Image2Pipeline", lambda: Image2Pipeline.call(level2, **saving))
    timed("Image3Pipeline", lambda: Image3Pipeline.call(level3, **saving))


def make_mosaic(settings: FieldSettings, folder: Path, *, timed: Timed, verbose: bool = False) -> MosaicResult:
    """Simulate raw exposures of a field, calibrate and combine them, compare with the truth, draw.

    Parameters
    ----------
    settings : FieldSettings
        The field.
    folder : Path
        For everything; made if missing. CRDS_PATH leads to a cache for these exposures.
    timed : callable
        Called with a name and a function; runs the function and returns its result.
    verbose : bool
        Show the log of the pipelines.

    Returns
    -------
    MosaicResult

    Raises
    ------
    OutputError
        The pipelines ended without a mosaic or a catalogue.
    """
    field = timed("dithered exposures", lambda: simulate_field(settings, folder, raw=True))
    assert isinstance(field, SimulatedField)
    _reduce(field, folder, verbose, timed)
    mosaic, catalogue = (folder / f"{field.product}_{ending}" for ending in ("i2d.fits", "cat.ecsv"))
    for path in (mosaic, catalogue):
        if not path.exists():
            raise OutputError(f"The pipelines ended without {path}; see their log for the reason.")
    summary = timed("comparison", lambda: compare_field(field))
    assert isinstance(summary, FieldSummary)
    picture = mosaic.with_suffix(".png")
    timed("picture", lambda: picture_of_product(mosaic, picture, catalogue=catalogue))
    return MosaicResult(field, mosaic, catalogue, picture, summary)
