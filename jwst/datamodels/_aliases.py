"""Import the sub-modules of one package under the name of another, as the same module objects."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_loader
from types import ModuleType

__all__ = ["AliasFinder"]


class AliasFinder(MetaPathFinder):
    """Finds ``<package>.<name>`` as ``<source>.<name>`` where the package has no such module of its own.

    Parameters
    ----------
    package : str
        Package that gets the aliases.
    source : str
        Package that has the modules; imported only when one of them is.
    """

    def __init__(self, package: str, source: str) -> None:
        self.package = package
        self.source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return a spec for an alias, or None for any other module."""
        package, _, name = fullname.rpartition(".")
        if package != self.package or name.startswith("_"):
            return None
        original = f"{self.source}.{name}"
        return None if find_spec(original) is None else spec_from_loader(fullname, _AliasLoader(original))


class _AliasLoader(Loader):
    """Gives the module itself; its own spec, which the import system replaces, is put back."""

    def __init__(self, original: str) -> None:
        self.original = original
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the original module."""
        from importlib import import_module

        module = import_module(self.original)
        self._spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Put the spec of the original module back."""
        module.__spec__ = self._spec
