"""Rules of level 2 (spec associations.md §9).

A rule can be used with `jwst.associations.asn_from_list`, and has the schema that files are checked with. What it asks
of the exposures of a pool belongs to the generator, which is not part of this release.
"""

from __future__ import annotations

from jwst.associations.lib.rules_level2_base import DMSLevel2bBase

__all__ = [
    "Asn_Lv2CoronAsRate",
    "Asn_Lv2FGS",
    "Asn_Lv2Image",
    "Asn_Lv2ImageNonScience",
    "Asn_Lv2ImageSpecial",
    "Asn_Lv2ImageTSO",
    "Asn_Lv2MIRLRSFixedSlitNod",
    "Asn_Lv2NRSFSS",
    "Asn_Lv2NRSIFUNod",
    "Asn_Lv2NRSLAMPImage",
    "Asn_Lv2NRSLAMPSpectral",
    "Asn_Lv2NRSMSA",
    "Asn_Lv2Spec",
    "Asn_Lv2SpecImprint",
    "Asn_Lv2SpecSpecial",
    "Asn_Lv2SpecTSO",
    "Asn_Lv2WFSC",
    "Asn_Lv2WFSSMIR",
    "Asn_Lv2WFSSNIS",
    "Asn_Lv2WFSSNRC",
    "Asn_Lv2WFSSParallel",
    "Asn_MIRLRSTAConfirm",
]


class Asn_Lv2CoronAsRate(DMSLevel2bBase):
    """NIRCam coronagraphy in full frame, processed as images."""


class Asn_Lv2FGS(DMSLevel2bBase):
    """FGS images."""


class Asn_Lv2Image(DMSLevel2bBase):
    """Images, with their backgrounds."""


class Asn_Lv2ImageNonScience(DMSLevel2bBase):
    """Images that are no science: target acquisitions and the like."""


class Asn_Lv2ImageSpecial(DMSLevel2bBase):
    """Images of backgrounds and PSF stars, processed as science."""


class Asn_Lv2ImageTSO(DMSLevel2bBase):
    """Time series of images."""


class Asn_Lv2MIRLRSFixedSlitNod(DMSLevel2bBase):
    """MIRI LRS in the slit, nodded along it."""


class Asn_Lv2NRSFSS(DMSLevel2bBase):
    """NIRSpec fixed slits, with the other nods as backgrounds."""


class Asn_Lv2NRSIFUNod(DMSLevel2bBase):
    """NIRSpec IFU, with the other nods as backgrounds."""


class Asn_Lv2NRSLAMPImage(DMSLevel2bBase):
    """Images of NIRSpec lamps."""


class Asn_Lv2NRSLAMPSpectral(DMSLevel2bBase):
    """Spectra of NIRSpec lamps."""


class Asn_Lv2NRSMSA(DMSLevel2bBase):
    """NIRSpec MOS, with the other nods as backgrounds."""


class Asn_Lv2Spec(DMSLevel2bBase):
    """Spectra, with their backgrounds and imprints."""


class Asn_Lv2SpecImprint(DMSLevel2bBase):
    """Imprints, processed as science."""


class Asn_Lv2SpecSpecial(DMSLevel2bBase):
    """Spectra of backgrounds and PSF stars, processed as science."""


class Asn_Lv2SpecTSO(DMSLevel2bBase):
    """Time series of spectra."""


class Asn_Lv2WFSC(DMSLevel2bBase):
    """Images for wavefront sensing."""


class Asn_Lv2WFSSMIR(DMSLevel2bBase):
    """MIRI wide-field slitless spectra."""


class Asn_Lv2WFSSNIS(DMSLevel2bBase):
    """NIRISS wide-field slitless spectra."""


class Asn_Lv2WFSSNRC(DMSLevel2bBase):
    """NIRCam wide-field slitless spectra."""


class Asn_Lv2WFSSParallel(DMSLevel2bBase):
    """Wide-field slitless spectra taken in parallel."""


class Asn_MIRLRSTAConfirm(DMSLevel2bBase):
    """MIRI LRS with the image that confirms its target acquisition."""
