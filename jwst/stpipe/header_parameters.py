"""Metadata that references are chosen by, read from a header alone.

Opening a model of one file takes tens of milliseconds, and half a second when it is the first one; the primary header
takes a fifth of one. The table below is that of the core schema of `stdatamodels`, which a test compares it with.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any

__all__ = ["file_parameters", "header_keywords"]

# section of the metadata: name=KEYWORD of the primary header
_KEYWORDS = {
    "meta": """
        calibration_software_revision=CAL_VCS calibration_software_version=CAL_VER compress=COMPRESS
        data_processing_software_version=SDP_VER date=DATE direct_image=DIRIMAGE filename=FILENAME
        guide_star_catalog_version=GSC_VER hga_move=HGA_MOVE hga_start_time=HGA_STRT hga_stop_time=HGA_STOP
        model_type=DATAMODL nwfsest=NWFSEST origin=ORIGIN oss_software_version=OSS_VER
        prd_software_version=PRD_VER pwfseet=PWFSEET segmentation_map=SEGMFILE source_catalog=SCATFILE
        telescope=TELESCOP time_sys=TIMESYS time_unit=TIMEUNIT tweakreg_catalog=TCATFILE
    """,
    "meta.instrument": """
        band=BAND ccc_state=CCCSTATE channel=CHANNEL coronagraph=CORONMSK detector=DETECTOR filter=FILTER
        filter_position=FWCPOS filter_wheel_offset=FWPOSOFF filter_wheel_tolerance=FWPOSTOL fixed_slit=FXD_SLIT
        focus_position=FOCUSPOS grating=GRATING gwa_pxav=GWA_PXAV gwa_pyav=GWA_PYAV gwa_tilt=GWA_TILT
        gwa_xp_v=GWA_XP_V gwa_xtilt=GWA_XTIL gwa_yp_v=GWA_YP_V gwa_ytilt=GWA_YTIL lamp_mode=OPMODE
        lamp_state=LAMP miri_fpe_side=FPE_SIDE miri_ice_side=ICE_SIDE module=MODULE
        msa_configuration_id=MSACONID msa_metadata_file=MSAMETFL msa_metadata_id=MSAMETID msa_state=MSASTATE
        name=INSTRUME pre_image_id=PREIMAGE pupil=PUPIL pupil_imaging_lens=PILIN pupil_position=PWCPOS
        pupil_wheel_offset=PWPOSOFF pupil_wheel_tolerance=PWPOSTOL
    """,
    "meta.exposure": """
        clock_adjust_rate=SCTARATE cmd_tsel=CMD_TSEL count=EXPCOUNT data_problem=DATAPROB datamode=DATAMODE
        detmode=DETMODE drop_frames1=DRPFRMS1 drop_frames3=DRPFRMS3 duration=DURATION end_time=EXPEND
        exposure_time=EFFEXPTM extended_emission_events=EXTNCRS frame_divisor=FRMDIVSR frame_time=TFRAME
        gain_factor=GAINFACT group_time=TGROUP groupgap=GROUPGAP hybrid_full_frame=HYBRIDFF imprint=IS_IMPRT
        integration_end=INTEND integration_start=INTSTART integration_time=EFFINTTM measurement_time=TMEASURE
        mid_time=EXPMID miri_fsw_nframes=MIRNFRMS miri_fsw_ngroups=MIRNGRPS nframes=NFRAMES ngroups=NGROUPS
        nints=NINTS noutputs=NOUTPUTS nresets_at_start=NRSTSTRT nresets_between_ints=NRESETS nrs_normal=NRS_NORM
        nrs_reference=NRS_REF nsamples=NSAMPLES osf_file=OSF_FILE primary_cosmic_rays=PRIMECRS
        prime_parallel=EXPRIPAR psf_reference=IS_PSF readpatt=READPATT sample_time=TSAMPLE sca_num=SCA_NUM
        segment_number=EXSEGNUM segment_total=EXSEGTOT self_reference_survey=SELFREF start_time=EXPSTART
        start_time_eng=EXPSTENG type=EXP_TYPE zero_frame=ZEROFRAM
    """,
    "meta.observation": """
        activity_id=ACT_ID bkgdtarg=BKGDTARG date=DATE-OBS date_beg=DATE-BEG date_end=DATE-END
        exposure_number=EXPOSURE obs_id=OBS_ID observation_folder=OBSFOLDR observation_label=OBSLABEL
        observation_number=OBSERVTN program_number=PROGRAM sequence_id=SEQ_ID template=TEMPLATE time=TIME-OBS
        visit_group=VISITGRP visit_id=VISIT_ID visit_number=VISIT
    """,
    "meta.program": """
        category=CATEGORY continuation_id=CONT_ID pi_name=PI_NAME science_category=SCICAT sub_category=SUBCAT
        title=TITLE
    """,
    "meta.subarray": """
        detxcor=DETXCOR detxsiz=DETXSIZ detycor=DETYCOR detysiz=DETYSIZ fastaxis=FASTAXIS
        interleave_reads1=MSTR_ILV multistripe_reads1=MSTR_RD1 multistripe_reads2=MSTR_RD2
        multistripe_skips1=MSTR_SK1 multistripe_skips2=MSTR_SK2 name=SUBARRAY num_superstripe=SSTR_NST
        repeat_stripe=MSTR_RPT slowaxis=SLOWAXIS subarray_long=SUB_LONG subarray_short=SUB_SHRT
        superstripe_step=SSTR_STP xsize=SUBSIZE1 xstart=SUBSTRT1 ysize=SUBSIZE2 ystart=SUBSTRT2
    """,
    "meta.visit": """
        crowded_field=CROWDFLD engdb_pointing_quality=ENGQLPTG engineering_quality=ENG_QUAL exp_only=EXP_ONLY
        internal_target=INTARGET start_time=VSTSTART status=VISITSTA too_visit=TARGOOPP total_exposures=NEXPOSUR
        tsovisit=TSOVISIT type=VISITYPE
    """,
    "meta.dither": """
        direction=DITHDIRC dither_points=NRIMDTPT dithered_dec=DITH_DEC dithered_ra=DITH_RA nod_type=NOD_TYPE
        number_of_sets=NUMDSETS optimized_for=DITHOPFR pattern_size=PATTSIZE pattern_start=PATTSTRT
        position_number=PATT_NUM primary_channel=MRSPRCHN primary_dither_type=PRIDTYPE primary_points=PRIDTPTS
        primary_type=PATTTYPE small_grid_pattern=SMGRDPAT sparse_points=DITHPNTS spatial_offset=SPTOFFST
        spatial_position_number=SPAT_NUM spatial_step_size=SPATSTEP spatial_total_points=SPATNSTP
        spectral_offset=SPCOFFST spectral_position_number=SPEC_NUM spectral_step_size=SPECSTEP
        spectral_total_points=SPECNSTP starting_set=DSETSTRT subpixel_pattern=SUBPXPAT
        subpixel_total_points=SUBPXPTS total_cycling_points=PATTNPTS total_points=NUMDTHPT x_offset=XOFFSET
        y_offset=YOFFSET
    """,
    "meta.aperture": """
        name=APERNAME pps_name=PPS_APER
    """,
}


@lru_cache(maxsize=1)
def header_keywords() -> dict[str, str]:
    """Map each keyword of the primary header to its path, e.g. ``"EXP_TYPE"`` to ``"meta.exposure.type"``."""
    table = {}
    for section, text in _KEYWORDS.items():
        for pair in text.split():
            name, _, keyword = pair.partition("=")
            table[keyword] = f"{section}.{name}"
    return table


def file_parameters(path: str | os.PathLike) -> dict[str, Any]:
    """Read the metadata of an exposure that references are chosen by, without building a model.

    Parameters
    ----------
    path : str or Path
        FITS file (then the primary header is read) or ASDF file.

    Returns
    -------
    dict of str to (str, int, float or bool)
        Flat: ``meta.…`` to value.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        It is no FITS file.
    ValueError
        The extension is neither that of a FITS nor of an ASDF file.
    """
    extensions = os.path.basename(os.fspath(path)).lower().split(".")[-2:]
    if "fits" in extensions:
        return _fits_parameters(path)
    from stdatamodels.jwst.datamodels import read_metadata

    return simple_values(read_metadata(os.fspath(path)))


def simple_values(parameters: dict[str, Any]) -> dict[str, Any]:
    """Keep what is a text, a number or a truth value."""
    return {name: value for name, value in parameters.items() if isinstance(value, str | int | float | bool)}


def _fits_parameters(path: str | os.PathLike) -> dict[str, Any]:
    from stpipe.fits_header import read_primary_header

    header = read_primary_header(path)
    table = header_keywords()
    return simple_values({table[keyword]: header[keyword] for keyword in header if keyword in table})
