"""Products of an association of level 2, each of which a pipeline processes alone (spec pipeline_image2.md)."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from jwst.stpipe import Pipeline

__all__ = ["Level2Product", "NoScienceError", "planned_inputs", "planned_paths", "products_of", "raise_failures"]

log = logging.getLogger(__name__)


class NoScienceError(InputError, IndexError):
    """A product without a science exposure; an IndexError too, as in the released pipeline."""


@dataclass(frozen=True)
class Level2Product:
    """A product: what it is made of and called.

    Attributes
    ----------
    name : str
        As the association has it.
    output_file : str
        Name that those of the files are made of, with the extension ``.fits`` and maybe a folder.
    members : mapping
        Exposure type in lower case to paths and models.
    pool_name, table_name : str
        For the metadata of the result.
    """

    name: str
    output_file: str
    members: Mapping[str, tuple[Any, ...]]
    pool_name: str
    table_name: str

    def science(self) -> Any:
        """Give the science exposure; the first one, with a warning, of several.

        Raises
        ------
        NoScienceError
            There is none.
        """
        found = self.members.get("science", ())
        if not found:
            kinds = ", ".join(self.members) or "no members"
            raise NoScienceError(
                f"The product {self.name} of {self.table_name} has no science exposure (exptype science), only {kinds}"
            )
        if len(found) > 1:
            log.warning("The product %s has %d science exposures; only the first is used", self.name, len(found))
        return found[0]

    @property
    def backgrounds(self) -> tuple[Any, ...]:
        """Background exposures."""
        return self.members.get("background", ())


def products_of(pipeline: Pipeline, input_data: Any) -> list[Level2Product]:
    """Give the products of an input.

    Parameters
    ----------
    pipeline : Pipeline
        Its ``output_file`` names a single product. Several products of an association have their own names, with a
        warning; those of a list are numbered.
    input_data : str, Path, association, data model or list
        See `jwst.stpipe.core.JwstStep.load_as_level2_asn`.

    Raises
    ------
    AssociationNotValidError
        The association cannot be used.
    InputError
        There is no product.
    """
    asn = pipeline.load_as_level2_asn(input_data)
    table_name = os.path.basename(getattr(asn, "filename", "singleton") or "singleton")
    products = asn["products"]
    if not products:
        raise InputError(f"There is nothing to process: {table_name} has no product")
    given = pipeline.output_file
    if given and len(products) > 1 and table_name != "singleton":
        log.warning("output_file %s is not used, because there are %d products", os.path.basename(given), len(products))
    folder = os.path.dirname(given) if given and table_name == "singleton" else ""
    pool_name = str(asn.get("asn_pool") or "none")
    return [
        Level2Product(
            name=str(product["name"]),
            output_file=given
            if given and len(products) == 1
            else os.path.join(folder, f"{os.path.basename(str(product['name']))}.fits"),
            members=_by_type(product["members"]),
            pool_name=pool_name,
            table_name=table_name,
        )
        for product in products
    ]


def planned_inputs() -> tuple[str | None, ...] | None:
    """Names of the members of the input of a run that is planned; None of a single input."""
    from stpipe.run_state import current_state

    state = current_state()
    return state.outermost.planned_inputs if state is not None else None


def planned_paths(step: Any, suffix: str, *, each: bool = False) -> list[str]:
    """Paths of the products of one kind that a run is going to write: of an association one for each product of it.

    Parameters
    ----------
    step : Step
        A pipeline, or a sub-step of one.
    suffix : str
        Suffix of the products.
    each : bool, optional
        Whether each exposure of a list makes a product, named after it.
    """
    from jwst.datamodels.asn_file import read_association
    from stpipe.naming import given_output_file, input_name

    name, members = input_name(step) or "", planned_inputs()
    if not name.endswith((".json", ".yaml", ".yml")):
        if each and members is not None and not given_output_file(step):
            return [step.make_output_path(basepath=member, suffix=suffix) for member in members if member]
        return [step.planned_path(suffix=suffix)]
    try:
        products = [str(product.get("name") or "") for product in read_association(name)["products"]]
    except OSError:
        return []
    if len(products) == 1 and given_output_file(step):
        return [step.planned_path(suffix=suffix)]
    return [step.make_output_path(basepath=f"{product}.fits", suffix=suffix) for product in products if product]


def _by_type(members: Sequence[Mapping[str, Any]]) -> dict[str, tuple[Any, ...]]:
    kinds: dict[str, tuple[Any, ...]] = {}
    for member in members:
        kind = str(member["exptype"]).lower()
        kinds[kind] = (*kinds.get(kind, ()), member["expname"])
    return kinds


def raise_failures(failures: Sequence[tuple[str, Exception]], count: int) -> None:
    """Say which products failed, and raise the first of their errors.

    Parameters
    ----------
    failures : sequence of (str, Exception)
        Name of the product, and its error.
    count : int
        How many products there were.
    """
    log.error("%d of %d products failed:", len(failures), count)
    for name, error in failures:
        log.error("  %s: %s: %s", name, type(error).__name__, error)
    raise failures[0][1]
