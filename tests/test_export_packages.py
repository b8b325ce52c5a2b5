"""Layers of packages that can be installed compute what their targets say.

Each package runs in a process of its own: it builds a fresh layer, and it loads the arrays that we
write. Both are driven by noise in single precision.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from targets import SINGLE, back, init, to

from ssmlinalg import convolve, discretize, kernel
from ssmlinalg.audit import audit
from ssmlinalg.export import TARGETS, layers
from ssmlinalg.forms import MIMO, kind

LENGTH = 64
WIDTH = 3
ORDER = 8
LINOSS = {"linoss": ("IM", False), "linoss-imex": ("IMEX", False), "d-linoss": ("IMEX", True)}


def run(script: str, *arguments: object) -> None:
    """A script in a process of its own, its text in the failure."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def driven(target: str, arrays: dict[str, np.ndarray], u: np.ndarray, rule: str | None) -> Any:
    """The outputs (L, H) of the layer of these arrays, by our kernels."""
    K = kernel(back(target, arrays), LENGTH, rule=rule or "zoh")
    if K.ndim == 3:
        return convolve(u.T[None], K).sum(axis=1).T
    return convolve(u.T, K).T


def size(target: str, arrays: dict[str, np.ndarray], rule: str | None) -> float:
    """The sum of what all modes add to an output, and what they lose to e^{step A} - 1."""
    form = back(target, arrays)
    B = form.B[:, None] if form.B.ndim == 1 else form.B
    C = np.abs(form.C)
    gain = np.abs(B)
    if kind(form).continuous:
        gain = gain / np.abs(form[0])[(..., None) if isinstance(form, MIMO) else (...,)]
    if kind(form).ports:
        return float(np.max(C @ gain) + np.max(np.abs(form.D)))
    return float(np.max(np.sum(C * gain, axis=-1)) + np.max(np.abs(form.D)))


def rounding(target: str, arrays: dict[str, np.ndarray], u: np.ndarray, rule: str | None) -> float:
    """How far the outputs move when each array is rounded, found by moving them: of 6 draws."""
    rng = np.random.default_rng(0)
    expected = driven(target, arrays, u, rule)

    def moved(array: np.ndarray) -> np.ndarray:
        if array.dtype.kind == "i":
            return array
        wide = array.astype(np.result_type(array, np.float64))
        return wide * (1 + SINGLE * rng.choice([-1, 1], array.shape))

    draws = ({name: moved(array) for name, array in arrays.items()} for _ in range(6))
    return max(float(np.max(np.abs(driven(target, draw, u, rule) - expected))) for draw in draws)


def compare(target: str, folder: Path, name: str, rule: str | None) -> None:
    """The output of a layer is ours, to what rounding explains."""
    arrays = dict(np.load(folder / f"{name}.npz"))
    found = arrays.pop("output")
    u = np.load(folder / "u.npy")
    expected = driven(target, arrays, u, rule)
    error = np.max(np.abs(found - expected))
    plain = SINGLE * LENGTH * size(target, arrays, rule) * np.max(np.abs(u))
    allowed = plain + 16 * rounding(target, arrays, u, rule)
    assert error <= allowed, (target, name, error, allowed)


def prepare(folder: Path, given: dict[str, dict[str, np.ndarray]]) -> None:
    """Noise, and the arrays that we write, in a folder."""
    np.save(folder / "u.npy", np.random.default_rng(0).standard_normal((LENGTH, WIDTH)))
    for name, arrays in given.items():
        held: dict[str, Any] = dict(arrays)
        np.savez(folder / f"{name}-ours.npz", **held)


DISCRETAX = """
import sys
import equinox as eqx
import jax

jax.config.update("jax_enable_x64", False)
import jax.numpy as jnp
import numpy as np
from discretax.sequence_mixers import (
    LinOSSSequenceMixer, LRUSequenceMixer, S4DSequenceMixer, S5SequenceMixer
)

folder, width, order = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
key = jax.random.PRNGKey(1)
u = jnp.asarray(np.load(f"{folder}/u.npy"), jnp.float32)


def linoss(scheme, damping):
    return LinOSSSequenceMixer(
        width, key, state_dim=order, discretization=scheme, damping=damping
    )


LAYERS = {
    "discretax-s4d": S4DSequenceMixer(width, key, state_dim=order),
    "s5": S5SequenceMixer(width, key, state_dim=order),
    "s5-full": S5SequenceMixer(width, key, state_dim=order, conj_sym=False),
    "minimal-lru": LRUSequenceMixer(width, key, state_dim=order),
    "linoss": linoss("IM", False),
    "linoss-imex": linoss("IMEX", False),
    "d-linoss": linoss("IMEX", True),
}


def names(layer):
    flat, _ = jax.tree_util.tree_flatten_with_path(eqx.filter(layer, eqx.is_array))
    return {jax.tree_util.keystr(path, simple=True, separator="."): leaf for path, leaf in flat}


def inside(layer):
    return layer.kernel if hasattr(layer, "kernel") else layer


def write(name, layer):
    arrays = {key.removeprefix("kernel."): np.asarray(leaf) for key, leaf in names(layer).items()}
    np.savez(f"{folder}/{name}.npz", output=np.asarray(layer(u, key)), **arrays)


for target, layer in LAYERS.items():
    write(target, layer)
    arrays = np.load(f"{folder}/{target}-ours.npz")
    held = list(arrays)
    for name in held:
        layer = eqx.tree_at(lambda x: getattr(inside(x), name), layer, jnp.asarray(arrays[name]))
    write(f"{target}-loaded", layer)
"""


def test_mixers_of_discretax_compute_what_their_targets_say(tmp_path: Path) -> None:
    if importlib.util.find_spec("discretax") is None:
        pytest.skip("discretax is not installed")
    given = {
        "discretax-s4d": to("discretax-s4d", init("s4d-inv", ORDER, channels=WIDTH)),
        "s5": to("s5", init("s5", ORDER, channels=WIDTH)),
        "s5-full": to("s5-full", init("s5", ORDER, channels=WIDTH)),
        "minimal-lru": to("minimal-lru", init("lru", ORDER, channels=WIDTH)),
        "linoss": to("linoss", init("linoss", ORDER, channels=WIDTH)),
        "linoss-imex": to("linoss-imex", init("linoss", ORDER, channels=WIDTH, scheme="imex")),
        "d-linoss": to("d-linoss", init("d-linoss", ORDER, channels=WIDTH)),
    }
    prepare(tmp_path, given)
    run(DISCRETAX, tmp_path, WIDTH, ORDER)
    for target in given:
        for name in (target, f"{target}-loaded"):
            compare(target, tmp_path, name, TARGETS[target].rule)
        fresh = dict(np.load(tmp_path / f"{target}.npz"))
        del fresh["output"]
        assert audit(fresh, target=target).findings == [], target


LRNNX = """
import sys
from unittest.mock import MagicMock

import numpy as np
import torch
import torch._dynamo

# Where its CUDA extension was not built, the package imports neither this nor Triton, even for
# layers that use none of it.
for name in ("selective_scan_cuda", "triton", "triton.language", "lrnnx.ops.triton.layer_norm"):
    sys.modules[name] = MagicMock()
from lrnnx.models.lti import LRU, S4, S4D, S5

folder, width, order = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.manual_seed(1)
u = torch.as_tensor(np.load(f"{folder}/u.npy"), dtype=torch.float32)[None]


def write(name, layer, y):
    state = {key: tensor.detach().numpy() for key, tensor in layer.state_dict().items()}
    np.savez(f"{folder}/{name}.npz", output=y[0].detach().numpy(), **state)


for name, layer in {
    "lrnnx-s5": S5(width, order, "zoh"),
    "bilinear": S5(width, order, "bilinear"),
    "minimal-lru": LRU(width, order),
}.items():
    write(name, layer, layer(u))
for name, layer in {
    "lrnnx-s5": S5(width, len(np.load(f"{folder}/lrnnx-s5-ours.npz")["log_dt"]), "zoh"),
    "minimal-lru": LRU(width, order),
}.items():
    ours = np.load(f"{folder}/{name}-ours.npz")
    layer.load_state_dict({key: torch.as_tensor(array) for key, array in ours.items()})
    write(f"{name}-loaded", layer, layer(u))
for name, layer in {
    "s4": S4(width, d_state=order, l_max=u.shape[1], verbose=False),
    "s4-diag": S4D(width, d_state=order, l_max=u.shape[1], verbose=False),
}.items():
    y, _ = layer.layer(u)
    path = torch.einsum("blh,ch->blh", u, layer.D)
    write(name, layer, y[:, 0].transpose(1, 2) + path)
"""


def test_layers_of_lrnnx_compute_what_their_targets_say(tmp_path: Path) -> None:
    if importlib.util.find_spec("lrnnx") is None:
        pytest.skip("lrnnx is not installed")
    given = {
        "lrnnx-s5": to("lrnnx-s5", init("s5", ORDER, channels=WIDTH)),
        "minimal-lru": to("minimal-lru", init("lru", ORDER, channels=WIDTH)),
    }
    prepare(tmp_path, given)
    run(LRNNX, tmp_path, WIDTH, ORDER)
    for target in given:
        for name in (target, f"{target}-loaded"):
            compare(target, tmp_path, name, TARGETS[target].rule)
    fresh = dict(np.load(tmp_path / "lrnnx-s5.npz"))
    del fresh["output"]
    assert audit(fresh, target="lrnnx-s5").findings == []
    for target in ("s4", "s4-diag"):
        state = dict(np.load(tmp_path / f"{target}.npz"))
        output = state.pop("output")
        (found,) = layers({name: array.shape for name, array in state.items()})
        assert (found.target, found.prefix) == (target, "layer.kernel.")
        arrays = {name: state[there] for name, there in found.names.items()}
        np.savez(tmp_path / f"{target}-found.npz", output=output, **arrays)
        compare(target, tmp_path, f"{target}-found", TARGETS[target].rule)


def test_the_bilinear_rule_of_lrnnx_is_that_of_minus_a(tmp_path: Path) -> None:
    """Its modes have |A| > 1, and its output is that of the form with the sign of A turned."""
    if importlib.util.find_spec("lrnnx") is None:
        pytest.skip("lrnnx is not installed")
    prepare(
        tmp_path,
        {
            "lrnnx-s5": to("lrnnx-s5", init("s5", ORDER, channels=WIDTH)),
            "minimal-lru": to("minimal-lru", init("lru", ORDER, channels=WIDTH)),
        },
    )
    run(LRNNX, tmp_path, WIDTH, ORDER)
    arrays = dict(np.load(tmp_path / "bilinear.npz"))
    found = arrays.pop("output")
    u = np.load(tmp_path / "u.npy")
    form = back("lrnnx-s5", arrays)
    turned = kernel(form._replace(A=-form.A), LENGTH, rule="bilinear")
    expected = convolve(u.T[None], turned).sum(axis=1).T
    right = convolve(u.T[None], kernel(form, LENGTH, rule="bilinear")).sum(axis=1).T
    scale = np.max(np.abs(expected))
    growth = np.max(np.abs(discretize.bilinear(form._replace(A=-form.A)).A))
    assert growth > 1
    assert np.max(np.abs(found - expected)) <= 16 * SINGLE * LENGTH * growth**LENGTH * scale
    assert np.max(np.abs(found - right)) > 0.1 * scale
