"""A small safe language, read with `ast` and never given to Python: ``!expr`` in recipes (running.md Y11).

Literals, names, items, attributes, comparisons, ``in``, ``and``, ``or``, ``not``, arithmetic, lists, tuples, dicts,
``a if b else c``. No calls, and no name or attribute that starts with an underscore or leads into the interpreter.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

from stpipe.exceptions import ContextKeyError

__all__ = ["check_name", "compile_expression"]

Plan = Callable[[Mapping[str, Any]], Any]

_INTO_THE_INTERPRETER = frozenset(
    f"{kind}_{what}" for kind in ("gi", "cr", "ag") for what in ("frame", "code", "await", "yieldfrom", "origin")
) | {"f_back", "f_builtins", "f_code", "f_globals", "f_locals", "tb_frame", "tb_next", "mro"}
_LONGEST = 10_000_000
_HIGHEST_POWER = 10_000


def check_name(name: str, text: str) -> None:
    """Refuse a name that is private or leads into the interpreter.

    Raises
    ------
    ValueError
        It does; ``text`` is told.
    """
    if name.startswith("_") or name in _INTO_THE_INTERPRETER:
        raise ValueError(f"{text!r}: the name {name!r} is not allowed here")


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(base, int) and isinstance(exponent, int) and exponent * base.bit_length() > 32 * _HIGHEST_POWER:
        raise ValueError(f"a number to the power {exponent} is too large")
    return base**exponent


def _times(left: Any, right: Any) -> Any:
    for one, other in ((left, right), (right, left)):
        if isinstance(one, str | bytes | list | tuple) and isinstance(other, int) and len(one) * other > _LONGEST:
            raise ValueError("the repeated sequence is too long")
    return left * right


def _remainder(left: Any, right: Any) -> Any:
    if isinstance(left, str | bytes):
        raise TypeError("% is for numbers; put values into texts with {}")
    return left % right


_BINARY: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: _times,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: _remainder,
    ast.Pow: _power,
}
_UNARY: dict[type, Callable[[Any], Any]] = {ast.Not: operator.not_, ast.USub: operator.neg, ast.UAdd: operator.pos}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda item, items: item in items,
    ast.NotIn: lambda item, items: item not in items,
}


def compile_expression(text: str) -> Plan:
    """Compile an expression of the small language.

    Parameters
    ----------
    text : str
        E.g. ``rate.meta.exposure.ngroups > 2 and mode in ["a", "b"]``.

    Returns
    -------
    callable
        ``f(context) -> value``; raises ContextKeyError for a name that the context does not have.

    Raises
    ------
    ValueError
        It is no expression of that language; the text says what is not allowed.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _compile(tree.body, text)
    except SyntaxError as error:
        raise ValueError(f"{text!r} is no expression: {error.msg}") from None
    except (RecursionError, MemoryError):
        raise ValueError("the expression is nested too deeply") from None


def _compile(node: ast.expr, text: str) -> Plan:
    compiler = _COMPILERS.get(type(node))
    if compiler is None:
        kind = "calls are" if isinstance(node, ast.Call) else f"{type(node).__name__} is"
        raise ValueError(f"{text!r}: {kind} not allowed in !expr")
    return compiler(node, text)


def _constant(node: ast.Constant, text: str) -> Plan:
    value = node.value
    return lambda context: value


def _name(node: ast.Name, text: str) -> Plan:
    name = node.id
    check_name(name, text)

    def get(context: Mapping[str, Any]) -> Any:
        try:
            return context[name]
        except KeyError:
            raise ContextKeyError(f"the context has no {name!r}, wanted by !expr {text}") from None

    return get


def _attribute(node: ast.Attribute, text: str) -> Plan:
    name, value = node.attr, _compile(node.value, text)
    check_name(name, text)

    def get(context: Mapping[str, Any]) -> Any:
        owner = value(context)
        try:
            return getattr(owner, name)
        except AttributeError:
            raise ContextKeyError(f"!expr {text}: a {type(owner).__name__} has no {name!r}") from None

    return get


def _subscript(node: ast.Subscript, text: str) -> Plan:
    value, index = _compile(node.value, text), _compile(node.slice, text)

    def get(context: Mapping[str, Any]) -> Any:
        owner, key = value(context), index(context)
        try:
            return owner[key]
        except (KeyError, IndexError, TypeError):
            raise ContextKeyError(f"!expr {text}: a {type(owner).__name__} has no {key!r}") from None

    return get


def _slice(node: ast.Slice, text: str) -> Plan:
    parts = [_compile(part, text) if part else None for part in (node.lower, node.upper, node.step)]
    return lambda context: slice(*(part(context) if part else None for part in parts))


def _binary(node: ast.BinOp, text: str) -> Plan:
    function = _operator(_BINARY, node.op, text)
    left, right = _compile(node.left, text), _compile(node.right, text)
    return lambda context: function(left(context), right(context))


def _unary(node: ast.UnaryOp, text: str) -> Plan:
    function, value = _operator(_UNARY, node.op, text), _compile(node.operand, text)
    return lambda context: function(value(context))


def _operator(table: Mapping[type, Callable], node: ast.AST, text: str) -> Callable[..., Any]:
    if type(node) not in table:
        raise ValueError(f"{text!r}: the operator {type(node).__name__} is not allowed in !expr")
    return table[type(node)]


def _logic(node: ast.BoolOp, text: str) -> Plan:
    values, ends_with = [_compile(value, text) for value in node.values], isinstance(node.op, ast.Or)

    def decide(context: Mapping[str, Any]) -> Any:
        found: Any = None
        for value in values:
            found = value(context)
            if bool(found) is ends_with:
                break
        return found

    return decide


def _comparison(node: ast.Compare, text: str) -> Plan:
    first = _compile(node.left, text)
    rest = [(_COMPARISONS[type(op)], _compile(value, text)) for op, value in zip(node.ops, node.comparators)]

    def compare(context: Mapping[str, Any]) -> Any:
        left, result = first(context), True
        for function, value in rest:
            right = value(context)
            result = function(left, right)
            if len(rest) > 1 and not result:
                break
            left = right
        return result

    return compare


def _choice(node: ast.IfExp, text: str) -> Plan:
    test, yes, no = (_compile(part, text) for part in (node.test, node.body, node.orelse))
    return lambda context: yes(context) if test(context) else no(context)


def _list(node: ast.List | ast.Tuple | ast.Set, text: str) -> Plan:
    kind: Any = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
    parts = [_compile(part, text) for part in node.elts]
    return lambda context: kind(part(context) for part in parts)


def _dict(node: ast.Dict, text: str) -> Plan:
    if None in node.keys:
        raise ValueError(f"{text!r}: ** is not allowed in !expr")
    parts = [(_compile(key, text), _compile(value, text)) for key, value in zip(node.keys, node.values) if key]
    return lambda context: {key(context): value(context) for key, value in parts}


_COMPILERS: dict[type, Callable[[Any, str], Plan]] = {
    ast.Constant: _constant,
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Subscript: _subscript,
    ast.Slice: _slice,
    ast.BinOp: _binary,
    ast.UnaryOp: _unary,
    ast.BoolOp: _logic,
    ast.Compare: _comparison,
    ast.IfExp: _choice,
    ast.List: _list,
    ast.Tuple: _list,
    ast.Set: _list,
    ast.Dict: _dict,
}
