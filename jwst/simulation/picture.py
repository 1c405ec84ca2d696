"""A PNG of an exposure, its rate and what is wrong with it, drawn with Pillow alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image, ImageDraw, ImageFont

__all__ = ["Panel", "colour_table", "draw_panels", "shrink"]

PANEL = 520
MARGIN = 28
BAR_HEIGHT = 16
TITLE_SPACE = 34
NUMBER_SPACE = 52
HEADER_SPACE = 64
INK = (25, 28, 36)
PAPER = (250, 250, 248)
BAD = (205, 205, 205)
COLOURS = {
    "light": ((8, 8, 32), (56, 30, 110), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191)),
    "diverging": ((33, 76, 148), (110, 160, 205), (240, 240, 240), (230, 140, 110), (150, 30, 45)),
}


@dataclass(frozen=True, eq=False)
class Panel:
    """One picture.

    Parameters
    ----------
    title : str
        What it shows.
    image : (ny, nx) ndarray of float
        Row 0 is at the bottom; NaN is grey.
    unit : str
        Unit of the numbers at the colour bar.
    percentiles : tuple of float
        Range that the colours cover.
    diverging : bool
        Colours symmetric around zero.
    """

    title: str
    image: np.ndarray
    unit: str = ""
    percentiles: tuple[float, float] = (1.0, 99.5)
    diverging: bool = False

    def limits(self) -> tuple[float, float]:
        """Return the values of the first and last colour."""
        finite = self.image[np.isfinite(self.image)]
        if not finite.size:
            return 0.0, 1.0
        low, high = (float(value) for value in np.percentile(finite, self.percentiles))
        if self.diverging:
            high = max(abs(low), abs(high))
            low = -high
        return (low, high) if high > low else (low - 0.5, low + 0.5)


def colour_table(kind: str) -> np.ndarray:
    """Return 256 colours between the anchors of a map, "light" or "diverging": (256, 3) ndarray of uint8."""
    anchors = np.array(COLOURS[kind], float)
    place = np.linspace(0, len(anchors) - 1, 256)
    return np.stack([np.interp(place, range(len(anchors)), anchors[:, n]) for n in range(3)], axis=1).astype(np.uint8)


def shrink(image: np.ndarray, largest: int = PANEL) -> np.ndarray:
    """Return the means of blocks of an image, so that it fits in ``largest`` pixels; small images stay as they are."""
    step = max(-(-max(image.shape) // largest), 1)
    if step == 1:
        return image
    ny, nx = (size // step * step for size in image.shape)
    blocks = image[:ny, :nx].reshape(ny // step, step, nx // step, step)
    good = np.isfinite(blocks)
    number = good.sum(axis=(1, 3))
    total = np.where(good, blocks, 0).sum(axis=(1, 3))
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def _picture(panel: Panel, limits: tuple[float, float]) -> Image.Image:
    from PIL import Image

    image = shrink(np.asarray(panel.image, float))[::-1]
    low, high = limits
    level = np.nan_to_num((image - low) / (high - low) * 255, nan=0.0)
    pixels = colour_table("diverging" if panel.diverging else "light")[np.clip(level, 0, 255).astype(np.uint8)]
    pixels[~np.isfinite(image)] = BAD
    scale = PANEL / max(image.shape)
    size = max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)
    return Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST)


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _draw_panel(canvas: Image.Image, panel: Panel, corner: tuple[int, int], fonts: tuple) -> None:
    from PIL import Image, ImageDraw

    x, y = corner
    draw = ImageDraw.Draw(canvas)
    draw.text((x, y), panel.title, fill=INK, font=fonts[0])
    limits = panel.limits()
    picture = _picture(panel, limits)
    top = y + TITLE_SPACE
    canvas.paste(picture, (x + (PANEL - picture.width) // 2, top + (PANEL - picture.height) // 2))
    draw.rectangle((x - 1, top - 1, x + PANEL, top + PANEL), outline=INK)
    table = colour_table("diverging" if panel.diverging else "light")
    bar = Image.fromarray(np.broadcast_to(table, (BAR_HEIGHT, 256, 3)).copy()).resize((PANEL, BAR_HEIGHT))
    bar_top = top + PANEL + 8
    canvas.paste(bar, (x, bar_top))
    _draw_numbers(draw, panel, (x, bar_top + BAR_HEIGHT + 4), fonts[1])


def _draw_numbers(draw: ImageDraw.ImageDraw, panel: Panel, corner: tuple[int, int], font: ImageFont.ImageFont) -> None:
    """Write five numbers below the colour bar, and the unit after the last."""
    x, y = corner
    low, high = panel.limits()
    for part, anchor in ((0.0, "la"), (0.25, "ma"), (0.5, "ma"), (0.75, "ma"), (1.0, "ra")):
        text = _number(low + part * (high - low))
        text = f"{text} {panel.unit}".rstrip() if part == 1.0 else text
        draw.text((x + part * PANEL, y), text, fill=INK, font=font, anchor=anchor)


def draw_panels(path: str | Path, title: str, panels: list[Panel], *, subtitle: str = "") -> None:
    """Write a PNG with panels in rows of two.

    Parameters
    ----------
    path : str or Path
        The file.
    title : str
        First line.
    panels : list of Panel
        What to show.
    subtitle : str
        Second line.
    """
    from PIL import Image, ImageDraw, ImageFont

    title_font, panel_font, number_font = (ImageFont.load_default(size) for size in (24, 17, 14))
    columns = min(len(panels), 2)
    rows = -(-len(panels) // 2)
    width, height = PANEL + 2 * MARGIN, TITLE_SPACE + PANEL + BAR_HEIGHT + NUMBER_SPACE
    canvas = Image.new("RGB", (columns * width, HEADER_SPACE + MARGIN + rows * height), PAPER)
    draw = ImageDraw.Draw(canvas)
    draw.text((MARGIN, 16), title, fill=INK, font=title_font)
    draw.text((MARGIN, 48), subtitle, fill=INK, font=number_font)
    for number, panel in enumerate(panels):
        row, column = divmod(number, 2)
        corner = MARGIN + column * width, HEADER_SPACE + MARGIN // 2 + row * height
        _draw_panel(canvas, panel, corner, (panel_font, number_font))
    canvas.save(path)
