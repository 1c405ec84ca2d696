"""Suffixes of product names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwst.lib import suffix as sfx

CASES = {
    "jw001_rate": ("jw001", "_"),
    "odd-cal": ("odd", "-"),
    "x_cal_rate": ("x_cal", "_"),
    "cal": ("cal", "_"),
    "_cal": ("_cal", "_"),
    "": ("", "_"),
    "x_RATE": ("x_RATE", "_"),
    "x_ami-oi": ("x", "_"),
    "x_ramp_fit": ("x", "_"),
    "a_cal-rate": ("a_cal", "-"),
    "jw001_special": ("jw001_special", "_"),
    "jw001_uncal": ("jw001", "_"),
    "jw001_rate\n": ("jw001_rate\n", "_"),
}


@pytest.mark.parametrize(("name", "expected"), CASES.items())
def test_remove(name, expected):
    assert sfx.remove_suffix(name) == expected


def test_replace_keeps_the_separator():
    assert sfx.replace_suffix("odd-cal", "rate") == "odd-rate"
    assert sfx.replace_suffix("jw001_special", "cal") == "jw001_special_cal"


def test_public_table():
    assert len(sfx.KNOW_SUFFIXES) == len(set(sfx.KNOW_SUFFIXES)) == 159
    assert set(sfx.SUFFIXES_TO_ADD) < set(sfx.KNOW_SUFFIXES)
    assert not set(sfx.SUFFIXES_TO_DISCARD) & set(sfx.KNOW_SUFFIXES)
    assert not set(sfx.EXTRA_SUFFIXES) & set(sfx.KNOW_SUFFIXES)
    assert {"rate", "rateints", "jumpstep", "ramp_fit", "ami-oi", "detector1pipeline"} <= set(sfx.KNOW_SUFFIXES)


def test_combine():
    assert sfx.combine_suffixes() == sfx.KNOW_SUFFIXES
    assert sfx.combine_suffixes([["b", "a"], ["a", "step"]], ["step"]) == ["a", "b"]


@pytest.mark.parametrize("known", [*sfx.KNOW_SUFFIXES, *sfx.EXTRA_SUFFIXES])
def test_every_known_suffix_is_stripped(known):
    assert sfx.remove_suffix(f"jw001_{known}") == ("jw001", "_")


roots = st.text("ab1-_", min_size=1, max_size=8)
names = st.builds("".join, st.lists(st.one_of(roots, st.sampled_from(["_cal", "-rate", "_jump"])), min_size=1))


@given(names, st.sampled_from(sfx.KNOW_SUFFIXES))
def test_replacing_keeps_the_root(name, known):
    root, separator = sfx.remove_suffix(name)
    assert sfx.remove_suffix(sfx.replace_suffix(name, known)) == (root, separator)


@given(names)
def test_the_root_is_a_proper_beginning(name):
    root, _ = sfx.remove_suffix(name)
    assert root
    assert name.startswith(root)
