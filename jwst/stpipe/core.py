"""`JwstStep` and `JwstPipeline`: what every JWST step adds to the framework (spec jwst_base.md §2)."""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jwst.lib.assignment import unvalidated
from jwst.stpipe.inputs import Request, crds_parameters, is_model, native_arrays, refuse_empty, refuse_several, take
from jwst.stpipe.log_lines import LogLineFormatter
from stpipe.exceptions import Skip
from stpipe.parameters import Param
from stpipe.pipeline import Pipeline
from stpipe.step import Step

if TYPE_CHECKING:
    from jwst.lib.reference import Reference

__all__ = ["JwstPipeline", "JwstStep"]

log = logging.getLogger(__name__)

_NO_REFERENCE = ("", "N/A")


class JwstStep(Step):
    """A step on JWST data models: subclass it, declare parameters, write `process`.

    Notes
    -----
    A `process` usually reads::

        with self.ramp(input_model) as ramp, self.reference(ramp, "dark") as dark:
            ...
        return self.complete(ramp)

    The status goes to ``meta.cal_step.<cal_step>``; the class attribute `cal_step` is the alias where it is None.
    """

    output_ext = Param(".fits", "Output file type")

    _log_records_formatter = LogLineFormatter()

    worker_imports = ("jwst.stpipe.warming",)
    """What is imported once for all worker processes, before they start."""

    @classmethod
    def _datamodels_open(cls, init: Any, **kwargs: Any) -> Any:
        from jwst.datamodels.fast_fits import open_any

        return open_any(init, **kwargs)

    def _save(self, model: Any, path: str) -> Any:
        """Write one model; arrays of FITS files without copies."""
        if not is_model(model):
            return model.save(path)
        from jwst.datamodels.fast_save import save

        return save(model, path)

    @classmethod
    def _get_crds_parameters(cls, dataset: Any) -> tuple[dict[str, Any], str]:
        """Metadata that references for an input are chosen by, and the observatory; no model is opened."""
        return crds_parameters(dataset), "jwst"

    @classmethod
    def _read_header(cls, path: str) -> Mapping[str, Any]:
        """Metadata of a file, or of the first science exposure of an association, without opening a model."""
        from jwst.stpipe.exposure_header import read_header

        return read_header(path)

    @staticmethod
    def get_stpipe_loggers() -> tuple[str, ...]:
        """Names of the loggers to configure."""
        return ("jwst", "stcal", "stdatamodels", "stpipe", "tweakwcs", "CRDS", "py.warnings")

    def remove_suffix(self, name: str) -> tuple[str, str]:
        """Strip one known suffix from the name of a product; see `jwst.lib.suffix.remove_suffix`."""
        from jwst.lib.suffix import remove_suffix

        return remove_suffix(name)

    def run(self, *args: Any) -> Any:
        """Run this instance as it is on the arguments of `process`, and return the result."""
        try:
            return super().run(*args)
        finally:
            self.__dict__.pop("_prepared", None)

    def prepare_output(
        self,
        init: Any,
        make_copy: bool | None = None,
        open_models: bool = True,
        open_as_type: Callable[..., Any] | None = None,
        open_as_ramp: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Make the input the step's own: opened, and copied where somebody else goes on using it.

        Parameters
        ----------
        init : str, Path, list, association, model, container or library
            A file is opened. A model is copied when the step runs alone and is taken as it is inside a pipeline. A list
            becomes a container. A library comes back as it is.
        make_copy : bool, optional
            Copy always, or never.
        open_models : bool, optional
            False leaves the name of a file as it is.
        open_as_type : type or callable, optional
            Class to open files as and to convert models to.
        open_as_ramp : bool, optional
            Open and convert to the ramp class of the exposure. ``open_as_type`` wins.
        **kwargs
            Passed on where a file is opened.

        Returns
        -------
        model, container, library, str or Path

        Raises
        ------
        TypeError
            ``init`` is nothing of these, cannot be copied, or its arrays do not fit the class that is asked for.
        """
        request = Request(make_copy, self.parent is None, open_models, open_as_type, open_as_ramp, kwargs)
        result = take(self.make_input_path(init), request, self.open_model)
        self._remember_prepared(init, result)
        return result

    def _remember_prepared(self, init: Any, result: Any) -> None:
        """Note what was made of an input, so that it can be the result of a skipped run."""
        if is_model(result) and not isinstance(init, list | tuple):
            self.__dict__["_prepared"] = (init, weakref.ref(result))
            if result._instance.get("provenance"):
                from stpipe.provenance import keep_earlier_runs

                keep_earlier_runs(result._instance["provenance"])

    def _skipped_result(self, args: Sequence[Any], reason: str) -> Any:
        """Result of a run that raised `Skip`: the first argument, opened or copied as `process` would have it."""
        if not args:
            return None
        init, reference = self.__dict__.get("_prepared", (None, None))
        result = reference() if reference is not None and init is args[0] else None
        if result is None and (is_model(args[0]) or isinstance(args[0], str | os.PathLike)):
            result = self.prepare_output(args[0])
        return args[0] if result is None else result

    @contextmanager
    def ramp(self, input_model: Any) -> Iterator[Any]:
        """Give the ramps of an exposure as a model whose arrays may be changed in place.

        Parameters
        ----------
        input_model : str, Path or model
            Opened, copied when the step runs alone on a model, or taken as it is inside a pipeline.

        Yields
        ------
        RampModel, SuperstripeRampModel or GuiderRawModel
            Native byte order, contiguous, writable. Assignments inside the block are not validated.
        """
        refuse_several(input_model, type(self).__name__)
        model = self.prepare_output(input_model, open_as_ramp=True)
        refuse_empty(model)
        native_arrays(model)
        with unvalidated(model):
            yield model

    @contextmanager
    def reference(self, model: Any, reftype: str, required: bool = True) -> Iterator[Reference | None]:
        """Open the reference of a type for an exposure.

        Parameters
        ----------
        model : data model
            The exposure.
        reftype : str
            One of ``reference_file_types``.
        required : bool, optional
            False: give None where there is no reference.

        Yields
        ------
        Reference or None

        Raises
        ------
        Skip
            There is no reference for this exposure, and it is required.
        InputError
            An override is one of another instrument or detector, or cannot be read.
        """
        source = self.get_reference_file(model, reftype)
        if isinstance(source, str) and source in _NO_REFERENCE:
            if required:
                raise Skip(f"there is no {reftype.upper()} reference for this exposure")
            yield None
            return
        from jwst.lib.reference import open_reference

        with open_reference(source, model, reftype) as reference:
            if getattr(self, f"override_{reftype}", None) is not None:
                reference.warn_of_other_detector()
            log.info("Using %s reference %s", reftype.upper(), reference.name)
            yield reference

    def complete(self, model: Any) -> Any:
        """Record in a model that this step is complete, and return the model."""
        from jwst.stpipe.utilities import record_step_status

        key = self.cal_step or self.class_alias
        if key and model is not None:
            record_step_status(model, key)
        return model

    def load_as_level2_asn(self, obj: Any, *, allow_outside: bool = False) -> Any:
        """Make a level-2 association of an input, whose members can be opened from here.

        Parameters
        ----------
        obj : str, Path, association, mapping, list, container or model
            See `jwst.associations.load_as_asn.LoadAsLevel2Asn.load`. Products of exposures are named after
            ``output_file`` where the step has one.
        allow_outside : bool, optional
            Accept relative names that lead out of the folder of the association.

        Returns
        -------
        DMSLevel2bBase
        """
        from jwst.associations.load_as_asn import LoadAsLevel2Asn, place_members

        asn = LoadAsLevel2Asn.load(obj, basename=self.output_file, allow_outside=allow_outside)
        place_members(asn, self.input_dir)
        return asn

    def load_as_level3_asn(self, obj: Any, *, allow_outside: bool = False) -> Any:
        """Make a level-3 association of an input, whose members can be opened from here.

        Parameters
        ----------
        obj, allow_outside
            As for `load_as_level2_asn`; see `jwst.associations.load_as_asn.LoadAsAssociation.load`.

        Returns
        -------
        Association
            Exposures that come in no association are listed under ``members``, without a product.
        """
        from jwst.associations.load_as_asn import LoadAsAssociation, place_members

        asn = LoadAsAssociation.load(obj, allow_outside=allow_outside)
        place_members(asn, self.input_dir)
        return asn

    def add_asn_id_to_output_name(self, models: Any) -> str | None:
        """Have the names of this step's products carry the id of an association in this run; not its sub-steps'.

        Parameters
        ----------
        models : container, library, or anything
            Its id is used; without one that of the step or the nearest parent.

        Returns
        -------
        str or None
            The id; None takes an earlier one out of the names.
        """
        table = getattr(models, "asn_table", None) or getattr(models, "asn", None)
        asn_id = table.get("asn_id") if isinstance(table, Mapping) else None
        asn_id = asn_id if asn_id is not None else self.search_attr("asn_id")
        self.set_output_component("asn_id", asn_id)
        return asn_id

    def finalize_result(self, result: Any, reference_files_used: list[tuple[str, str]]) -> None:
        """Write into a product which software, references and context made it, and the log lines.

        Parameters
        ----------
        result : object
            Changed in place if it is a data model.
        reference_files_used : list of (str, str)
            Type and name of each reference.
        """
        if not is_model(result):
            return
        from jwst import __version__, __version_commit__

        result.meta.calibration_software_version = __version__
        result.meta.calibration_software_revision = __version_commit__ or "RELEASE"
        if reference_files_used:
            self._record_references(result, reference_files_used)
        self._record_log_lines(result)
        self._record_provenance(result)

    def _record_references(self, result: Any, reference_files_used: list[tuple[str, str]]) -> None:
        from stpipe.crds_client import get_svn_version

        known = result.meta.ref_file
        for reftype, name in reference_files_used:
            node = getattr(known, reftype, None)
            if node is not None:
                node.name = name
        known.crds.sw_version = get_svn_version()
        context = _context_used()
        if context is not None:
            known.crds.context_used = context
        if self.parent is None:
            log.info("Results used CRDS context: %s", context or "none used")

    def _record_provenance(self, result: Any) -> None:
        """Write the provenance into a result of a top-level run; one that is saved gets it then."""
        if self.parent is None and not self.save_results:
            self.add_provenance(result)

    def add_provenance(self, model: Any) -> None:
        """Write into the tree of a model, beside ``cal_logs``, what made it; see `stpipe.provenance`.

        Parameters
        ----------
        model : object
            Changed in place if it is a data model. No keyword and no extension comes of it in a FITS file.
        """
        if not is_model(model):
            return
        from stpipe.provenance import append_run, record_run

        record = record_run(self.software_versions())
        if record is not None:
            model._instance["provenance"] = append_run(model._instance.get("provenance"), record)

    @classmethod
    def software_versions(cls) -> dict[str, str]:
        """Versions that the provenance of a product names."""
        from stpipe.provenance import versions_of

        return versions_of("jwst", "stpipe", "numpy", "scipy", "astropy", "asdf", "stdatamodels", "crds")

    def _record_log_lines(self, result: Any) -> None:
        """Write the log lines so far under the alias of the pipeline, or of the step itself."""
        key = getattr(self.parent, "class_alias", None) or self.class_alias
        if not key or not is_model(result):
            return
        if not result.hasattr("cal_logs"):
            result.cal_logs = {}
        result.cal_logs.instance[key] = list(self._log_records)

    def _on_run_end(self, result: Any) -> None:
        """Say at the end of a top-level run which version made the results."""
        super()._on_run_end(result)
        if self.parent is None:
            from jwst import __version__

            log.info("Results used jwst version: %s", __version__)


class JwstPipeline(Pipeline, JwstStep):
    """A pipeline of JWST steps.

    Its sub-steps write their references into the products, so that only the context and the log lines are left to do.
    """

    def finalize_result(self, result: Any, reference_files_used: list[tuple[str, str]]) -> None:
        """Write the log lines into a product, and log the context that was used."""
        log.info("Results used CRDS context: %s", _session_context() or "none used")
        if self.class_alias and is_model(result):
            self._record_log_lines(result)
        if is_model(result):
            self._record_provenance(result)


def _session_context() -> str | None:
    """Context that references of this run were looked up in."""
    from stpipe.references import current_session

    session = current_session()
    return session.contexts.get("jwst") if session is not None else None


def _context_used() -> str | None:
    """Context of this run; if nothing was looked up, the one in force, if that is known without asking anybody."""
    context = _session_context()
    if context is None:
        from stpipe.crds_client import known_context

        context = known_context("jwst")
    return context
