"""What static checkers see of `stpipe.parameters.Param`: ``Param(4.0)`` is a float on instances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

__all__ = ["ParamTyping"]

T = TypeVar("T")

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import TypedDict, Unpack

    from stpipe.parameters import Param

    class _Options(TypedDict, total=False):
        """Keyword arguments of Param."""

        type: Any
        choices: Sequence[Any] | Mapping[Any, str] | None
        ge: float | None
        gt: float | None
        le: float | None
        lt: float | None
        min_length: int | None
        max_length: int | None
        unit: str | None
        required: bool
        kind: str | None
        parts: Sequence[str]


class ParamTyping(Generic[T]):
    """Signatures of the constructor and of the access to attributes."""

    if TYPE_CHECKING:

        @overload
        def __init__(  # type: ignore[misc]
            self: Param[Any], default: None, doc: str = "", **options: Unpack[_Options]
        ) -> None: ...
        @overload
        def __init__(self, default: T, doc: str = "", **options: Unpack[_Options]) -> None: ...
        def __init__(self, default: Any, doc: str = "", **options: Unpack[_Options]) -> None: ...

        @overload
        def __get__(self, instance: None, owner: type) -> Self: ...
        @overload
        def __get__(self, instance: object, owner: type) -> T: ...
        def __get__(self, instance: Any, owner: Any) -> Any: ...

        def __set__(self, instance: object, value: Any) -> None: ...
