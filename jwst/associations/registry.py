"""Which rules there are: the built-in ones, and those of rule files (spec associations.md §3, §8)."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jwst.associations.association import Association, warn_of_folders
from jwst.associations.exceptions import AssociationError, AssociationNotValidError
from jwst.associations.not_built import refusal
from jwst.associations.schemas import problems
from jwst.associations.serialization import Document

__all__ = ["AssociationRegistry", "RegistryMarker"]

_PREFIXES = ("candidate_", "discover_")


class RegistryMarker:
    """Marks what a rule file offers: decorators of classes and functions."""

    @staticmethod
    def mark(obj: Any) -> Any:
        """Mark anything."""
        obj._asnreg_role = getattr(obj, "_asnreg_role", None)
        return obj

    @staticmethod
    def rule(obj: type) -> type:
        """Mark a class as a rule."""
        obj._asnreg_role = "rule"  # type: ignore[attr-defined]
        return obj

    @staticmethod
    def utility(obj: type) -> type:
        """Mark a class as one that the generator uses."""
        obj._asnreg_role = "utility"  # type: ignore[attr-defined]
        return obj

    @staticmethod
    def callback(event: str) -> Callable[[Any], Any]:
        """Mark a function as one that the generator calls at an event."""

        def decorate(func: Any) -> Any:
            func._asnreg_role = "callback"
            func._asnreg_events = [*getattr(func, "_asnreg_events", []), event]
            return func

        return decorate

    @staticmethod
    def schema(filename: str | os.PathLike[str]) -> Any:
        """Not needed: a rule has its schema as the class attribute ``schema``."""
        raise refusal("RegistryMarker.schema", "give rules their schema as the class attribute `schema`")


class AssociationRegistry(dict[str, type[Association]]):
    """Rules by name.

    Parameters
    ----------
    definition_files : list of str, optional
        Python files with rules, marked by `RegistryMarker.rule`. They are executed.
    include_default : bool, optional
        Have the built-in rules.
    global_constraints : None
        Needs the generator.
    name : str, optional
        Put in front of the names, with ``_``.
    include_bases : bool, optional
        Have the base classes ``DMSLevel2bBase`` and ``DMS_Level3_Base`` too.

    Raises
    ------
    AssociationError
        There is neither a file nor the built-in rules, or a file cannot be read.
    """

    def __init__(
        self,
        definition_files: Iterable[str] | None = None,
        include_default: bool = True,
        global_constraints: Any = None,
        name: str | None = None,
        include_bases: bool = False,
    ) -> None:
        super().__init__()
        if global_constraints is not None:
            raise refusal("global_constraints")
        files = list(definition_files or ())
        if not files and not include_default:
            raise AssociationError("No rule definition files specified.")
        rules = _default_rules() if include_default else []
        if include_bases:
            rules += _bases()
        for path in files:
            rules += _rules_of_file(path)
        for rule in rules:
            self[f"{name}_{rule.__name__}" if name else rule.__name__] = rule

    def load(self, document: Document, *, validate: bool = True, first: bool = True) -> Any:
        """Check a document that was read against the rules.

        Parameters
        ----------
        document : Document
            See `jwst.associations.serialization.read_document`.
        validate : bool, optional
            False takes it as it is.
        first : bool, optional
            False gives a list with the document for each rule whose schema it agrees with.

        Returns
        -------
        dict, or list of dict

        Raises
        ------
        AssociationNotValidError
            It agrees with no rule; the text names every place.
        """
        rules = self.matching(document.tree, document.what) if validate else [Association]
        return document.tree if first else [document.tree] * len(rules)

    def matching(self, tree: Mapping[str, Any], what: str = "The association") -> list[type[Association]]:
        """Rules whose schema a document agrees with, that of its own ``asn_rule`` alone where it is known.

        Raises
        ------
        AssociationNotValidError
            There is none.
        """
        known = {id(rule.schema): rule for rule in self.values()}
        found = {key: [] if rule.schema is None else list(problems(tree, rule.schema)) for key, rule in known.items()}
        rules = [rule for rule in self.values() if not found[id(rule.schema)]]
        if rules:
            warn_of_folders(tree, stacklevel=5)
            return rules
        own = self.rule_of(tree)
        shown = found[id(own.schema)] if own else min(found.values(), key=len, default=["there is no rule"])
        raise AssociationNotValidError(f"{what} is not valid: {'; '.join(shown)}")

    def rule_of(self, tree: Any) -> type[Association] | None:
        """Rule that a document names, without the prefix that the generator gives it; None if it is not known."""
        name = str(tree.get("asn_rule")) if isinstance(tree, Mapping) else ""
        for prefix in _PREFIXES:
            name = name.removeprefix(prefix)
        return self.get(name)


def _bases() -> list[type[Association]]:
    from jwst.associations.lib.rules_level2_base import DMSLevel2bBase
    from jwst.associations.lib.rules_level3_base import DMS_Level3_Base

    return [DMSLevel2bBase, DMS_Level3_Base]


def _default_rules() -> list[type[Association]]:
    from jwst.associations.lib import rules_level2b, rules_level3

    names = [(module, name) for module in (rules_level2b, rules_level3) for name in module.__all__]
    return [getattr(module, name) for module, name in names if name.startswith("Asn_")]


def _rules_of_file(path: str) -> list[type[Association]]:
    """Marked rules of a Python file, which is executed."""
    from runpy import run_path

    try:
        names = run_path(os.path.expanduser(path))
    except FileNotFoundError:
        raise
    except Exception as error:
        raise AssociationError(f"The rule file {path} cannot be used: {error}") from error
    rules = [one for one in names.values() if isinstance(one, type) and one.__dict__.get("_asnreg_role") == "rule"]
    if not rules:
        warnings.warn(f"The rule file {path} has no class marked with RegistryMarker.rule", stacklevel=4)
    for rule in rules:
        if not issubclass(rule, Association):
            raise AssociationError(f"The rule file {path} has a rule {rule.__name__} that is no Association")
    return rules
