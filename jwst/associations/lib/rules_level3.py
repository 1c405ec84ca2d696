"""Rules of level 3 (spec associations.md §10).

A rule can be used with `jwst.associations.asn_from_list`, and has the schema that files are checked with. What it asks
of the exposures of a pool belongs to the generator, which is not part of this release.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jwst.associations.lib.products import passed_with
from jwst.associations.lib.rules_level3_base import DMS_Level3_Base

__all__ = [
    "Asn_Lv3ACQ_Reprocess",
    "Asn_Lv3AMI",
    "Asn_Lv3Image",
    "Asn_Lv3ImageBackground",
    "Asn_Lv3ImageMosaic",
    "Asn_Lv3MIRCoron",
    "Asn_Lv3MIRMRS",
    "Asn_Lv3MIRMRSBackground",
    "Asn_Lv3NRCCoron",
    "Asn_Lv3NRCCoronImage",
    "Asn_Lv3NRSFSS",
    "Asn_Lv3NRSIFU",
    "Asn_Lv3NRSIFUBackground",
    "Asn_Lv3SlitlessSpectral",
    "Asn_Lv3SpecAux",
    "Asn_Lv3SpectralSource",
    "Asn_Lv3SpectralTarget",
    "Asn_Lv3TSO",
    "Asn_Lv3WFSCMB",
    "Asn_Lv3WFSSMIR",
    "Asn_Lv3WFSSNIS",
    "Asn_Lv3WFSSNRC",
    "DMS_Level3_Base",
]

Checks = dict[str, Callable[[Mapping[str, Any]], bool]]


class _WithPSF(DMS_Level3_Base):
    """Rules whose products need a PSF star."""

    def checks(self) -> Checks:
        """Tests of the rule by name."""
        return {"has_psf": passed_with("psf"), **super().checks()}


class Asn_Lv3ACQ_Reprocess(DMS_Level3_Base):
    """Target acquisitions that others take; it makes no association itself."""


class Asn_Lv3AMI(_WithPSF):
    """NIRISS aperture masking, with PSF stars."""


class Asn_Lv3Image(DMS_Level3_Base):
    """Images of one target and filter."""


class Asn_Lv3ImageBackground(DMS_Level3_Base):
    """Images of a background."""


class Asn_Lv3ImageMosaic(DMS_Level3_Base):
    """Images of a mosaic."""

    def checks(self) -> Checks:
        """Tests of the rule by name."""
        return {"is_type_mosaic": self._is_mosaic, **super().checks()}

    def _is_mosaic(self, member: Mapping[str, Any]) -> bool:
        return self.acid.type == "mosaic"


class Asn_Lv3MIRCoron(_WithPSF):
    """MIRI coronagraphy, with PSF stars."""


class Asn_Lv3MIRMRS(DMS_Level3_Base):
    """MIRI MRS, all channels and bands."""


class Asn_Lv3MIRMRSBackground(DMS_Level3_Base):
    """MIRI MRS of a background."""


class Asn_Lv3NRCCoron(_WithPSF):
    """NIRCam coronagraphy, with PSF stars."""


class Asn_Lv3NRCCoronImage(DMS_Level3_Base):
    """NIRCam coronagraphy in full frame, processed as images."""


class Asn_Lv3NRSFSS(DMS_Level3_Base):
    """NIRSpec fixed slits."""


class Asn_Lv3NRSIFU(DMS_Level3_Base):
    """NIRSpec IFU."""


class Asn_Lv3NRSIFUBackground(DMS_Level3_Base):
    """NIRSpec IFU of a background."""


class Asn_Lv3SlitlessSpectral(DMS_Level3_Base):
    """NIRISS SOSS that is no time series."""


class Asn_Lv3SpecAux(DMS_Level3_Base):
    """Slit spectra of a background."""


class Asn_Lv3SpectralSource(DMS_Level3_Base):
    """NIRSpec MOS, a product for each source."""


class Asn_Lv3SpectralTarget(DMS_Level3_Base):
    """Nodded spectra of one target."""


class Asn_Lv3TSO(DMS_Level3_Base):
    """Time series."""

    def checks(self) -> Checks:
        """Tests of the rule by name."""
        return {"is_type_observation": self._is_observation, **super().checks()}

    def _is_observation(self, member: Mapping[str, Any]) -> bool:
        return self.acid.type == "observation"


class Asn_Lv3WFSCMB(DMS_Level3_Base):
    """Pairs of images for wavefront sensing."""

    def checks(self) -> Checks:
        """Tests of the rule by name."""
        return {"has_pair": self._is_pair, "is_not_group": self._is_no_group, **super().checks()}

    def _is_pair(self, member: Mapping[str, Any]) -> bool:
        return len(self.current_product["members"]) == 2

    def _is_no_group(self, member: Mapping[str, Any]) -> bool:
        return self.acid.type != "group"


class Asn_Lv3WFSSMIR(DMS_Level3_Base):
    """MIRI wide-field slitless spectra."""


class Asn_Lv3WFSSNIS(DMS_Level3_Base):
    """NIRISS wide-field slitless spectra."""


class Asn_Lv3WFSSNRC(DMS_Level3_Base):
    """NIRCam wide-field slitless spectra."""
