"""Columns of the catalogue: order, units, formats, descriptions. Source: spec source_catalog.md, Columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["Column", "catalog_columns", "concentration_names", "flux_names"]

_KINDS = (
    ("flux", "flux", "Jy", ".6e"),
    ("abmag", "AB magnitude", None, ".6f"),
    ("vegamag", "Vega magnitude", None, ".6f"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the catalogue.

    Attributes
    ----------
    name, description : str
    unit : str or None
    format : str or None
        How numbers are written in text files.
    """

    name: str
    description: str
    unit: str | None = None
    format: str | None = None


def flux_names(aperture_ee: Sequence[int]) -> list[str]:
    """Names of the fluxes in circles and of the total flux, without the kind, e.g. ``aper30``."""
    return [*(f"aper{percent}" for percent in aperture_ee), "aper_total"]


def concentration_names(aperture_ee: Sequence[int]) -> list[str]:
    """Names of the concentration indices: second to first circle, third to second, third to first."""
    first, second, third = aperture_ee
    return [f"CI_{second}_{first}", f"CI_{third}_{second}", f"CI_{third}_{first}"]


def catalog_columns(aperture_ee: Sequence[int]) -> list[Column]:
    """All columns of the catalogue in order.

    Parameters
    ----------
    aperture_ee : sequence of int, percent
        Three of them; the names of columns carry them.

    Returns
    -------
    list of Column
    """
    return [
        Column("label", "Number of the source; that of its pixels in the segmentation map"),
        Column("xcentroid", "X of the centroid, pixels from 0", None, ".4f"),
        Column("ycentroid", "Y of the centroid, pixels from 0", None, ".4f"),
        Column("sky_centroid", "Centroid on the sky"),
        Column("aper_bkg_flux", "Local background per pixel: median in a ring", "Jy", ".6e"),
        Column("aper_bkg_flux_err", "Error of the local background per pixel", "Jy", ".6e"),
        *_aperture_columns(aperture_ee),
        *_concentration_columns(aperture_ee),
        Column("is_extended", "Whether both concentration indices exceed their limits"),
        Column("sharpness", "Sharpness as in DAOFIND", None, ".6f"),
        Column("roundness", "Roundness as in DAOFIND", None, ".6f"),
        Column("nn_label", "Label of the nearest other source; -1 if there is none"),
        Column("nn_dist", "Distance of the nearest other source", "pix", ".6f"),
        *(column for kind in _KINDS for column in _pair("isophotal", "inside the segment of the source", kind)),
        *_segment_columns(),
    ]


def _aperture_columns(aperture_ee: Sequence[int]) -> Iterator[Column]:
    places = [f"in a circle with {percent} percent of the energy of a star" for percent in aperture_ee]
    places.append("of the source if it is a star, corrected for what lies outside of the largest circle")
    for kind in _KINDS:
        for name, place in zip(flux_names(aperture_ee), places):
            yield from _pair(name, place, kind)


def _pair(name: str, place: str, kind: tuple[str, str, str | None, str]) -> Iterator[Column]:
    """A quantity and its error."""
    suffix, word, unit, text_format = kind
    yield Column(f"{name}_{suffix}", f"{word[0].upper()}{word[1:]} {place}", unit, text_format)
    yield Column(f"{name}_{suffix}_err", f"Error of the {word} {place}", unit, text_format)


def _concentration_columns(aperture_ee: Sequence[int]) -> Iterator[Column]:
    for name in concentration_names(aperture_ee):
        _, larger, smaller = name.split("_")
        yield Column(
            name, f"Concentration index: flux in the {larger} percent circle over {smaller} percent", None, ".4f"
        )


def _segment_columns() -> Iterator[Column]:
    yield Column("isophotal_area", "Area of the segment", "pix2")
    yield Column("semimajor_sigma", "Standard deviation along the major axis", "pix", ".6f")
    yield Column("semiminor_sigma", "Standard deviation along the minor axis", "pix", ".6f")
    yield Column("ellipticity", "1 minus the ratio of minor to major axis", "", ".6f")
    yield Column("orientation", "Angle of the major axis from the x axis, counter-clockwise", "deg", ".6f")
    yield Column("sky_orientation", "Position angle of the major axis, from North to East", "deg", ".6f")
    corners = (("ll", "Lower left"), ("ul", "Upper left"), ("lr", "Lower right"), ("ur", "Upper right"))
    for corner, words in corners:
        yield Column(f"sky_bbox_{corner}", f"{words} corner on the sky of the smallest box around the segment")
