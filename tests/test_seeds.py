"""A seed means what the page of conventions says, and means it in every release."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from ssmlinalg import inits, perturb

# The first C and the last step of two channels of order 4 at seed 7, as released.
GOLDEN: dict[str, tuple[complex, float | None]] = {
    "ptd": (-0.37453930256333284 + 0.0721708068575639j, 0.0012769907943704522),
    "s4d-lin": (0.0008698497809753273 - 0.32150079540233695j, 0.0012769907943704522),
    "s4d-inv": (0.0008698497809753273 - 0.32150079540233695j, 0.0012769907943704522),
    "s4d-inv2": (0.0008698497809753273 - 0.32150079540233695j, 0.0012769907943704522),
    "s4d-quad": (0.0008698497809753273 - 0.32150079540233695j, 0.0012769907943704522),
    "s4d-rand": (0.0008698497809753273 - 0.32150079540233695j, 0.0012769907943704522),
    "s4d-real": (0.0008698497809753273 - 0.34804256701186737j, 0.0012769907943704522),
    "s4d-legs": (0.0008698497809753273 - 0.32150079540233695j, 0.0012769907943704522),
    "s4d-legs-clipped": (0.0008698497809753273 - 0.32150079540233695j, 0.0012769907943704522),
    "s4d-dfout": (0.0008698497809753273 - 0.34804256701186737j, None),
    "s4d-dfout-half": (0.0008698497809753273 + 0.0425279492416376j, None),
    "s4d-token": (0.0008698497809753273 - 0.34804256701186737j, None),
    "s4d-rndimag": (0.0008698497809753273 - 0.34804256701186737j, None),
    "s4": (-0.14763110084171963 + 0.14782918927663646j, 0.0012769907943704522),
    "dss": (0.0012301533574825742 - 0.49220651855132963j, 0.0012769907943704522),
    "dss-softmax": (-0.48764752373864967 + 0.5674854131578118j, None),
    "dss-no-scale": (0.0012301533574825742 - 0.49220651855132963j, None),
    "dlr": (-0.11366769629293064 + 0.02635356224947464j, None),
    "lru": (0.03918777165605629 - 0.24462976951415985j, None),
    "s5": (-0.6681894830534021 - 0.3385360149092217j, 0.0012769907943704522),
    "s5-ptd": (-0.34886631468563234 - 0.057966160788807224j, 0.0012769907943704522),
    "mamba": (1 + 0j, 0.0012769907943704522),
    "mamba2": (0.25 + 0j, 0.0012769907943704522),
    "rg-lru": (0.25 + 0j, None),
    "linoss": (-0.04251186231857896 + 0.15658300735303846j, None),
    "d-linoss": (0.011553866925102484 + 0.008385157401275921j, None),
}


def child(seed: int, number: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(seed).spawn(2)[number])


STEPPED = [name for name, (_, step) in GOLDEN.items() if step is not None]


def test_every_initialization_has_its_values_pinned() -> None:
    assert GOLDEN.keys() == inits.INITS.keys()


@pytest.mark.parametrize("name", GOLDEN)
def test_a_seed_draws_what_it_drew_in_every_release(name: str) -> None:
    form: Any = inits.INITS[name](4, channels=2, seed=7)
    C, step = GOLDEN[name]
    assert complex(np.ravel(form.C)[0]) == pytest.approx(C, rel=1e-12)
    if step is not None:
        assert float(np.ravel(form.step)[-1]) == pytest.approx(step, rel=1e-14)


@pytest.mark.parametrize("name", STEPPED)
def test_steps_come_from_the_seed_by_a_stream_of_their_own(name: str) -> None:
    """The first child of the seed: other seeds draw others, and no order or C moves them."""
    make: Any = inits.INITS[name]
    for seed in (0, 1, 7):
        for order in (4, 6):
            step = make(order, channels=3, step=(1e-2, 1.0), seed=seed).step
            u = child(seed, 0).uniform(size=step.shape)
            np.testing.assert_allclose(step, 1e-2 * 100**u, rtol=1e-14)
    first, second = (make(4, channels=3, seed=seed).step for seed in (0, 1))
    assert not np.intersect1d(first, second).size
    numbers = np.random.default_rng(0).uniform(size=first.shape)
    assert not np.allclose(first, 1e-3 * 100**numbers)  # not the stream of C


@pytest.mark.parametrize("name", ["s4d-lin", "s4d-rand", "s4d-legs", "s4d-quad"])
def test_c_comes_from_the_stream_of_the_seed(name: str) -> None:
    form: Any = inits.INITS[name](6, channels=2, seed=5)
    rng = np.random.default_rng(5)
    real = rng.standard_normal((2, 3))
    expected = (real + 1j * rng.standard_normal((2, 3))) / np.sqrt(2)
    np.testing.assert_allclose(form.C, expected, rtol=1e-14)


@pytest.mark.parametrize("name", inits.INITS)
def test_two_seeds_differ_and_one_does_not(name: str) -> None:
    make: Any = inits.INITS[name]
    drawn = {"C"} if "step" not in make(4)._fields else {"C", "step"}
    drawn -= {"C"} if name in ("mamba", "mamba2", "rg-lru") else set()
    assert "seed" in inspect.signature(make).parameters
    for field in drawn:
        one, again, other = (getattr(make(4, channels=2, seed=s), field) for s in (3, 3, 4))
        np.testing.assert_array_equal(one, again)
        assert not np.any(one == other)


def test_frequencies_of_s4d_rand_are_a_stream_of_their_own() -> None:
    drawn = np.exp(child(7, 1).standard_normal(2))
    np.testing.assert_allclose(inits.s4d_rand_init(4, seed=7).A.imag, drawn, rtol=1e-14)


def test_a_random_perturbation_is_that_of_its_seed() -> None:
    J = np.eye(3, k=1)
    G = np.random.default_rng(7).standard_normal((3, 3))
    np.testing.assert_allclose(
        perturb.gaussian(J, size=0.1, seed=7).E, 0.1 * G / np.linalg.norm(G, 2), rtol=1e-13
    )
    assert perturb.gaussian(J, size=0.1, seed=7).E[0, 1] == pytest.approx(
        0.01989767437400436, rel=1e-12
    )


def test_a_large_order_draws_what_it_drew_in_every_release() -> None:
    """Beyond order 4096 c is drawn in another basis, within 1e-6."""
    C = inits.ptd_init(4100, tau=0.2, seed=7).C[:2]
    expected = [0.67991935 + 0.51286336j, 0.47492631 + 0.70784963j]
    np.testing.assert_allclose(C, expected, rtol=0, atol=2e-6)
