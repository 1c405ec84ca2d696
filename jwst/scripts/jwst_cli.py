"""The console script ``jwst``: demo, simulated exposures and fields, offline CRDS caches, pictures."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jwst.simulation.settings import ExposureSettings

__all__ = ["main"]

EPILOG = "Run 'jwst COMMAND --help' for the options of a command."


def _demo(arguments: argparse.Namespace) -> int:
    from jwst.simulation.demo import run_demo

    result = run_demo(arguments.output, small=arguments.small, verbose=arguments.verbose)
    return 0 if result.good else 2


def _simulate(arguments: argparse.Namespace) -> int:
    from jwst.simulation.crds_cache import cache_for
    from jwst.simulation.exposure import simulate

    settings = _exposure_settings(arguments)
    exposure = simulate(settings, arguments.output)
    for part in exposure.segments or (exposure,):
        print(part.path)
        print(part.truth_path)
    if arguments.cache:
        print(f"CRDS_PATH={cache_for(arguments.cache, [settings], traps=not arguments.no_traps)}")
    return 0


def _field(arguments: argparse.Namespace) -> int:
    from jwst.simulation.field import field_cache, simulate_field
    from jwst.simulation.field_settings import FieldSettings
    from jwst.simulation.sky_field import SkyField

    numbers = {name: value for name in ("stars", "galaxies") if (value := getattr(arguments, name)) is not None}
    settings = FieldSettings(
        detectors=tuple(name.upper() for name in arguments.detector or ["NRCA1"]),
        window=arguments.window or None,
        filter=arguments.filter,
        exposures=arguments.exposures,
        dither=arguments.dither,
        roll=arguments.roll,
        ngroups=arguments.ngroups,
        seed=arguments.seed,
        sky=SkyField(separation=arguments.separation, **numbers),
    )
    field = simulate_field(settings, arguments.output, raw=arguments.raw)
    for path in (*field.exposures, field.sources, field.stars, *field.associations):
        print(path)
    if arguments.cache:
        print(f"CRDS_PATH={field_cache(arguments.cache, settings, raw=arguments.raw)}")
    return 0


def _picture(arguments: argparse.Namespace) -> int:
    from jwst.simulation.picture_image import picture_of_product

    print(picture_of_product(arguments.product, arguments.output, catalogue=arguments.catalogue))
    return 0


def _exposure_settings(arguments: argparse.Namespace) -> ExposureSettings:
    """Settings that the options of ``jwst simulate`` ask for."""
    from jwst.simulation.light_curve import LightCurve
    from jwst.simulation.scene import Scene
    from jwst.simulation.settings import ExposureSettings, NoiseSettings

    given = {name: getattr(arguments, name) for name in ("filter", "readpatt", "start") if getattr(arguments, name)}
    if arguments.transit is not None:
        given["light_curve"] = LightCurve(depth=arguments.transit)
    return ExposureSettings(
        detector=arguments.detector.upper(),
        subarray=arguments.subarray.upper(),
        ngroups=arguments.ngroups,
        nints=arguments.nints,
        seed=arguments.seed,
        scene=Scene(sky=arguments.sky, stars=arguments.stars, galaxies=arguments.galaxies, traces=arguments.traces),
        noise=NoiseSettings(one_over_f=arguments.one_over_f),
        root=arguments.root,
        segments=arguments.segments,
        keep_noise=arguments.keep_noise,
        **given,
    )


def _crds_cache(arguments: argparse.Namespace) -> int:
    from jwst.simulation.crds_cache import make_crds_cache

    root = make_crds_cache(
        arguments.root,
        detectors=[name.upper() for name in arguments.detector or ["NRCA1"]],
        traps=not arguments.no_traps,
        readpatts=[name.upper() for name in arguments.readpatt] if arguments.readpatt else None,
        ngroups=arguments.ngroups,
        guiders=[name.upper() for name in arguments.guider or []],
    )
    print(f"CRDS_PATH={root}")
    return 0


def _add_demo(commands: argparse._SubParsersAction) -> None:
    text = (
        "Simulate an exposure, calibrate it with Detector1Pipeline and compare the rates with the truth; then combine "
        "dithered exposures of a field to a mosaic with a catalogue, and compare these with the truth, too."
    )
    parser = commands.add_parser("demo", help="simulate, calibrate, compare with the truth", description=text)
    parser.add_argument("-o", "--output", default="jwst_demo", help="folder for everything (default: %(default)s)")
    parser.add_argument("--small", action="store_true", help="subarrays of 320 x 320 and 256 x 256 pixels")
    parser.add_argument("-v", "--verbose", action="store_true", help="show the log of the pipeline")
    parser.set_defaults(run=_demo)


def _add_simulate(commands: argparse._SubParsersAction) -> None:
    text = "Write a level-1b exposure (_uncal.fits) of any detector and what it really contains (_truth.npz)."
    parser = commands.add_parser("simulate", help="write a simulated exposure", description=text)
    parser.add_argument("-o", "--output", default=".", help="folder (default: the current one)")
    parser.add_argument("--detector", default="NRCA1", help="NRCA1, NRS1, NIS, MIRIMAGE, ... (default: %(default)s)")
    parser.add_argument("--subarray", default="FULL", help="FULL, SUB160, SUB320, ... (default: %(default)s)")
    parser.add_argument("--readpatt", type=str.upper, help="readout pattern (default: the usual one, e.g. SHALLOW4)")
    parser.add_argument("--ngroups", type=int, default=10, help="groups per integration (default: %(default)s)")
    parser.add_argument("--nints", type=int, default=1, help="integrations (default: %(default)s)")
    parser.add_argument("--filter", type=str.upper, help="filter in the keywords (default: a usual one, e.g. F200W)")
    parser.add_argument(
        "--start", type=datetime.fromisoformat, help="date and time of the exposure, UTC, as in 2024-05-01T08:00"
    )
    parser.add_argument("--segments", type=int, default=1, help="files for the integrations (default: %(default)s)")
    parser.add_argument(
        "--transit", type=float, metavar="DEPTH", help="make a time series with a transit of this depth"
    )
    parser.add_argument("--seed", type=int, default=17, help="seed of all noise (default: %(default)s)")
    parser.add_argument("--sky", type=float, default=0.35, help="background, electrons/s/pixel (default: %(default)s)")
    parser.add_argument("--stars", type=int, default=900, help="stars on a full detector (default: %(default)s)")
    parser.add_argument("--galaxies", type=int, default=250, help="galaxies on a full detector (default: %(default)s)")
    parser.add_argument("--traces", type=int, default=0, help="spectra on a full detector (default: %(default)s)")
    parser.add_argument("--one-over-f", type=float, default=2.2, help="1/f noise of a frame, DN (default: %(default)s)")
    parser.add_argument("--keep-noise", action="store_true", help="keep the 1/f noise of every group in the truth")
    parser.add_argument("--root", default="jw00017001001_01101_00001", help="file name up to the detector")
    parser.add_argument("--cache", metavar="DIR", help="also write an offline CRDS cache for this exposure")
    parser.add_argument("--no-traps", action="store_true", help="cache without the trap model of persistence")
    parser.set_defaults(run=_simulate)


def _add_crds_cache(commands: argparse._SubParsersAction) -> None:
    text = (
        "Write an offline CRDS cache with full-frame references made from the same truth as simulated exposures. "
        "For subarrays use 'jwst simulate --cache DIR'. Set CRDS_PATH to the folder to use it."
    )
    parser = commands.add_parser("crds-cache", help="write an offline CRDS cache", description=text)
    parser.add_argument("root", help="folder of the cache")
    parser.add_argument("--detector", action="append", help="detector; may be repeated (default: NRCA1)")
    parser.add_argument("--readpatt", action="append", help="pattern with a dark of its own (default: the usual one)")
    parser.add_argument("--ngroups", type=int, default=10, help="groups of these darks (default: %(default)s)")
    parser.add_argument("--guider", action="append", help="FGS guider, GUIDER1 or GUIDER2; may be repeated")
    parser.add_argument("--no-traps", action="store_true", help="without the trap model of persistence")
    parser.set_defaults(run=_crds_cache)


def _add_field(commands: argparse._SubParsersAction) -> None:
    text = (
        "Write dithered exposures of a field of stars and galaxies, what is really there (_sources.ecsv, _frame.npz), "
        "an absolute catalogue (_stars.ecsv) and associations for Image2Pipeline and Image3Pipeline."
    )
    parser = commands.add_parser("field", help="write dithered exposures of a field", description=text)
    parser.add_argument("-o", "--output", default=".", help="folder (default: the current one)")
    parser.add_argument("--detector", action="append", help="detector; may be repeated (default: NRCA1)")
    parser.add_argument(
        "--window", type=int, default=256, help="rows and columns, 0 for the full frame (default: %(default)s)"
    )
    parser.add_argument("--filter", type=str.upper, help="filter (default: a usual one, e.g. F200W)")
    parser.add_argument("--exposures", type=int, default=4, help="dither positions (default: %(default)s)")
    parser.add_argument("--dither", type=float, default=1.0, help="size of the pattern, arcsec (default: %(default)s)")
    parser.add_argument("--roll", type=float, default=30.0, help="position angle of V3, deg (default: %(default)s)")
    parser.add_argument("--ngroups", type=int, default=10, help="groups (default: %(default)s)")
    parser.add_argument("--stars", type=float, help="stars that a frame sees")
    parser.add_argument("--galaxies", type=float, help="galaxies that a frame sees")
    parser.add_argument("--separation", type=float, default=1.1, help="least distance, arcsec (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=23, help="seed of noise and errors (default: %(default)s)")
    parser.add_argument("--raw", action="store_true", help="level-1b exposures (_uncal) instead of rates")
    parser.add_argument("--cache", metavar="DIR", help="also write an offline CRDS cache for these exposures")
    parser.set_defaults(run=_field)


def _add_picture(commands: argparse._SubParsersAction) -> None:
    text = "Draw an image (rate, cal, crf, i2d) with north, a scale and the sources of its catalogue."
    parser = commands.add_parser("picture", help="draw a product that is an image", description=text)
    parser.add_argument("product", help="FITS file")
    parser.add_argument("-o", "--output", help="PNG (default: the name of the product with .png)")
    parser.add_argument("-c", "--catalogue", help="sources to mark (default: the _cat.ecsv beside an _i2d, if any)")
    parser.set_defaults(run=_picture)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jwst", description="Tools around the JWST pipeline.", epilog=EPILOG)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for add in (_add_demo, _add_simulate, _add_field, _add_crds_cache, _add_picture):
        add(commands)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; by default those of the process.

    Returns
    -------
    int
        0 if all went well, 1 (or the exit status of the error) for an error, 2 if the demo missed its limits or the
        arguments make no sense.
    """
    from stpipe.exceptions import StpipeException

    arguments = _parser().parse_args(argv)
    run: Callable[[argparse.Namespace], int] = arguments.run
    try:
        return run(arguments)
    except StpipeException as error:
        print(f"jwst {arguments.command}: error: {error}", file=sys.stderr)
        return error.exit_status or 1
    except (OSError, ValueError, MemoryError) as error:
        print(f"jwst {arguments.command}: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"jwst {arguments.command}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
