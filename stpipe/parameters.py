"""Typed parameters: `Param` declares one; the checks, the spec text, ``--help`` and the docs all come from it.

A class declares parameters as attributes or in a ``spec`` text, or both; `declared_parameters` gives the merged set.
On a class the attribute is the `Param`, on an instance the value. `Param` is no data descriptor: values live in the
``__dict__`` of the instance, and checking an assignment is up to its ``__setattr__``.

`check_declarations` belongs into ``__init_subclass__`` of the base class, so that a wrong declaration is an error where
it is written. For static checkers, ``Param(4.0)`` reads as ``float`` on instances.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from stpipe._param_typing import ParamTyping
from stpipe.checks import CHECKS, LIST_CHECKS, BadValue, Rules, plain
from stpipe.exceptions import ParameterError

if TYPE_CHECKING:
    from stpipe.declarations import check_declarations, class_parameters, declared_parameters

__all__ = [
    "Param",
    "check_declarations",
    "class_parameters",
    "declared_parameters",
    "near_hint",
    "raise_problems",
    "validate_mapping",
]

T = TypeVar("T")

_TYPE_CHECKS: dict[Any, str] = {
    int: "integer",
    float: "float",
    bool: "boolean",
    str: "string",
    list: "list",
    tuple: "tuple",
    list[int]: "int_list",
    list[float]: "float_list",
    list[bool]: "bool_list",
    list[str]: "string_list",
}
_CHECK_TYPES: dict[str, Any] = {check: type_ for type_, check in _TYPE_CHECKS.items()}
_KIND_CHECKS = {
    "input_file": "input_file",
    "output_file": "output_file",
    "datamodel": "is_datamodel",
    "string_or_datamodel": "is_string_or_datamodel",
}
_CHECK_KINDS = {check: kind for kind, check in _KIND_CHECKS.items()}
# Checks of the spec language that no Python type stands for; they are kinds under their own names.
_SPEC_KINDS = frozenset({"pass", "force_list", "mixed_list", "ip_addr", "ip_addr_list"})
_UNIT = re.compile(r"\s*\[([^\[\],]{1,40})\]$")


def _rule(name: str, doc: str) -> Any:
    """Make a read-only attribute that is one of the rules of a Param."""
    return property(lambda param: getattr(param._rules, name), doc=doc)


class Param(ParamTyping[T]):
    """One parameter of a step.

    Parameters
    ----------
    default : object
        Value where none is given. Lists are copied for each instance.
    doc : str, optional
        What it means, one sentence.
    type : type, optional
        int, float, bool, str, list, tuple, list[int|float|bool|str], any of them ``| None``. Default: the annotation of
        the attribute, else the type of ``default``.
    choices : sequence or mapping, optional
        Values allowed; a mapping explains each. None stands for the text ``"None"``, as in the spec language.
    ge, gt, le, lt : float, optional
        Bounds of a number.
    min_length, max_length : int, optional
        Bounds of the length of a text or list.
    unit : str, optional
        Unit of the value.
    required : bool, optional
        There is no default: a value has to come from somewhere.
    kind : str, optional
        ``"input_file"``, ``"output_file"``, ``"datamodel"`` or ``"string_or_datamodel"``; from spec texts also checks
        without a Python type, such as ``"force_list"``.

    Attributes
    ----------
    name : str
        Name of the parameter, known when the class exists.
    optional : bool
        None may be given as text, too (``--par=None``).
    check : str
        The same declaration in the spec language, e.g. ``float(default=4.0, min=0.0)``.
    choice_help : dict
        Choice to its explanation, for the choices that have one.

    Raises
    ------
    TypeError
        The type cannot be found out or is none of those above; raised when the class is checked.
    """

    name: str
    default: Any
    doc: str
    type: Any
    kind: str | None
    unit: str | None
    required: bool
    optional: bool
    choice_help: dict[Any, str]
    _rules: Rules
    _text: str | None
    _settled: bool

    if not TYPE_CHECKING:

        def __init__(
            self,
            default: Any,
            doc: str = "",
            *,
            type: Any = None,
            choices: Sequence[Any] | Mapping[Any, str] | None = None,
            ge: float | None = None,
            gt: float | None = None,
            le: float | None = None,
            lt: float | None = None,
            min_length: int | None = None,
            max_length: int | None = None,
            unit: str | None = None,
            required: bool = False,
            kind: str | None = None,
            parts: Sequence[str] = (),
        ) -> None:
            if kind is not None and kind not in _KIND_CHECKS and kind not in _SPEC_KINDS:
                raise ValueError(f"kind {kind!r} is none of {', '.join(_KIND_CHECKS)}")
            self.name = ""
            self.default = plain(default)
            self.doc, self.unit = _doc_and_unit(doc, unit)
            self.type = type
            self.kind = kind
            self.required = required
            self.optional = default is None and not required
            allowed = None if choices is None else tuple("None" if choice is None else choice for choice in choices)
            helped = zip(allowed or (), choices.values(), strict=True) if isinstance(choices, Mapping) else ()
            self.choice_help = dict(helped)
            self._rules = Rules(allowed, ge, gt, le, lt, min_length, max_length, tuple(parts))
            self._text: str | None = None
            self._settled = False

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    if not TYPE_CHECKING:

        def __get__(self, instance: Any, owner: Any) -> Any:
            if instance is None:
                return self
            from stpipe.declarations import declared_parameters

            return declared_parameters(owner).get(self.name, self).default_value()

    choices = _rule("choices", "Values allowed, or None.")
    ge = _rule("ge", "Smallest value, or None.")
    gt = _rule("gt", "Bound that values lie above, or None.")
    le = _rule("le", "Largest value, or None.")
    lt = _rule("lt", "Bound that values lie below, or None.")
    min_length = _rule("min_length", "Smallest length of a text or list, or None.")
    max_length = _rule("max_length", "Largest length of a text or list, or None.")
    parts = _rule("parts", "Checks of a ``mixed_list``, position by position.")

    @property
    def check_name(self) -> str:
        """Name of the check in the spec language."""
        if self.kind is not None:
            return _KIND_CHECKS.get(self.kind, self.kind)
        if self.type not in _TYPE_CHECKS:
            self.settle()
        name = _TYPE_CHECKS[self.type]
        is_option = name == "string" and self.choices is not None
        return "option" if is_option else name

    @property
    def check(self) -> str:
        """The declaration in the spec language."""
        if self._text is None:
            from stpipe.spec import check_text

            self._text = check_text(self)
        return self._text

    @property
    def is_list(self) -> bool:
        """Whether values are lists or tuples."""
        return self.check_name in LIST_CHECKS

    def settle(self, *, type: Any = None, text: str | None = None) -> Param[T]:
        """Fix the type and convert the default; done once, when the class is checked.

        Parameters
        ----------
        type : type, optional
            Type from the annotation; it wins over ``type=`` of the declaration.
        text : str, optional
            The check text that this was compiled from, to be shown as it is.

        Raises
        ------
        TypeError
            No type can be found out, or the type is not supported.
        ParameterError
            The default is not allowed.
        """
        if self._settled:
            return self
        self._text = text
        if self.kind is None or type is not None or self.type is not None:
            self._fix_type(type)
        if not self.required and self.default is not None:
            self.default = self._checked_default()
        self._settled = True
        return self

    def _fix_type(self, annotation: Any) -> None:
        from stpipe.annotations import plain_type, type_of_default

        declared = annotation if annotation is not None else self.type
        if declared is None:
            declared = type_of_default(self.default, self.name)
        self.type, optional = plain_type(declared)
        self.optional = self.optional or optional
        if self.kind is None and self.type not in _TYPE_CHECKS:
            supported = "int, float, bool, str, list, tuple, list[int], list[float], list[bool], list[str]"
            raise TypeError(f"Parameter '{self.name}': type {declared!r} is not supported; use one of {supported}")

    def _checked_default(self) -> Any:
        if self.kind in ("input_file", "output_file"):
            return self.default
        try:
            return self.convert(self.default)
        except ParameterError as error:
            raise ParameterError(f"{error} (default of '{self.name}')") from None

    def default_value(self) -> Any:
        """Return the default, lists copied."""
        return list(self.default) if isinstance(self.default, list) else self.default

    def convert(self, value: Any, *, path: str | None = None, root_dir: str | None = None) -> Any:
        """Check a value and convert it to the declared type.

        Parameters
        ----------
        value : object
            The value, or a text of it. None means "not set" and is always allowed.
        path : str, optional
            Name for messages, e.g. ``steps/jump/rejection_threshold``.
        root_dir : str, optional
            Folder that relative file names belong to.

        Returns
        -------
        object
            The converted value; lists are new ones.

        Raises
        ------
        ParameterError
            The value has a wrong type or is not allowed; the text is one of spec framework.md §2.3.
        """
        if value is None:
            return None
        rules = self._rules if root_dir is None else _rooted(self._rules, root_dir)
        try:
            return CHECKS[self.check_name](value, rules)
        except BadValue as problem:
            raise ParameterError(problem.message(path or self.name)) from None

    def copy(self, **changes: Any) -> Param[Any]:
        """Return a Param like this one with some arguments of the constructor changed."""
        rules = ("ge", "gt", "le", "lt", "min_length", "max_length", "parts")
        names = ("default", "doc", "type", "unit", "required", "kind", *rules)
        arguments = {name: getattr(self, name) for name in names}
        choices: Any = self.choices
        if self.choice_help:
            choices = {key: self.choice_help.get(key, "") for key in choices}
        new: Param[Any] = Param(**{**arguments, "choices": choices, **changes})
        new.name, new.optional = self.name, self.optional
        return new

    def _key(self) -> tuple[Any, ...]:
        bounds = (self.ge, self.gt, self.le, self.lt, self.min_length, self.max_length)
        kind = (self.name, self.check_name, self.parts, repr(self.default), self.required, self.optional)
        return (*kind, self.choices, *bounds, self.doc, self.unit, tuple(self.choice_help.items()))

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, Param) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.name, self.kind))

    def __repr__(self) -> str:
        if not self._settled:
            return f"Param({self.default!r}, {self.doc!r})"
        return f"<Param {self.name} = {self.check}{'  # ' + self.doc if self.doc else ''}>"


def _doc_and_unit(doc: str, unit: str | None) -> tuple[str, str | None]:
    """Write a doc in one line; a unit may stand at its end in square brackets."""
    doc = " ".join(doc.split())
    match = _UNIT.search(doc) if unit is None else None
    return (doc[: match.start()], match[1]) if match else (doc, unit)


def _rooted(rules: Rules, root_dir: str) -> Rules:
    from dataclasses import replace

    return replace(rules, root_dir=root_dir)


def near_hint(name: str, known: Iterable[str]) -> str:
    """Return ``" (did you mean 'x'?)"`` when a known name is near, else an empty text."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def raise_problems(problems: Sequence[str]) -> None:
    """Raise one `ParameterError` that holds every problem, one per line; do nothing if there is none."""
    if problems:
        raise ParameterError("\n".join(problems))


def validate_mapping(
    values: Mapping[str, Any],
    params: Mapping[str, Param[Any]],
    *,
    section: str = "",
    root_dir: str | None = None,
    ignore_unknown: bool = False,
) -> dict[str, Any]:
    """Check and convert values of parameters; nothing is added.

    Parameters
    ----------
    values : mapping
        Name to value.
    params : mapping
        Name to declaration.
    section : str, optional
        Where in a pipeline, e.g. ``steps/jump``; for messages.
    root_dir : str, optional
        Folder that relative file names belong to.
    ignore_unknown : bool, optional
        Leave unknown names out silently.

    Returns
    -------
    dict
        Name to converted value, in the order of ``values``.

    Raises
    ------
    ParameterError
        With one line per unknown name, wrong type or value that is not allowed.
    """
    converted: dict[str, Any] = {}
    problems: list[str] = []
    prefix = f"{section}/" if section else ""
    for name, value in values.items():
        param = params.get(name)
        if param is None:
            if not ignore_unknown:
                problems.append(f"Extra value '{name}' in {section or 'root'}{near_hint(name, params)}")
            continue
        try:
            converted[name] = param.convert(value, path=prefix + name, root_dir=root_dir)
        except ParameterError as error:
            problems.append(str(error))
    raise_problems(problems)
    return converted


def __getattr__(name: str) -> object:
    """Give the functions of `stpipe.declarations`, which needs this module, under their public home too."""
    if name in ("check_declarations", "class_parameters", "declared_parameters"):
        from stpipe import declarations

        return getattr(declarations, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
