"""Writing a file completely or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Callable

from stpipe.exceptions import OutputError

__all__ = ["check_folder", "watchers", "write_atomically"]

watchers: list[Callable[[str, bool], object]] = []
"""Called with each private folder when writing in it begins (True) and when it is gone (False)."""


def check_folder(folder: str) -> None:
    """Make sure that files can be written to a folder, or that it can be made; nothing is made yet.

    Parameters
    ----------
    folder : str
        Its path.

    Raises
    ------
    OutputError
        The folder, or what is there of its path, is no folder or cannot be written to.
    """
    there = os.path.abspath(folder)
    while not os.path.lexists(there) and os.path.dirname(there) != there:
        there = os.path.dirname(there)
    if not os.path.isdir(there):
        raise _cannot_write(folder, NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)))
    if not os.access(there, os.W_OK | os.X_OK):
        raise _cannot_write(folder, PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def write_atomically(path: str, write: Callable[[str], object]) -> str:
    """Have a file written under its own name in a private folder beside ``path``, then move it into place.

    The temporary path has the final base name, because models record the name they are saved under. Missing folders are
    created. When anything fails, neither a file nor a folder made here is left, and an older ``path`` is untouched.

    Parameters
    ----------
    path : str
        Where the file is to be; a symbolic link is written through.
    write : callable
        Called with the temporary path; may return the path it has really written.

    Returns
    -------
    str
        Path of the file; what ``write`` returned where that lies outside the temporary folder.

    Raises
    ------
    OutputError
        The folder cannot be made or written to, or ``path`` is a folder.
    """
    target = os.path.realpath(path) if os.path.islink(path) else path
    folder = os.path.dirname(target) or os.curdir
    if os.path.isdir(target):
        raise OutputError(f"Cannot write '{path}': a folder of that name is in the way.")
    created = _make_folder(folder)
    private = os.path.join(folder, f".stpipe-{secrets.token_hex(8)}")
    _tell(private, begins=True)
    try:
        os.mkdir(private, 0o700)
    except OSError as error:
        _remove_folders(created)
        raise _cannot_write(folder, error) from error
    try:
        written = write(os.path.join(private, os.path.basename(path)))
        main = _move_all(private, target, os.path.basename(path))
    except BaseException:
        shutil.rmtree(private, ignore_errors=True)
        _remove_folders(created)
        raise
    shutil.rmtree(private, ignore_errors=True)
    _tell(private, begins=False)
    return _final_path(written, private, path, main)


def _tell(private: str, *, begins: bool) -> None:
    for watcher in watchers:
        watcher(private, begins)


def _move_all(private: str, target: str, name: str) -> str | None:
    """Move what was written into place, the file called ``name`` last; return where that went, or another, or None."""
    folder = os.path.dirname(target)
    moved = None
    for entry in sorted(os.listdir(private), key=lambda entry: entry == name):
        moved = target if entry == name else os.path.join(folder, entry)
        try:
            os.replace(os.path.join(private, entry), moved)
        except OSError as error:
            raise _cannot_write(moved, error) from error
    return moved


def _final_path(written: object, private: str, path: str, moved: str | None) -> str:
    """Path to report: ``path``, or the other name that ``write`` chose."""
    if not isinstance(written, str | os.PathLike):
        return path
    text = os.fspath(written)
    if os.path.dirname(os.path.abspath(text)) != os.path.abspath(private):
        return str(text) if moved is None else path
    return os.path.join(os.path.dirname(path), str(os.path.basename(text)))


def _make_folder(folder: str) -> list[str]:
    """Create a folder; return those that were missing, outermost first."""
    missing: list[str] = []
    ancestor = os.path.abspath(folder)
    while not os.path.isdir(ancestor) and os.path.dirname(ancestor) != ancestor:
        missing.insert(0, ancestor)
        ancestor = os.path.dirname(ancestor)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        _remove_folders(missing)
        raise _cannot_write(folder, error) from error
    return missing


def _remove_folders(folders: list[str]) -> None:
    for folder in reversed(folders):
        try:
            os.rmdir(folder)
        except OSError:
            return


def _cannot_write(path: str, error: OSError) -> OutputError:
    reason = error.strerror or str(error)
    return OutputError(f"Cannot write to '{path}': {reason}. Set output_dir to a folder that can be written.")
