"""The exposures of one source as a container of slits (spec jwst_base.md §8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jwst.datamodels.container import ModelContainer

__all__ = ["SourceModelContainer"]


class SourceModelContainer(ModelContainer):
    """The exposures of a ``MultiExposureModel``, each as a ``SlitModel`` that shares its arrays and metadata.

    Parameters
    ----------
    init : MultiExposureModel or SourceModelContainer
        The exposures of one source; another container, whose slits are shared.
    **kwargs
        As for `ModelContainer`.

    Raises
    ------
    TypeError
        ``init`` is neither.
    """

    _multiexposure: Any

    def __init__(self, init: Any = None, **kwargs: Any) -> None:
        from stdatamodels.jwst.datamodels import MultiExposureModel

        super().__init__(None, **kwargs)
        if isinstance(init, SourceModelContainer):
            self._share(init)
            self._multiexposure = init._multiexposure
        elif isinstance(init, MultiExposureModel):
            self._models = [_slit_of(exposure) for exposure in init.exposures]
            self._multiexposure = init
        else:
            raise TypeError(f"Input {init} cannot initialize a SourceModelContainer: it needs a MultiExposureModel")

    @property
    def multiexposure(self) -> Any:
        """The ``MultiExposureModel``, its exposures being the slits as they are now."""
        self._multiexposure.instance["exposures"] = [slit.instance for slit in self._models]
        return self._multiexposure

    def save(self, path: str | None = None, save_model_func: Callable[..., Any] | None = None, **kwargs: Any) -> list:
        """Save the ``MultiExposureModel``.

        Parameters
        ----------
        path : str, optional
            Where; its ``meta.filename`` by default.
        save_model_func : callable, optional
            Called instead, as ``save_model_func(multiexposure, output_file=path)``.
        **kwargs
            Passed on to its ``save``.

        Returns
        -------
        list of str
            The one path written.
        """
        model = self.multiexposure
        if save_model_func is not None:
            return [save_model_func(model, output_file=path)]
        return [model.save(path or model.meta.filename, **kwargs)]


def _slit_of(exposure: Any) -> Any:
    """Make a slit of the very dict of an exposure, whose metadata keep saying what it was made from."""
    from stdatamodels.jwst.datamodels import SlitModel

    meta = exposure.meta.instance
    before = dict(meta)
    slit = SlitModel(exposure.instance)
    meta.clear()
    meta.update(before)
    return slit
