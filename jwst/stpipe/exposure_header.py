"""The header of an exposure as metadata: which keyword holds which value (core schema of `stdatamodels`).

Only the tables are here; the files are read by `stpipe.headers`. A test compares the tables with the schema.
"""

from __future__ import annotations

from functools import lru_cache

from stpipe.headers import Header

__all__ = ["metadata_keywords", "read_header"]

# section of the metadata: name=KEYWORD of the primary header; more of them in `jwst.stpipe.header_parameters`
_PRIMARY = {
    "meta.asn": """
        pool_name=ASNPOOL table_name=ASNTABLE
    """,
    "meta.background": """
        level=BKGLEVEL master_background_file=MASTERBG method=BKGMETH scaling_factor=BKGD_SCL
        subtracted=BKGSUB
    """,
    "meta.cal_step": """
        adaptive_trace_model=S_TRCMOD align_psfs=S_PSFALI ami_analyze=S_AMIANA ami_normalize=S_AMINOR
        assign_mtwcs=S_MTWCS assign_wcs=S_WCS badpix_selfcal=S_BPXSLF barshadow=S_BARSHA
        bkg_subtract=S_BKDSUB charge_migration=S_CHGMIG clean_flicker_noise=S_CLNFNS combine_1d=S_COMB1D
        cube_build=S_IFUCUB dark_sub=S_DARK dq_init=S_DQINIT emicorr=S_MIREMI emission=S_TELEMI
        err_init=S_ERRINI extract_1d=S_EXTR1D extract_2d=S_EXTR2D firstframe=S_FRSTFR flat_field=S_FLAT
        fringe=S_FRINGE gain_scale=S_GANSCL group_scale=S_GRPSCL guider_cds=S_GUICDS imprint=S_IMPRNT
        ipc=S_IPC jump=S_JUMP klip=S_KLIP lastframe=S_LASTFR linearity=S_LINEAR master_background=S_MSBSUB
        msa_flagging=S_MSAFLG outlier_detection=S_OUTLIR pathloss=S_PTHLOS persistence=S_PERSIS
        photom=S_PHOTOM picture_frame=S_PCTFRM pixel_replace=S_PXREPL ramp_fit=S_RAMP refpix=S_REFPIX
        resample=S_RESAMP reset=S_RESET residual_fringe=S_RESFRI rscd=S_RSCD saturation=S_SATURA
        skymatch=S_SKYMAT source_catalog=S_SRCCAT spectral_leak=S_SPLEAK srctype=S_SRCTYP
        stack_psfs=S_PSFSTK straylight=S_STRAY superbias=S_SUPERB targ_centroid=S_TACNTR
        tso_photometry=S_TSPHOT tweakreg=S_TWKREG wavecorr=S_WAVCOR wfs_combine=S_WFSCOM
        wfss_contam=S_CONTAM white_light=S_WHTLIT
    """,
    "meta.guidestar": """
        data_end=DATAEND data_start=DATASTRT fgs_aperture=FGS_APER fgs_roll_ref=ROLL_REF fgs_v2_ref=V2_REF
        fgs_v3_ref=V3_REF fgs_v3yangle=V3I_YANG fgs_vparity=VPARITY gs_acq_exec_stat=GSACSTAT
        gs_ctd_x=GSCENTX gs_ctd_y=GSCENTY gs_dec=GS_DEC gs_epoch=GS_EPOCH gs_function_end_time=GF_END
        gs_function_start_time=GF_START gs_id=GDSTARID gs_ideal_x=GSIDL_X gs_ideal_y=GSIDL_Y gs_mag=GS_MAG
        gs_mudec=GS_MUDEC gs_mura=GS_MURA gs_order=GS_ORDER gs_para=GS_PARA gs_pcs_mode=PCS_MODE gs_ra=GS_RA
        gs_start_time=GSSTRTTM gs_stop_time=GSENDTIM gs_udec=GS_UDEC gs_umag=GS_UMAG gs_ura=GS_URA
        gs_v3_pa_science=GS_V3_PA visit_end_time=VISITEND
    """,
    "meta.nircam_focus": """
        fa1value=FA1VALUE fa2value=FA2VALUE fa3value=FA3VALUE fam_la1=FAM_LA1 fam_la2=FAM_LA2
        fam_la3=FAM_LA3 faphase1=FAPHASE1 faphase2=FAPHASE2 faphase3=FAPHASE3 fastep1=FASTEP1
        fastep2=FASTEP2 fastep3=FASTEP3 faunit1=FAUNIT1 faunit2=FAUNIT2 faunit3=FAUNIT3
    """,
    "meta.nirspec_wfsc": """
        rma_pos=RMA_POS rma_step=FCSRLPOS
    """,
    "meta.ref_file.crds": """
        context_used=CRDS_CTX sw_version=CRDS_VER
    """,
    "meta.resample": """
        pixel_scale_ratio=PXSCLRT pixfrac=PIXFRAC pointings=NDRIZ weight_type=RESWHT
    """,
    "meta.rscd": """
        keep_bright_firstgroup_int1=INT1UGP1 keep_bright_firstgroup_int2p=INT2UGP1
        keep_groups_saturation_int1=INT1BORS keep_groups_saturation_int2p=INT2BORS
        ngroups_skip_int1=INT1SKIP ngroups_skip_int2p=INT2SKIP
    """,
    "meta.soss_extract1d": """
        delta_x=SOSSDLTX delta_y=SOSSDLTY oversampling=OVERSAMP theta=SOSSROTN threshold=THRESHLD
        tikhonov_factor=TIKFACTR width=SOSSWDTH
    """,
    "meta.target": """
        catalog_name=TARGNAME category=TARGCAT dec=TARG_DEC dec_uncertainty=TARGUDEC description=TARGDESC
        proper_motion_dec=MU_DEC proper_motion_epoch=MU_EPOCH proper_motion_ra=MU_RA proposer_dec=PROP_DEC
        proposer_name=TARGPROP proposer_ra=PROP_RA ra=TARG_RA ra_uncertainty=TARGURA
        source_type_apt=SRCTYAPT type=TARGTYPE
    """,
    "meta.time": """
        barycentric_correction=BARTDELT barycentric_expend=BENDTIME barycentric_expmid=BMIDTIME
        barycentric_expstart=BSTRTIME heliocentric_correction=HELIDELT heliocentric_expend=HENDTIME
        heliocentric_expmid=HMIDTIME heliocentric_expstart=HSTRTIME
    """,
    "meta.velocity_aberration": """
        va_dec_ref=VA_DEC va_ra_ref=VA_RA
    """,
}

# type of a reference=KEYWORD of the primary header with its name
_REFERENCES = """
    area=R_AREA badshutter=R_MSAOPE barshadow=R_BARSHA bkg=R_BKG camera=R_CAMERA chromcorr=R_CHRCOR
    collimator=R_COLLIM cubepar=R_CUBPAR dark=R_DARK dflat=R_DFLAT disperser=R_DISPER distortion=R_DISTOR
    emicorr=R_MIREMI extract1d=R_EXTR1D fflat=R_FFLAT filteroffset=R_FILOFF flat=R_FLAT fore=R_FORE fpa=R_FPA
    fringe=R_FRINGE fringefreq=R_FRIFRQ gain=R_GAIN ifufore=R_IFUFOR ifupost=R_IFUPOS ifuslicer=R_IFUSLI
    ipc=R_IPC lastframe=R_LASTFR linearity=R_LINEAR mask=R_MASK mrsptcorr=R_MRSPT mrsxartcorr=R_MRSXAR msa=R_MSA
    nrm=R_NRM ote=R_OTE pastasoss=R_PSTSOS pathloss=R_PTHLOS persat=R_PERSAT photom=R_PHOTOM psfmask=R_PSFMAS
    readnoise=R_READNO refpix=R_REFPIX regions=R_REGION resample=R_RESAMP reset=R_RESET resolution=R_RESOL
    rscd=R_RSCD saturation=R_SATURA sflat=R_SFLAT sirskernel=R_SIRSKL speckernel=R_SPKERN specprofile=R_SPPROF
    spectrace=R_SPTRAC specwcs=R_SPCWCS straylight=R_STRAY superbias=R_SUPERB throughput=R_THRPUT
    trapdensity=R_TRPDEN trappars=R_TRPPAR tso_photometry=R_TSPHOT v2v3=R_V2V3 wavecorr=R_WAVCOR
    wavelengthrange=R_WAVRAN wavemap=R_WAVMAP
"""

# section of the metadata: name=KEYWORD of the SCI extension, without the coefficients of distortion
_SCIENCE = {
    "meta": """
        bunit_data=BUNIT
    """,
    "meta.aperture": """
        position_angle=PA_APER
    """,
    "meta.coordinates": """
        reference_frame=RADESYS
    """,
    "meta.ephemeris": """
        reference_frame=REFFRAME spatial_x_bary=JWST_X spatial_x_geo=OBSGEO-X spatial_y_bary=JWST_Y
        spatial_y_geo=OBSGEO-Y spatial_z_bary=JWST_Z spatial_z_geo=OBSGEO-Z time=EPH_TIME type=EPH_TYPE
        velocity_x_bary=JWST_DX velocity_x_geo=OBSGEODX velocity_y_bary=JWST_DY velocity_y_geo=OBSGEODY
        velocity_z_bary=JWST_DZ velocity_z_geo=OBSGEODZ
    """,
    "meta.exposure": """
        effective_exposure_time=XPOSURE elapsed_exposure_time=TELAPSE end_time_mjd=MJD-END
        end_time_tdb=TDB-END mid_time_mjd=MJD-AVG mid_time_tdb=TDB-MID start_time_mjd=MJD-BEG
        start_time_tdb=TDB-BEG
    """,
    "meta.photometry": """
        conversion_megajanskys=PHOTMJSR conversion_microjanskys=PHOTUJA2 pixelarea_arcsecsq=PIXAR_A2
        pixelarea_steradians=PIXAR_SR
    """,
    "meta.pointing": """
        dec_v1=DEC_V1 pa_v3=PA_V3 ra_v1=RA_V1
    """,
    "meta.target": """
        source_type=SRCTYPE
    """,
    "meta.velocity_aberration": """
        scale_factor=VA_SCALE
    """,
    "meta.wcsinfo": """
        cd1_1=CD1_1 cd1_2=CD1_2 cd2_1=CD2_1 cd2_2=CD2_2 cdelt1=CDELT1 cdelt2=CDELT2 cdelt3=CDELT3
        crpix1=CRPIX1 crpix2=CRPIX2 crpix3=CRPIX3 crval1=CRVAL1 crval2=CRVAL2 crval3=CRVAL3 ctype1=CTYPE1
        ctype2=CTYPE2 ctype3=CTYPE3 cunit1=CUNIT1 cunit2=CUNIT2 cunit3=CUNIT3 dec_ref=DEC_REF
        dispersion_direction=DISPAXIS mt_avdec=MT_AVDEC mt_avra=MT_AVRA mt_dec=MT_DEC mt_ra=MT_RA
        pc1_1=PC1_1 pc1_2=PC1_2 pc1_3=PC1_3 pc2_1=PC2_1 pc2_2=PC2_2 pc2_3=PC2_3 pc3_1=PC3_1 pc3_2=PC3_2
        pc3_3=PC3_3 ps3_0=PS3_0 ps3_1=PS3_1 ra_ref=RA_REF roll_ref=ROLL_REF s_region=S_REGION
        siaf_xref_sci=XREF_SCI siaf_yref_sci=YREF_SCI specsys=SPECSYS spectral_order=SPORDER v2_ref=V2_REF
        v3_ref=V3_REF v3yangle=V3I_YANG velosys=VELOSYS vparity=VPARITY waverange_end=WAVEND
        waverange_start=WAVSTART wcsaxes=WCSAXES
    """,
}


@lru_cache(maxsize=1)
def metadata_keywords() -> dict[str, dict[str, str]]:
    """Map the keywords of the two headers to dotted names: ``["PRIMARY"]["S_JUMP"]`` is ``"meta.cal_step.jump"``."""
    from jwst.stpipe.header_parameters import header_keywords

    references = {key: f"meta.ref_file.{reftype}.name" for reftype, key in _pairs(_REFERENCES)}
    return {"PRIMARY": header_keywords() | _by_keyword(_PRIMARY) | references, "SCI": _by_keyword(_SCIENCE)}


def _by_keyword(table: dict[str, str]) -> dict[str, str]:
    return {key: f"{section}.{name}" for section, text in table.items() for name, key in _pairs(text)}


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, key) for name, _, key in (pair.partition("=") for pair in text.split())]


def read_header(path: str) -> Header:
    """Read the metadata of an exposure from the headers of its file; no array and no model is made.

    Parameters
    ----------
    path : str
        FITS file, of which the primary and the SCI header are read; ASDF file; or association, of which the first
        science exposure is read.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    OSError
        It cannot be read as what its name says.
    InputError
        Its name is none of these.
    ValueError
        An association without a science exposure.
    """
    from stpipe.exceptions import InputError
    from stpipe.headers import asdf_header, fits_header, kind_of

    kind = kind_of(path)
    if kind == "fits":
        return fits_header(path, metadata_keywords())
    if kind == "asdf":
        return asdf_header(path)
    if kind == "json":
        from jwst.datamodels.asn_file import first_science_path

        return read_header(first_science_path(path))
    raise InputError(f"{path} is neither a FITS (.fits, .fits.gz) nor an ASDF file (.asdf) by its name")
