"""Parameters on an instance: construction, assignment, reading back, and where each value came from."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from stpipe.allowed import allowed_values
from stpipe.declarations import class_parameters, declared_parameters, spec_parameters
from stpipe.exceptions import ParameterError
from stpipe.parameters import Param

if TYPE_CHECKING:
    from stpipe.step import Step

__all__ = ["ParameterHolder", "slot"]

log = logging.getLogger("stpipe.step")

NEAR_NAME = 0.8
_SIMPLE = frozenset({bool, int, float, str})


class ParameterHolder:
    """What a step is as a set of named, checked values.

    Values live in the instance's ``__dict__`` under their names. Assignment converts and checks, except inside a run,
    where steps use ``self`` as they please. Every value has a source; see `parameter_sources`.
    """

    parent: Step | None
    name: str
    _reads_as_empty: tuple[str, ...] = ("input_dir",)

    @classmethod
    def declared_parameters(cls) -> dict[str, Param[Any]]:
        """Return every parameter, base class first, in the order of first appearance."""
        return declared_parameters(cls)

    def sub_steps(self) -> dict[str, Step]:
        """Return the sub-steps by key; a plain step has none."""
        return {}

    def ancestors(self) -> Iterator[Step]:
        """Yield the parent, its parent, and so on."""
        member = self.parent
        while member is not None:
            yield member
            member = member.parent

    def _set_up_parameters(self, values: Mapping[str, Any], sources: Mapping[str, str]) -> None:
        """Fill the instance with defaults and the values given, all taken as checked.

        Raises
        ------
        ParameterError
            A parameter without a default has no value.
        """
        own = self.__dict__
        layout = _layout(type(self))
        own.update(layout.defaults)
        for name in layout.lists:
            own[name] = list(own[name])
        for name, value in values.items():
            own[slot(name)] = value
        missing = [name for name in layout.required if name not in values]
        if missing:
            raise ParameterError("\n".join(f"Config parameter '{name}': missing" for name in missing))
        own["_sources"] = dict(sources)
        own["_run_depth"] = 0
        own["_ready"] = True

    def __setattr__(self, name: str, value: Any) -> None:
        if name[0] == "_" or not self.__dict__.get("_ready"):
            object.__setattr__(self, name, value)
            return
        if name not in self.declared_parameters():
            if name not in self.__dict__ and not hasattr(type(self), name):
                self._warn_of_near_name(name, sys._getframe(1))
            object.__setattr__(self, name, value)
            return
        if not self._is_in_run():
            value = self._converted(name, value)
            self.__dict__["_sources"] = {**self.__dict__["_sources"], name: "attribute"}
        self.__dict__[slot(name)] = value

    def _converted(self, name: str, value: Any) -> Any:
        """Convert a value to the declared type; None and ``suffix = False`` mean "not set" and "no suffix"."""
        if value is None or (name == "suffix" and value is False):
            return value
        param = self.declared_parameters()[name]
        try:
            return param.convert(value, path=name)
        except ParameterError as error:
            raise ParameterError(
                f"{error}\nStep '{self.name}': {name} = {value!r}; allowed is {allowed_values(param)}."
            ) from None

    def _warn_of_near_name(self, name: str, frame: Any) -> None:
        """Warn when a new public name is almost a parameter's and is not set by one of the step's own methods."""
        cls: Any = type(self)
        near = _near_name(cls, name)
        if near is None or self._is_in_run():
            return
        code = frame.f_code
        if code.co_argcount and frame.f_locals.get(code.co_varnames[0]) is self:
            return
        warnings.warn(
            f"'{name}' is not a parameter of step '{self.name}' (did you mean '{near}'?); "
            "it is kept as an ordinary attribute.",
            UserWarning,
            stacklevel=3,
        )

    def _is_in_run(self) -> bool:
        """Whether this step or one around it is running."""
        return bool(self.__dict__["_run_depth"]) or any(member.__dict__["_run_depth"] for member in self.ancestors())

    @contextmanager
    def running(self) -> Iterator[None]:
        """Mark the step as running: assignments are free of checks and act on this run."""
        own = self.__dict__
        own["_run_depth"] += 1
        try:
            yield
        finally:
            own["_run_depth"] -= 1

    @classmethod
    def run_scoped_names(cls) -> tuple[str, ...]:
        """Names in the instance's ``__dict__`` that are put back at the end of a run."""
        return _layout(cls).run_scoped

    def get_pars(self, full_spec: bool = True) -> dict[str, Any]:
        """Return the parameters as a dict in the order of their declaration; a pipeline adds ``steps``.

        The overrides of references (``override_<type>``) are left out, as in the released pipeline; they are in
        `current_parameters`. ``input_dir`` is that of the parents where the step has none.

        Parameters
        ----------
        full_spec : bool, optional
            False: only what the class itself declares.

        Returns
        -------
        dict
            Name to value, converted to the declared type.

        Raises
        ------
        ParameterError
            A value set inside ``process`` is not allowed.
        """
        params = spec_parameters(type(self)) if full_spec else class_parameters(type(self))
        values = {name: self._read(name, param) for name, param in params.items()}
        for name in self._reads_as_empty:
            if values.get(name) == "":
                values[name] = next((value for step in self.ancestors() if (value := step._value(name))), "")
        return values

    def current_parameters(self) -> dict[str, Any]:
        """Return every parameter as it was set, overrides of references too; a pipeline adds ``steps``.

        Raises
        ------
        ParameterError
            A value set inside ``process`` is not allowed.
        """
        values = {name: self._read(name, param) for name, param in self.declared_parameters().items()}
        sub_steps = self.sub_steps()
        if sub_steps:
            values["steps"] = {key: step.current_parameters() for key, step in sub_steps.items()}
        return values

    def _read(self, name: str, param: Param[Any]) -> Any:
        value = self._value(name)
        if value is None or (name == "suffix" and value is False):
            return "" if value is None and name in self._reads_as_empty else value
        if value is param.default and type(value) in _SIMPLE:  # converted when it was declared
            return value
        if param.kind in ("input_file", "output_file") and isinstance(value, str):
            return value
        return param.convert(value, path=name)

    def _value(self, name: str) -> Any:
        """Return the value of a parameter as it was set."""
        return self.__dict__.get(slot(name))

    def update_pars(self, parameters: Mapping[str, Any]) -> None:
        """Set the parameters whose names are known, recursively for ``steps``; other names are a DEBUG line."""
        known, sub_steps = self.declared_parameters(), self.sub_steps()
        for name, value in parameters.items():
            if name in known:
                setattr(self, name, value)
            elif name == "steps" and sub_steps:
                for key, values in value.items():
                    if key in sub_steps:
                        sub_steps[key].update_pars(values)
                    else:
                        log.debug("%s is no sub-step of %s: ignored", key, self.name)
            else:
                log.debug("Parameter %s is not one of step %s: ignored", name, self.name)

    def parameter_sources(self) -> dict[str, Any]:
        """Return ``{name: (value, source)}``; a pipeline adds ``steps`` with the same for each sub-step.

        Sources are ``default``, ``crds:<file>``, ``file:<path>``, ``keyword``, ``command line`` and ``attribute``.
        """
        sources = self.recorded_sources()
        params = self.declared_parameters()
        return {name: (self._read(name, param), sources.get(name, "default")) for name, param in params.items()}

    def recorded_sources(self) -> Mapping[str, str]:
        """Sources of the parameters that are not defaults."""
        return self.__dict__["_sources"]

    def search_attr(self, attribute: str, default: Any = None, parent_first: bool = False) -> Any:
        """First value of an attribute that is not None, from the step outwards or from the outermost parent inwards."""
        members: list[Any] = [self, *self.ancestors()]
        for member in reversed(members) if parent_first else members:
            value = getattr(member, attribute, None)
            if value is not None:
                return value
        return default


def slot(name: str) -> str:
    """Name in the instance's ``__dict__``: ``input_dir`` is a property that looks at the parents too."""
    return "_input_dir" if name == "input_dir" else name


class _Layout(NamedTuple):
    """What setting up an instance needs, worked out once per class."""

    params: Mapping[str, Param[Any]]
    defaults: dict[str, Any]
    lists: tuple[str, ...]
    required: tuple[str, ...]
    run_scoped: tuple[str, ...]


def _layout(cls: type) -> _Layout:
    params = declared_parameters(cls)
    cached = vars(cls).get("_layout_cache")
    if cached is not None and cached.params is params:
        return cached
    defaults = {slot(name): param.default for name, param in params.items()}
    lists = tuple(name for name, value in defaults.items() if isinstance(value, list))
    required = tuple(name for name, param in params.items() if param.required)
    layout = _Layout(params, defaults, lists, required, (*defaults, "_sources", "output_components"))
    setattr(cls, "_layout_cache", layout)  # noqa: B010 - mypy does not know the attribute
    return layout


@lru_cache(maxsize=1024)
def _near_name(cls: Any, name: str) -> str | None:
    """Parameter with a name like this one, if any."""
    import difflib

    near = difflib.get_close_matches(name, declared_parameters(cls), n=1, cutoff=NEAR_NAME)
    return near[0] if near else None
