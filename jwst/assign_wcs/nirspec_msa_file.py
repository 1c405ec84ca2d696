"""Open slitlets of the MSA, from its metadata file. Source: spec assign_wcs_spectroscopy.md, Open slits, MOS."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from jwst.assign_wcs.util import MSAFileError

if TYPE_CHECKING:
    from stdatamodels.jwst.transforms.models import Slit

__all__ = ["MsaTables", "open_slitlets", "read_msa_file"]

log = logging.getLogger(__name__)

_PITCH = 1.15
_COLUMNS = 365
_SCALE = (1.35, 1.15)
_NEEDED = (
    *("slitlet_id", "msa_metadata_id", "shutter_quadrant", "shutter_row", "shutter_column", "source_id", "background"),
    *("estimated_source_in_shutter_x", "estimated_source_in_shutter_y", "dither_point_index", "primary_source"),
)


@dataclass(frozen=True)
class MsaTables:
    """Tables of an MSA metadata file.

    Attributes
    ----------
    shutters, sources : structured ndarray
        SHUTTER_INFO and SOURCE_INFO.
    name : str
        Path, for messages.
    """

    shutters: np.ndarray
    sources: np.ndarray
    name: str


@dataclass(frozen=True)
class _Setting:
    """What all slitlets of an exposure share."""

    program: str
    limits: tuple[float, float]
    scales: dict[int, tuple[float, float]]
    sources: np.ndarray


def read_msa_file(path: str | None) -> MsaTables:
    """Read an MSA metadata file.

    Parameters
    ----------
    path : str or None
        FITS file with SHUTTER_INFO and SOURCE_INFO.

    Returns
    -------
    MsaTables

    Raises
    ------
    MSAFileError
        No such file, or it is none of an MSA.
    """
    from astropy.io import fits

    if path is None or str(path) in ("", "N/A"):
        raise MSAFileError(
            "MSA metadata file (MSAMETFL) is required for NRS_MSASPEC exposures. Add its name to the header"
        )
    try:
        with fits.open(path, memmap=False) as hdus:
            tables = [np.array(hdus[name].data) for name in ("SHUTTER_INFO", "SOURCE_INFO")]
    except FileNotFoundError:
        raise MSAFileError(
            f"Missing MSA meta (MSAMETFL) file {path}. Put it beside the exposure, or give its full path in the header"
        ) from None
    except (OSError, KeyError, TypeError) as error:
        raise MSAFileError(f"Unable to read MSA FITS file (MSAMETFL) {path}: {error}") from None
    absent = [name for name in _NEEDED if name not in (tables[0].dtype.names or ())]
    if absent:
        raise MSAFileError(f"Unable to read MSA FITS file (MSAMETFL) {path}: SHUTTER_INFO has no column {absent}")
    return MsaTables(tables[0], tables[1], str(path))


def open_slitlets(model: Any, reference: Any, limits: Sequence[float]) -> list[Slit]:
    """The open slitlets of a MOS exposure.

    Parameters
    ----------
    model : data model
        With ``msa_metadata_file`` and ``msa_metadata_id`` in ``meta.instrument``, and ``meta.dither.position_number``.
    reference : str, Path, MSAModel or None
        MSA reference, for the scale of the shutters.
    limits : sequence of 2 float
        Ends of a slitlet below and above its open shutters, from the centres of those, in units of the shutter.

    Returns
    -------
    list of Slit
        In the order of the file.

    Raises
    ------
    MSAFileError
        The file or a keyword is missing, or the file does not describe this exposure.
    """
    instrument, position = model.meta.instrument, model.meta.dither.position_number
    if instrument.msa_metadata_id is None:
        raise MSAFileError("Missing msa_metadata_id (keyword MSAMETID). It says which part of the MSA file to use")
    if position is None:
        raise MSAFileError(
            "Missing dither pattern number (keyword PATT_NUM). It says which rows of the MSA file to use"
        )
    tables = read_msa_file(instrument.msa_metadata_file)
    rows = tables.shutters
    rows = rows[(rows["msa_metadata_id"] == instrument.msa_metadata_id) & (rows["dither_point_index"] == position)]
    if not len(rows):
        known = sorted({(int(row["msa_metadata_id"]), int(row["dither_point_index"])) for row in tables.shutters})
        raise MSAFileError(
            f"The MSA file {tables.name} has no shutters for msa_metadata_id {instrument.msa_metadata_id} (MSAMETID) "
            f"and dither position {position} (PATT_NUM); it has {known[:20]}"
        )
    groups = _groups(rows)
    setting = _Setting(
        program=str(model.meta.observation.program_number or "").lstrip("0"),
        limits=(float(limits[0]), float(limits[1])),
        scales=_scales(reference, {int(number) for number in rows["shutter_quadrant"]}),
        sources=tables.sources,
    )
    slits = [_slitlet(key, group, setting) for key, group in groups.items()]
    return [slit for slit in slits if slit is not None]


def _groups(rows: np.ndarray) -> dict[int | str, np.ndarray]:
    """Rows by slitlet, or by the name of the fixed slit, in the order of the file."""
    keys = [_fixed_name(row) or int(row["slitlet_id"]) for row in rows]
    order = dict.fromkeys(int(row["slitlet_id"]) for row in rows)
    groups: dict[int | str, np.ndarray] = {}
    for number in order:
        members = [key for key, row in zip(keys, rows, strict=True) if int(row["slitlet_id"]) == number]
        if len({isinstance(key, str) for key in members}) > 1 or (
            isinstance(members[0], str) and len(members) != len(set(members))
        ):
            raise MSAFileError(
                "MSA configuration file has an unsupported fixed slit configuration. "
                f"(slitlet {number} holds {members})"
            )
    for key in dict.fromkeys(keys):
        groups[key] = rows[[other == key for other in keys]]
    return groups


def _fixed_name(row: Any) -> str:
    """Name of the fixed slit of a row; empty for shutters."""
    from jwst.assign_wcs.nirspec_slits import FIXED_SLITS

    if "fixed_slit" not in row.dtype.names:
        return ""
    name = _text(row["fixed_slit"]).upper()
    return name if name in FIXED_SLITS else ""


def _text(value: Any) -> str:
    return (value.decode() if isinstance(value, bytes) else str(value)).strip()


def _flag(rows: np.ndarray, column: str) -> np.ndarray:
    """Upper-case texts of a column."""
    return np.array([_text(value).upper() for value in rows[column]])


def _slitlet(key: int | str, rows: np.ndarray, setting: _Setting) -> Slit | None:
    """One slit of the exposure; None for a fixed slit without a source."""
    primary = rows[_flag(rows, "primary_source") == "Y"]
    if len(primary) > 1:
        raise MSAFileError(
            f"MSA configuration file has more than 1 shutter with primary source (slitlet {key}, {len(primary)} "
            "shutters)"
        )
    if isinstance(key, str):
        return _fixed(key, primary, setting)
    return _with_source(key, rows, primary[0], setting) if len(primary) else _background(key, rows, setting)


def _fixed(name: str, primary: np.ndarray, setting: _Setting) -> Slit | None:
    """A fixed slit with a source."""
    from jwst.assign_wcs.nirspec_slits import FIXED_SLITS, nrs_fs_slit_id

    if not len(primary):
        log.warning("The fixed slit %s of the MSA file has no primary source; it is left out", name)
        return None
    fields = {"name": name, "slit_id": nrs_fs_slit_id(name), "shutter_id": FIXED_SLITS.index(name), "quadrant": 5}
    place = {"xcen": 0, "ycen": 0, "ymin": setting.limits[0], "ymax": setting.limits[1], "shutter_state": "x"}
    scale = {"slit_xscale": _SCALE[0], "slit_yscale": _SCALE[1]}
    return _made(setting, primary[0], fields | place | scale)


def _with_source(key: int, rows: np.ndarray, primary: Any, setting: _Setting) -> Slit:
    """A slitlet with a primary source."""
    foreground = rows[_flag(rows, "background") == "N"]
    if not len(foreground):
        raise MSAFileError(
            f"The MSA file says of all shutters of slitlet {key} that they are background, and yet has a primary "
            "source in it"
        )
    return _made(setting, primary, _extent(key, rows, foreground[0], setting), foreground[0])


def _background(key: int, rows: np.ndarray, setting: _Setting) -> Slit:
    """A slitlet of background only."""
    from stdatamodels.jwst.transforms.models import Slit

    low, high = int(rows["shutter_column"].min()), int(rows["shutter_column"].max())
    fields = _extent(key, rows, rows[0], setting, centre=low + (high - low) // 2)
    fields |= {"source_name": f"{setting.program}_BKG{key}", "source_alias": f"BKG{key}", "source_id": key}
    fields["dither_position"] = int(rows[0]["dither_point_index"])
    return Slit(**fields, source_xpos=0.0, source_ypos=0.0)


def _extent(key: int, rows: np.ndarray, row: Any, setting: _Setting, *, centre: int | None = None) -> dict[str, Any]:
    """Place and ends of a slitlet."""
    columns = sorted({int(column) for column in rows["shutter_column"]})
    middle = int(row["shutter_column"]) if centre is None else centre
    x, quadrant = int(row["shutter_row"]), int(row["shutter_quadrant"])
    state = "".join(_mark(column, columns, middle) for column in range(columns[0], columns[-1] + 1))
    scale = setting.scales.get(quadrant, _SCALE)
    return {
        "name": key,
        "slit_id": key,
        "shutter_id": x + (middle - 1) * _COLUMNS,
        "xcen": x,
        "ycen": middle,
        "ymin": -(-setting.limits[0] + 0.5) + (columns[0] - middle) * _PITCH,
        "ymax": setting.limits[1] + 0.5 + (columns[-1] - middle) * _PITCH,
        "quadrant": quadrant,
        "shutter_state": state,
        "slit_xscale": scale[0],
        "slit_yscale": scale[1],
    }


def _mark(column: int, columns: Sequence[int], middle: int) -> str:
    return "x" if column == middle else "1" if column in columns else "0"


def _made(setting: _Setting, primary: Any, fields: dict[str, Any], row: Any = None) -> Slit:
    """A slit with what the file knows about its source."""
    from stdatamodels.jwst.transforms.models import Slit

    row = primary if row is None else row
    number = int(primary["source_id"])
    places = [float(row[f"estimated_source_in_shutter_{axis}"]) for axis in "xy"]
    x, y = (0.0 if np.isnan(place) else place - 0.5 for place in places)
    key = fields["name"]
    values = {"source_name": f"{setting.program}_VRT{key}", "source_alias": f"VRT{key}"}
    found = setting.sources[setting.sources["source_id"] == number]
    more: dict[str, Any] = {}
    if len(found):
        source = found[0]
        values = {"source_name": _text(source["source_name"]), "source_alias": _text(source["alias"])}
        more = {"stellarity": float(source["stellarity"])}
        more |= {f"source_{axis}": float(source[axis]) for axis in ("ra", "dec")}
    extra = {"source_id": number, "source_xpos": x, "source_ypos": y}
    extra["dither_position"] = int(primary["dither_point_index"])
    return Slit(**(fields | values | more | extra))


def _scales(reference: Any, quadrants: set[int]) -> dict[int, tuple[float, float]]:
    """Pitch of the shutters in units of their size, by quadrant."""
    from jwst.assign_wcs.nirspec_optics import read_quadrant
    from jwst.assign_wcs.reference_trees import is_absent, read_tree

    if is_absent(reference):
        return {}
    tree = read_tree(reference, "msa")
    scales = {}
    for number in quadrants & {1, 2, 3, 4}:
        places = read_quadrant(tree, number).places
        if len(places) > _COLUMNS:
            scales[number] = (places[1, 0] - places[0, 0]) / places[0, 2], places[_COLUMNS, 1] / places[0, 3]
    return scales
