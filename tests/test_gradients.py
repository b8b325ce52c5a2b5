"""Gradients of kernels against derivatives in multiple precision, and what PyTorch and JAX may do
with them.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
from strategies import EPS

from ssmlinalg import discretize, forms, inits, kernel
from ssmlinalg.ground.backend import to_numpy
from ssmlinalg.products import moments
from ssmlinalg.verification.multiple_precision import sampled_mode

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
torch.set_num_threads(1)

RULES = sorted(set(discretize.RULES) - {"mamba"})
FIELDS = ("A", "B", "C", "D", "step")


def model(seed: int = 0, n: int = 3) -> forms.Diagonal:
    """Modes slow and fast, one of them an integrator and one undamped."""
    rng = np.random.default_rng(seed)
    A = np.array([0.0, 2.5j, *(-rng.uniform(0.1, 2, n) + 1j * rng.uniform(-9, 9, n))])
    B, C = rng.standard_normal((2, n + 2)) + 1j * rng.standard_normal((2, n + 2))
    return forms.Diagonal(A, B, C, np.asarray(0.3), np.asarray(0.11))


def torch_gradients(form: Any, g: np.ndarray, rule: str = "zoh") -> list[np.ndarray]:
    """Of sum_l g_l K_l. PyTorch gives d/dx + i d/dy, the conjugate of the complex derivative."""
    leaves = [torch.asarray(np.asarray(array)).requires_grad_(True) for array in form]
    (kernel(type(form)(*leaves), g.shape[-1], rule=rule) * torch.asarray(g)).sum().backward()
    return [to_numpy(leaf.grad).conj() for leaf in leaves]


def jax_gradients(form: Any, g: np.ndarray, rule: str = "zoh") -> list[np.ndarray]:
    """The same in JAX, which gives d/dx - i d/dy, the derivative itself."""
    weight = jax.numpy.asarray(g)
    gradient = jax.jit(jax.grad(lambda form: (kernel(form, g.shape[-1], rule=rule) * weight).sum()))
    return [
        to_numpy(part)
        for part in gradient(type(form)(*(jax.numpy.asarray(array) for array in form)))
    ]


def exact_gradients(form: forms.Diagonal, g: np.ndarray, rule: str) -> list[Any]:
    """d/dp of sum_l g_l C B step (now A_d^l + before A_d^{l-1}), by differences in 60 digits; of
    the step, the real part.
    """
    ctx = mpmath.MPContext()
    ctx.dps = 60
    weights = [ctx.mpf(float(value)) for value in g]

    def mode(a: Any, b: Any, c: Any, h: Any) -> Any:
        f, now, before = sampled_mode(ctx, h * a, rule)
        later = f * now + before
        return (
            c
            * b
            * h
            * (
                weights[0] * now + later * ctx.polyval(weights[:0:-1], f)
                if len(weights) > 1
                else weights[0] * now
            )
        )

    def derivative(which: int, point: list[Any]) -> Any:
        small = ctx.mpf(10) ** -20
        moved = [[x + sign * small * (k == which) for k, x in enumerate(point)] for sign in (1, -1)]
        return (mode(*moved[0]) - mode(*moved[1])) / (2 * small)

    h = ctx.mpf(float(form.step))
    points = [
        [ctx.mpc(complex(x)) for x in abc] + [h] for abc in zip(form.A, form.B, form.C, strict=True)
    ]
    found = [
        np.array([complex(derivative(which, point)) for point in points]) for which in range(3)
    ]
    return [*found, g[0], float(sum(derivative(3, point) for point in points).real)]


def assert_near(got: list[np.ndarray], expected: list[Any], tolerance: float) -> None:
    for name, one, other in zip(FIELDS, got, expected, strict=True):
        assert np.max(np.abs(one - other)) <= tolerance * np.max(np.abs(other)), name


@pytest.mark.parametrize("gradients", [torch_gradients, jax_gradients])
@pytest.mark.parametrize("rule", RULES)
def test_every_derivative_is_that_of_the_definition(rule: str, gradients: Any) -> None:
    """Relative to the largest of each parameter; cancellation among 50 lags costs less than two
    digits.
    """
    for length in (1, 2, 50) if gradients is torch_gradients else (50,):
        g, form = np.random.default_rng(length).standard_normal(length), model()
        assert_near(gradients(form, g, rule), exact_gradients(form, g, rule), 64 * EPS * length)


def powers(z: Any, rule: str, length: int) -> np.ndarray:
    """A_d^l in extended precision, (L,): turns are counted in units of 2^-64, in which integers
    wrap round as phases do.
    """
    ctx = mpmath.MPContext()
    ctx.dps = 60
    log = z if rule == "zoh" else ctx.log((1 + z / 2) / (1 - z / 2))
    turn = np.uint64(int(ctx.nint(log.imag / (2 * ctx.pi) * 2**64)) % 2**64)
    l = np.arange(length, dtype=np.uint64)  # noqa: E741
    angle = (l * turn).astype(np.int64) * np.longdouble(2 * math.pi / 2**64)
    growth = np.exp(l.astype(np.longdouble) * np.longdouble(str(log.real)))
    return growth * (np.cos(angle) + 1j * np.sin(angle))


def long_gradients(form: forms.Diagonal, g: np.ndarray, rule: str) -> list[np.ndarray]:
    """d sum_l g_l C B step G(z) A_d(z)^l in closed form, G the gain of the input and z = step A."""
    ctx = mpmath.MPContext()
    ctx.dps = 60
    h, found = float(form.step), []
    for a, b, c in zip(
        form.A.astype(complex), form.B.astype(complex), form.C.astype(complex), strict=True
    ):
        z = ctx.mpf(h) * ctx.mpc(a)
        f, G, _ = sampled_mode(ctx, z, rule)
        # (e^z - 1)/z has the derivative (e^z - G)/z; 1/(1 - z/2) has G^2/2, and A_d = 2 G - 1 has
        # G^2.
        slope, turning = (
            (complex((f - G) / z), complex(f))
            if rule == "zoh"
            else (complex(G**2 / 2), complex(G**2))
        )
        table, gain = powers(z, rule, len(g)), complex(G)
        whole = complex(np.sum(g * table))
        late = complex(np.sum(g[1:] * np.arange(1, len(g)) * table[:-1]))
        by_z = slope * whole + gain * turning * late
        found.append(
            (
                c * b * h * h * by_z,
                c * h * gain * whole,
                b * h * gain * whole,
                c * b * (gain * whole + complex(z) * by_z),
            )
        )
    A, B, C, step = np.array(found).T
    return [A, B, C, g[0], np.sum(step.real)]


@pytest.mark.parametrize("where", ["torch", "jax without 64 bits"])
@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_single_precision_keeps_five_digits_of_a_gradient_over_2_to_the_18_samples(
    rule: str, where: str
) -> None:
    """Undamped, slow, stiff and near Nyquist; driven by noise, and on resonance, where all lags add
    up.
    """
    length, step = 1 << 18, 0.013
    theta = np.array([0.4, 1.3, 2.2, 3.1, 3.14159])
    x = np.array([0.0, -1e-6, -1e-4, -1e-5, 0.0]) + 1j * theta
    A = (x if rule == "zoh" else 2 * np.tanh(x / 2)) / step
    rng = np.random.default_rng(3)
    B, C = rng.standard_normal((2, 5)) + 1j * rng.standard_normal((2, 5))
    form = forms.move(
        forms.Diagonal(A, B, C, np.asarray(0.0), np.asarray(step)), "numpy", dtype="float32"
    )
    noise = rng.standard_normal(length)
    for g in (noise, np.cos(theta[0] * np.arange(length)) + 0.1 * noise):
        g = g.astype(np.float32)
        expected = long_gradients(form, g.astype(np.float64), rule)
        if where == "torch":
            got = torch_gradients(form, g, rule)
        else:
            with jax.enable_x64(False):
                got = jax_gradients(form, g, rule)
        assert_near(got, expected, 1e-5)


def test_long_derivatives_are_those_of_the_definition() -> None:
    """The reference of the test above, checked against the other one."""
    form, g = model()._replace(A=model().A - 0.01), np.random.default_rng(0).standard_normal(40)
    for rule in ("zoh", "bilinear"):
        assert_near(long_gradients(form, g, rule), exact_gradients(form, g, rule), 64 * EPS * 40)


DISCRETE = [forms.Recurrence, forms.PairedRecurrence]


@pytest.mark.parametrize("kind", DISCRETE)
def test_a_mode_that_forgets_at_once_has_a_gradient(kind: Any) -> None:
    """d/da sum_l g_l w a^l at a = 0 is g_1 w, and nothing is divided by a."""
    rng = np.random.default_rng(0)
    g, (b, c) = rng.standard_normal(9), rng.standard_normal(2)
    form = kind(np.zeros(1) + 0j, np.array([b + 0j]), np.array([c + 0j]), np.asarray(0.0))
    factor = 2 if kind is forms.PairedRecurrence else 1
    expected = [factor * g[1] * c * b, factor * g[0] * c, factor * g[0] * b, g[0]]
    for gradients in (torch_gradients, jax_gradients):
        for got, value in zip(gradients(form, g), expected, strict=True):
            assert np.abs(got - value).max() <= 8 * EPS * abs(value)


@pytest.mark.parametrize("name", ["lru", "s5", "dlr", "s4d-lin"])
def test_every_kind_of_modes_has_the_gradient_of_differences(name: str) -> None:
    form = inits.INITS[name](3, channels=2) if name != "lru" else inits.INITS[name](3)
    leaves = [torch.asarray(np.asarray(array)).requires_grad_(True) for array in form]
    assert torch.autograd.gradcheck(lambda *arrays: kernel(type(form)(*arrays), 9), leaves)  # pyright: ignore[reportArgumentType]


# What may be done with them.


def batch() -> list[Any]:
    form = inits.s4d_lin_init(8, channels=3)
    shapes = [(3, 4)] * 3 + [(3,)] * 2
    return [
        torch.asarray(np.broadcast_to(array, shape).copy())
        for array, shape in zip(form, shapes, strict=True)
    ]


def value(*arrays: Any) -> Any:
    k = kernel(forms.Paired(*arrays), 100)
    return (k * k).sum()


def test_vmap_over_channels_is_a_batch() -> None:
    arrays = batch()
    one_by_one = torch.stack(
        [kernel(forms.Paired(*(array[k] for array in arrays)), 100) for k in range(3)]
    )
    mapped = torch.func.vmap(lambda *arrays: kernel(forms.Paired(*arrays), 100))(*arrays)
    assert (mapped - one_by_one).abs().max() <= 64 * EPS * one_by_one.abs().max()
    each = torch.func.vmap(torch.func.grad(value, argnums=(0, 1, 2, 3, 4)))(*arrays)
    whole = torch.func.grad(value, argnums=(0, 1, 2, 3, 4))(*arrays)
    for one, other in zip(each, whole, strict=True):
        assert (one - other).abs().max() <= 64 * 100 * EPS * other.abs().max()


def test_jax_maps_and_differentiates_in_any_order() -> None:
    arrays = [jax.numpy.asarray(array.numpy()) for array in batch()]
    gradient = jax.grad(value, argnums=(0, 1, 2, 3, 4))
    each, whole = jax.jit(jax.vmap(gradient))(*arrays), jax.jit(gradient)(*arrays)
    for one, other in zip(each, whole, strict=True):
        assert abs(one - other).max() <= 64 * 100 * EPS * abs(other).max()


@pytest.mark.filterwarnings(
    "ignore:.*should not be instantiated:DeprecationWarning"
)  # which its own tracer does
def test_the_compiler_of_pytorch_takes_the_kernel_whole() -> None:
    arrays = [array.requires_grad_(True) for array in batch()]
    eager = torch.autograd.grad(value(*arrays), arrays)
    compiled = torch.autograd.grad(
        torch.compile(value, fullgraph=True, backend="aot_eager")(*arrays), arrays
    )
    for one, other in zip(compiled, eager, strict=True):
        assert (one - other).abs().max() <= 64 * 100 * EPS * other.abs().max()


def test_a_second_derivative_is_refused_in_a_sentence() -> None:
    arrays = [array.requires_grad_(True) for array in batch()]
    first = torch.autograd.grad(value(*arrays), arrays, create_graph=True)
    with pytest.raises(NotImplementedError, match=r"[^\n]+; got [^\n]+\. [A-Z][^\n]*\.$"):
        torch.autograd.grad(sum(part.abs().sum() for part in first), arrays)
    *fields, step = (jax.numpy.asarray(array.detach().numpy()) for array in arrays)
    with pytest.raises(NotImplementedError, match=r"[^\n]+; got [^\n]+\. [A-Z][^\n]*\."):
        jax.grad(lambda step: jax.grad(value, argnums=4)(*fields, step).sum())(step)


def test_little_is_kept_for_the_backward_pass() -> None:
    """O(H L + H N sqrt(L)), far below a table of modes times samples: H N L."""
    H, n, length = 4, 32, 1 << 14
    form = forms.move(inits.s4d_lin_init(2 * n, channels=H), "torch")
    leaves = [array.clone().requires_grad_(True) for array in form]
    kept = 0

    def count(array: Any) -> Any:
        nonlocal kept
        kept += array.nbytes
        return array

    with torch.autograd.graph.saved_tensors_hooks(count, lambda array: array):
        kernel(forms.Paired(*leaves), length)
    assert kept <= 16 * H * (length + 4 * n * math.isqrt(length)) < 16 * H * n * length / 8


@pytest.mark.parametrize("name", ["s4d-lin", "s5"])
def test_group_after_group_gives_the_same_gradient(name: str) -> None:
    """The modes of `s5` are shared by all its inputs and outputs, whose parts add up."""
    form: Any = inits.INITS[name](8, channels=3)
    leaves = [torch.asarray(np.asarray(array)).requires_grad_(True) for array in form]
    whole, split = (kernel(type(form)(*leaves), 300, max_bytes=size) for size in (1 << 30, 1))
    assert (whole - split).abs().max() <= 64 * EPS * whole.abs().max()
    g = torch.cos(torch.arange(300.0, dtype=torch.float64))
    for one, other in zip(
        *(torch.autograd.grad((k * g).sum(), leaves) for k in (whole, split)), strict=True
    ):
        assert (one - other).abs().max() <= 64 * 300 * EPS * other.abs().max()


def test_moments_have_the_derivatives_of_their_sum() -> None:
    """sum_l g_l z^l, at a node of zero as well, in g and in z; JAX's convention is the conjugate of
    PyTorch's.
    """
    z = np.array([0.9 + 0.3j, 0j, -0.5 + 0j])
    g, c = np.random.default_rng(0).standard_normal((2, 9)), np.array([1 - 2j, 0.5j, 2.0])
    lag, seen = np.arange(9), np.ones((2, 1))
    by_g = seen * np.real(c[:, None] * z[:, None] ** lag).sum(0)
    by_z = c * ((g.sum(0) * lag)[1:] * z[:, None] ** lag[:-1]).sum(-1)

    def loss(g: Any, z: Any, xp: Any, c: Any) -> Any:
        return xp.real(xp.sum(c * moments(g, z)))

    leaves = [torch.asarray(x).requires_grad_(True) for x in (g, z)]
    theirs = [
        x.numpy()
        for x in torch.autograd.grad(loss(leaves[0], leaves[1], torch, torch.asarray(c)), leaves)
    ]
    tolerance = 32 * EPS * np.abs(g).sum() * 9 * np.abs(c).max()
    assert np.abs(theirs[0] - by_g).max() <= tolerance
    assert np.abs(theirs[1].conj() - by_z).max() <= tolerance
    arrays = [jax.numpy.asarray(x) for x in (g, z)]
    ours = jax.grad(loss, argnums=(0, 1))(arrays[0], arrays[1], jax.numpy, jax.numpy.asarray(c))
    assert np.abs(ours[0] - by_g).max() <= tolerance
    assert np.abs(ours[1] - by_z).max() <= tolerance
