"""Registered steps of a resource graph: what a function or `Step` class wants, provides, and how it is called."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import ProvidesError, StepNotFoundError

if TYPE_CHECKING:
    from stpipe.graph import Graph

__all__ = ["NEEDED", "GraphStep", "check_count", "step_from_class", "step_from_function"]

NEEDED: Any = type("Needed", (), {"__repr__": lambda self: "<needed>"})()
"""Stands for the default of a resource that a step cannot do without."""


class GraphStep:
    """One step of a graph; awaiting a call of it runs what is missing, then the step.

    Attributes
    ----------
    name : str
        Label in errors, events and drawings.
    wants : tuple of (str, object)
        Names of the resources it wants, in the order of its parameters, with their defaults or `NEEDED`.
    provides : tuple of str
        Names of the resources that it returns.
    function : callable
        Called with one positional argument per want.
    is_async : bool
        Whether ``function`` gives a coroutine; others run in threads.
    is_class : bool
        Whether it runs a `stpipe.Step`, whose events the engine emits.
    home : Graph
        The graph that it was first registered in.
    """

    __slots__ = ("__dict__", "__weakref__", "function", "home", "is_async", "is_class", "name", "provides", "wants")

    def __init__(self, home: Graph, name: str, wants: Mapping[str, Any], provides: tuple[str, ...]) -> None:
        self.home = home
        self.name = name
        self.wants = tuple(wants.items())
        self.provides = provides
        self.function: Callable[..., Any] = _unset
        self.is_async = False
        self.is_class = False

    async def __call__(self, *args: Any, **given: Any) -> Any:
        """Make the arguments preset resources, provide what is missing, run the step and return its own value(s).

        Parameters
        ----------
        *args
            Values of its resources, in the order of the parameters.
        **given
            Values of these or any other resources.

        Returns
        -------
        object
            What the step returns; without running it if all that it provides is there already.
        """
        return await self.home.serving(self).call(self, self.bind(args, given))

    def bind(self, args: tuple[Any, ...], given: Mapping[str, Any]) -> dict[str, Any]:
        """Name the positional arguments of a call; return all that is given.

        Raises
        ------
        TypeError
            There are more arguments than parameters, or a resource is given twice.
        """
        if len(args) > len(self.wants):
            raise TypeError(f"{self.name} takes {len(self.wants)} positional arguments, got {len(args)}")
        named = {name: value for (name, _), value in zip(self.wants, args, strict=False)}
        if twice := sorted(named.keys() & given.keys()):
            raise TypeError(f"{self.name} got {', '.join(twice)} both by position and by name")
        return {**named, **given}

    def __repr__(self) -> str:
        wanted = ", ".join(name for name, _ in self.wants)
        return f"<graph step {self.name}({wanted}) -> {', '.join(self.provides) or 'nothing'}>"


def _unset(*_: Any) -> Any:
    raise NotImplementedError


def check_count(step: GraphStep, value: Any) -> None:
    """See that a step which provides several resources has returned as many values.

    Raises
    ------
    ProvidesError
        It has not; a value that is neither tuple nor list counts as one.
    """
    due = len(step.provides)
    got = len(value) if isinstance(value, tuple | list) else 1
    if due > 1 and (got != due or not isinstance(value, tuple | list)):
        raise ProvidesError(f"{step.name} should return {due} values, got {got}")


def step_from_function(home: Graph, function: Callable[..., Any], provides: Any) -> GraphStep:
    """Make a step of a function; its parameters are what it wants.

    Raises
    ------
    TypeError
        It cannot be called, or ``provides`` is neither name, names nor None.
    """
    if not callable(function) or isinstance(function, type):
        raise TypeError(f"a graph step is a function, not {function!r}; for a Step class use graph.add_step")
    wants, positional = _parameters(function)
    label = getattr(function, "__name__", type(function).__name__)
    step = GraphStep(home, label, wants, names_of(provides, "provides"))
    step.function = _positional_only(function, tuple(wants), positional)
    step.is_async = inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004 - an object with an async __call__
    )
    functools.update_wrapper(step, function)
    return step


def _parameters(function: Callable[..., Any]) -> tuple[dict[str, Any], int]:
    """Return what a function wants, with defaults, and how many of these may be given by position."""
    wants, positional = {}, 0
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        positional += parameter.kind is not parameter.KEYWORD_ONLY
        wants[parameter.name] = NEEDED if parameter.default is parameter.empty else parameter.default
    return wants, positional


def _positional_only(function: Callable[..., Any], names: tuple[str, ...], positional: int) -> Callable[..., Any]:
    """Return ``function``, or a wrapper that passes what is left over after ``positional`` arguments by name."""
    if positional == len(names):
        return function

    def by_name(*args: Any) -> Any:
        return function(*args[:positional], **dict(zip(names[positional:], args[positional:], strict=True)))

    return by_name


def step_from_class(
    home: Graph, step_class: Any, requires: Any, provides: Any, parameters: Mapping[str, Any]
) -> GraphStep:
    """Make a step of a `stpipe.Step` class or the alias of one, to be run as `Step.call` would.

    Raises
    ------
    StepNotFoundError
        No step has that alias.
    TypeError
        What is given is no Step class, or names are no names.
    """
    cls = _class_of(step_class)
    requires = getattr(cls, "requires", None) if requires is None else requires
    provides = getattr(cls, "provides", None) if provides is None else provides
    if requires is None:
        wants = dict(list(_parameters(cls.process)[0].items())[1:])
    else:
        wants = dict.fromkeys(names_of(requires, "requires"), NEEDED)
    step = GraphStep(home, cls.class_alias or cls.__name__, wants, names_of(provides, "provides"))
    keywords = {"configure_log": False, **parameters}
    step.function = lambda *args: cls.call(*args, **keywords)
    step.is_class = True
    step.__doc__ = cls.__doc__
    return step


def _class_of(step_class: Any) -> Any:
    if isinstance(step_class, str):
        step_class = _class_named(step_class)
    if not (isinstance(step_class, type) and hasattr(step_class, "process") and hasattr(step_class, "call")):
        raise TypeError(f"add_step takes a Step class or its alias, not {step_class!r}; for functions use graph.step")
    return step_class


def _class_named(text: str) -> Any:
    from stpipe.utilities import import_class, resolve_step_class_alias

    try:
        return import_class(resolve_step_class_alias(text))
    except (ImportError, AttributeError) as error:
        from stpipe.entry_points import get_steps
        from stpipe.parameters import near_hint

        near = near_hint(text, [info.class_alias for info in get_steps() if info.class_alias])
        raise StepNotFoundError(f"no step has the alias or path {text!r}{near}; `stpipe list` names them") from error


def names_of(names: Any, what: str) -> tuple[str, ...]:
    """Return one name, several, or None as a tuple.

    Raises
    ------
    TypeError
        Something is no identifier-like text.
    ValueError
        A name occurs twice.
    """
    if names is None:
        return ()
    found = (names,) if isinstance(names, str) else tuple(names) if isinstance(names, Iterable) else (names,)
    if wrong := [name for name in found if not isinstance(name, str) or not name]:
        raise TypeError(f"{what} must be a name or a tuple of names, not {wrong[0]!r}")
    if len(set(found)) < len(found):
        raise ValueError(f"{what} has a name twice: {', '.join(found)}")
    return found
