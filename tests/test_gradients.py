"""Gradients of kernels, and what PyTorch and JAX may do with them.

They are compared with derivatives in multiple precision.
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
from ssmlinalg.ground.formats import SINGLE
from ssmlinalg.products import moments
from ssmlinalg.verification.multiple_precision import sampled_mode

torch = pytest.importorskip("torch")
jax = pytest.importorskip("jax")
torch.set_num_threads(1)

RULES = sorted(set(discretize.RULES) - {"mamba"})
FIELDS = ("A", "B", "C", "D", "step")
DIGITS = 60


def model(seed: int = 0, n: int = 3) -> forms.Diagonal:
    """Modes slow and fast, one of them an integrator and one undamped."""
    rng = np.random.default_rng(seed)
    A = np.array([0.0, 2.5j, *(-rng.uniform(0.1, 2, n) + 1j * rng.uniform(-9, 9, n))])
    B, C = rng.standard_normal((2, n + 2)) + 1j * rng.standard_normal((2, n + 2))
    return forms.Diagonal(A, B, C, np.asarray(0.3), np.asarray(0.11))


def tensors(form: Any) -> list[Any]:
    """The fields of a form, with respect to which PyTorch is to differentiate."""
    return [torch.asarray(np.asarray(array)).requires_grad_(True) for array in form]


def torch_gradients(form: Any, g: np.ndarray, rule: str = "zoh") -> list[np.ndarray]:
    """Of sum_l g_l K_l. PyTorch gives d/dx + i d/dy, the conjugate of the complex derivative."""
    leaves = tensors(form)
    K = kernel(type(form)(*leaves), g.shape[-1], rule=rule)
    (K * torch.asarray(g)).sum().backward()
    return [to_numpy(leaf.grad).conj() for leaf in leaves]


def jax_gradients(form: Any, g: np.ndarray, rule: str = "zoh") -> list[np.ndarray]:
    """The same in JAX, which gives d/dx - i d/dy, the derivative itself."""
    weight = jax.numpy.asarray(g)
    gradient = jax.jit(jax.grad(lambda form: (kernel(form, g.shape[-1], rule=rule) * weight).sum()))
    fields = type(form)(*(jax.numpy.asarray(array) for array in form))
    return [to_numpy(part) for part in gradient(fields)]


def context() -> Any:
    ctx = mpmath.MPContext()
    ctx.dps = DIGITS
    return ctx


def exact_gradients(form: forms.Diagonal, g: np.ndarray, rule: str) -> list[Any]:
    """d/dp of sum_l g_l C B step (now A_d^l + before A_d^{l-1}), by differences in 60 digits.

    Of the step it is the real part, summed over all modes.
    """
    ctx = context()
    weights = [ctx.mpf(float(value)) for value in g]

    def mode(a: Any, b: Any, c: Any, h: Any) -> Any:
        f, now, before = sampled_mode(ctx, h * a, rule=rule)
        total = weights[0] * now
        if len(weights) > 1:
            total += (f * now + before) * ctx.polyval(weights[:0:-1], f)
        return c * b * h * total

    def derivative(which: int, point: list[Any]) -> Any:
        small = ctx.mpf(10) ** -20
        above, below = ([*point] for _ in range(2))
        above[which] += small
        below[which] -= small
        return (mode(*above) - mode(*below)) / (2 * small)

    h = ctx.mpf(float(form.step))
    modes = zip(form.A, form.B, form.C, strict=True)
    points = [[*(ctx.mpc(complex(x)) for x in abc), h] for abc in modes]
    A, B, C = (
        np.array([complex(derivative(which, point)) for point in points]) for which in range(3)
    )
    step = float(sum(derivative(3, point) for point in points).real)
    return [A, B, C, g[0], step]


def assert_near(got: list[np.ndarray], expected: list[Any], tolerance: float) -> None:
    for name, one, other in zip(FIELDS, got, expected, strict=True):
        assert np.max(np.abs(one - other)) <= tolerance * np.max(np.abs(other)), name


@pytest.mark.parametrize("gradients", [torch_gradients, jax_gradients])
@pytest.mark.parametrize("rule", RULES)
def test_every_derivative_is_that_of_the_definition(rule: str, gradients: Any) -> None:
    """Relative to the largest of each parameter: cancellation costs less than two digits."""
    for length in (1, 2, 50) if gradients is torch_gradients else (50,):
        g = np.random.default_rng(length).standard_normal(length)
        expected = exact_gradients(model(), g, rule)
        assert_near(gradients(model(), g, rule), expected, 64 * EPS * length)


def powers(z: Any, rule: str, length: int) -> np.ndarray:
    """A_d^l in extended precision, (L,), under zoh or the bilinear rule.

    Turns are counted in units of 2^-64, in which integers wrap round as phases do.
    """
    ctx = context()
    log = z if rule == "zoh" else ctx.log((1 + z / 2) / (1 - z / 2))
    turn = np.uint64(int(ctx.nint(log.imag / (2 * ctx.pi) * 2**64)) % 2**64)
    l = np.arange(length, dtype=np.uint64)  # noqa: E741
    angle = (l * turn).astype(np.int64) * np.longdouble(2 * math.pi / 2**64)
    growth = np.exp(l.astype(np.longdouble) * np.longdouble(str(log.real)))
    return growth * (np.cos(angle) + 1j * np.sin(angle))


def long_gradients(form: forms.Diagonal, g: np.ndarray, rule: str) -> list[np.ndarray]:
    """d sum_l g_l C B step G(z) A_d(z)^l in closed form, G the gain of the input and z = step A.

    Under zoh G = (e^z - 1)/z has the derivative (e^z - G)/z; under the bilinear rule
    G = 1/(1 - z/2) has G^2/2, and A_d = 2 G - 1 has G^2.
    """
    ctx = context()
    h = float(form.step)
    lags = np.arange(1, len(g))
    found = []
    for a, b, c in zip(form.A, form.B, form.C, strict=True):
        z = ctx.mpf(h) * ctx.mpc(complex(a))
        f, G, _ = sampled_mode(ctx, z, rule=rule)
        slope_of_G = complex((f - G) / z if rule == "zoh" else G**2 / 2)
        slope_of_f = complex(f if rule == "zoh" else G**2)
        gain = complex(G)
        table = powers(z, rule, len(g))
        whole = complex(np.sum(g * table))
        late = complex(np.sum(g[1:] * lags * table[:-1]))
        by_z = slope_of_G * whole + gain * slope_of_f * late
        b, c = complex(b), complex(c)
        by_A = c * b * h * h * by_z
        by_B = c * h * gain * whole
        by_C = b * h * gain * whole
        by_step = c * b * (gain * whole + complex(z) * by_z)
        found.append((by_A, by_B, by_C, by_step))
    A, B, C, step = np.array(found).T
    return [A, B, C, g[0], np.sum(step.real)]


@pytest.mark.parametrize("where", ["torch", "jax without 64 bits"])
@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_single_precision_keeps_five_digits_of_a_gradient_over_2_to_the_18_samples(
    rule: str, where: str
) -> None:
    """Undamped, slow, stiff and near Nyquist; driven by noise, and on resonance.

    On resonance all lags add up.
    """
    length = 1 << 18
    step = 0.013
    theta = np.array([0.4, 1.3, 2.2, 3.1, 3.14159])
    x = np.array([0.0, -1e-6, -1e-4, -1e-5, 0.0]) + 1j * theta
    A = (x if rule == "zoh" else 2 * np.tanh(x / 2)) / step
    rng = np.random.default_rng(3)
    B, C = rng.standard_normal((2, 5)) + 1j * rng.standard_normal((2, 5))
    double = forms.Diagonal(A, B, C, np.asarray(0.0), np.asarray(step))
    form = forms.move(double, "numpy", dtype="float32")
    noise = rng.standard_normal(length)
    resonance = np.cos(theta[0] * np.arange(length)) + 0.1 * noise
    for signal in (noise, resonance):
        g = signal.astype(np.float32)
        expected = long_gradients(form, g.astype(np.float64), rule)
        if where == "torch":
            got = torch_gradients(form, g, rule)
        else:
            with jax.enable_x64(False):
                got = jax_gradients(form, g, rule)
        assert_near(got, expected, 80 * SINGLE)  # 1e-5


@pytest.mark.parametrize("rule", ["zoh", "bilinear"])
def test_long_derivatives_are_those_of_the_definition(rule: str) -> None:
    """The reference of the test above, checked against the other one."""
    length = 40
    form = model()._replace(A=model().A - 0.01)
    g = np.random.default_rng(0).standard_normal(length)
    expected = exact_gradients(form, g, rule)
    assert_near(long_gradients(form, g, rule), expected, 64 * EPS * length)


@pytest.mark.parametrize("kind", [forms.Recurrence, forms.PairedRecurrence])
def test_a_mode_that_forgets_at_once_has_a_gradient(kind: Any) -> None:
    """d/da sum_l g_l w a^l at a = 0 is g_1 w, and nothing is divided by a."""
    rng = np.random.default_rng(0)
    g = rng.standard_normal(9)
    b, c = rng.standard_normal(2)
    form = kind(np.zeros(1) + 0j, np.array([b + 0j]), np.array([c + 0j]), np.asarray(0.0))
    factor = 2 if kind is forms.PairedRecurrence else 1
    expected = [factor * g[1] * c * b, factor * g[0] * c, factor * g[0] * b, g[0]]
    for gradients in (torch_gradients, jax_gradients):
        for got, value in zip(gradients(form, g), expected, strict=True):
            assert np.abs(got - value).max() <= 8 * EPS * abs(value)


@pytest.mark.parametrize("name", ["lru", "s5", "dlr", "s4d-lin"])
def test_every_kind_of_modes_has_the_gradient_of_differences(name: str) -> None:
    form: Any = inits.INITS[name](3) if name == "lru" else inits.INITS[name](3, channels=2)
    Form = type(form)
    leaves: Any = tensors(form)
    assert torch.autograd.gradcheck(lambda *arrays: kernel(Form(*arrays), 9), leaves)


# What may be done with them.

LENGTH = 100
ALL = (0, 1, 2, 3, 4)  # the fields to differentiate by
TOLERANCE = 64 * LENGTH * EPS


def batch() -> list[Any]:
    form = inits.s4d_lin_init(8, channels=3)
    shapes = [(3, 4)] * 3 + [(3,)] * 2
    return [
        torch.asarray(np.broadcast_to(array, shape).copy())
        for array, shape in zip(form, shapes, strict=True)
    ]


def kernel_of(*arrays: Any) -> Any:
    return kernel(forms.Paired(*arrays), LENGTH)


def value(*arrays: Any) -> Any:
    k = kernel_of(*arrays)
    return (k * k).sum()


def assert_equal_up_to_rounding(ones: Any, others: Any, tolerance: float = TOLERANCE) -> None:
    for one, other in zip(ones, others, strict=True):
        assert abs(one - other).max() <= tolerance * abs(other).max()


@pytest.mark.parametrize("gradients", [torch_gradients, jax_gradients])
@pytest.mark.parametrize("rule", sorted(set(RULES) - {"forward"}))
def test_a_mode_at_the_end_of_the_numbers_leaves_the_others_alone(
    rule: str, gradients: Any
) -> None:
    """Multiples of its rate overflowed, and the sum with the slow mode was NaN."""
    A = np.array([-1.0 + 2j, -1e308])
    both = forms.Diagonal(A, np.ones(2) + 0j, np.ones(2) + 0j, np.asarray(0.0), np.asarray(0.5))
    slow = both._replace(A=A[:1], B=both.B[:1], C=both.C[:1])
    g = np.array([0.0, 1, 1, 1, 1])  # on lag 0 impulses reach the fast mode, too
    K = kernel(both, 5, rule=rule)
    assert np.all(np.isfinite(K))
    np.testing.assert_allclose(K @ g, kernel(slow, 5, rule=rule) @ g, rtol=64 * EPS)
    pairs = list(zip(gradients(both, g, rule), gradients(slow, g, rule), strict=True))
    for found, expected in pairs[:3]:
        np.testing.assert_allclose(found[:1], expected, rtol=64 * EPS)
        np.testing.assert_allclose(found[1], 0, atol=EPS)
    for found, expected in pairs[3:]:
        np.testing.assert_allclose(found, expected, rtol=64 * EPS)


@pytest.mark.parametrize("gradients", [torch_gradients, jax_gradients])
@pytest.mark.parametrize("rule", sorted(set(RULES) - {"forward"}))
@pytest.mark.parametrize("step", [1e20, 1e200, 1e300])
def test_a_huge_step_has_finite_gradients(step: float, rule: str, gradients: Any) -> None:
    g = np.ones(4)
    form = model()._replace(A=np.array([-1.0, -2 + 9j, -0.5 - 4j, -7, -1 + 1j]))
    for known in (form, forms.to_dense(form)):
        huge = known._replace(step=np.asarray(step))
        assert np.all(np.isfinite(kernel(huge, 4, rule=rule)))
        assert all(np.all(np.isfinite(part)) for part in gradients(huge, g, rule))


def test_vmap_over_channels_is_a_batch() -> None:
    arrays = batch()
    one_by_one = [kernel_of(*(array[k] for array in arrays)) for k in range(3)]
    mapped = torch.func.vmap(kernel_of)(*arrays)
    assert_equal_up_to_rounding([mapped], [torch.stack(one_by_one)], 64 * EPS)
    gradient = torch.func.grad(value, argnums=ALL)
    assert_equal_up_to_rounding(torch.func.vmap(gradient)(*arrays), gradient(*arrays))


def test_jax_maps_and_differentiates_in_any_order() -> None:
    arrays = [jax.numpy.asarray(array.numpy()) for array in batch()]
    gradient = jax.grad(value, argnums=ALL)
    each = jax.jit(jax.vmap(gradient))(*arrays)
    whole = jax.jit(gradient)(*arrays)
    assert_equal_up_to_rounding(each, whole)


# The tracer of PyTorch itself instantiates what it says should not be.
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
def test_the_compiler_of_pytorch_takes_the_kernel_whole() -> None:
    arrays = [array.requires_grad_(True) for array in batch()]
    eager = torch.autograd.grad(value(*arrays), arrays)
    evaluate = torch.compile(value, fullgraph=True, backend="aot_eager")
    compiled = torch.autograd.grad(evaluate(*arrays), arrays)
    assert_equal_up_to_rounding(compiled, eager)


def test_a_second_derivative_is_refused_in_a_sentence() -> None:
    sentence = r"[^\n]+; got [^\n]+\. [A-Z][^\n]*\."
    arrays = [array.requires_grad_(True) for array in batch()]
    first = torch.autograd.grad(value(*arrays), arrays, create_graph=True)
    with pytest.raises(NotImplementedError, match=f"{sentence}$"):
        torch.autograd.grad(sum(part.abs().sum() for part in first), arrays)
    *fields, step = (jax.numpy.asarray(array.detach().numpy()) for array in arrays)
    slope = jax.grad(value, argnums=4)
    with pytest.raises(NotImplementedError, match=sentence):
        jax.grad(lambda step: slope(*fields, step).sum())(step)


def test_little_is_kept_for_the_backward_pass() -> None:
    """O(H L + H N sqrt(L)), far below a table of modes times samples: H N L."""
    H, n, length = 4, 32, 1 << 14
    form = forms.move(inits.s4d_lin_init(2 * n, channels=H), "torch")
    leaves = [array.clone().requires_grad_(True) for array in form]
    kept = []

    def count(array: Any) -> Any:
        kept.append(array.nbytes)
        return array

    with torch.autograd.graph.saved_tensors_hooks(count, lambda array: array):
        kernel(forms.Paired(*leaves), length)
    a_table = 16 * H * n * length
    assert sum(kept) <= 16 * H * (length + 4 * n * math.isqrt(length)) < a_table / 8


@pytest.mark.parametrize("name", ["s4d-lin", "s5"])
def test_group_after_group_gives_the_same_gradient(name: str) -> None:
    """The modes of `s5` are shared by all its inputs and outputs, whose parts add up."""
    length = 300
    form: Any = inits.INITS[name](8, channels=3)
    leaves = tensors(form)
    whole, split = (kernel(type(form)(*leaves), length, max_bytes=size) for size in (1 << 30, 1))
    assert_equal_up_to_rounding([whole], [split], 64 * EPS)
    g = torch.cos(torch.arange(length, dtype=torch.float64))
    one, other = (torch.autograd.grad((k * g).sum(), leaves) for k in (whole, split))
    assert_equal_up_to_rounding(one, other, 64 * length * EPS)


def test_moments_have_the_derivatives_of_their_sum() -> None:
    """sum_l g_l z^l, at a node of zero as well, in g and in z.

    JAX's convention is the conjugate of PyTorch's.
    """
    length = 9
    z = np.array([0.9 + 0.3j, 0j, -0.5 + 0j])
    c = np.array([1 - 2j, 0.5j, 2.0])
    g = np.random.default_rng(0).standard_normal((2, length))
    lag = np.arange(length)
    powers_of_z = z[:, None] ** lag
    by_g = np.ones((2, 1)) * np.real(c[:, None] * powers_of_z).sum(0)
    by_z = c * ((g.sum(0) * lag)[1:] * powers_of_z[:, :-1]).sum(-1)
    tolerance = 32 * EPS * length * np.abs(g).sum() * np.abs(c).max()

    def loss(g: Any, z: Any, xp: Any, c: Any) -> Any:
        return xp.real(xp.sum(c * moments(g, z)))

    leaves = tensors((g, z))
    found = loss(leaves[0], leaves[1], torch, torch.asarray(c))
    of_torch = [part.numpy() for part in torch.autograd.grad(found, leaves)]
    arrays = [jax.numpy.asarray(x) for x in (g, z, c)]
    gradient = jax.grad(loss, argnums=(0, 1))
    of_jax = gradient(arrays[0], arrays[1], jax.numpy, arrays[2])
    assert np.abs(of_torch[0] - by_g).max() <= tolerance
    assert np.abs(of_torch[1].conj() - by_z).max() <= tolerance
    assert np.abs(of_jax[0] - by_g).max() <= tolerance
    assert np.abs(of_jax[1] - by_z).max() <= tolerance
