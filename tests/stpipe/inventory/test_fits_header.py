"""Headers of FITS files are those that astropy reads."""

from __future__ import annotations

import gzip
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from stpipe.fits_header import parse_cards, read_fits_headers

KEYWORDS = st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True).filter(
    lambda key: key not in ("COMMENT", "HISTORY", "CONTINUE", "END", "SIMPLE", "HIERARCH", "XTENSION")
)
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=200)
NUMBERS = st.one_of(st.booleans(), st.integers(-(10**18), 10**18), st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.one_of(TEXTS, NUMBERS, st.complex_numbers(allow_nan=False, allow_infinity=False, max_magnitude=1e9))


def card_text(header):
    """Cards of a header without END."""
    return header.tostring(sep="", endcard=False, padding=False)


@settings(max_examples=50)
@given(st.dictionaries(KEYWORDS, VALUES, max_size=8), st.text("abc /&=", max_size=20))
def test_values_are_those_of_astropy(values, comment):
    header = fits.Header()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # comments that are cut
        for key, value in values.items():
            header[key] = (value, comment)
        header.add_history("HISTORY= 1")
        header.add_comment("a = 'b'")
        text = card_text(header)
        read = fits.Header.fromstring(text)
        # astropy itself takes the text "'/" for the beginning of a comment, so texts are compared with what was written
        expected = {key: value.rstrip() if isinstance(value, str) else read[key] for key, value in values.items()}
    assert parse_cards(text) == expected


@pytest.mark.parametrize(
    ("card", "value"),
    [
        ("KEY     = 1.5D3 / exponent of Fortran", 1500.0),
        ("KEY     = 1.5d-1", 0.15),
        ("KEY     =                    T", True),
        ("KEY     = 'it''s / no comment' / one", "it's / no comment"),
        ("KEY     = ''", ""),
        ("KEY     = (1.0, -2) / complex", 1 - 2j),
        ("HIERARCH ESO long key = 12 / text", 12),
        ("KEY     = +007", 7),
    ],
)
def test_forms_of_values(card, value):
    ((_, found),) = parse_cards(card.ljust(80)).items()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "card", ["KEY     =", "KEY     = / undefined", "KEY     = what", "KEY       5", "KEY     = (1"]
)
def test_cards_without_a_value_are_left_out(card):
    assert parse_cards(card.ljust(80)) == {}


def test_the_first_of_equal_keywords_counts_also_with_long_texts():
    cards = [
        "KEY     = 'a&'",
        "CONTINUE  'b&'",
        "CONTINUE  'c' / done",
        "KEY     = 'x&'",
        "CONTINUE  'y'",
        "K2      = 1",
    ]
    assert parse_cards("".join(card.ljust(80) for card in cards)) == {"KEY": "abc", "K2": 1}


def exposure(path, *more, **keywords):
    """Write an exposure of 2 x 3 pixels."""
    hdus = [fits.PrimaryHDU(header=fits.Header(keywords.items())), *more]
    hdus.append(fits.ImageHDU(np.zeros((2, 3), np.float32), name="SCI"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


@pytest.mark.parametrize("count", [0, 30, 36, 71, 72, 400, 2000])
def test_headers_of_any_length(tmp_path, count):
    found = read_fits_headers(exposure(tmp_path / "a.fits", **{f"K{number}": number for number in range(count)}))
    assert [found.primary[f"K{number}"] for number in range(count)] == list(range(count))
    assert found.science["EXTNAME"] == "SCI"
    assert found.shape == (2, 3)


def test_extensions_before_the_science_array_are_passed_over(tmp_path):
    table = fits.BinTableHDU(np.zeros(7, [("a", "i4"), ("b", "f8")]), name="TABLE")
    heap = fits.BinTableHDU.from_columns([fits.Column("v", "PJ()", array=[[1, 2, 3], [4]])], name="HEAP")
    empty = fits.ImageHDU(name="EMPTY")
    cube = fits.ImageHDU(np.zeros((3, 50, 70), np.int16), name="DQ")
    path = exposure(tmp_path / "a.fits", table, heap, empty, cube)
    assert read_fits_headers(path).shape == (2, 3)


def test_arrays_in_the_primary_part_and_no_science_extension(tmp_path):
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(np.zeros((40, 50))), fits.ImageHDU(np.zeros(5), name="X")]).writeto(path)
    found = read_fits_headers(path)
    assert (found.shape, dict(found.science), found.primary["NAXIS1"]) == (None, {}, 50)


def test_science_extension_without_an_array(tmp_path):
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(name="SCI")]).writeto(path)
    assert read_fits_headers(path).shape is None


def test_compressed_file(tmp_path):
    plain = exposure(tmp_path / "a.fits", FILTER="F090W")
    with gzip.open(tmp_path / "a.fits.gz", "wb") as file:
        file.write(plain.read_bytes())
    assert read_fits_headers(tmp_path / "a.fits.gz") == read_fits_headers(plain)


def test_compressed_image(tmp_path):
    path = tmp_path / "a.fits"
    image = fits.CompImageHDU(np.arange(64 * 32, dtype=np.int16).reshape(64, 32), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    assert read_fits_headers(path).shape == (64, 32)


def test_what_is_no_fits_file(tmp_path):
    path = tmp_path / "a.fits"
    path.write_bytes(b"")
    with pytest.raises(OSError, match="no FITS file"):
        read_fits_headers(path)
    path.write_bytes(b"XTENSION= 'IMAGE   '".ljust(80) + b"END".ljust(2800))
    with pytest.raises(OSError, match="does not start with SIMPLE"):
        read_fits_headers(path)
    path.write_bytes(b"not at all")
    with pytest.raises(OSError, match="no header at byte 0"):
        read_fits_headers(path)
    with pytest.raises(FileNotFoundError):
        read_fits_headers(tmp_path / "none.fits")


def test_truncated_files(tmp_path):
    path = exposure(tmp_path / "a.fits")
    content = path.read_bytes()
    for length, text in (
        (1000, "it has 1000 bytes, and what its header announces ends at 2880"),
        (100, "at byte 0 has no end"),
        (3000, "header at byte 2880"),
        (5780, "SCI ends at"),
    ):
        path.write_bytes(content[:length])
        with pytest.raises(OSError, match=f"a.fits is truncated.*{text}"):
            read_fits_headers(path)


def test_a_compressed_file_that_is_truncated(tmp_path):
    plain = exposure(tmp_path / "a.fits", **{f"K{number}": number**5 for number in range(300)})
    content = gzip.compress(plain.read_bytes())
    (tmp_path / "a.fits.gz").write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match="a.fits.gz is truncated"):
        read_fits_headers(tmp_path / "a.fits.gz")


def test_a_file_without_padding_at_its_end(tmp_path):
    path = exposure(tmp_path / "a.fits")
    path.write_bytes(path.read_bytes()[: 5760 + 24])
    assert read_fits_headers(path).shape == (2, 3)


def test_zeros_at_the_end_are_no_header(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    path.write_bytes(path.read_bytes() + bytes(2880))
    assert read_fits_headers(path).shape is None


def test_the_primary_header_alone(make_exposure, tmp_path):
    from stpipe.fits_header import read_primary_header

    path = make_exposure("a.fits")
    assert read_primary_header(path) == read_fits_headers(path).primary
    short = tmp_path / "short.fits"
    short.write_bytes(Path(path).read_bytes()[:5760])
    assert read_primary_header(short)["FILTER"] == "F090W"  # an array that is cut off does not matter
    short.write_bytes(b"SIMPLE  = ")
    with pytest.raises(OSError, match="truncated"):
        read_primary_header(short)
    short.write_bytes(b"nothing")
    with pytest.raises(OSError, match="no FITS file"):
        read_primary_header(short)
    with pytest.raises(FileNotFoundError):
        read_primary_header(tmp_path / "none.fits")
