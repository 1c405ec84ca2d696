"""`ModelContainer`."""

from __future__ import annotations

import json

import pytest
from stdatamodels.jwst import datamodels as stdm

from jwst import datamodels
from jwst.datamodels import ModelContainer
from jwst.datamodels.utils import attrs_to_group_id

OBSERVATION = {
    "program_number": "00001",
    "observation_number": "002",
    "visit_number": "003",
    "visit_group": "04",
    "sequence_id": "1",
    "activity_id": "0g",
    "exposure_number": "5",
}
GROUP_ID = "jw00001002003_0410g_5"
TEMPLATE = {"asn_id": None, "asn_pool": None, "products": [{"name": "", "members": [{"exptype": "", "expname": ""}]}]}


def make_image(filename):
    image = stdm.ImageModel((4, 4))
    image.meta.filename = filename
    return image


@pytest.fixture
def images():
    return [make_image("jw001_a3001_cal.fits"), make_image("jw002_cal.fits")]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def association(images, here):
    """An association file in a folder of its own."""
    (here / "in").mkdir()
    for image in images:
        image.save(f"in/{image.meta.filename}")
    members = [
        {"expname": "jw001_a3001_cal.fits", "exptype": "SCIENCE", "tweakreg_catalog": "cat.ecsv", "group_id": "g7"},
        {"expname": "jw002_cal.fits", "exptype": "background", "tweakreg_catalog": " "},
    ]
    table = {"asn_id": "a1", "asn_pool": "pool.csv", "products": [{"name": "prod", "members": members}]}
    (here / "in" / "x_asn.json").write_text(json.dumps(table))
    return table


def test_empty():
    container = ModelContainer()
    assert len(container) == 0
    assert container.asn_table == TEMPLATE
    assert container.asn_table_name is container.asn_pool_name is container.asn_file_path is None


def test_list(images):
    container = ModelContainer(images)
    assert container[0] is images[0]
    assert container.asn_table_name == "jw001_a3001"
    assert container.asn_table["products"][0]["name"] == "jw001_a3001"
    assert container.crds_observatory == "jwst"
    with pytest.raises(NotImplementedError):
        container.get_crds_parameters()


def test_association_file(association):
    container = ModelContainer("in/x_asn.json")
    first, second = container
    assert first.meta.asn.instance == {"exptype": "SCIENCE", "table_name": "x_asn.json", "pool_name": "pool.csv"}
    assert (first.meta.tweakreg_catalog, first.meta.group_id) == ("in/cat.ecsv", "g7")
    assert second.meta.tweakreg_catalog is None
    assert (container.asn_table_name, container.asn_pool_name) == ("x_asn.json", "pool.csv")
    assert container.asn_file_path == "in/x_asn.json"
    assert container.asn_table == association


def test_association_path_is_expanded(association, monkeypatch, here):
    monkeypatch.setenv("MYASN", str(here / "in"))
    assert len(ModelContainer("$MYASN/x_asn.json")) == 2


def test_association_without_pool(association, here):
    del association["asn_pool"]
    (here / "in" / "x_asn.json").write_text(json.dumps(association))
    assert ModelContainer("in/x_asn.json").asn_pool_name == "none"


def test_association_dict(association, monkeypatch, here):
    monkeypatch.chdir(here / "in")
    container = ModelContainer(association)
    assert container[0].meta.asn.instance == {"exptype": "SCIENCE"}
    assert container.asn_table == association
    assert container.asn_table_name is None


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({"asn_exptypes": ["science"]}, 1),
        ({"asn_exptypes": "Background"}, 1),
        ({"asn_exptypes": ["SCIENCE", "background"], "asn_n_members": 1}, 1),
        ({"asn_n_members": 1}, 1),
        ({"asn_exptypes": ["psf"]}, 0),
    ],
)
def test_choice_of_members(association, options, count):
    assert len(ModelContainer("in/x_asn.json", **options)) == count


def test_container_of_a_container(images):
    first = ModelContainer(images)
    second = ModelContainer(first)
    assert second.asn_table is first.asn_table
    assert second[0] is first[0]
    second.pop()
    assert len(first) == 2


@pytest.mark.parametrize("init", [3, (1, 2), {"a": 1}, [3]])
def test_wrong_types(init):
    with pytest.raises(TypeError):
        ModelContainer(init)


def test_unreadable(here):
    with pytest.raises(FileNotFoundError):
        ModelContainer("nope.json")
    for text in ("not json", "[]", '{"products": []}', '{"products": [{"members": [{"expname": "a"}]}]}'):
        (here / "bad_asn.json").write_text(text)
        with pytest.raises(OSError, match="Cannot read ASN file"):
            ModelContainer("bad_asn.json")


def test_members_opened_before_a_failure_are_closed(association, here, monkeypatch):
    closed = []
    close = stdm.ImageModel.close
    monkeypatch.setattr(stdm.ImageModel, "close", lambda self: closed.append(self.meta.filename) or close(self))
    (here / "in" / "jw002_cal.fits").unlink()
    with pytest.raises(FileNotFoundError):
        ModelContainer("in/x_asn.json")
    assert "jw001_a3001_cal.fits" in closed


def test_list_behaviour(images):
    container = ModelContainer()
    container.append(images[0])
    container.extend([images[1]])
    extra = make_image("z.fits")
    container.insert(1, extra)
    assert list(container) == [images[0], extra, images[1]]
    assert container[:2] == [images[0], extra]
    assert container.pop(1) is extra
    container[0] = extra
    del container[1]
    assert list(container) == [extra]


def test_copy_is_deep(images):
    container = ModelContainer(images)
    other = container.copy()
    other[0].data += 1
    other.asn_table["asn_id"] = "x"
    assert container[0].data.max() == 0
    assert container.asn_table["asn_id"] is None
    assert type(other) is ModelContainer


def test_groups(images):
    images[0].meta.group_id = "a"
    third = make_image("c.fits")
    for name, value in OBSERVATION.items():
        setattr(third.meta.observation, name, value)
    container = ModelContainer([*images, third, images[0]])
    assert container.group_names == ["a", "exposure0002", GROUP_ID]
    assert [len(group) for group in container.models_grouped] == [2, 1, 1]
    assert third.meta.group_id == GROUP_ID


def test_group_id_names_what_is_missing():
    assert attrs_to_group_id(OBSERVATION) == GROUP_ID
    for name in OBSERVATION:
        with pytest.raises(KeyError, match=name):
            attrs_to_group_id({key: value for key, value in OBSERVATION.items() if key != name})


def test_exposure_types(images):
    images[1].meta.asn.exptype = "Background"
    container = ModelContainer(images)
    assert container.ind_asn_type("background") == [1]
    assert container.ind_asn_type("science") == [0]
    assert images[0].meta.asn.exptype == "science"


def test_save(images, here):
    container = ModelContainer(images)
    assert container.save() == ["jw001_a3001_cal.fits", "jw002_cal.fits"]
    assert container.save("foo.fits") == ["foo0.fits", "foo1.fits"]
    assert container.save("bar") == ["bar0.fits", "bar1.fits"]
    assert ModelContainer(images[:1]).save("one.fits") == ["one.fits"]
    assert (here / "bar1.fits").exists()


def test_save_with_a_function(images):
    def save(model, idx=None):
        return f"{model.meta.filename}:{idx}"

    assert ModelContainer(images).save("p.fits", save) == ["jw001_a3001_cal.fits:0", "jw002_cal.fits:1"]


class TestOpen:
    """`jwst.datamodels.open` and what the package offers."""

    def test_models_and_files(self, images, here):
        images[0].save("a_cal.fits")
        with datamodels.open("a_cal.fits") as opened:
            assert type(opened) is stdm.ImageModel
        again = datamodels.open(images[0])
        assert again is not images[0]
        assert again.data is images[0].data

    def test_containers(self, association):
        assert isinstance(datamodels.open("in/x_asn.json"), ModelContainer)
        assert isinstance(datamodels.open(["in/jw002_cal.fits"]), ModelContainer)

    @pytest.mark.parametrize("init", [None, (1, 2), {"a": 1}, b"x"])
    def test_wrong_types(self, init):
        with pytest.raises(TypeError):
            datamodels.open(init)

    def test_names(self):
        import jwst.datamodels.dqflags as alias
        from jwst.datamodels.image import ImageModel

        assert ImageModel is datamodels.ImageModel is stdm.ImageModel
        assert alias is datamodels.dqflags is stdm.dqflags
        assert stdm.dqflags.__spec__.name == "stdatamodels.jwst.datamodels.dqflags"
        assert alias.pixel["SATURATED"] == 2
        assert {"open", "ModelContainer", "RampModel"} <= set(dir(datamodels))

    @pytest.mark.parametrize("name", ["NoSuchModel", "_defined"])
    def test_absent_names(self, name):
        with pytest.raises(AttributeError, match=name):
            getattr(datamodels, name)
        with pytest.raises(ModuleNotFoundError):
            __import__("jwst.datamodels.no_such_module")
