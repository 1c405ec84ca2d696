"""Suffixes of product names: which ones are known, and how they are stripped and replaced (spec jwst_base.md §6).

A product is called ``<root>_<suffix>``: ``jw001_rate``, ``jw001_cal``. A step that makes a new product from an old one
strips the old suffix first, so the lists here decide the names of all files the pipeline writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = [
    "EXTRA_SUFFIXES",
    "KNOW_SUFFIXES",
    "REMOVE_SUFFIX_REGEX",
    "SUFFIXES_TO_ADD",
    "SUFFIXES_TO_DISCARD",
    "combine_suffixes",
    "find_suffixes",
    "remove_suffix",
    "replace_suffix",
]


def _words(text: str) -> list[str]:
    return text.split()


# kept by hand: products whose suffix is no name of a step
SUFFIXES_TO_ADD: list[str] = _words(
    """
    ami aminorm ami-oi aminorm-oi blot bsub bsubints c1d cal calints cat crf crfints dark i2d mbsub median phot
    psfalign psfstack psfsub ramp rate rateints residual_fringe s2d s3d snr uncal wfscmb whtlt x1d x1dints
    """
)

SUFFIXES_TO_DISCARD: list[str] = _words("engdblogstep functionwrapper pipeline rscd_step step systemcall")

# names of step classes and of their parameter files, in all releases of the public pipeline
_STEP_SUFFIXES: list[str] = _words(
    """
    adaptive_trace_model adaptivetracemodelstep align_refs alignrefsstep ami3pipeline ami_analyze ami_normalize
    amianalyzestep aminormalizestep assign_mtwcs assign_wcs assignmtwcsstep assignwcsstep backgroundstep
    badpixselfcalstep barshadowstep bkg_subtract chargemigrationstep clean_flicker_noise cleanflickernoisestep
    combine1dstep combine_1d coron3pipeline cube_build cubebuildstep dark_current darkcurrentstep darkpipeline
    detector1pipeline dq_init dqinitstep emicorr emicorrstep engdblog extract1dstep extract2dstep extract_1d
    extract_2d firstframe firstframestep flat_field flatfieldstep fringe fringestep gain_scale gainscalestep
    group_scale groupscalestep guider_cds guidercdsstep guiderpipeline hlsp hlspstep image2pipeline image3pipeline
    imprint imprintstep ipc ipcstep jump jumpstep klip klipstep lastframe lastframestep linearity linearitystep
    master_background masterbackgroundmosstep masterbackgroundstep msaflagopenstep outlier_detection
    outlierdetectionstep pathloss pathlossstep persistence persistencestep photom photomstep picture_frame
    pictureframestep pixelreplacestep ramp_fit rampfitstep refpix refpixstep resample resample_spec resamplespecstep
    resamplestep reset resetstep residualfringestep rscd rscdstep saturation saturationstep skymatch skymatchstep
    source_catalog sourcecatalogstep sourcetypestep spec2nrslamp spec2pipeline spec3pipeline spectral_leak
    spectralleakstep srctype stackrefs stackrefsstep straylight straylightstep superbias superbiasstep targ_centroid
    targcentroidstep tso3pipeline tsophotometrystep tweakreg tweakregstep wavecorrstep wfscombine wfscombinestep
    wfsscontamstep white_light whitelightstep
    """
)

# products of this pipeline that the public list lacks: without these, processing a product again stacks suffixes
EXTRA_SUFFIXES: list[str] = _words(
    """
    segm fitopt gain_scaleints barshadow wavecorr pixel_replace wfss_contam tso_photometry charge_migration
    msa_flagging badpix_selfcal master_background_mos imprint_subtract
    """
)


def combine_suffixes(
    to_add: Iterable[Iterable[str]] | None = None,
    to_discard: Iterable[str] | None = None,
) -> list[str]:
    """Join lists of suffixes.

    Parameters
    ----------
    to_add : iterable of iterables of str, optional
        Lists to join; `find_suffixes` and `SUFFIXES_TO_ADD` by default.
    to_discard : iterable of str, optional
        What to leave out; `SUFFIXES_TO_DISCARD` by default.

    Returns
    -------
    list of str
        Sorted, each once.
    """
    groups = (find_suffixes(), SUFFIXES_TO_ADD) if to_add is None else to_add
    dropped = set(SUFFIXES_TO_DISCARD if to_discard is None else to_discard)
    return sorted({suffix for group in groups for suffix in group} - dropped)


def find_suffixes() -> list[str]:
    """Suffixes that come from steps: lower-cased class names and names that their parameter files give them."""
    return sorted(_STEP_SUFFIXES)


KNOW_SUFFIXES: list[str] = combine_suffixes()


def _suffix_pattern(suffixes: Iterable[str]) -> re.Pattern[str]:
    """Pattern whose groups are ``root``, ``separator`` and ``suffix``; the root is as short as it can be."""
    known = "|".join(re.escape(suffix) for suffix in suffixes)
    return re.compile(rf"(?P<root>.+?)(?P<separator>[_-])(?P<suffix>{known})", re.DOTALL)


REMOVE_SUFFIX_REGEX = _suffix_pattern((*KNOW_SUFFIXES, *EXTRA_SUFFIXES))


def remove_suffix(name: str) -> tuple[str, str]:
    """Strip one known suffix from the name of a product.

    Parameters
    ----------
    name : str
        Name without extension.

    Returns
    -------
    root : str
        The name without the suffix and the separator before it; never empty unless ``name`` is.
    separator : str
        ``"_"`` or ``"-"`` as found, else ``"_"``.
    """
    match = REMOVE_SUFFIX_REGEX.fullmatch(name)
    return (match["root"], match["separator"]) if match else (name, "_")


def replace_suffix(name: str, new_suffix: str) -> str:
    """Put a new suffix in the place of the known one, or behind a name that has none.

    Parameters
    ----------
    name : str
        Name without extension.
    new_suffix : str
        Suffix without separator.

    Returns
    -------
    str
    """
    root, separator = remove_suffix(name)
    return f"{root}{separator}{new_suffix}"
