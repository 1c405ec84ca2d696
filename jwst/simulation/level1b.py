"""Level-1b files: keywords and tables of a real exposure around simulated samples."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import cos, radians, sin
from pathlib import Path
from typing import Any

import numpy as np

from jwst.simulation.irs2 import NORMAL, REFERENCE
from jwst.simulation.miri import reference_output
from jwst.simulation.nirspec_optics_msa import metafile_name
from jwst.simulation.pointing import Pointing
from jwst.simulation.ramp import Exposed
from jwst.simulation.settings import ExposureSettings
from jwst.simulation.subarrays import Subarray

__all__ = ["exposure_metadata", "write_level1b"]

MJD_ZERO = datetime(1858, 11, 17)
DAY_ZERO = datetime(2000, 1, 1)
DAY = 86400.0
TARGET = (80.4875, -69.4975)


def _mjd(moment: datetime) -> float:
    return (moment - MJD_ZERO).total_seconds() / DAY


class _Clock:
    """When integrations and groups begin and end: one reset before each integration."""

    def __init__(self, settings: ExposureSettings) -> None:
        self.settings, self.start = settings, settings.start
        self.frame = settings.frame_time
        self.length = settings.integration_time + self.frame

    @property
    def end(self) -> datetime:
        return self.start + timedelta(seconds=self.settings.nints * self.length)

    def integration(self, number: int) -> tuple[datetime, datetime]:
        begin = self.start + timedelta(seconds=number * self.length + self.frame)
        return begin, begin + timedelta(seconds=self.settings.integration_time)

    def group_end(self, integration: int, group: int) -> datetime:
        readout = self.settings.readout
        frames = group * readout.period + readout.nframes
        return self.integration(integration)[0] + timedelta(seconds=frames * self.frame)


@dataclass(frozen=True)
class _Segment:
    """A segment of an exposure."""

    settings: ExposureSettings
    clock: _Clock
    number: int

    @property
    def integrations(self) -> range:
        return self.settings.segment_ranges[self.number]


def _readout(settings: ExposureSettings) -> dict[str, Any]:
    readout, irs2 = settings.readout, settings.readout.irs2
    miri = settings.sca.instrument == "MIRI"
    return {
        "readpatt": readout.name,
        "nints": settings.nints,
        "ngroups": settings.ngroups,
        "nframes": readout.nframes,
        "groupgap": readout.groupgap,
        "frame_divisor": readout.nframes,
        "drop_frames1": 0,
        "drop_frames3": 0,
        "nsamples": readout.nsamples,
        "sample_time": 10.0,
        "nresets_at_start": 1,
        "nresets_between_ints": 0 if readout.name in ("FAST", "SLOW") else 1,
        "zero_frame": settings.zero_frame,
        "noutputs": 5 if miri or irs2 else settings.region.noutputs,
        "nrs_normal": NORMAL if irs2 else None,
        "nrs_reference": REFERENCE if irs2 else None,
    }


def _exposure(segment: _Segment) -> dict[str, Any]:
    settings, clock = segment.settings, segment.clock
    total = settings.nints * settings.integration_time
    several = settings.segments > 1
    return _readout(settings) | {
        "type": settings.type,
        "start_time": _mjd(clock.start),
        "mid_time": (_mjd(clock.start) + _mjd(clock.end)) / 2,
        "end_time": _mjd(clock.end),
        "frame_time": clock.frame,
        "group_time": settings.group_time,
        "integration_time": settings.integration_time,
        "exposure_time": total,
        "effective_exposure_time": total,
        "elapsed_exposure_time": settings.nints * clock.length,
        "measurement_time": total,
        "duration": settings.nints * clock.length,
        "integration_start": segment.integrations.start + 1,
        "integration_end": segment.integrations.stop,
        "segment_number": segment.number + 1 if several else None,
        "segment_total": len(settings.segment_ranges) if several else None,
        "data_problem": False,
        "sca_num": settings.sca.number,
        "count": 1,
    }


def _observation(settings: ExposureSettings, clock: _Clock) -> dict[str, Any]:
    visit, activity = settings.root[2:13], settings.root[14:19]
    return {
        "date": f"{clock.start:%Y-%m-%d}",
        "time": clock.start.time().isoformat(timespec="milliseconds"),
        "date_beg": clock.start.isoformat(timespec="milliseconds"),
        "date_end": clock.end.isoformat(timespec="milliseconds"),
        "program_number": visit[:5],
        "observation_number": visit[5:8],
        "visit_number": visit[8:11],
        "visit_id": visit,
        "visit_group": activity[:2] or "01",
        "sequence_id": activity[2:3] or "1",
        "activity_id": activity[3:] or "01",
        "exposure_number": str(int(number)) if (number := settings.root[20:25]).isdigit() else "1",
        "obs_id": f"V{visit}P00000000{activity}",
        "observation_label": "simulated exposure",
    }


def _striping(region: Subarray) -> dict[str, Any]:
    """Lines of a frame that is no rectangle."""
    stripes = region.stripes
    if stripes is None:
        return {}
    return {
        "multistripe_reads1": stripes.reads1,
        "multistripe_skips1": stripes.skips1,
        "multistripe_reads2": stripes.reads2,
        "multistripe_skips2": stripes.skips2,
        "repeat_stripe": stripes.repeat,
        "interleave_reads1": stripes.interleave,
        "superstripe_step": stripes.step,
        "num_superstripe": stripes.count,
    }


def _subarray(settings: ExposureSettings) -> dict[str, Any]:
    region, sca = settings.region, settings.sca
    return _striping(region) | {
        "name": region.name,
        "xstart": region.xstart,
        "ystart": region.ystart,
        "xsize": region.xsize,
        "ysize": region.ysize,
        "fastaxis": sca.fastaxis,
        "slowaxis": sca.slowaxis,
    }


def _attitude(settings: ExposureSettings) -> Pointing:
    """Where the reference point of the detector is believed to look."""
    sca = settings.sca
    if settings.pointing is None:
        return Pointing(*TARGET, v2=sca.v2, v3=sca.v3)
    return settings.pointing.at(sca.v2, sca.v3)


def _pointing(settings: ExposureSettings) -> dict[str, Any]:
    """World coordinates of the aperture: a tangent plane with V3 along columns."""
    region, sca, pointing = settings.region, settings.sca, _attitude(settings)
    cosine, sine = cos(radians(pointing.roll)), sin(radians(pointing.roll))
    scale = sca.pixel_scale / 3600
    ny, nx = sca.shape
    return {
        "wcsaxes": 2,
        "crpix1": (nx + 1) / 2 - region.xstart + 1,
        "crpix2": (ny + 1) / 2 - region.ystart + 1,
        "crval1": pointing.ra,
        "crval2": pointing.dec,
        "ctype1": "RA---TAN",
        "ctype2": "DEC--TAN",
        "cunit1": "deg",
        "cunit2": "deg",
        "cdelt1": scale,
        "cdelt2": scale,
        "pc1_1": -cosine,
        "pc1_2": sine,
        "pc2_1": sine,
        "pc2_2": cosine,
        "ra_ref": pointing.ra,
        "dec_ref": pointing.dec,
        "roll_ref": pointing.roll,
        "v2_ref": sca.v2,
        "v3_ref": sca.v3,
        "v3yangle": 0.0,
        "vparity": -1,
        "velosys": 0.0,
    }


def _instrument(settings: ExposureSettings) -> dict[str, Any]:
    sca, light_path = settings.sca, settings.light_path
    values: dict[str, Any] = {
        "name": sca.instrument,
        "detector": sca.name,
        "channel": sca.channel,
        "module": sca.module,
    }
    values |= {"filter": light_path.filter, "pupil": light_path.pupil}
    values |= {"grating": light_path.grating, "band": light_path.band}
    if sca.instrument == "NIRSPEC":
        values |= {"lamp_mode": "IFU" if settings.type == "NRS_IFU" else "FIXEDSLIT", "lamp_state": "OFF"}
        values |= {"gwa_xtilt": 0.35, "gwa_ytilt": 0.13, "gwa_tilt": 39.0}
        values["fixed_slit"] = "S1600A1" if settings.type in ("NRS_FIXEDSLIT", "NRS_BRIGHTOBJ") else None
    if settings.type == "NRS_MSASPEC":
        values |= {"msa_metadata_file": metafile_name(settings.root), "msa_metadata_id": 1, "lamp_mode": "MSASPEC"}
    return values


def _dither(pointing: Pointing) -> dict[str, Any]:
    return {
        "primary_type": "NONE" if pointing.positions == 1 else "INTRAMODULEX",
        "position_number": pointing.position,
        "total_points": pointing.positions,
        "x_offset": pointing.dither[0],
        "y_offset": pointing.dither[1],
    }


def _metadata(segment: _Segment) -> dict[str, dict[str, Any]]:
    settings, clock, sca = segment.settings, segment.clock, segment.settings.sca
    pointing = _attitude(settings)
    target = TARGET if settings.pointing is None else pointing.target or (settings.pointing.ra, settings.pointing.dec)
    boresight = Pointing(*target) if settings.pointing is None else settings.pointing.at(0.0, 0.0)
    aperture = f"{sca.name}_{settings.region.name}"
    time_series = settings.light_curve is not None
    return {
        "exposure": _exposure(segment),
        "observation": _observation(settings, clock),
        "subarray": _subarray(settings),
        "wcsinfo": _pointing(settings),
        "instrument": _instrument(settings),
        "program": {"title": "Simulated", "category": "COM", "pi_name": "none", "science_category": "Calibration"},
        "target": {
            "catalog_name": "SIMULATED",
            "type": "FIXED",
            "ra": target[0],
            "dec": target[1],
            "proposer_name": "SIMULATED",
        },
        "visit": {
            "tsovisit": time_series,
            "type": "PRIME_TARGETED_FIXED",
            "internal_target": False,
            "status": "SUCCESSFUL",
        },
        "dither": _dither(pointing),
        "aperture": {"name": aperture, "pps_name": aperture},
        "velocity_aberration": {
            "scale_factor": pointing.aberration,
            "va_ra_ref": target[0],
            "va_dec_ref": target[1],
        },
        "pointing": {"ra_v1": boresight.ra, "dec_v1": boresight.dec, "pa_v3": boresight.roll},
        "ephemeris": {"velocity_x_bary": 0.0, "velocity_y_bary": 0.0, "velocity_z_bary": 0.0},
    }


def _group_table(model: Any, segment: _Segment) -> np.ndarray:
    settings, clock = segment.settings, segment.clock
    _, ngroups, ny, nx = settings.shape
    table = np.zeros(len(segment.integrations) * ngroups, model.get_dtype("group"))
    for row, entry in enumerate(table):
        integration, group = divmod(row, ngroups)
        integration += segment.integrations.start
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


def _integration_table(model: Any, segment: _Segment) -> np.ndarray:
    table = np.zeros(len(segment.integrations), model.get_dtype("int_times"))
    for number, entry in zip(segment.integrations, table):
        begin, end = (_mjd(moment) for moment in segment.clock.integration(number))
        moments = (begin, (begin + end) / 2, end)
        entry["integration_number"] = number + 1
        for kind in ("MJD_UTC", "BJD_TDB"):
            for name, value in zip(("start", "mid", "end"), moments):
                entry[f"int_{name}_{kind}"] = value
    return table


def exposure_metadata(settings: ExposureSettings) -> dict[str, dict[str, Any]]:
    """Return what the keywords of an exposure say, by section of ``meta``; None is no value."""
    return _metadata(_Segment(settings, _Clock(settings), 0))


def write_level1b(path: Path, settings: ExposureSettings, exposed: Exposed, *, segment: int = 0) -> None:
    """Write raw ramps as a level-1b file.

    Parameters
    ----------
    path : Path
        The file; an old one is replaced.
    settings : ExposureSettings
        The exposure.
    exposed : Exposed
        Its samples, or those of a segment.
    segment : int
        Number of the segment, from 0.
    """
    from stdatamodels.jwst.datamodels import Level1bModel

    part = _Segment(settings, _Clock(settings), segment)
    with Level1bModel(data=exposed.data) as model:
        if exposed.zeroframe is not None:
            model.zeroframe = exposed.zeroframe
        if settings.sca.instrument == "MIRI":
            model.refout = reference_output(settings, part.integrations)
        model.group = _group_table(model, part)
        model.int_times = _integration_table(model, part)
        model.meta.telescope, model.meta.origin = "JWST", "SIMULATION"
        model.meta.date = settings.start.isoformat(timespec="milliseconds")
        for section, values in _metadata(part).items():
            for name, value in values.items():
                if value is not None:
                    setattr(getattr(model.meta, section), name, value)
        model.meta.filename = path.name
        model.save(path, overwrite=True)
