"""Log lines kept in products."""

from __future__ import annotations

import logging
import re

import pytest

from jwst.stpipe import log_lines
from jwst.stpipe.log_lines import LogLineFormatter, scrub

KEPT = (
    "relative/path/x.fits",
    "./relative/x.fits",
    "../x/y.fits",
    "~/data/x.fits",
    "/srv",
    "in /srv only",
    "https://jwst-crds.stsci.edu/unchecked_get/x.fits",
    "numpy 1.16.1.2",
    "version 10.0.0.1",
    "v1.2.3.4",
    "crds==14.0.3.1",
    "numbers 300.1.2.3",
    "time 12:34:56",
    "slice [0::2] of a::b",
    "2022-04-27 00:31:02.123",
)
SHORTENED = {
    "/grp/crds/cache/x.fits": "x.fits",
    "read '/a/b.fits'": "read 'b.fits'",
    'read "/Some Folder/deep/b c.fits" now': 'read "b c.fits" now',
    "(/a/b.fits, /c/d/e.fits)": "(b.fits, e.fits)",
    "/a/b.fits: no such file": "b.fits: no such file",
    "--file=/a/b.fits": "--file=b.fits",
    "folder /a/b/": "folder b",
    "file:///home/me/x.fits": "x.fits",
}
ERASED = ("from 130.167.1.2", "host 10.0.0.1.", "address 2001:db8:0:0:0:0:2:1", "at fe80::1ff:fe23:4567:890a")


@pytest.fixture(autouse=True)
def _names(monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "root")
    monkeypatch.setattr("socket.gethostname", lambda: "node7.stsci.edu")
    log_lines._private_names.cache_clear()
    yield
    log_lines._private_names.cache_clear()


@pytest.mark.parametrize("text", KEPT)
def test_kept(text):
    assert scrub(text) == text


@pytest.mark.parametrize(("text", "expected"), SHORTENED.items())
def test_folders_are_taken_out(text, expected):
    assert scrub(text) == expected


@pytest.mark.parametrize("text", ERASED)
def test_addresses_erase_the_line(text):
    assert scrub(text) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("by root on it", False),
        ("on node7 today", False),
        ("on NODE7.stsci.edu", False),
        ("square roots and roots", True),
        ("group-root-mean", True),
        ("node77", True),
    ],
)
def test_names_count_as_words_only(text, kept):
    assert (scrub(text) == text) is kept


def test_folder_of_the_user_does_not_erase_the_line():
    assert scrub("reading /home/root/x.fits") == "reading x.fits"


def test_line_format():
    record = logging.LogRecord("root", logging.INFO, __file__, 1, "read %s", ("/a/b/x.fits",), None)
    record.created, record.msecs = 1651019462.0625, 62.5
    line = LogLineFormatter().format(record)
    assert line == "2022-04-27T00:31:02.062 - root - INFO - read x.fits"
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3} - ", line)


def test_erased_line_is_empty():
    record = logging.LogRecord("a", logging.INFO, __file__, 1, "user root", (), None)
    assert LogLineFormatter().format(record) == ""
