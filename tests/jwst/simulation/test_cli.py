"""The console script."""

from __future__ import annotations

import pytest

from jwst.scripts.jwst_cli import main
from jwst.simulation import ExposureSettings, FieldSettings, Scene, SkyField, demo
from jwst.simulation.demo_mosaic import QUIET


@pytest.mark.parametrize("command", ["demo", "simulate", "field", "crds-cache", "picture"])
def test_help(command, capsys):
    with pytest.raises(SystemExit) as leave:
        main([command, "--help"])
    assert leave.value.code == 0
    assert f"jwst {command}" in capsys.readouterr().out


def test_simulate_writes_exposure_and_cache(tmp_path, capsys):
    arguments = ["--detector", "nrcb1", "--subarray", "sub64p", "--readpatt", "rapid", "--ngroups", "2", "--no-traps"]
    assert main(["simulate", "-o", str(tmp_path), *arguments, "--cache", str(tmp_path / "crds")]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == str(tmp_path / "jw00017001001_01101_00001_nrcb1_uncal.fits")
    assert printed[-1] == f"CRDS_PATH={tmp_path / 'crds'}"
    assert (tmp_path / "crds" / "config" / "jwst" / "server_config").exists()


def test_simulate_writes_segments_of_a_time_series(tmp_path, capsys):
    from stdatamodels.jwst import datamodels

    shape = ["--detector", "miriMAGE", "--subarray", "sub64", "--ngroups", "2", "--nints", "4", "--segments", "2"]
    more = ["--transit", "0.1", "--start", "2024-05-01T08:00", "--one-over-f", "0", "--keep-noise", "--traces", "3"]
    assert main(["simulate", "-o", str(tmp_path), *shape, *more]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.partition("_01101_")[2] for line in printed] == [
        f"00001-seg{number:03d}_mirimage_{kind}" for number in (1, 2) for kind in ("uncal.fits", "truth.npz")
    ]
    with datamodels.open(printed[2]) as model:
        assert model.meta.observation.date == "2024-05-01"
        assert model.meta.exposure.readpatt == "FASTR1"
        assert model.meta.exposure.integration_start == 3


def test_field_writes_exposures_truth_and_cache(tmp_path, capsys):
    more = [
        "--window",
        "64",
        "--exposures",
        "1",
        "--detector",
        "mirimage",
        "--stars",
        "9",
        "--cache",
        str(tmp_path / "c"),
    ]
    assert main(["field", "-o", str(tmp_path), *more]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert [line.rpartition("/")[2].partition("_")[2] for line in printed[:3]] == [
        "02101_00001_mirimage_rate.fits",
        "t001_miri_f770w_sources.ecsv",
        "t001_miri_f770w_stars.ecsv",
    ]
    assert printed[-1] == f"CRDS_PATH={tmp_path / 'c'}"
    assert not list((tmp_path / "c" / "references" / "jwst" / "miri").glob("*dark*"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["simulate", "--subarray", "SUB99"], "has no subarray 'SUB99'"),
        (["simulate", "--ngroups", "0"], "at least one group"),
        (["simulate", "--detector", "NRS1", "--readpatt", "fast"], "NRSRAPID"),
        (["simulate", "--transit", "2"], "transit"),
        (["crds-cache", "/tmp/nowhere", "--detector", "NIS", "--readpatt", "DEEP8"], "DEEP8"),
        (["field", "--detector", "NIS", "--detector", "NRCA1"], "one instrument"),
        (["field", "--exposures", "0"], "at least one exposure"),
        (["picture", "/tmp/nowhere.fits"], "/tmp/nowhere.fits"),
        (["crds-cache", "/proc/nowhere"], "/proc/nowhere"),
    ],
)
def test_errors_are_one_line(arguments, text, capsys):
    assert main(arguments) == 1
    printed = capsys.readouterr().err
    assert text in printed
    assert printed.startswith(f"jwst {arguments[0]}: ")
    assert "Traceback" not in printed


def test_demo_from_truth_to_verdict(tmp_path, monkeypatch):
    """The whole way on few pixels: cache, exposures, pipelines, mosaic, catalogue, comparison, pictures."""
    from crds.core import utils

    scene = Scene(sky=40.0, stars=20000, star_flux=(3000.0, 1e6))
    settings = ExposureSettings(detector="NRCB1", subarray="SUB64P", readpatt="SHALLOW4", scene=scene)
    exact = {"pointing_error": 0.0, "roll_error": 0.0}  # too few stars for tweakreg
    field = FieldSettings(("NRCB2",), window=160, exposures=3, sky=SkyField(stars=70), noise=QUIET, **exact)
    monkeypatch.setattr(demo, "_demo_settings", lambda small: settings)
    monkeypatch.setattr(demo, "mosaic_settings", lambda small: field)
    utils.clear_function_caches()
    lines: list[str] = []
    result = demo.run_demo(tmp_path, say=lines.append)
    utils.clear_function_caches()
    assert result.summary.good, str(result.summary)
    assert result.summary.rate.bright_pixels > 20
    assert result.picture.read_bytes().startswith(b"\x89PNG")
    assert any("_rate.fits" in line for line in lines)
    mosaic = result.mosaic
    assert mosaic.picture.read_bytes().startswith(b"\x89PNG")
    assert mosaic.mosaic.exists()
    assert mosaic.summary.photometry.measured > 3
    assert mosaic.summary.photometry.found == mosaic.summary.photometry.stars
    assert abs(mosaic.summary.photometry.median) < 0.05
    assert mosaic.summary.sky.rms < 0.3 * mosaic.summary.sky.noise
    assert any(str(mosaic.catalogue) in line for line in lines)
    assert str(mosaic.summary) in lines[-1]
