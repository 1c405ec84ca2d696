"""What a step has to do with files: inputs, references and products."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from stpipe.parameters import Param
from stpipe.run_state import current_state, file_name_of

if TYPE_CHECKING:
    from stpipe.parameter_holder import ParameterHolder

    _Base = ParameterHolder
else:
    _Base = object

__all__ = ["InputDir", "StepFiles", "Suffix"]

log = logging.getLogger("stpipe.step")


class InputDir(Param[Any]):
    """Folder of bare input names: as set, else that of the latest primary input, of the step or a parent, else empty.

    The value set is kept as ``_input_dir``; an empty text is no value.
    """

    def convert(self, value: Any, *, path: str | None = None, root_dir: str | None = None) -> Any:
        """Check a value; see `Param.convert`."""
        return super().convert(value, path=path, root_dir=root_dir) or None

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        return instance.search_attr("_input_dir", "")


class Suffix(Param[Any]):
    """A text, or False for "no suffix"."""

    def convert(self, value: Any, *, path: str | None = None, root_dir: str | None = None) -> Any:
        """Check a value; see `Param.convert`."""
        return False if value is False else super().convert(value, path=path, root_dir=root_dir)


class StepFiles(_Base):
    """Inputs, references and products of a step."""

    cal_step: ClassVar[str | None] = None
    class_alias: ClassVar[str | None] = None

    output_components: dict[str, object]
    input_dir: Any
    output_ext: Any
    _input_filename: str | None
    _input_dir: str | None
    _last_input: tuple[str | None, str | None, str | None, str | None] | None
    _reference_files_used: list[tuple[str, str]]

    def set_primary_input(self, obj: Any, exclusive: bool = True) -> None:
        """Remember what the names of products are derived from.

        Parameters
        ----------
        obj : str, Path, model or object
            A path, or a model with ``meta.filename``; anything else leaves the name unset.
        exclusive : bool, optional
            Do nothing where the step or a parent has a primary input.
        """
        if not self._is_in_run():
            self.forget_last_input()
        state = current_state()
        if state is not None:
            for item in obj if isinstance(obj, list | tuple) else (obj,):
                state.scope.add_input(item)
        if exclusive and self.search_attr("_input_filename") is not None:
            return
        name = file_name_of(obj)
        if name is None:
            log.debug("%s gives no name to derive names of products from", type(obj).__name__)
            return
        self._input_filename = name
        if not self.input_dir and isinstance(obj, str | os.PathLike) and os.path.isfile(obj):
            self._input_dir = os.path.dirname(name)

    def forget_last_input(self) -> None:
        """Drop the primary input that the latest run found, unless it has been changed since."""
        last = self._last_input
        if last is not None and (self._input_filename, self._input_dir) == last[:2]:
            self._input_filename, self._input_dir = last[2:]
        self._last_input = None

    def keep_last_input(self, before: tuple[str | None, str | None]) -> None:
        """Leave the primary input of this run readable, marked as what the next run is to forget."""
        self._last_input = (self._input_filename, self._input_dir, *before)

    def _value(self, name: str) -> Any:
        """Return a parameter as it was set; the folder that the latest run noted down is not one."""
        last = self._last_input
        if name == "input_dir" and last is not None and (self._input_filename, self._input_dir) == last[:2]:
            return last[3]
        return super()._value(name)

    def make_input_path(self, file_path: Any) -> Any:
        """Put ``input_dir`` in front of a bare file name; anything else comes back unchanged."""
        if isinstance(file_path, str) and not os.path.dirname(file_path):
            return os.path.join(self.input_dir, file_path)
        return file_path

    def open_model(self, init: Any, **kwargs: Any) -> Any:
        """Open a model by the opener of the parent if there is one."""
        path = self.make_input_path(init)
        state = current_state()
        if state is not None:
            state.scope.add_input(path)
        return (self.parent or self)._datamodels_open(path, **kwargs)

    @classmethod
    def _datamodels_open(cls, init: Any, **kwargs: Any) -> Any:
        """Open a model; a mission layer says how."""
        raise NotImplementedError(f"{cls.__name__} does not say how models are opened (_datamodels_open)")

    @classmethod
    def _get_crds_parameters(cls, dataset: Any) -> tuple[Mapping[str, Any], str]:
        """Return the parameters that references are chosen by, and the observatory."""
        from stpipe.datamodel import AbstractDataModel

        if isinstance(dataset, AbstractDataModel):
            return dataset.get_crds_parameters(), dataset.crds_observatory
        with cls._datamodels_open(dataset) as model:
            return model.get_crds_parameters(), model.crds_observatory

    @classmethod
    def _read_header(cls, path: str) -> Mapping[str, Any]:
        """Read the metadata of a file by dotted name; a mission layer does it without opening a model."""
        return cls._get_crds_parameters(path)[0]

    def get_reference_file(self, input_file: Any, reference_file_type: str) -> Any:
        """Return path or model of the reference for an input, ``"N/A"`` where there is none (spec framework.md §6)."""
        from stpipe.references import get_reference_file

        return get_reference_file(self, input_file, reference_file_type)

    def get_ref_override(self, reference_file_type: str) -> Any:
        """Return what is to be used in place of a reference: absolute path, model, ``"N/A"``, or None."""
        from stpipe.references import get_override

        return get_override(self, reference_file_type)

    def prefetch(self, *args: Any) -> None:
        """Look up references before the work; a single step does it when it needs them."""

    def remove_suffix(self, name: str) -> tuple[str, str]:
        """Return a name without its suffix, and the separator; the base knows no suffixes."""
        return name, "_"

    def default_suffix(self) -> str:
        """Suffix of products where none is set."""
        return self.name.lower()

    def default_output_file(self, input_file: Any = None) -> str:
        """Name that products are derived from where no output_file is set."""
        name = file_name_of(input_file) if input_file is not None else self.search_attr("_input_filename")
        if name:
            return str(name)
        ext = self.output_ext or ""
        return f"step_{self.name}{'.' if ext and not ext.startswith('.') else ''}{ext}"

    def make_output_path(
        self, basepath: Any = None, ext: str | None = None, suffix: str | bool | None = None, **components: Any
    ) -> str:
        """Build the path of a product (spec framework.md §9).

        Parameters
        ----------
        basepath : str or Path, optional
            Base name; its folder and extension are dropped. Default: output_file, else the primary input.
        ext : str, optional
            Extension.
        suffix : str or False, optional
            Suffix; False for none.
        **components
            Further parts of the name, in order; None is left out.
        """
        make = self.search_attr("_make_output_path", parent_first=True)
        return make(self, basepath=basepath, ext=ext, suffix=suffix, **components)

    @staticmethod
    def _make_output_path(
        step: Any, basepath: Any = None, ext: str | None = None, suffix: str | bool | None = None, **components: Any
    ) -> str:
        """Build the path; the outermost parent's version is the one used for all its sub-steps."""
        from stpipe.naming import make_output_path

        return make_output_path(step, basepath, ext=ext, suffix=suffix, **components)

    def set_output_component(self, name: str, value: object) -> None:
        """Have the names of this step's products carry a component, first, in this run; None takes it out again."""
        self.output_components = {**self.output_components, name: value}

    def save_model(
        self,
        model: Any,
        suffix: str | bool | None = None,
        idx: int | None = None,
        output_file: str | None = None,
        force: bool = False,
        **components: Any,
    ) -> str | list[str] | None:
        """Save a model, the members of a library, or a sequence of models.

        Parameters
        ----------
        model : model, library or sequence
            What to save.
        suffix, idx, output_file, **components
            Parts of the name.
        force : bool, optional
            Save even if neither save_results nor an output file is set.

        Returns
        -------
        str, list of str, or None
            Path or paths; None if nothing was saved.

        Raises
        ------
        OutputError
            The folder cannot be written.
        FileExistsError
            The file exists and STPIPE_OVERWRITE is ``forbid``.
        """
        from stpipe.outputs import SaveRequest, save_model, saves_now, wants_saving

        step: Any = self
        wanted = saves_now if self.__dict__["_run_depth"] else wants_saving
        if not (force or output_file or wanted(step)):
            return None
        return save_model(step, model, SaveRequest(suffix, idx, output_file, components))

    def _save(self, model: Any, path: str) -> Any:
        """Write one model; a mission layer may have a faster way."""
        return model.save(path)

    def finalize_result(self, result: Any, reference_files_used: list[tuple[str, str]]) -> None:
        """Write what the run knows into a result; the base has nothing to write."""

    def _skipped_result(self, args: Sequence[Any], reason: str) -> Any:
        """Result of a run that raised `Skip`: the first argument."""
        return args[0] if args else None

    def _mark_skipped(self, result: Any) -> None:
        """Record in a result that this step was skipped."""
        from stpipe.engine import mark_skipped

        key = self.cal_step or self.class_alias
        if key:
            mark_skipped(result, key)

    def _on_run_end(self, result: Any) -> None:
        """Do what is left when a run has ended well: in a notebook, have results show what they are."""
        if "IPython" in sys.modules and self.parent is None:
            from stpipe.result_report import register_with_notebook

            register_with_notebook(result)
