"""The command ``asn_from_list``."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from jwst.associations import load_asn
from jwst.associations.asn_from_list import Main, main


def test_is_a_console_script():
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    assert EntryPoint("x", project["scripts"]["asn_from_list"], "console_scripts").load() is main


@pytest.fixture
def output(tmp_path):
    return tmp_path / "asn.json"


def test_level_3(output):
    assert main(["-o", str(output), "--product-name", "mosaic", "a_cal.fits", "b_cal.fits"]) is None
    tree = load_asn(output)
    assert tree["asn_rule"] == "DMS_Level3_Base"
    assert [one["expname"] for one in tree["products"][0]["members"]] == ["a_cal.fits", "b_cal.fits"]


def test_level_2(output):
    assert main(f"-o {output} -r DMSLevel2bBase -i o012 a_rate.fits b_rate.fits") is None
    assert [product["name"] for product in load_asn(output)["products"]] == ["a", "b"]


def test_earlier_file_is_replaced(output):
    output.write_text("earlier")
    command = Main.cli(["-o", str(output), "-r", "Asn_Lv3Image", "--product-name", "x", "a_cal.fits"])
    assert json.loads(output.read_text()) == command.asn.data
    assert list(output.parent.iterdir()) == [output]


def test_yaml(output):
    with pytest.warns(DeprecationWarning, match="YAML"):
        assert main(["-o", str(output), "-f", "yaml", "--product-name", "x", "a_cal.fits"]) is None
    assert output.read_text().startswith("asn_id: a3001")


def test_rule_file(output, tmp_path):
    rules = tmp_path / "rules.py"
    rules.write_text(
        "from jwst.associations import RegistryMarker\n"
        "from jwst.associations.lib.rules_level3_base import DMS_Level3_Base\n"
        "@RegistryMarker.rule\n"
        "class Mine(DMS_Level3_Base):\n    pass\n"
    )
    assert main(["-o", str(output), "--ruledefs", str(rules), "-r", "Mine", "--product-name", "x", "a.fits"]) is None
    assert json.loads(output.read_text())["asn_rule"] == "Mine"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.fits"], "Product name needs to be specified"),
        (["-r", "Nope", "a.fits"], "unknown rule 'Nope'"),
        (["-r", "Asn_Lv3Imag", "a.fits"], "unknown rule 'Asn_Lv3Imag'; did you mean Asn_Lv3Image"),
        (["-r", "DMSLevel2bBase", "-i", "c1001", "a.fits"], "'allowed_candidates' is not passed"),
        (["--ruledefs", "missing.py", "--product-name", "x", "a.fits"], "missing.py"),
    ],
)
def test_errors_are_one_line(output, capsys, arguments, message):
    assert main(["-o", str(output), *arguments]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.parametrize("arguments", [["a.fits"], ["-o", "x.json"], ["-o", "x.json", "-f", "toml", "a.fits"]])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: asn_from_list" in capsys.readouterr().err


def test_import_is_cheap():
    code = (
        "import sys, time; start = time.perf_counter(); import jwst.associations; took = time.perf_counter() - start;"
        "heavy = {'numpy', 'astropy', 'asdf', 'crds', 'stdatamodels', 'scipy'} & set(sys.modules);"
        "assert not heavy, heavy; print(took)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(run.stdout) < 3  # 0.06 s on a machine with nothing else to do; the budget is 0.3 s
