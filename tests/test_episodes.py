"""A recurrence that forgets at resets is each episode by itself."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import inits
from ssmlinalg.ground import backend
from ssmlinalg.ground.formats import EPS
from ssmlinalg.kernels import scan, scan_episodes

MODES = sorted(set(inits.INITS) - {"s4"})


@given(st.sampled_from(MODES), st.lists(st.booleans(), min_size=1, max_size=40), st.integers(0, 9))
def test_episodes_are_scans_of_their_own(name: str, begins: list[bool], seed: int) -> None:
    form: Any = inits.INITS[name](6, channels=2, seed=seed)
    reset = np.array(begins)
    length = len(reset)
    u = np.random.default_rng(seed).standard_normal((3, 2, length))
    y, last = scan_episodes(form, u, reset)
    edges = [0, *(np.flatnonzero(reset[1:]) + 1), length]
    state = None
    for start, stop in itertools.pairwise(edges):
        if start == stop:
            continue
        expected, state = scan(form, u[..., start:stop])
        scale = np.abs(expected).max()
        assert np.abs(y[..., start:stop] - expected).max() <= 64 * EPS * length * scale
    assert state is not None
    assert np.abs(last - state).max() <= 64 * EPS * length * np.abs(state).max()


@pytest.mark.parametrize("name", ["s4d-lin", "s5"])
def test_a_reset_at_the_first_sample_forgets_the_state_given(name: str) -> None:
    form: Any = inits.INITS[name](6, channels=2)
    u = np.random.default_rng(0).standard_normal((2, 9))
    before = 3 * scan(form, u)[1]
    reset = np.arange(9) == 0
    y, last = scan_episodes(form, u, reset, before)
    expected, rest = scan_episodes(form, u, reset)
    np.testing.assert_allclose(y, expected, atol=64 * EPS * np.abs(expected).max())
    np.testing.assert_allclose(last, rest, atol=64 * EPS * np.abs(rest).max())


def test_each_signal_has_its_own_episodes() -> None:
    form = inits.s4d_lin_init(8, channels=2)
    u = np.random.default_rng(0).standard_normal((3, 2, 20))
    reset = np.zeros((3, 1, 20), bool)
    reset[1, :, 7] = True
    y, _ = scan_episodes(form, u, reset)
    whole, _ = scan(form, u)
    np.testing.assert_allclose(y[[0, 2]], whole[[0, 2]], atol=64 * EPS * np.abs(whole).max())
    alone, _ = scan(form, u[1, :, 7:])
    np.testing.assert_allclose(y[1, :, 7:], alone, atol=64 * EPS * np.abs(alone).max())


@pytest.mark.parametrize(
    ("form", "rule", "reset", "error", "words"),
    [
        (inits.s4_init(4), "zoh", np.zeros(5, bool), TypeError, "modes"),
        (inits.s4d_lin_init(4), "foh", np.zeros(5, bool), TypeError, "reads one sample"),
        (inits.s4d_lin_init(4), "zoh", np.zeros(5), TypeError, "truth"),
        (inits.s4d_lin_init(4), "zoh", torch.zeros(5) > 0, TypeError, "of numpy, as `u` is"),
        (inits.s4d_lin_init(4), "zoh", np.zeros(4, bool), ValueError, "L = 5"),
        (inits.s4d_lin_init(4), "zoh", None, TypeError, "truth"),
    ],
)
def test_bad_input_is_refused(form: Any, rule: str, reset: Any, error: Any, words: str) -> None:
    with pytest.raises(error, match=words):
        scan_episodes(form, np.ones(5), reset, rule=rule)


def test_every_library_forgets_alike(carry: Callable[[Any], Any]) -> None:
    form = inits.s5_init(8, channels=2)
    u = np.random.default_rng(1).standard_normal((2, 2, 30))
    reset = np.zeros((2, 30), bool)
    reset[0, 11] = True
    expected, _ = scan_episodes(form, u, reset)
    moved = carry(u)
    got, _ = scan_episodes(carry(form), moved, backend.beside(0.0, moved) < carry(1.0 * reset))
    scale = np.abs(expected).max()
    assert np.abs(backend.to_numpy(got) - expected).max() <= 64 * EPS * 30 * scale
