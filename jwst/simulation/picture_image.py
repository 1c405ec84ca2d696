"""A PNG of a mosaic or a frame, with north, a scale and the sources of a catalogue; drawn with Pillow alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jwst.simulation.picture import BAD, BAR_HEIGHT, INK, MARGIN, PAPER, colour_table, shrink
from stpipe.exceptions import InputError

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

__all__ = ["Marks", "Sky", "draw_image", "picture_of_product"]

SIZE = 1100
HEADER = 72
FOOTER = 58
MARK = (118, 240, 140)
EXTENDED_MARK = (255, 170, 60)
ARROW = (255, 255, 255)
OUTLINE = (30, 30, 40)
LEAST_RADIUS = 5.0
STRETCH = 0.05
"""Where asinh turns from a straight line to a logarithm, as a part of the range."""
BRIGHT_PART = 99.7
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600)
BAR_PART = 0.2


@dataclass(frozen=True)
class Sky:
    """Directions and size of an image on the sky.

    Parameters
    ----------
    north, east : (float, float)
        Unit steps along columns and rows.
    scale : float, arcsec
        Size of a pixel.
    """

    north: tuple[float, float]
    east: tuple[float, float]
    scale: float

    @classmethod
    def of(cls, wcs: Any, shape: tuple[int, int]) -> Sky:
        """Take them from world coordinates, at the middle of an image of that shape.

        Parameters
        ----------
        wcs : gwcs.wcs.WCS
            Coordinates.
        shape : (int, int)
            Rows and columns.
        """
        y, x = (size / 2 for size in shape)
        ra, dec = wcs([x, x + 1, x], [y, y, y + 1], with_bounding_box=False)
        east = ((np.asarray(ra) - ra[0] + 180) % 360 - 180) * np.cos(np.radians(dec[0])) * 3600
        north = (np.asarray(dec) - dec[0]) * 3600
        steps = np.linalg.inv(np.array([east[1:], north[1:]]))
        units = (steps / np.linalg.norm(steps, axis=0)).T
        scale = float(np.sqrt(abs(1 / np.linalg.det(steps))))
        return cls((float(units[1, 0]), float(units[1, 1])), (float(units[0, 0]), float(units[0, 1])), scale)


@dataclass(frozen=True, eq=False)
class Marks:
    """Circles around sources.

    Parameters
    ----------
    x, y, radius : (n,) ndarray of float, pixels
        Places from 0, and sizes.
    extended : (n,) ndarray of bool
        Drawn in another colour.
    """

    x: np.ndarray = field(default_factory=lambda: np.zeros(0))
    y: np.ndarray = field(default_factory=lambda: np.zeros(0))
    radius: np.ndarray = field(default_factory=lambda: np.zeros(0))
    extended: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))

    @classmethod
    def of(cls, catalogue: Any) -> Marks:
        """Take them from a table of source_catalog or tweakreg.

        Parameters
        ----------
        catalogue : Table
            With ``xcentroid`` and ``ycentroid`` or ``x`` and ``y``.

        Raises
        ------
        InputError
            The table has no places.
        """
        names = next((pair for pair in (("xcentroid", "ycentroid"), ("x", "y")) if pair[0] in catalogue.colnames), None)
        if names is None:
            raise InputError(
                f"The catalogue has no columns xcentroid and ycentroid, or x and y: {', '.join(catalogue.colnames)}."
            )
        x, y = (_values(catalogue[name]) for name in names)
        size = np.zeros(len(x))
        if "semimajor_sigma" in catalogue.colnames:
            size = 3 * np.nan_to_num(_values(catalogue["semimajor_sigma"]))
        extended = np.zeros(len(x), bool)
        if "is_extended" in catalogue.colnames:
            extended = np.asarray(catalogue["is_extended"], bool)
        return cls(x, y, np.maximum(size, LEAST_RADIUS), extended)


def _values(column: Any) -> np.ndarray:
    return np.asarray(np.ma.filled(getattr(column, "value", column), np.nan), float)


def _limits(image: np.ndarray) -> tuple[float, float]:
    """Darkest and brightest value: a little below the sky, and near the top."""
    finite = image[np.isfinite(image)]
    if not finite.size:
        return 0.0, 1.0
    sky = float(np.median(finite))
    spread = 1.4826 * float(np.median(np.abs(finite - sky)))
    low = sky - 2.5 * spread
    high = max(float(np.percentile(finite, BRIGHT_PART)), sky + 10 * spread)
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _stretched(image: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Asinh of values between limits: 0 to 1, NaN stays."""
    part = np.clip((image - limits[0]) / (limits[1] - limits[0]), 0, 1)
    return np.arcsinh(part / STRETCH) / np.arcsinh(1 / STRETCH)


class _Canvas:
    """An image on paper: from its pixels to those of the picture."""

    def __init__(self, image: np.ndarray) -> None:
        from PIL import Image, ImageDraw

        small = shrink(np.asarray(image, float), SIZE)
        shown = [size * max(-(-max(image.shape) // SIZE), 1) for size in small.shape]
        self.limits = _limits(small)
        level = _stretched(small[::-1], self.limits)
        pixels = colour_table("light")[np.nan_to_num(level * 255).astype(np.uint8)]
        pixels[~np.isfinite(level)] = BAD
        self.zoom = SIZE / max(shown)
        width, height = (max(round(size * self.zoom), 1) for size in shown[::-1])
        picture = Image.fromarray(pixels).resize((width, height), Image.Resampling.NEAREST)
        self.width, self.height = width, height
        self.paper: Image.Image = Image.new("RGB", (SIZE + 2 * MARGIN, HEADER + height + FOOTER), PAPER)
        self.left = MARGIN + (SIZE - width) // 2
        self.paper.paste(picture, (self.left, HEADER))
        self.draw: ImageDraw.ImageDraw = ImageDraw.Draw(self.paper)

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a place in pixels of the image is on the paper."""
        return self.left + (x + 0.5) * self.zoom, HEADER + self.height - (y + 0.5) * self.zoom

    def mark(self, marks: Marks) -> None:
        """Draw circles."""
        for x, y, radius, extended in zip(marks.x, marks.y, marks.radius, marks.extended):
            if np.isfinite(x) and np.isfinite(y):
                across, down = self.place(x, y)
                reach = radius * self.zoom + 2
                box = (across - reach, down - reach, across + reach, down + reach)
                self.draw.ellipse(box, outline=EXTENDED_MARK if extended else MARK, width=2)

    def compass(self, sky: Sky, font: Any) -> None:
        """Draw arrows to the north and the east, and a bar of known length."""
        length = 0.06 * SIZE
        x0, y0 = self.left + self.width - 2.2 * length, HEADER + 2.2 * length
        for name, (x, y) in (("N", sky.north), ("E", sky.east)):
            end = (x0 + length * x, y0 - length * y)
            self._line((x0, y0, *end))
            self._label((x0 + 1.25 * length * x, y0 - 1.25 * length * y), name, font, "mm")
        per_arcsec = self.zoom / sky.scale
        arcsec = max((step for step in STEPS if step * per_arcsec <= BAR_PART * self.width), default=STEPS[0])
        x1, y1 = self.left + 0.03 * SIZE, HEADER + self.height - 0.03 * SIZE
        self._line((x1, y1, x1 + arcsec * per_arcsec, y1))
        self._label((x1, y1 - 8), f'{arcsec:g}"', font, "ls")

    def _line(self, ends: tuple[float, ...]) -> None:
        """Draw a line that is seen on dark and on light ground."""
        self.draw.line(ends, fill=OUTLINE, width=7)
        self.draw.line(ends, fill=ARROW, width=3)

    def _label(self, place: tuple[float, float], text: str, font: Any, anchor: str) -> None:
        self.draw.text(place, text, fill=ARROW, font=font, anchor=anchor, stroke_width=2, stroke_fill=OUTLINE)

    def foot(self, unit: str, fonts: tuple[Any, Any]) -> None:
        """Draw the bar of colours with its numbers."""
        from PIL import Image

        table = np.broadcast_to(colour_table("light"), (BAR_HEIGHT, 256, 3)).copy()
        top = HEADER + self.height + 8
        self.paper.paste(Image.fromarray(table).resize((SIZE, BAR_HEIGHT)), (MARGIN, top))
        low, high = self.limits
        for part in (0.0, 0.25, 0.5, 0.75, 1.0):
            value = low + (high - low) * STRETCH * float(np.sinh(part * np.arcsinh(1 / STRETCH)))
            text = f"{value:.3g} {unit}".rstrip() if part == 1.0 else f"{value:.3g}"
            anchor = "la" if part == 0 else "ra" if part == 1 else "ma"
            self.draw.text((MARGIN + part * SIZE, top + BAR_HEIGHT + 4), text, fill=INK, font=fonts[1], anchor=anchor)


def draw_image(
    path: str | Path,
    image: np.ndarray,
    *,
    title: tuple[str, str] = ("", ""),
    sky: Sky | None = None,
    marks: Marks | None = None,
    unit: str = "",
) -> None:
    """Write a PNG of an image, with an asinh stretch.

    Parameters
    ----------
    path : str or Path
        The file.
    image : (ny, nx) ndarray of float
        Row 0 is at the bottom; NaN is grey.
    title : (str, str)
        Two lines above it.
    sky : Sky, optional
        For arrows to the north and the east, and a scale.
    marks : Marks, optional
        Circles around sources.
    unit : str
        Of the numbers at the colour bar.
    """
    from PIL import ImageFont

    fonts = tuple(ImageFont.load_default(size) for size in (24, 14, 18))
    canvas = _Canvas(image)
    canvas.draw.text((MARGIN, 14), title[0], fill=INK, font=fonts[0])
    canvas.draw.text((MARGIN, 48), title[1], fill=INK, font=fonts[1])
    if marks is not None:
        canvas.mark(marks)
    if sky is not None:
        canvas.compass(sky, fonts[2])
    canvas.foot(unit, (fonts[0], fonts[1]))
    canvas.paper.save(path, format="PNG")


def _world_coordinates(path: Path, shape: tuple[int, int]) -> Sky | None:
    """Directions on the sky of a product; None without coordinates."""
    from stdatamodels.jwst.datamodels import ImageModel

    with ImageModel(path) as model:
        wcs = model.meta.wcs
        return None if wcs is None else Sky.of(wcs, shape)


def picture_of_product(
    product: str | Path, output: str | Path | None = None, *, catalogue: str | Path | None = None
) -> Path:
    """Draw a product that is one image: rate, cal, crf, i2d, ….

    Parameters
    ----------
    product : str or Path
        FITS file with a two-dimensional SCI extension.
    output : str or Path, optional
        The PNG; by default the name of the product with another ending.
    catalogue : str or Path, optional
        Sources to mark; by default the ``_cat.ecsv`` beside an ``_i2d`` if there is one.

    Returns
    -------
    Path
        The PNG.

    Raises
    ------
    InputError
        The file has no such image, or the catalogue no places.
    """
    from astropy.io import fits
    from astropy.table import QTable

    product = Path(product)
    with fits.open(product) as file:
        if "SCI" not in file or file["SCI"].data is None or file["SCI"].data.ndim != 2:
            raise InputError(f"{product} has no SCI extension with one image (rate, cal, crf, i2d, …) to draw.")
        image = np.array(file["SCI"].data, np.float32)
        header, unit = file[0].header, str(file["SCI"].header.get("BUNIT", ""))
        weights = file["WHT"].data if "WHT" in file else None
        if weights is not None and weights.shape == image.shape:
            image[weights == 0] = np.nan
    if catalogue is None:
        beside = product.with_name(product.name.replace("_i2d.fits", "_cat.ecsv"))
        catalogue = beside if beside != product and beside.exists() else None
    marks = Marks.of(QTable.read(catalogue)) if catalogue is not None else None
    words = [str(header[name]) for name in ("INSTRUME", "DETECTOR", "FILTER", "PUPIL", "SUBARRAY") if name in header]
    size = f"{image.shape[1]} x {image.shape[0]} pixels"
    sources = "" if marks is None else f", {len(marks.x)} sources"
    output = Path(output) if output is not None else product.with_suffix(".png")
    sky = _world_coordinates(product, (image.shape[0], image.shape[1]))
    draw_image(
        output, image, title=(product.name, f"{' '.join(words)}, {size}{sources}"), sky=sky, marks=marks, unit=unit
    )
    return output
