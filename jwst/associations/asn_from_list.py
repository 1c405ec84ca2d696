"""Associations of exposures that a user lists: the function and the command (spec associations.md §5)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from jwst.associations.association import Association, ListOptions
from jwst.associations.exceptions import AssociationError
from jwst.associations.lib.rules_level3_base import DMS_Level3_Base
from jwst.associations.registry import AssociationRegistry
from jwst.associations.serialization import FORMATS

__all__ = ["Main", "asn_from_list", "main"]


def asn_from_list(
    items: Any,
    rule: type[Association] = DMS_Level3_Base,
    *,
    product_name: str | None = None,
    with_exptype: bool = False,
    meta: Mapping[str, Any] | None = None,
    product_name_func: Callable[[Any, int], str] | None = None,
    acid: str | None = None,
    **kwargs: Any,
) -> Any:
    """Make an association of a list of exposures.

    Parameters
    ----------
    items : list
        Names and paths of exposures; for level 2 also data models. One name alone is a list of one.
    rule : type of Association, optional
        Class of the association: one of the base classes, or a rule. Its constraints are not asked.
    product_name : str, optional
        Name of the product. Level 3 needs it; level 2 names products after their exposures.
    with_exptype : bool, optional
        The items are pairs ``(name, exptype)``; otherwise all are ``"science"``.
    meta : mapping, optional
        Put into the document, for level 2.
    product_name_func : callable, optional
        Gives the names of level-2 products, as ``product_name_func(item, number)`` with numbers from 1. Where it
        fails, the name is that of the exposure.
    acid : str, optional
        Candidate id of a level-2 association: ``oNNN`` is an observation, ``cNNNN`` a background.
    **kwargs
        Not used.

    Returns
    -------
    Association
        Instance of ``rule``; ``dump()`` gives the name of its file and the text.

    Raises
    ------
    AssociationNotValidError
        A product of level 3 has no name, or the candidate id has a form that is not known (also a ValueError).
    TypeError
        An item is no exposure, or no pair where pairs are asked for.

    Examples
    --------
    >>> asn = asn_from_list(["jw1_cal.fits", "jw2_cal.fits"], product_name="mosaic")
    >>> [member["exptype"] for member in asn["products"][0]["members"]]
    ['science', 'science']
    """
    asn = rule()
    asn.fill(items, ListOptions(product_name, with_exptype, meta, product_name_func, acid))
    return asn


class Main:
    """The command: arguments, the association, and the file.

    Parameters
    ----------
    args : list of str or str, optional
        Arguments of the command; by default those of the process.

    Attributes
    ----------
    parsed : argparse.Namespace
        The arguments.
    rule : type of Association
        The rule asked for.
    asn : Association or None
        What `asn_from_list` made.

    Raises
    ------
    AssociationError
        There is no such rule.
    SystemExit
        The arguments cannot be used.
    """

    def __init__(self, args: Sequence[str] | str | None = None) -> None:
        self.asn: Any = None
        self.configure(args)

    @classmethod
    def cli(cls, args: Sequence[str] | str | None = None) -> Main:
        """Do everything."""
        command = cls(args)
        command.asn_from_list()
        command.save()
        return command

    def configure(self, args: Sequence[str] | str | None = None) -> None:
        """Read the arguments."""
        given = args.split() if isinstance(args, str) else args
        self.parsed = _parser().parse_args(given)
        rules = AssociationRegistry(self.parsed.ruledefs, include_bases=True)
        if self.parsed.rule not in rules:
            near = get_close_matches(self.parsed.rule, rules, n=3)
            hint = f"; did you mean {' or '.join(near)}?" if near else ""
            raise AssociationError(f"unknown rule {self.parsed.rule!r}{hint}")
        self.rule = rules[self.parsed.rule]

    def asn_from_list(self) -> None:
        """Make the association."""
        parsed = self.parsed
        self.asn = asn_from_list(parsed.filelist, rule=self.rule, product_name=parsed.product_name, acid=parsed.acid)

    def save(self) -> None:
        """Write the file, replacing an earlier one."""
        from pathlib import Path

        from stpipe.outputs import write_atomically

        _, text = self.asn.dump(self.parsed.format)
        write_atomically(self.parsed.output_file, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asn_from_list",
        description="Make an association of a list of exposures.",
        epilog="Example: asn_from_list -o mosaic_asn.json --product-name my_mosaic *_cal.fits",
    )
    parser.add_argument("-o", "--output-file", required=True, help="file to write")
    parser.add_argument("-f", "--format", default="json", choices=FORMATS, help="format of the file (%(default)s)")
    parser.add_argument("--product-name", help="name of the product; level 3 needs it")
    parser.add_argument("-r", "--rule", default="DMS_Level3_Base", help="rule or base class (%(default)s)")
    parser.add_argument("--ruledefs", action="append", metavar="FILE", help="file with more rules; may be repeated")
    parser.add_argument("-i", "--id", dest="acid", default="o999", help="candidate id, for level 2 (%(default)s)")
    parser.add_argument("filelist", nargs="+", metavar="FILE", help="exposures")
    return parser


def main(args: Sequence[str] | str | None = None) -> int | None:
    """Run the command.

    Parameters
    ----------
    args : list of str or str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int or None
        1 after an error, which is printed in one line; None after success.
    """
    try:
        Main.cli(args)
    except (AssociationError, OSError, TypeError) as error:
        print(f"asn_from_list: {error}", file=sys.stderr)
        return 1
    return None
