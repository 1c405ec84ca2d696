"""Which parameters a class has: its own, and those merged from its bases.

Everything is worked out once per class. Spec texts are compiled when they are first needed; attributes are checked when
the class is made, if the base class calls `check_declarations` from ``__init_subclass__``.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Any

from stpipe.annotations import annotation_of
from stpipe.parameters import Param

__all__ = ["check_declarations", "class_parameters", "declared_parameters", "spec_parameters"]

_OWN = "_own_parameters_cache"
_MERGED = "_declared_parameters_cache"


def check_declarations(cls: type) -> None:
    """Settle the `Param` attributes of a class.

    Raises
    ------
    TypeError
        A type cannot be found out or is not supported.
    ParameterError
        A default is not allowed.

    Warns
    -----
    UserWarning
        A plain value in the class body hides an inherited Param and has no effect.
    """
    for name, value in list(vars(cls).items()):
        if isinstance(value, Param):
            value.settle(type=annotation_of(cls, name))
        elif name[0] != "_" and not hasattr(type(value), "__get__") and _hides_param(cls, name):
            warnings.warn(
                f"{cls.__name__}.{name} = {value!r} has no effect, because '{name}' is a parameter; "
                f"to change the default write {name} = Param({value!r}, …)",
                UserWarning,
                stacklevel=3,
            )


def _hides_param(cls: type, name: str) -> bool:
    owner = next((base for base in cls.__mro__[1:] if name in vars(base)), None)
    return owner is not None and isinstance(vars(owner)[name], Param)


def class_parameters(cls: type) -> dict[str, Param[Any]]:
    """Return the parameters that a class itself declares, by name, in the order of the class body.

    They come from its ``spec`` text, else the file ``<ClassName>.spec`` beside its source, and its `Param` attributes;
    an attribute wins over a spec line of the same name.

    Raises
    ------
    ParameterError
        A spec line cannot be understood, or a default is not allowed.
    TypeError
        The type of a Param cannot be found out.
    """
    cached = vars(cls).get(_OWN)
    if cached is None:
        cached = _collect(cls)
        setattr(cls, _OWN, cached)
    return cached


def _collect(cls: type) -> dict[str, Param[Any]]:
    from stpipe.spec import parse_spec

    check_declarations(cls)
    found: dict[str, Param[Any]] = {}
    text = vars(cls).get("spec")
    if text is None and any(isinstance(value, Param) for value in vars(cls).values()):
        text = ""
    text = _spec_beside_source(cls) if text is None else text
    attributes = {name: value for name, value in vars(cls).items() if isinstance(value, Param)}
    if isinstance(text, str) and text.strip():
        found.update(parse_spec(text, where=f"spec of {cls.__module__}.{cls.__qualname__}"))
    found.update(attributes)
    return found


def _spec_beside_source(cls: type) -> str:
    """Read ``<ClassName>.spec`` in the folder of the module of a class; empty text if there is none."""
    module_file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    if not module_file:
        return ""
    path = os.path.join(os.path.dirname(os.path.abspath(module_file)), f"{cls.__name__}.spec")
    if not os.path.isfile(path):
        return ""
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def declared_parameters(cls: type) -> dict[str, Param[Any]]:
    """Return every parameter of a class, base class first, a derived one in the place of the one it replaces.

    One ``override_<type>`` per entry of ``reference_file_types`` is appended. The mapping is shared: do not change it.

    Raises
    ------
    ValueError
        An entry of ``reference_file_types`` is no identifier.
    ParameterError, TypeError
        As `class_parameters`.
    """
    return _merged(cls)[1]


def spec_parameters(cls: type) -> dict[str, Param[Any]]:
    """Return the parameters that a class and its bases declare, without the overrides of references.

    These are what ``get_pars`` gives. The mapping is shared: do not change it.

    Raises
    ------
    ValueError, ParameterError, TypeError
        As `declared_parameters`.
    """
    return _merged(cls)[2]


def _merged(cls: type) -> tuple[tuple[Any, ...], dict[str, Param[Any]], dict[str, Param[Any]]]:
    """Return the reference types, all parameters, and those from declarations; worked out once per class."""
    types = getattr(cls, "reference_file_types", ())
    types = tuple(types) if isinstance(types, list | tuple) else ()
    cached = vars(cls).get(_MERGED)
    if cached is not None and cached[0] == types:
        return cached
    declared: dict[str, Param[Any]] = {}
    for base in reversed(cls.__mro__[:-1]):
        declared.update(class_parameters(base))
    overrides = {param.name: param for param in (_override(reftype, cls) for reftype in types)}
    found = (types, declared | {name: param for name, param in overrides.items() if name not in declared}, declared)
    setattr(cls, _MERGED, found)
    return found


def _override(reftype: str, cls: type) -> Param[Any]:
    if not isinstance(reftype, str) or not reftype.isidentifier():
        raise ValueError(f"reference_file_types of {cls.__name__}: {reftype!r} is not an identifier")
    param: Param[Any] = Param(None, f"Override the {reftype} reference file", kind="string_or_datamodel")
    param.name = f"override_{reftype}"
    return param.settle(text="is_string_or_datamodel(default=None)")
