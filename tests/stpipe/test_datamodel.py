"""Which classes count as data models."""

from __future__ import annotations

import pytest

from stpipe.datamodel import AbstractDataModel


class Base:
    crds_observatory = "jwst"

    def save(self, path):
        return path


class Complete(Base):
    def get_crds_parameters(self):
        return {}


def test_a_class_counts_by_its_members():
    assert isinstance(Complete(), AbstractDataModel)
    assert issubclass(Complete, AbstractDataModel)


def test_a_class_without_one_of_them_does_not():
    assert not isinstance(Base(), AbstractDataModel)
    assert not isinstance("text", AbstractDataModel)


def test_a_subclass_has_to_fill_in_everything():
    class Half(AbstractDataModel):
        def save(self, path, *args, **kwargs):
            return path

    with pytest.raises(TypeError, match="abstract"):
        Half()
    assert not isinstance(Base(), Half)
