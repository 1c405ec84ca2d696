"""Reference data for a step: read lazily, cut to the exposure, never shared with anybody.

`open_reference` gives the same view of a reference file and of a reference model in memory. Only headers are read when
a file is opened; every array is read when a step asks for it, and only the rows that the exposure covers.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from jwst.lib.reference_contents import KEYWORDS, hdu_name, is_blank, standard_flags
from jwst.lib.stripes import StripeCut, is_striped
from jwst.lib.subarray import check_size, matching_window, reference_subarray, science_subarray
from stpipe.exceptions import InputError

__all__ = ["FileReference", "ModelReference", "Reference", "open_reference"]

log = logging.getLogger(__name__)

_AXES = {"gain": 2, "readnoise": 2, "superbias": 2, "saturation": 2, "mask": 2, "linearity": 3}
_PRIMARY = {"mask": "dq", "linearity": "coeffs"}
_ANY = ("ANY", "N/A", "MULTIPLE", "GENERIC")


def open_reference(source: Any, model: Any, reftype: str) -> Reference:
    """Open a reference for an exposure.

    Parameters
    ----------
    source : str, Path or data model
        A FITS reference file, or a reference model in memory (which is never changed).
    model : data model
        The exposure.
    reftype : str
        CRDS reference type, for messages and for the name of the primary array.

    Returns
    -------
    Reference
        A context manager.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    InputError
        The file cannot be read as a reference.
    """
    if isinstance(source, str) or hasattr(source, "__fspath__"):
        return FileReference(str(source), model, reftype)
    return ModelReference(source, model, reftype)


class Reference:
    """What a step sees of a reference.

    Attributes
    ----------
    name : str
        Path of the file, or the override name of a model.
    """

    name: str

    def __init__(self, name: str, model: Any, reftype: str) -> None:
        self.name = name
        self._science = model
        self._reftype = reftype
        self._window: tuple[slice, slice] | StripeCut | None = None
        self._matched = False
        self._has_numbers: bool | None = None

    def __enter__(self) -> Reference:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close what is open."""

    def meta(self, path: str, default: Any = None) -> Any:
        """Read one metadata value, such as ``"exposure.nframes"``."""
        raise NotImplementedError

    def shape(self, name: str = "data") -> tuple[int, ...] | None:
        """Shape of an array, without reading it; None if there is none."""
        raise NotImplementedError

    def table(self, name: str) -> np.ndarray | None:
        """Read a table as a structured array; None if there is none."""
        raise NotImplementedError

    def _read(
        self, name: str, dtype: DTypeLike, window: tuple[slice, slice] | None, planes: slice | None = None
    ) -> np.ndarray | None:
        raise NotImplementedError

    def _flag_table(self) -> np.ndarray | None:
        """The DQ_DEF table where ``dq`` still has the bits of the file."""
        raise NotImplementedError

    def warn_of_other_detector(self) -> None:
        """Warn where a reference is one of another instrument or detector than the exposure, and both are known."""
        for key, keyword in (("name", "INSTRUME"), ("detector", "DETECTOR")):
            own, wanted = self.meta(f"instrument.{key}"), getattr(self._science.meta.instrument, key)
            if own and wanted and str(own).upper() not in (str(wanted).upper(), *_ANY):
                log.warning(
                    "The %s reference %s is one of %s, and the exposure one of %s (%s); it is used as it is",
                    self._reftype,
                    self.name,
                    own,
                    wanted,
                    keyword,
                )
                return

    def refuse_blank(self) -> None:
        """Refuse a reference of whose planes not one that was read holds a number; see `planes`.

        Raises
        ------
        InputError
            All are NaN.
        """
        if self._has_numbers is False:
            raise InputError(self._blank_text("data"))

    def _blank_text(self, name: str) -> str:
        return f"The array {name!r} of the {self._reftype} reference {self.name} is NaN throughout. {self._advice()}"

    def _advice(self) -> str:
        return f"Give another one with override_{self._reftype}, or none, so that CRDS chooses"

    def array(self, name: str, dtype: DTypeLike = np.float32, cut: bool = True) -> np.ndarray | None:
        """Read an array.

        Parameters
        ----------
        name : str
            Attribute of the reference model, e.g. ``"data"`` or ``"coeffs"``.
        dtype : dtype
            Type of the result.
        cut : bool
            Cut the last two axes to the subarray of the exposure.

        Returns
        -------
        ndarray or None
            A private, native-endian, C-contiguous array; None if the reference has no such array. For a superstripe
            exposure the first axis of a cut image is that of the stripes.

        Raises
        ------
        InputError
            The exposure is not inside the reference, or the primary array has no number there.
        """
        window = self._cutout() if cut else None
        if not isinstance(window, StripeCut):
            result = self._read(name, dtype, window)
        else:
            rectangle = self._read(name, dtype, window.window)
            result = None if rectangle is None else window.apply(rectangle)
        if result is not None and name == self._primary() and is_blank(result):
            raise InputError(self._blank_text(name))
        return result

    def rectangle(self, name: str, rows: slice, columns: slice) -> np.ndarray | None:
        """Read some rows and columns of the last two axes of an array, float32; None if there is no such array."""
        return self._read(name, np.float32, (rows, columns))

    def planes(self, name: str, start: int, stop: int) -> np.ndarray:
        """Read planes ``start:stop`` of an array, float32, not cut; all axes before the last two count as one."""
        result = self._read(name, np.float32, None, slice(start, stop))
        if result is None:
            raise InputError(f"{self.name} has no array {name!r}")
        self._has_numbers = bool(self._has_numbers) or not is_blank(result)
        return result

    def dq(self, cut: bool = True) -> np.ndarray:
        """Read the data-quality plane in standard flags.

        Parameters
        ----------
        cut : bool
            Cut to the subarray of the exposure.

        Returns
        -------
        ndarray of uint32
            Zeros where the reference has no data quality. Bits of the file are translated through its DQ_DEF table
            (spec common_detector.md §4).
        """
        cutout = self._cutout() if cut else None
        if not isinstance(cutout, StripeCut):
            return self._flags(cutout)
        return cutout.apply(self._flags(cutout.window))

    def _flags(self, window: tuple[slice, slice] | None) -> np.ndarray:
        """A rectangle of the data-quality plane in standard flags; see `dq`."""
        raw = self._read("dq", np.uint32, window)
        if raw is None:
            shape = self.shape(self._primary()) or self.shape("data")
            if shape is None:
                raise InputError(f"{self.name} has neither a DQ nor a data array")
            plane = np.zeros(shape[-2:], np.uint32)
            return plane if window is None else np.ascontiguousarray(plane[window])
        self._check_flags()
        if self._reftype == "linearity" and raw.ndim > 2:
            raw = np.bitwise_or.reduce(raw, axis=0)
        table = self._flag_table()
        return raw if table is None or len(table) == 0 else standard_flags(raw, table)

    def _check_flags(self) -> None:
        """Refuse a data-quality plane of another size than the array that it describes."""
        flags, primary = self.shape("dq"), self.shape(self._primary()) or self.shape("data")
        if flags is not None and primary is not None and flags[-2:] != primary[-2:]:
            raise InputError(
                f"The flags of the {self._reftype} reference {self.name} have {flags[-2]} x {flags[-1]} pixels and its "
                f"array {primary[-2]} x {primary[-1]}. {self._advice()}"
            )

    def _primary(self) -> str:
        return _PRIMARY.get(self._reftype, "data")

    def _cutout(self) -> tuple[slice, slice] | StripeCut | None:
        """The part of this reference that belongs to the exposure, worked out once."""
        if not self._matched:
            shape = self.shape(self._primary())
            if shape is None:
                raise InputError(
                    f"{self.name} has no array {self._primary()!r}: it is no {self._reftype} reference. "
                    f"{self._advice()}"
                )
            axes = _AXES.get(self._reftype, len(shape))
            if len(shape) != axes:
                raise InputError(
                    f"The array {self._primary()!r} of {self.name} has {len(shape)} axes; that of a {self._reftype} "
                    f"reference has {axes}. {self._advice()}"
                )
            try:
                self._window = self._match(shape)
            except InputError as error:
                raise InputError(f"{error} ({self._reftype} reference {self.name})") from None
            self._matched = True
        return self._window

    def _match(self, shape: tuple[int, ...]) -> tuple[slice, slice] | StripeCut | None:
        """Find the part of a reference of some shape; see `_cutout`."""
        corner = tuple(self.meta(f"subarray.{key}") for key in ("xstart", "ystart", "xsize", "ysize"))
        instrument = self._science.meta.instrument.name or ""
        reference = reference_subarray(corner, shape, instrument=instrument)
        if is_striped(self._science):
            where = self._science.meta.subarray
            check_size((where.xsize, where.ysize), _science_shape(self._science))
            return StripeCut.of(self._science, reference)
        return matching_window(science_subarray(self._science), reference, shape=_science_shape(self._science))


class FileReference(Reference):
    """A reference in a FITS file.

    Parameters
    ----------
    path : str
        The file.
    model : data model
        The exposure.
    reftype : str
        CRDS reference type.
    """

    def __init__(self, path: str, model: Any, reftype: str) -> None:
        from jwst.datamodels.fast_fits import open_fits

        super().__init__(path, model, reftype)
        self._hdulist = open_fits(path, what=f"{reftype} reference")
        self._hdus = {hdu.name: hdu for hdu in reversed(self._hdulist)}

    def close(self) -> None:
        """Close the file."""
        self._hdulist.close()

    def meta(self, path: str, default: Any = None) -> Any:
        """Read one metadata value from the header.

        Parameters
        ----------
        path : str
            Such as ``"exposure.nframes"`` for ``meta.exposure.nframes``.
        default : object
            Where the value is absent.

        Raises
        ------
        KeyError
            This path is not known here.
        """
        extension, _, keyword = KEYWORDS[path].rpartition(".")
        hdu = self._hdus.get(extension) if extension else self._hdulist[0]
        value = None if hdu is None else hdu.header.get(keyword)
        return default if value is None or (isinstance(value, str) and not value) else value

    def shape(self, name: str = "data") -> tuple[int, ...] | None:
        """Shape of an array, without reading it; None if there is none."""
        hdu = self._hdus.get(hdu_name(name))
        return None if hdu is None or not hdu.shape else tuple(hdu.shape)

    def table(self, name: str) -> np.ndarray | None:
        """Read a table as a structured, native-endian array; None if there is none."""
        hdu = self._hdus.get(hdu_name(name))
        if hdu is None or hdu.data is None:
            return None
        columns = {column: np.asarray(hdu.data[column]) for column in hdu.columns.names}
        types = [(column, values.dtype.newbyteorder("="), values.shape[1:]) for column, values in columns.items()]
        rows = np.empty(len(hdu.data), types)
        for column, values in columns.items():
            rows[column] = values
        return rows

    def _read(
        self, name: str, dtype: DTypeLike, window: tuple[slice, slice] | None, planes: slice | None = None
    ) -> np.ndarray | None:
        from jwst.lib.fits_arrays import read_window

        hdu = self._hdus.get(hdu_name(name))
        if hdu is None or not hdu.shape:
            return None
        return read_window(hdu, path=self.name, dtype=dtype, window=window, planes=planes)

    def _flag_table(self) -> np.ndarray | None:
        return self.table("dq_def")


class ModelReference(Reference):
    """A reference model in memory, such as a user's override.

    Parameters
    ----------
    reference : data model
        Never changed.
    model : data model
        The exposure.
    reftype : str
        CRDS reference type.
    """

    def __init__(self, reference: Any, model: Any, reftype: str) -> None:
        name = getattr(reference, "override_handle", None) or f"override://{type(reference).__name__}"
        super().__init__(str(name), model, reftype)
        self._model = reference

    def meta(self, path: str, default: Any = None) -> Any:
        """Read one metadata value of the model, e.g. ``"exposure.nframes"``."""
        node = self._model.meta
        for part in path.split("."):
            node = getattr(node, part, None)
            if node is None:
                return default
        return node

    def shape(self, name: str = "data") -> tuple[int, ...] | None:
        """Shape of an array; None if there is none."""
        array = getattr(self._model, name, None)
        return None if array is None or not getattr(array, "shape", ()) else tuple(array.shape)

    def table(self, name: str) -> np.ndarray | None:
        """A copy of a table as a structured array; None if there is none."""
        rows = getattr(self._model, name, None)
        return None if rows is None else np.array(rows)

    def _read(
        self, name: str, dtype: DTypeLike, window: tuple[slice, slice] | None, planes: slice | None = None
    ) -> np.ndarray | None:
        array = getattr(self._model, name, None)
        if array is None:
            return None
        array = np.asarray(array)
        if planes is not None and array.ndim > 2:
            array = array.reshape(-1, *array.shape[-2:])[planes]
        if window is not None:
            array = array[..., window[0], window[1]]
        return np.array(array, dtype=dtype, order="C")

    def _flag_table(self) -> np.ndarray | None:
        return None


def _science_shape(model: Any) -> tuple[int, ...]:
    """Shape of the science array of the exposure."""
    return tuple(model.data.shape)
