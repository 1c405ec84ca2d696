"""Python in recipes, where the run allows it: ``!py`` and the step ``py`` (running.md Y11).

The texts are the recipe author's; they are never formatted, so no data becomes code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any

from stpipe.exceptions import RecipeDefinitionError

__all__ = ["compile_python", "compile_statements", "names_of_imports"]

BUILTINS = "__builtins__"


def compile_python(text: str) -> Callable[[Mapping[str, Any]], Any]:
    """Compile an expression into a function of the context.

    Raises
    ------
    ValueError
        It is no Python expression.
    """
    code = _code(text.strip(), "eval")
    return lambda context: _in_context(eval, code, context)


def compile_statements(text: str) -> Callable[[Mapping[str, Any]], None]:
    """Compile statements into a function of the context, in which the names they set stay.

    Raises
    ------
    ValueError
        They are no Python.
    """
    code = _code(text, "exec")
    return lambda context: _in_context(exec, code, context)


def _code(text: str, mode: str) -> CodeType:
    from stpipe import caches

    def make() -> CodeType:
        try:
            return compile(text, "<recipe>", mode)
        except (SyntaxError, ValueError) as error:
            raise ValueError(f"{text!r} is no Python: {getattr(error, 'msg', error)}") from None

    return caches.namespace.get((mode, text), make)


def _in_context(run: Callable[..., Any], code: CodeType, context: Any) -> Any:
    """Run code with the context as its namespace; the modules that the recipe imports are there like built-ins."""
    names = getattr(context, "python_names", None)
    if names is None:
        raise RecipeDefinitionError("Python runs only in recipes of a run that allows code")
    there = BUILTINS in context
    context.setdefault(BUILTINS, names)
    try:
        return run(code, context)
    finally:
        if not there:
            context.pop(BUILTINS, None)


def names_of_imports(modules: tuple[str, ...]) -> dict[str, Any]:
    """Return the built-in names and the modules of ``imports``, by the names that ``import`` gives them.

    Raises
    ------
    ImportError
        There is no such module.
    """
    import builtins
    from importlib import import_module

    names = dict(vars(builtins))
    for module in modules:
        names[module.partition(".")[0]] = import_module(module.partition(".")[0])
        import_module(module)
    return names
