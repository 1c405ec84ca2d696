"""Names that downstream code imports: `StepConfig`, `export_config`, `_validate_asdf`."""

from __future__ import annotations

import logging
import os
from typing import Any

from stpipe.config_file import StepConfig

__all__ = ["StepConfig", "export_config"]

log = logging.getLogger("stpipe.step")


def export_config(step: Any) -> StepConfig:
    """Return the current parameters of a step and its sub-steps.

    Parameters
    ----------
    step : Step
        A step or pipeline.

    Returns
    -------
    StepConfig
        Every parameter; of the overrides of references those that are set. Values that no file can hold, such as
        models, are None, with a WARNING each.
    """
    from stpipe.declarations import spec_parameters

    cls = type(step)
    always, current = spec_parameters(cls), step.current_parameters()
    current.pop("steps", None)
    parameters = {
        name: _exportable(name, value, step) for name, value in current.items() if name in always or value is not None
    }
    members = [export_config(sub_step) for sub_step in step.sub_steps().values()]
    return StepConfig(f"{cls.__module__}.{cls.__qualname__}", step.name, parameters, members)


def _exportable(name: str, value: Any, step: Any) -> Any:
    from stpipe.yaml_text import plain_tree

    try:
        return plain_tree(value)
    except ValueError as error:
        log.warning("Parameter '%s' of step '%s' is left out: %s", name, step.name, error)
        return None


def _validate_asdf(asdf_file: Any, schema: str | os.PathLike[str] | None = None) -> None:
    """Check the tree of an ``asdf.AsdfFile`` against a schema of this package.

    Parameters
    ----------
    asdf_file : asdf.AsdfFile
        What to check.
    schema : str or Path, optional
        Address (``http://stsci.edu/schemas/stpipe/…``) or path of the schema; default ``step_config-1.0.0``.

    Raises
    ------
    asdf.exceptions.ValidationError
        The tree does not obey the schema.
    """
    import asdf

    from stpipe._integration import SCHEMAS_PATH, SCHEMAS_URI

    address = os.fspath(schema or f"{SCHEMAS_URI}step_config-1.0.0")
    path = address.replace(SCHEMAS_URI, f"{SCHEMAS_PATH}{os.sep}")
    path = path if path.endswith(".yaml") else f"{path}.yaml"
    tree = {key: value for key, value in asdf_file.tree.items() if key not in ("asdf_library", "history")}
    asdf.schema.validate(tree, schema=asdf.schema.load_schema(path, resolve_references=True))
