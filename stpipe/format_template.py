"""Product names from templates: ``{name}`` fields, formats per field, and what is left over at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Formatter
from typing import Any

__all__ = ["FormatTemplate"]

_FLOAT_TYPES = "eEfFgG%"
_INTEGER_TYPES = "bcdoxXn"


class FormatTemplate(Formatter):
    """Fill the named fields of a template; values without a field are appended.

    Parameters
    ----------
    separator : str
        Put before each appended value.
    key_formats : mapping of str to sequence of str, optional
        For a field or value of that name: formats with one field each (``"v{:s}"``), tried in turn with the value
        converted to what the format letter implies (d an int, f a float, s a text).
    remove_unused : bool
        Drop fields that have no value instead of leaving them as they are.

    Notes
    -----
    Fields are named; a missing value leaves ``{name}``, the value None gives empty text in a field and is left out at
    the end. Appended values are sorted by name.
    """

    def __init__(
        self,
        separator: str = "_",
        key_formats: Mapping[str, Sequence[str]] | None = None,
        remove_unused: bool = False,
    ) -> None:
        super().__init__()
        self.separator = separator
        self.key_formats = {name: list(formats) for name, formats in (key_formats or {}).items()}
        self.remove_unused = remove_unused

    def __call__(self, format_string: str, **values: Any) -> str:
        """Filled template; see `format`."""
        return self.format(format_string, **values)

    def format(self, format_string: str, /, *args: Any, **values: Any) -> str:
        """Fill a template.

        Raises
        ------
        RuntimeError
            A value fits none of the formats of its name.
        """
        formatted = {name: self._format_key(name, value) for name, value in values.items()}
        parts: list[str] = []
        used: set[str] = set()
        for literal, field, spec, conversion in self.parse(format_string):
            parts.append(literal)
            if field is not None:
                used.add(field)
                parts.append(self._fill(field, spec or "", conversion, formatted))
        unused = (formatted[name] for name in sorted(formatted) if name not in used)
        appended = [text for text in unused if text is not None]
        return self.separator.join(["".join(parts), *appended])

    def _fill(self, field: str, spec: str, conversion: str | None, formatted: Mapping[str, str | None]) -> str:
        text = formatted.get(field, "" if self.remove_unused else f"{{{field}}}")
        return self.format_field(self.convert_field(text or "", conversion), spec)

    def _format_key(self, name: str, value: Any) -> str | None:
        """Text of one value by the formats of its name; None stays None."""
        if value is None:
            return None
        formats = self.key_formats.get(name, ["{:s}"])
        for format_string in formats:
            try:
                return format_string.format(_converted(format_string, value))
            except (TypeError, ValueError):
                continue
        raise RuntimeError(f"No suitable format for {name}={value!r}; tried {formats}")


def _converted(format_string: str, value: Any) -> Any:
    """Value as the type that the first field of the format implies."""
    spec = next((spec for _, field, spec, _ in Formatter().parse(format_string) if field is not None), "") or "s"
    if spec[-1] in _INTEGER_TYPES:
        return int(value)
    if spec[-1] in _FLOAT_TYPES:
        return float(value)
    return str(value)
