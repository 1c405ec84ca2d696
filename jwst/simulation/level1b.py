"""Level-1b files: keywords and tables of a real exposure around simulated samples."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from jwst.simulation.ramp import Exposed
from jwst.simulation.settings import ExposureSettings

__all__ = ["write_level1b"]

START = datetime(2023, 6, 15, 12, 0, 0)
MJD_ZERO = datetime(1858, 11, 17)
DAY_ZERO = datetime(2000, 1, 1)
DAY = 86400.0
TARGET = (80.4875, -69.4975)


def _mjd(moment: datetime) -> float:
    return (moment - MJD_ZERO).total_seconds() / DAY


class _Clock:
    """When integrations and groups begin and end: one reset before each integration."""

    def __init__(self, settings: ExposureSettings) -> None:
        self.settings = settings
        self.frame = settings.region.frame_time
        self.length = settings.integration_time + self.frame

    @property
    def end(self) -> datetime:
        return START + timedelta(seconds=self.settings.nints * self.length)

    def integration(self, number: int) -> tuple[datetime, datetime]:
        begin = START + timedelta(seconds=number * self.length + self.frame)
        return begin, begin + timedelta(seconds=self.settings.integration_time)

    def group_end(self, integration: int, group: int) -> datetime:
        readout = self.settings.readout
        frames = group * readout.period + readout.nframes
        return self.integration(integration)[0] + timedelta(seconds=frames * self.frame)


def _exposure(settings: ExposureSettings, clock: _Clock) -> dict[str, Any]:
    readout, frame = settings.readout, settings.region.frame_time
    total = settings.nints * settings.integration_time
    return {
        "type": "NRC_IMAGE",
        "start_time": _mjd(START),
        "mid_time": (_mjd(START) + _mjd(clock.end)) / 2,
        "end_time": _mjd(clock.end),
        "readpatt": readout.name,
        "nints": settings.nints,
        "ngroups": settings.ngroups,
        "nframes": readout.nframes,
        "groupgap": readout.groupgap,
        "frame_divisor": readout.nframes,
        "drop_frames1": 0,
        "drop_frames3": 0,
        "nsamples": 1,
        "sample_time": 10.0,
        "frame_time": frame,
        "group_time": settings.group_time,
        "integration_time": settings.integration_time,
        "exposure_time": total,
        "effective_exposure_time": total,
        "elapsed_exposure_time": settings.nints * clock.length,
        "measurement_time": settings.nints * settings.integration_time,
        "duration": settings.nints * clock.length,
        "integration_start": 1,
        "integration_end": settings.nints,
        "nresets_at_start": 1,
        "nresets_between_ints": 1,
        "zero_frame": readout.nframes > 1,
        "noutputs": settings.region.noutputs,
        "data_problem": False,
        "sca_num": settings.sca.number,
        "count": 1,
    }


def _observation(settings: ExposureSettings, clock: _Clock) -> dict[str, Any]:
    visit = settings.root[2:13]
    return {
        "date": f"{START:%Y-%m-%d}",
        "time": f"{START:%H:%M:%S}.000",
        "date_beg": START.isoformat(timespec="milliseconds"),
        "date_end": clock.end.isoformat(timespec="milliseconds"),
        "program_number": visit[:5],
        "observation_number": visit[5:8],
        "visit_number": visit[8:11],
        "visit_id": visit,
        "visit_group": "01",
        "sequence_id": "1",
        "activity_id": "01",
        "exposure_number": "1",
        "obs_id": f"V{visit}P0000000001101",
        "observation_label": "simulated exposure",
    }


def _subarray(settings: ExposureSettings) -> dict[str, Any]:
    region, sca = settings.region, settings.sca
    return {
        "name": region.name,
        "xstart": region.xstart,
        "ystart": region.ystart,
        "xsize": region.xsize,
        "ysize": region.ysize,
        "fastaxis": sca.fastaxis,
        "slowaxis": sca.slowaxis,
    }


def _pointing(settings: ExposureSettings) -> dict[str, Any]:
    """World coordinates of the aperture: a tangent plane with north up along V3."""
    region, sca = settings.region, settings.sca
    scale = sca.pixel_scale / 3600
    return {
        "wcsaxes": 2,
        "crpix1": 1024.5 - region.xstart + 1,
        "crpix2": 1024.5 - region.ystart + 1,
        "crval1": TARGET[0],
        "crval2": TARGET[1],
        "ctype1": "RA---TAN",
        "ctype2": "DEC--TAN",
        "cunit1": "deg",
        "cunit2": "deg",
        "cdelt1": scale,
        "cdelt2": scale,
        "pc1_1": -1.0,
        "pc1_2": 0.0,
        "pc2_1": 0.0,
        "pc2_2": 1.0,
        "ra_ref": TARGET[0],
        "dec_ref": TARGET[1],
        "roll_ref": 0.0,
        "v2_ref": sca.v2,
        "v3_ref": sca.v3,
        "v3yangle": 0.0,
        "vparity": -1,
        "velosys": 0.0,
    }


def _metadata(settings: ExposureSettings, clock: _Clock) -> dict[str, dict[str, Any]]:
    sca = settings.sca
    return {
        "exposure": _exposure(settings, clock),
        "observation": _observation(settings, clock),
        "subarray": _subarray(settings),
        "wcsinfo": _pointing(settings),
        "instrument": {
            "name": "NIRCAM",
            "detector": sca.name,
            "channel": sca.channel,
            "module": sca.module,
            "filter": settings.filter,
            "pupil": "CLEAR",
        },
        "program": {"title": "Simulated", "category": "COM", "pi_name": "none", "science_category": "Calibration"},
        "target": {
            "catalog_name": "SIMULATED",
            "type": "FIXED",
            "ra": TARGET[0],
            "dec": TARGET[1],
            "proposer_name": "SIMULATED",
        },
        "visit": {"tsovisit": False, "type": "PRIME_TARGETED_FIXED", "internal_target": False, "status": "SUCCESSFUL"},
        "dither": {"primary_type": "NONE", "position_number": 1, "total_points": 1, "x_offset": 0.0, "y_offset": 0.0},
        "aperture": {"name": f"{sca.name}_{settings.region.name}", "pps_name": f"{sca.name}_{settings.region.name}"},
        "pointing": {"ra_v1": TARGET[0], "dec_v1": TARGET[1], "pa_v3": 0.0},
        "ephemeris": {"velocity_x_bary": 0.0, "velocity_y_bary": 0.0, "velocity_z_bary": 0.0},
    }


def _group_table(model: Any, settings: ExposureSettings, clock: _Clock) -> np.ndarray:
    nints, ngroups, ny, nx = settings.shape
    table = np.zeros(nints * ngroups, model.get_dtype("group"))
    for row, entry in enumerate(table):
        integration, group = divmod(row, ngroups)
        end = clock.group_end(integration, group)
        entry["integration_number"], entry["group_number"] = integration + 1, group + 1
        midnight = end.replace(hour=0, minute=0, second=0, microsecond=0)
        entry["end_day"] = (midnight - DAY_ZERO).days
        microseconds = (end - midnight) // timedelta(microseconds=1)
        entry["end_milliseconds"], entry["end_submilliseconds"] = divmod(microseconds, 1000)
        entry["group_end_time"] = end.isoformat(timespec="microseconds")
        entry["number_of_columns"], entry["number_of_rows"] = nx, ny
        entry["completion_code_text"] = "COMPLETE"
        entry["bary_end_time"] = entry["helio_end_time"] = _mjd(end)
    return table


def _integration_table(model: Any, settings: ExposureSettings, clock: _Clock) -> np.ndarray:
    table = np.zeros(settings.nints, model.get_dtype("int_times"))
    for number, entry in enumerate(table):
        begin, end = (_mjd(moment) for moment in clock.integration(number))
        moments = (begin, (begin + end) / 2, end)
        entry["integration_number"] = number + 1
        for kind in ("MJD_UTC", "BJD_TDB"):
            for name, value in zip(("start", "mid", "end"), moments):
                entry[f"int_{name}_{kind}"] = value
    return table


def write_level1b(path: Path, settings: ExposureSettings, exposed: Exposed) -> None:
    """Write raw ramps as a level-1b file.

    Parameters
    ----------
    path : Path
        The file; an old one is replaced.
    settings : ExposureSettings
        The exposure.
    exposed : Exposed
        Its samples.
    """
    from stdatamodels.jwst.datamodels import Level1bModel

    clock = _Clock(settings)
    with Level1bModel(data=exposed.data) as model:
        if exposed.zeroframe is not None:
            model.zeroframe = exposed.zeroframe
        model.group = _group_table(model, settings, clock)
        model.int_times = _integration_table(model, settings, clock)
        model.meta.telescope, model.meta.origin = "JWST", "SIMULATION"
        model.meta.date = START.isoformat(timespec="milliseconds")
        for section, values in _metadata(settings, clock).items():
            for name, value in values.items():
                if value is not None:
                    setattr(getattr(model.meta, section), name, value)
        model.meta.filename = path.name
        model.save(path, overwrite=True)
