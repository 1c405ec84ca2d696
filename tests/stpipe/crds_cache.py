"""A small CRDS cache for tests: rules and reference files that crds 14 accepts without a server."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from pprint import pformat
from typing import Any

__all__ = ["CrdsCache", "NIRCAM", "Rows", "pars_file"]

DATE_KEYS = ("META.OBSERVATION.DATE", "META.OBSERVATION.TIME")
FIRST_DATE = "1900-01-01 00:00:00"
NIRCAM: dict[str, Any] = {
    "meta.instrument.name": "NIRCAM",
    "meta.instrument.detector": "NRCA1",
    "meta.exposure.type": "NRC_IMAGE",
    "meta.exposure.readpatt": "SHALLOW4",
    "meta.subarray.name": "FULL",
    "meta.observation.date": "2022-07-01",
    "meta.observation.time": "12:00:00.000",
    "meta.visit.tsovisit": False,
}


@dataclass(frozen=True)
class Rows:
    """Match cases of one type: ``cases`` maps a match key to a file name, "N/A", or a dict date to file name."""

    keys: tuple[str, ...] = ()
    cases: dict[Any, Any] = field(default_factory=dict)


class CrdsCache:
    """Writes a cache below a folder.

    Parameters
    ----------
    root : Path
        Becomes ``CRDS_PATH``.
    context : str
        Name of the only context.
    """

    def __init__(self, root: Path, context: str = "jwst_0001.pmap") -> None:
        self.root = root
        self.context = context
        self.bad_files: list[str] = []
        self._types: dict[str, str | Rows] = {}
        self.folder("config", "jwst")
        (root / "config" / "jwst" / "ref_cache_subdir_mode").write_text("instrument")

    def folder(self, *parts: str) -> Path:
        """Existing folder of the cache."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def add(self, reference_type: str, rows: str | Rows, **files: str) -> None:
        """Give a type its rules ("N/A" or match cases), and write the files that they name."""
        self._types[reference_type] = rows
        if isinstance(rows, Rows):
            for choice in rows.cases.values():
                for name in choice.values() if isinstance(choice, dict) else [choice]:
                    if name != "N/A":
                        self.reference(name).write_text(files.get(reference_type, "reference"))

    def reference(self, name: str) -> Path:
        """Path of a reference of the instrument."""
        return self.folder("references", "jwst", "nircam") / name

    def write(self) -> Path:
        """Write the rules; returns the root."""
        imap: dict[str, str] = {}
        for name, rows in self._types.items():
            imap[name.upper()] = "N/A"
            if isinstance(rows, Rows):
                imap[name.upper()] = f"jwst_nircam_{name}_0001.rmap"
                header = {
                    "filekind": name.upper(),
                    "instrument": "NIRCAM",
                    "mapping": "REFERENCE",
                    "parkey": (rows.keys, DATE_KEYS),
                }
                self.mapping(imap[name.upper()], header, _match_text(rows))
        self.mapping(
            "jwst_nircam_0001.imap",
            {"instrument": "NIRCAM", "mapping": "INSTRUMENT", "parkey": ("REFTYPE",)},
            pformat(imap),
        )
        self.mapping(
            self.context,
            {"mapping": "PIPELINE", "parkey": ("META.INSTRUMENT.NAME",)},
            pformat({"NIRCAM": "jwst_nircam_0001.imap"}),
        )
        self.server_config()
        return self.root

    def server_config(self) -> None:
        """Write what the server said last."""
        config = {
            "observatory": "jwst",
            "latest_context": self.context,
            "operational_context": self.context,
            "bad_files_list": self.bad_files,
            "last_synced": "2026-01-01 00:00:00",
            "force_remote_mode": False,
        }
        (self.root / "config" / "jwst" / "server_config").write_text(pformat(config))

    def mapping(self, name: str, header: dict[str, Any], selector: str) -> Path:
        """Write one rules file with its check sum."""
        common = {"derived_from": "generated", "name": name, "observatory": "JWST"}
        text = f"header = {pformat({**header, **common, 'sha1sum': '?'})}\n\nselector = {selector}\n"
        lines = "".join(line for line in text.splitlines(keepends=True) if "sha1sum" not in line)
        path = self.folder("mappings", "jwst") / name
        path.write_text(text.replace("'?'", repr(hashlib.sha1(lines.encode()).hexdigest())))
        return path


def _match_text(rows: Rows) -> str:
    items = []
    for key, choice in rows.cases.items():
        if choice == "N/A":
            items.append(f"    {key!r} : 'N/A',")
            continue
        dates = choice if isinstance(choice, dict) else {FIRST_DATE: choice}
        inner = "".join(f"        {date!r} : {name!r},\n" for date, name in dates.items())
        items.append(f"    {key!r} : UseAfter({{\n{inner}    }}),")
    return "Match({\n" + "\n".join(items) + "\n})"


def pars_file(path: Path, class_name: str, name: str, parameters: dict[str, Any]) -> None:
    """Write a ``pars-*`` reference: an ASDF parameter file with its meta block."""
    import asdf

    tree = {
        "class": class_name,
        "name": name,
        "parameters": parameters,
        "meta": {
            "author": "test",
            "date": "2026-01-01T00:00:00",
            "description": "parameters for tests",
            "instrument": {"name": "NIRCAM"},
            "origin": "test",
            "pedigree": "DUMMY",
            "reftype": f"pars-{class_name.rpartition('.')[2].lower()}",
            "telescope": "JWST",
            "useafter": "1900-01-01T00:00:00",
        },
    }
    asdf.AsdfFile(tree).write_to(path)
