"""The exposures of a batch: files, globs, folders, associations and lists, each with a name of its own."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from stpipe.exceptions import InputError
from stpipe.inventory_items import Found, unique_names

__all__ = ["BatchTarget", "SameProductsError", "batch_targets", "biggest_first", "refuse_same_products"]

RAW_PATTERN = "*_uncal.fits"
_DATA_PATTERNS = ("*.fits", "*.fits.gz", "*.asdf")
_LISTS = (".txt", ".list", ".lst", ".yaml", ".yml")
_MOST_JSON = 1 << 26
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class SameProductsError(InputError):
    """Several exposures would be saved under one name."""

    exit_status = 4


class BatchTarget:
    """One exposure of a batch; small, as there may be very many.

    Parameters
    ----------
    name : str
        Its own name.
    path : str
        Absolute path.
    data : mapping, optional
        Parameters for this exposure.

    Attributes
    ----------
    source, current : str
        What the step gets.
    error : str or None
        Why it cannot be read.
    file_size : int
        Bytes of the file; 0 where it is not there.
    memory : int
        Bytes of its science array as float32, once the header has been read; before, those of the file.
    """

    __slots__ = ("current", "data", "error", "file_size", "memory", "name", "path", "source")

    groups: tuple[str, ...] = ()
    header: Mapping[str, Any] = _NOTHING
    opened = True  # so that no two events are told of each before anything runs

    def __init__(self, name: str, path: str, data: Mapping[str, Any] = _NOTHING) -> None:
        self.name = name
        self.source = self.current = self.path = path
        self.data = data
        self.error: str | None = None
        try:
            self.file_size = os.stat(path).st_size
        except OSError:
            self.file_size = 0
        self.memory = self.file_size

    @property
    def readable(self) -> bool:
        """Whether nothing is known against it."""
        return self.error is None

    def open(self) -> str:
        """Return the path."""
        return self.path

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        return f"<BatchTarget {self.name}>"


def batch_targets(inputs: Any, *, pattern: str | None = None, folder: str | None = None) -> list[BatchTarget]:
    """Find the exposures of a batch.

    Parameters
    ----------
    inputs : path, Inventory, or sequence of paths and exposures
        Paths of files, folders, associations (all members), lists of names (text or YAML), and globs.
    pattern : str, optional
        What is taken of a folder: ``*_uncal.fits`` by default, or all FITS and ASDF files where there is none.
    folder : str, optional
        Folder of file names without one.

    Returns
    -------
    list of BatchTarget
        In the order given; a path that is named twice is one exposure.

    Raises
    ------
    InputError
        A path that is named is not there, or a folder or glob has nothing.
    """
    found: dict[str, Found] = {}
    for path, data in _listed(inputs, pattern, folder):
        path = os.path.abspath(path)
        one = found.setdefault(path, Found(path, path))
        one.data.update(data)
    if not found:
        raise InputError("there is no input: name files, folders, an association or a list of names")
    every = list(found.values())
    return [BatchTarget(name, one.source, one.data or _NOTHING) for name, one in zip(unique_names(every), every)]


def _listed(inputs: Any, pattern: str | None, folder: str | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = [inputs] if isinstance(inputs, str | os.PathLike) else inputs
    for item in items:
        if isinstance(item, str | os.PathLike):
            yield from _of_path(os.fspath(item), pattern, folder)
        elif getattr(item, "path", None) is not None:
            yield item.path, item.data
        else:
            raise InputError(f"an exposure of a batch is a file, not {item!r}; save it first")


def _of_path(text: str, pattern: str | None, folder: str | None) -> Iterator[tuple[str, Mapping[str, Any]]]:
    path = os.path.expanduser(text)
    if folder and not os.path.dirname(path):
        path = os.path.join(os.path.expanduser(folder), path)
    if os.path.isdir(path):
        yield from ((one, _NOTHING) for one in _of_folder(path, pattern))
    elif os.path.exists(path):
        yield from _members(path) if _is_list(path) else [(path, _NOTHING)]
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise InputError(f"no file matches {text}")
        for match in matches:
            yield from _of_path(match, pattern, None)
    else:
        raise InputError(f"There is no input file {path!r}{_near(path)}.")


def _near(path: str) -> str:
    from stpipe.cli.inputs import _near_files

    return _near_files(path)


def _of_folder(folder: str, pattern: str | None) -> list[str]:
    patterns = [pattern] if pattern else [RAW_PATTERN]
    found = _matching(folder, patterns) or ([] if pattern else _matching(folder, _DATA_PATTERNS))
    if not found:
        raise InputError(f"the folder {folder} has no files {patterns[0]}; say which with --pattern, as '*_rate.fits'")
    return found


def _matching(folder: str, patterns: Iterable[str]) -> list[str]:
    start = glob.escape(folder)
    return sorted({path for pattern in patterns for path in glob.glob(os.path.join(start, pattern), recursive=True)})


def _is_list(path: str) -> bool:
    """Whether a file names exposures, and is none itself: a list by its extension, an association by its content."""
    extension = os.path.splitext(path)[1].lower()
    if extension in _LISTS:
        return True
    if extension != ".json" or os.path.getsize(path) > _MOST_JSON:
        return False
    with open(path, "rb") as file:
        return b'"products"' in file.read()


def _members(path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    from stpipe.inventory import Inventory

    for one in Inventory.load(path):
        if one.path is not None:
            yield one.path, one.data


def biggest_first(targets: Sequence[BatchTarget]) -> list[BatchTarget]:
    """Order exposures by the size of their files, so that no long one is left for the end; equal ones stay in order."""
    return sorted(targets, key=lambda one: -one.file_size)


def refuse_same_products(targets: Sequence[BatchTarget], base_of: Any, products_of: Any) -> None:
    """Make sure that no two exposures would be saved under one name.

    Parameters
    ----------
    targets : sequence of BatchTarget
        All exposures.
    base_of : callable
        ``base_of(target) -> str``: what names of products are derived from; only where it is equal `products_of` is
        asked.
    products_of : callable
        ``products_of(target) -> sequence of str``: paths that would be written.

    Raises
    ------
    SameProductsError
        Some would; the text names them.
    """
    by_base: dict[str, list[BatchTarget]] = {}
    for target in targets:
        by_base.setdefault(base_of(target), []).append(target)
    clashes: list[str] = []
    for several in (found for found in by_base.values() if len(found) > 1):
        owners: dict[str, list[str]] = {}
        for target in several:
            for product in products_of(target):
                owners.setdefault(os.path.realpath(product), []).append(target.path)
        clashes += [f"{product} from {' and '.join(paths)}" for product, paths in owners.items() if len(paths) > 1]
    if clashes:
        more = f"\n  … and {len(clashes) - 10} more" if len(clashes) > 10 else ""
        raise SameProductsError(
            "several exposures would be saved under one name; nothing was run. Run them in separate batches with "
            "different output_dir, or rename them:\n  " + "\n  ".join(clashes[:10]) + more
        )
