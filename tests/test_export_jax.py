"""The JAX layers of lindermanlab/S5 and srush/annotated-s4: our arrays in layers from formulas.

The modules are written out here from the definitions, in flax and in equinox, for neither project
is a package. They run in float64 on the numbers of the file, so that a wrong factor or axis cannot
hide in the rounding of float32.
"""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import EPS
from targets import SINGLE, back, init, refused, same, shapes_and_types, to

from ssmlinalg import convolve, discretize, export, forms, kernel

LENGTH = 16
TARGETS = ("s5", "s5-full", "annotated-s4", "annotated-s4d")
MADE = {"s5": "s5", "s5-full": "s5-ptd", "annotated-s4": "s4", "annotated-s4d": "s4d-legs"}

orders = st.integers(1, 6)
widths = st.integers(1, 3)
seeds = st.integers(0, 2**16)


def normal(rng, *shape):
    return rng.standard_normal(shape)


def trained_s5(order, width, seed):
    """Arrays of any values, as training leaves them."""
    rng = np.random.default_rng(seed)
    return {
        "Lambda_re": -np.exp(normal(rng, order)),
        "Lambda_im": normal(rng, order),
        "B": normal(rng, order, width, 2),
        "C": normal(rng, width, order, 2),
        "D": normal(rng, width),
        "log_step": rng.uniform(-3, -1, (order, 1)),
    }


def trained_s4(order, width, seed):
    rng = np.random.default_rng(seed)
    return {
        "Lambda_re": -np.exp(normal(rng, order, width)),
        "Lambda_im": normal(rng, order, width),
        "P": normal(rng, order, width) + 1j * normal(rng, order, width),
        "B": normal(rng, order, width) + 1j * normal(rng, order, width),
        "C": normal(rng, order, width, 2),
        "D": normal(rng, 1, width),
        "log_step": rng.uniform(-3, -1, (1, width)),
    }


def trained_s4d(order, width, seed):
    arrays = trained_s4(order, width, seed)
    A = {"A_re": arrays["Lambda_re"], "A_im": arrays["Lambda_im"]}
    B = {"B_re": arrays["B"].real, "B_im": arrays["B"].imag}
    return A | B | {name: arrays[name] for name in ("C", "D", "log_step")}


@pytest.mark.parametrize(("target", "factor"), [("s5", 2), ("s5-full", 1)])
@given(orders, widths, seeds)
def test_s5_reads_its_state_twice_only_under_conj_sym(target, factor, order, width, seed):
    arrays = trained_s5(order, width, seed)
    A = arrays["Lambda_re"] + 1j * arrays["Lambda_im"]
    B, C = (arrays[name] @ [1, 1j] for name in ("B", "C"))
    turned = np.exp(arrays["log_step"][:, 0]) * A
    driven = (np.expm1(turned) / A)[:, None] * B
    K = np.stack(
        [factor * (C @ (np.exp(lag * turned)[:, None] * driven)).real for lag in range(LENGTH)], -1
    )
    K[..., 0] += np.diag(arrays["D"])
    scale = factor * np.max(np.abs(C) @ np.abs(driven)) + np.abs(arrays["D"]).max()
    found = kernel(back(target, arrays), LENGTH)
    assert np.allclose(found, K, rtol=0, atol=8 * EPS * LENGTH * scale)


@given(orders, widths, seeds, st.sampled_from([1, 2, 7, 16]))
def test_the_transform_of_the_s4_kernel_is_a_resolvent_of_c_tilde(order, width, seed, length):
    arrays = trained_s4(order, width, seed)
    found = kernel(back("annotated-s4", arrays, length), length, rule="bilinear")
    nodes = np.exp(-2j * np.pi * np.arange(length) / length)
    for h in range(width):
        Lambda, P, B = ((arrays[name][:, h]) for name in ("Lambda_re", "P", "B"))
        A = np.diag(np.minimum(Lambda, -1e-4) + 1j * arrays["Lambda_im"][:, h]) - np.outer(
            P, P.conj()
        )
        step = np.exp(arrays["log_step"][0, h])
        one = np.eye(order)
        backward = np.linalg.inv(one - step / 2 * A)
        A_d = backward @ (one + step / 2 * A)
        B_d = step * backward @ B
        tilde = (arrays["C"][:, h] @ [1, 1j]).conj()
        resolvents = np.linalg.inv(one - nodes[:, None, None] * A_d)
        K = np.fft.ifft(resolvents @ B_d @ tilde).real
        K[0] += arrays["D"][0, h]
        condition = (
            np.linalg.cond(one - np.linalg.matrix_power(A_d, length))
            * np.linalg.norm(resolvents, 2, (1, 2)).max()
        )
        scale = (
            np.linalg.norm(tilde)
            * np.linalg.norm(B_d)
            * np.linalg.norm(resolvents, 2, (1, 2)).max()
        )
        assert np.allclose(found[h], K, rtol=0, atol=8 * EPS * (condition * scale + abs(K[0])))


@given(orders, widths, seeds)
def test_the_annotated_s4d_layer_does_not_use_its_b(order, width, seed):
    arrays = trained_s4d(order, width, seed)
    A = (arrays["A_re"] + 1j * arrays["A_im"]).T
    C = (arrays["C"] @ [1, 1j]).T
    turned = np.exp(arrays["log_step"].T) * A
    weights = C * np.expm1(turned) / A
    K = np.sum(weights[..., None] * np.exp(turned[..., None] * np.arange(LENGTH)), axis=1).real
    K[:, 0] += arrays["D"][0]
    scale = np.max(np.sum(np.abs(weights), -1) + np.abs(arrays["D"][0]))
    found = kernel(back("annotated-s4d", arrays), LENGTH)
    assert np.allclose(found, K, rtol=0, atol=8 * EPS * LENGTH * scale)


@given(st.integers(1, 9), widths, seeds)
def test_the_parameters_have_the_names_and_shapes_of_the_layers(order, width, seed):
    half = (order + 1) // 2
    shapes = {
        target: shapes_and_types(
            to(target, init(MADE[target], order, channels=width, seed=seed), LENGTH)
        )
        for target in TARGETS
    }

    def s5(P):
        vectors = dict.fromkeys(("Lambda_re", "Lambda_im"), (P,))
        named = vectors | {
            "B": (P, width, 2),
            "C": (width, P, 2),
            "D": (width,),
            "log_step": (P, 1),
        }
        return {name: (shape, "float32") for name, shape in named.items()}

    assert shapes["s5"] == s5(half)
    assert shapes["s5-full"] == s5(order)
    shared = {
        "C": ((order, width, 2), "float32"),
        "D": ((1, width), "float32"),
        "log_step": ((1, width), "float32"),
    }
    real = ((order, width), "float32")
    complex_ = ((order, width), "complex64")
    assert shapes["annotated-s4"] == shared | {
        "Lambda_re": real,
        "Lambda_im": real,
        "P": complex_,
        "B": complex_,
    }
    assert shapes["annotated-s4d"] == shared | dict.fromkeys(("A_re", "A_im", "B_re", "B_im"), real)


@pytest.mark.parametrize("target", ["annotated-s4", "annotated-s4d"])
def test_each_channel_is_a_column_that_no_other_one_moves(target):
    form = init(MADE[target], 5, channels=3)
    arrays = to(target, form, LENGTH)
    for h in range(3):
        alone = to(target, type(form)(*(field[h] for field in form)), LENGTH)
        assert all(np.array_equal(arrays[name][:, h : h + 1], alone[name]) for name in arrays)


@given(st.integers(1, 17), seeds, st.sampled_from([1, 2, 64, 1000]))
def test_c_tilde_of_a_real_mode_is_real(order, seed, length):
    form = init("s4", order, seed=seed)
    arrays = to("annotated-s4", form, length)
    real = np.imag(form.Lambda) == 0
    assert np.count_nonzero(real) == order % 2
    assert not np.any(arrays["C"][real, :, 1])


@pytest.mark.parametrize(
    ("target", "name"), [("annotated-s4", "Lambda_re"), ("annotated-s4d", "A_re")]
)
def test_real_parts_right_of_the_clip_are_read_as_the_clip(target, name):
    arrays = to(target, init(MADE[target], 5), LENGTH)
    at, right = (np.full_like(arrays[name], value) for value in (-1e-4, 0.3))
    found, clipped = (back(target, arrays | {name: real}, LENGTH) for real in (right, at))
    assert same(found, clipped)
    assert np.array_equal(to(target, clipped, LENGTH)[name], at)


S4 = init("s4", 4, channels=2)
S4D = init("s4d-lin", 4, channels=2)
S5 = init("s5", 4, channels=2)
STILL = S4._replace(step=np.full(2, 1e-30))


@pytest.mark.parametrize(
    ("target", "form", "length", "error", "sentence"),
    [
        ("s5", S4, None, TypeError, "MIMO and Paired; got DPLR.*forms.pair"),
        (
            "s5-full",
            forms.unpair(S4D),
            None,
            TypeError,
            "MIMO and Paired; got Diagonal.*forms.pair",
        ),
        (
            "s5",
            S5._replace(D=np.ones((2, 2))),
            None,
            ValueError,
            "`D` must be diagonal; got an entry of size 1",
        ),
        ("s5", S5._replace(C=S5.C[:1], D=S5.D[:1]), None, ValueError, "as many outputs as inputs"),
        ("s5-full", S5._replace(A=np.tile(S5.A, (3, 1))), None, ValueError, "no leading axes"),
        ("s5", S5._replace(A=S5.A - S5.A[0]), None, ValueError, "A must not be 0"),
        ("s5", S5._replace(B=1e300 * S5.B), None, ValueError, "`B` must fit float32"),
        (
            "annotated-s4",
            forms.unpair(S4D),
            8,
            TypeError,
            "takes the form DPLR; got Diagonal.*annotated-s4d",
        ),
        (
            "annotated-s4",
            init("s4", 4, measure="legt"),
            8,
            ValueError,
            "`P` must have one column.*got 2",
        ),
        (
            "annotated-s4",
            S4._replace(Lambda=S4.Lambda + 0.5),
            8,
            ValueError,
            "at most -1e-4.*got 0 for mode 0 of channel 0",
        ),
        (
            "annotated-s4",
            S4._replace(Lambda=1e300 * S4.Lambda),
            8,
            ValueError,
            "`Lambda_re` must fit float32",
        ),
        ("annotated-s4", S4._replace(D=np.zeros((3, 2))), 8, ValueError, "one leading axis"),
        ("annotated-s4", STILL, 8, ValueError, "I - A.L must be invertible.*at length 8"),
        ("annotated-s4", S4, 0, ValueError, "`length` must be an integer of at least 1; got 0"),
        ("annotated-s4d", S4, None, TypeError, "Diagonal and Paired; got DPLR.*annotated-s4"),
        (
            "annotated-s4d",
            S4D._replace(A=S4D.A + 1),
            None,
            ValueError,
            "at most -1e-4.*got 0.5 for mode 0 of channel 0",
        ),
        ("annotated-s4d", S4D._replace(D=np.zeros((3, 2))), None, ValueError, "one leading axis"),
    ],
)
def test_what_a_layer_cannot_hold_is_refused(target, form, length, error, sentence):
    with refused(error, sentence):
        to(target, form, length)


def test_c_tilde_that_forgets_nothing_is_refused_on_the_way_back():
    arrays = to("annotated-s4", S4, 8)
    with pytest.raises(ValueError, match=r"I - A\^L must be invertible"):
        back("annotated-s4", arrays | {"log_step": np.full((1, 2), -80.0)}, 8)


def test_layers_of_a_flattened_model_are_found_by_target():
    tree = {
        f"encoder.layers_{i}.seq.{name}": array
        for i in (0, 1)
        for name, array in to("s5", S5).items()
    }
    shapes = {name: array.shape for name, array in tree.items()}
    found = export.layers(shapes, "s5")
    assert [layer.prefix for layer in found] == ["encoder.layers_0.seq.", "encoder.layers_1.seq."]
    with pytest.raises(ValueError, match="got s5 and s5-full"):
        export.layers(shapes)


MODULES = """
import sys
import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
from safetensors.numpy import load_file

folder, length = sys.argv[1], int(sys.argv[2])


def scan(A, B, C, u):
    def step(x, u):
        x = A @ x + B @ u
        return x, C @ x

    return jax.lax.scan(step, jnp.zeros(len(A), A.dtype), u)[1]


def s5(p, u, factor):
    A, step = p["Lambda_re"] + 1j * p["Lambda_im"], jnp.exp(p["log_step"][:, 0])
    B, C = p["B"] @ jnp.array([1, 1j]), p["C"] @ jnp.array([1, 1j])
    held = ((jnp.exp(step * A) - 1) / A)[:, None] * B
    return factor * scan(jnp.diag(jnp.exp(step * A)), held, C, u).real + p["D"] * u


def s4(p, u):
    P, one = p["P"], jnp.eye(len(p["P"]))
    A = jnp.diag(jnp.clip(p["Lambda_re"], None, -1e-4) + 1j * p["Lambda_im"]) - jnp.outer(
        P, P.conj()
    )
    half = jnp.exp(p["log_step"][0]) / 2
    backward = jnp.linalg.inv(one - half * A)
    A_d, B_d = backward @ (one + half * A), 2 * half * backward @ p["B"]
    C = (p["C"] @ jnp.array([1, 1j])).conj() @ jnp.linalg.inv(
        one - jnp.linalg.matrix_power(A_d, length)
    )
    return scan(A_d, B_d[:, None], C[None], u[:, None])[:, 0].real + p["D"][0] * u


def s4d(p, u):
    A, step = jnp.clip(p["A_re"], None, -1e-4) + 1j * p["A_im"], jnp.exp(p["log_step"][0])
    held = (jnp.exp(step * A) - 1) / A
    C = p["C"] @ jnp.array([1, 1j])
    return (
        scan(jnp.diag(jnp.exp(step * A)), held[:, None], C[None], u[:, None])[:, 0].real
        + p["D"][0] * u
    )


LAYERS = {
    "s5": lambda p, u: s5(p, u, 2),
    "s5-full": lambda p, u: s5(p, u, 1),
    "annotated-s4": s4,
    "annotated-s4d": s4d,
}


def wide(arrays):
    return {name: array.astype(np.result_type(array, np.float64)) for name, array in arrays.items()}
"""

RUN_FLAX = (
    MODULES
    + """
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict
from safetensors.numpy import save_file


def layer(target, shapes):
    class Layer(nn.Module):
        @nn.compact
        def __call__(self, u):
            zeros = nn.initializers.zeros
            return LAYERS[target](
                {
                    name: self.param(name, zeros, shape, dtype)
                    for name, (shape, dtype) in shapes.items()
                },
                u,
            )

    if target.startswith("s5"):
        return Layer
    return nn.vmap(
        Layer, in_axes=1, out_axes=1, variable_axes={"params": 1}, split_rngs={"params": True}
    )


for target in LAYERS:
    arrays = wide(load_file(f"{folder}/{target}.safetensors"))
    shapes = {name: (array.shape, array.dtype) for name, array in arrays.items()}
    if not target.startswith("s5"):
        shapes = {name: (shape[:1] + shape[2:], dtype) for name, (shape, dtype) in shapes.items()}

    class Block(nn.Module):
        def setup(self):
            self.seq = layer(target, shapes)()

        def __call__(self, u):
            return self.seq(u)

    class Model(nn.Module):
        def setup(self):
            self.layers = [Block()]

        def __call__(self, u):
            return self.layers[0](u)

    u = jnp.asarray(np.load(f"{folder}/u.npy"))
    flat = {f"layers_0.seq.{name}": array for name, array in arrays.items()}
    drawn = flatten_dict(Model().init(jax.random.PRNGKey(0), u)["params"], sep=".")
    assert {name: array.shape for name, array in drawn.items()} == {
        name: array.shape for name, array in flat.items()
    }
    params = unflatten_dict(flat, sep=".")
    np.save(f"{folder}/{target}-output.npy", Model().apply({"params": params}, u))
"""
)

RUN_EQUINOX = (
    MODULES
    + """
import equinox as eqx


class Layer(eqx.Module):
    parameters: dict
    target: str = eqx.field(static=True)

    def __call__(self, u):
        p = self.parameters
        layer = LAYERS[self.target]
        return (
            layer(p, u)
            if self.target.startswith("s5")
            else jax.vmap(layer, in_axes=1, out_axes=1)(p, u)
        )


for target in LAYERS:
    arrays = wide(load_file(f"{folder}/{target}.safetensors"))
    layer = Layer(
        {name: jnp.zeros(array.shape, array.dtype) for name, array in arrays.items()}, target
    )
    names = list(arrays)
    layer = eqx.tree_at(
        lambda layer: [layer.parameters[name] for name in names],
        layer,
        [arrays[name] for name in names],
    )
    np.save(
        f"{folder}/{target}-output.npy",
        eqx.filter_jit(layer)(jnp.asarray(np.load(f"{folder}/u.npy"))),
    )
"""
)


@pytest.mark.parametrize(("package", "program"), [("flax", RUN_FLAX), ("equinox", RUN_EQUINOX)])
def test_layers_written_from_the_formulas_compute_what_our_kernels_compute(
    package, program, tmp_path
):
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    order = 7  # an odd order has a real mode
    width = 2
    length = 32
    u = np.random.default_rng(0).standard_normal((length, width))
    np.save(tmp_path / "u.npy", u)
    given = {target: init(MADE[target], order, channels=width) for target in TARGETS}
    for target, form in given.items():
        sized = length if export.TARGETS[target].sized else None
        export.save(tmp_path / f"{target}.safetensors", form, target, length=sized)
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), str(length)], check=True, timeout=300
    )
    for target, form in given.items():
        y = np.load(tmp_path / f"{target}-output.npy")
        held = export.load(tmp_path / f"{target}.safetensors")[0]
        for system, eps in ((held, EPS), (form, SINGLE)):
            K = kernel(system, length, rule=export.TARGETS[target].rule or "zoh")
            expected = convolve(u.T[None], K).sum(axis=1).T if K.ndim == 3 else convolve(u.T, K).T
            bound = eps * length * np.abs(u).max() * weight(system, target, length)
            assert np.max(np.abs(y - expected)) <= bound, (
                target,
                np.max(np.abs(y - expected)) / bound,
            )


def weight(form, target, length):
    """The largest sum of what modes add to an output, and for C~ the condition of the way there and
    back.
    """
    if target != "annotated-s4":
        C, B, A = (
            (form.C, form.B, form.A[:, None])
            if isinstance(form, forms.MIMO)
            else (form.C[:, None], form.B[..., None], form.A[..., None])
        )
        return np.max(2 * np.abs(C) @ np.abs(B / A)) + np.max(np.abs(form.D))
    sampled = discretize.bilinear(form)
    A_d = np.asarray(sampled.A)
    conditions = np.linalg.cond(np.eye(A_d.shape[-1]) - np.linalg.matrix_power(A_d, length))
    sizes = np.linalg.norm(form.C, axis=-1) * np.linalg.norm(sampled.B, axis=-1)
    return length * np.max(conditions * sizes) + np.max(np.abs(form.D))
