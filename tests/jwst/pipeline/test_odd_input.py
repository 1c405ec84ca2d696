"""Inputs with something wrong that is survived, warned of, or found before there is a run."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from stdatamodels.jwst import datamodels

from jwst.jump import JumpStep
from jwst.pipeline import Detector1Pipeline, GuiderPipeline
from stpipe.cli.strun import main
from stpipe.crds_client import ReferenceServiceError
from stpipe.exceptions import InputError, OutputError, ParameterError, ValidationError


def test_near_names_of_a_missing_file(bench, capsys):
    assert main(["calwebb_detector1", str(bench.uncal).replace("nrcb1", "nrcb2")]) == 1
    assert f"(did you mean {bench.uncal.name}?)" in capsys.readouterr().out


def test_verbose_shows_where(bench, capsys):
    bench.set_keywords(TGROUP=None)
    assert main(["-v", "calwebb_detector1", str(bench.uncal)]) == 1
    output, errors = capsys.readouterr()
    assert "MissingMetadataError: jump needs" in errors
    assert "Traceback" in errors
    assert output.count("ERROR RUNNING STEP") == 1


@pytest.mark.parametrize("place", ["below a file", "read only"])
def test_an_output_folder_is_tried_before_the_run(bench, caplog, monkeypatch, place):
    if place == "read only":  # by a stand-in: nothing is read only for the superuser
        monkeypatch.setattr("stpipe.atomic.os.access", lambda path, mode: str(path) != os.getcwd())
    folder = "out" if place == "read only" else bench.uncal / "out"
    caplog.set_level("INFO")
    with pytest.raises(OutputError, match=r"Cannot write to '.*out': .*\. Set output_dir to a folder"):
        Detector1Pipeline.call(str(bench.uncal), output_dir=str(folder))
    assert "Step calwebb_detector1 running" in caplog.text
    assert "Step group_scale running" not in caplog.text


def test_the_table_of_groups_is_not_needed(bench):
    """Neither where the ASDF extension knows nothing of it, nor where somebody took it out of the file afterwards."""
    rate = Detector1Pipeline.call(str(bench.uncal))
    with fits.open(bench.uncal) as file:
        hdus = [hdu.copy() for hdu in file if hdu.name != "GROUP"]
    for name, kept in (("a_uncal.fits", hdus), ("b_uncal.fits", [hdu for hdu in hdus if hdu.name != "ASDF"])):
        fits.HDUList(kept).writeto(bench.uncal.with_name(name))
        result = Detector1Pipeline.call(str(bench.uncal.with_name(name)))
        assert np.array_equal(result.data, rate.data, equal_nan=True)


def test_a_lost_extension_is_warned_of(bench, caplog):
    with fits.open(bench.uncal) as file:
        hdus = fits.HDUList([hdu.copy() for hdu in file if hdu.name != "GROUP"])
        hdus.writeto(bench.uncal.with_name("a_uncal.fits"))
    Detector1Pipeline.call(str(bench.uncal.with_name("a_uncal.fits")))
    (record,) = [record for record in caplog.records if record.name == "jwst.datamodels.fast_fits"]
    assert record.levelname == "WARNING"
    assert "'GROUP'" in record.getMessage()


def test_a_missing_parameter_reference_is_warned_of(bench, caplog):
    bench.reference("pars-jumpstep", "asdf").unlink()
    assert Detector1Pipeline.call(str(bench.uncal)).meta.cal_step.jump == "COMPLETE"
    warnings = [record.getMessage() for record in caplog.records if "defaults are used" in record.getMessage()]
    (warning,) = warnings
    assert "jwst_nircam_pars-jumpstep_0001.asdf is not in the CRDS cache" in warning


@pytest.mark.parametrize("name", ["instrument", "context"])
def test_one_warning_for_all_parameters_that_cannot_be_looked_up(bench, caplog, name):
    if name == "instrument":
        bench.set_keywords(INSTRUME=None)
    else:
        bench.env.setenv("CRDS_CONTEXT", "jwst_9999.pmap")
    with pytest.raises(ReferenceServiceError):
        Detector1Pipeline.call(str(bench.uncal))
    assert sum("defaults are used" in record.getMessage() for record in caplog.records if record.levelno > 20) == 1


def test_an_image_in_memory(bench):
    image = datamodels.ImageModel((64, 64))
    with datamodels.RampModel(str(bench.uncal)) as ramp:
        image.update(ramp)
    with pytest.raises(InputError, match="2 axes"):
        Detector1Pipeline.call(image)


@pytest.mark.parametrize("keyword", ["TGROUP", "NFRAMES"])
def test_a_step_alone(bench, keyword):
    bench.set_keywords(**{keyword: None})
    with pytest.raises(InputError, match=keyword):
        JumpStep.call(str(bench.uncal), save_results=True)
    with pytest.raises(ValueError, match=keyword):
        JumpStep.call(datamodels.RampModel(str(bench.uncal)))
    assert os.listdir() == []


def test_a_science_exposure_for_the_guider(bench):
    with pytest.raises(InputError, match="NRC_IMAGE; use calwebb_detector1"):
        GuiderPipeline.call(str(bench.uncal), save_results=True)
    assert os.listdir() == []


@pytest.mark.parametrize(
    ("content", "error", "texts"),
    [
        pytest.param(None, ValueError, ["my.asdf not found"], id="missing"),
        pytest.param(b"\x00\x01 hello", ValidationError, ["my.asdf", "cannot be read"], id="no text"),
        pytest.param(
            b"#ASDF 1.0.0\n%YAML 1.1\n---\nsteps:\n", ValidationError, ["my.asdf", "truncated"], id="truncated"
        ),
        pytest.param(
            b"stpes: []\nparameters: {}\n", ValidationError, ["my.asdf", "'stpes' (did you mean 'steps'?)"], id="key"
        ),
        pytest.param(
            b"parameters: {save_result: true}\nsteps:\n- {name: jmp, parameters: {}}\n"
            b"- {name: jump, parameters: {flag_4_neighbours: true, sat_expand: x}}\n",
            ParameterError,
            ["'save_result' in root (did", "'jmp' in steps (did", "'flag_4_neighbours' in steps/jump", "sat_expand"],
            id="names and values",
        ),
    ],
)
def test_parameter_files(bench, content, error, texts):
    if content is not None:
        Path("my.asdf").write_bytes(content)
    before = os.listdir()
    with pytest.raises(error) as info:
        Detector1Pipeline.call(str(bench.uncal), config_file="my.asdf", save_results=True)
    assert all(text in str(info.value) for text in texts)
    assert os.listdir() == before


def test_attributes(bench):
    pipe = Detector1Pipeline()
    with pytest.raises(ParameterError, match=r"(?s)Step 'jump'.*'high'; allowed is a number"):
        pipe.jump.rejection_threshold = "high"
    with pytest.warns(UserWarning, match="rejection_threshold"):
        pipe.jump.rejection_treshold = 12
    with pytest.raises(AttributeError):
        pipe.jmp.skip = True
