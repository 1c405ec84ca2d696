"""Make linearity.npz with the released pipeline: ``peer python make_linearity.py`` in this folder."""

from __future__ import annotations

import numpy as np
from peer_ramps import make_ramp, place, random_ramp
from stdatamodels.jwst import datamodels

from jwst.linearity import LinearityStep


def make_reference(rng, shape, *, inverse):
    """Polynomials near the identity, some of them unusable."""
    ny, nx = shape
    forward = np.zeros((5, ny, nx), np.float32)
    forward[0] = rng.normal(0, 2, shape)
    forward[1] = rng.normal(1, 0.01, shape)
    forward[2] = rng.normal(2e-6, 2e-7, shape)
    forward[3] = rng.normal(1e-11, 1e-12, shape)
    forward[4] = rng.normal(1e-16, 1e-17, shape)
    back = np.zeros((4, ny, nx), np.float32)
    back[0] = -forward[0]
    back[1] = 1 / forward[1]
    back[2] = -forward[2]
    back[3] = 8e-12
    dq = np.zeros(shape, np.uint32)
    dq[0, 0], dq[0, 1] = 1048576 | 65536, 65536
    forward[2, 1, 1], forward[1, 1, 2], back[3, 2, 3], back[1, 2, 4] = np.nan, 0, np.nan, 0
    model = datamodels.LinearityModel(coeffs=forward.copy(), dq=dq.copy())
    if inverse:
        model.inv_coeffs = back.copy()
    return place(model, shape), forward, back, dq


def main():
    rng = np.random.default_rng(11)
    store = {}
    for name, nframes, inverse in (("plain", 1, False), ("reads4", 4, True), ("reads5", 5, True)):
        data, flags = random_ramp(rng, (2, 6, 7, 9))
        reference, forward, back, dq = make_reference(rng, (7, 9), inverse=inverse)
        model = make_ramp(data, flags, nframes=nframes)
        model.meta.exposure.zero_frame = True
        zero = rng.uniform(0, 100, (2, 7, 9)).astype(np.float32)
        zero[:, ::3, ::2] = 0
        model.zeroframe = zero
        result = LinearityStep.call(model, override_linearity=reference)
        store |= {
            f"{name}_data": data,
            f"{name}_groupdq": flags,
            f"{name}_zeroframe": zero,
            f"{name}_forward": forward,
            f"{name}_inverse": back,
            f"{name}_dq": dq,
            f"{name}_nframes": nframes,
            f"{name}_result": result.data,
            f"{name}_result_zeroframe": result.zeroframe,
            f"{name}_result_pixeldq": result.pixeldq,
        }
    np.savez_compressed("linearity.npz", **store)


if __name__ == "__main__":
    main()
