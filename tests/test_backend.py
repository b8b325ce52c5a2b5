"""Arrays of every library: where they belong, what they hold, and how they come to the host."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
import scipy.linalg

from ssmlinalg import hippo
from ssmlinalg.ground import backend
from ssmlinalg.ground.formats import COMPLEX, EPS, FORMATS, HALF, format_of, in_numpy, part_of

SENTENCE = r"[^\n]+; got [^\n]+\. [A-Z][^\n]*\.$"


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_formats_are_those_of_their_library(name: str) -> None:
    torch = pytest.importorskip("torch")
    known = torch.finfo(getattr(torch, name))
    ours = FORMATS[name]
    assert (ours.eps, ours.normal, ours.largest) == (known.eps, known.tiny, known.max)
    assert in_numpy(name) == hasattr(np, name)
    assert format_of(getattr(torch, name)) is ours


@pytest.mark.parametrize("part", sorted(COMPLEX))
def test_a_complex_type_holds_two_of_its_parts(part: str) -> None:
    torch = pytest.importorskip("torch")
    of_torch = getattr(torch, COMPLEX[part])
    assert of_torch.itemsize == 2 * getattr(torch, part).itemsize
    assert part_of(of_torch) == part
    if in_numpy(COMPLEX[part]):
        assert part_of(np.dtype(COMPLEX[part])) == part


def test_arrays_keep_their_values_on_the_way_to_the_host(carry: Callable[[Any], Any]) -> None:
    for array in (np.array([1.5, -2.0]), np.array([1 + 2j, -1j])):
        np.testing.assert_array_equal(backend.to_numpy(carry(array)), array)


@pytest.mark.parametrize("name", sorted(name for name in FORMATS if not FORMATS[name].numpy))
def test_formats_that_numpy_lacks_reach_the_host_in_single_precision(name: str) -> None:
    torch = pytest.importorskip("torch")
    jax = pytest.importorskip("jax")
    values = np.array([1.5, -0.25, 0.0], np.float32)
    tensor = torch.asarray(values).to(getattr(torch, name))
    array = jax.numpy.asarray(values).astype(name)
    for found in (backend.host_values(tensor), backend.host_values(array)):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, values)


@pytest.mark.parametrize("name", HALF)
def test_numbers_of_16_bits_are_evaluated_in_single_precision(name: str) -> None:
    torch = pytest.importorskip("torch")
    tensor = torch.asarray([1.5, -0.25]).to(getattr(torch, name))
    assert backend.half(tensor)
    assert backend.widened(tensor).dtype == torch.float32
    with pytest.raises(TypeError, match=SENTENCE):
        backend.namespace(u=tensor)


def test_what_has_no_type_is_left_to_the_gate() -> None:
    assert backend.widened([1.0]) == [1.0]
    with pytest.raises(TypeError, match=SENTENCE):
        backend.namespace(u=[1.0])


def test_arrays_that_do_not_belong_together_are_refused() -> None:
    torch = pytest.importorskip("torch")
    array = np.ones(2)
    for other in (array.astype(np.float32), torch.ones(2, dtype=torch.float64), np.arange(2)):
        with pytest.raises(TypeError, match=SENTENCE):
            backend.namespace(A=array, B=other)


def test_pairs_are_undone(carry: Callable[[Any], Any]) -> None:
    array = np.array([[1 + 2j, 3 - 1j], [0j, -1j]])
    flat = backend.pairs(carry(array))
    np.testing.assert_array_equal(backend.to_numpy(flat), [[1, 2, 3, -1], [0, 0, 0, -1]])
    np.testing.assert_array_equal(backend.to_numpy(backend.from_pairs(flat)), array)


def test_the_matrix_exponential_is_that_of_multiple_precision(carry: Callable[[Any], Any]) -> None:
    """Matrices small, of norm 1, and stiff and triangular, to which SciPy gives NaN."""
    rng = np.random.default_rng(0)
    small, medium = rng.standard_normal((2, 3, 3)) * np.array([1e-3, 1.0])[:, None, None]
    stiff = np.diag([-1e3, -1.0, -1e-3]) + np.triu(np.ones((3, 3)), 1)
    Z = np.stack([small, medium, stiff])
    with mpmath.workdps(40):
        exact = [np.array(mpmath.expm(mpmath.matrix(each)).tolist(), float) for each in Z]
    for found, expected, each in zip(
        backend.to_numpy(backend.expm(carry(Z))), exact, Z, strict=True
    ):
        norm = np.linalg.norm(each, 1)
        tolerance = 16 * EPS * max(1.0, norm)  # squaring doubles an error
        assert np.max(abs(found - expected)) <= tolerance * np.linalg.norm(expected, 1)


def test_a_large_norm_costs_the_exponential_no_digit_where_powers_are_small(
    carry: Callable[[Any], Any],
) -> None:
    """Overscaling: a squaring too many doubles the error of the small entries."""
    for coupling in (1e3, 1e8, 1e12):
        Z = np.array([[1.0, coupling], [0.0, -1.0]])
        E = backend.to_numpy(backend.expm(carry(Z)))
        exact = np.array([[math.e, coupling * math.sinh(1.0)], [0.0, 1 / math.e]])
        assert np.all(np.abs(E - exact) <= 16 * EPS * exact)


@pytest.mark.parametrize("size", [1e4, 1e6, 1e10, 1e100, 1e300])
def test_the_exponential_of_a_huge_stable_matrix_is_zero(
    carry: Callable[[Any], Any], size: float
) -> None:
    legs = hippo.legs(16).A
    E = backend.to_numpy(backend.expm(carry(size * legs)))
    assert np.max(np.abs(E)) <= math.exp(-1e4 / 2)


def test_single_precision_loses_as_many_digits_as_double(carry: Callable[[Any], Any]) -> None:
    legs = hippo.legs(64).A
    Z = (legs * (100 / np.linalg.norm(legs, 1))).astype(np.float32)
    E = backend.to_numpy(backend.expm(carry(Z)))
    expected = backend.expm(Z.astype(np.float64))
    eps = FORMATS["float32"].eps
    assert E.dtype == np.float32
    assert np.max(np.abs(E - expected)) <= 100 * eps * np.max(np.abs(expected))


def _direction(Z: np.ndarray, G: np.ndarray) -> Any:
    """The derivative of e^Z at Z in the direction G, by SciPy."""
    return scipy.linalg.expm_frechet(Z, G, compute_expm=False)


# PyTorch uses what it has deprecated.
@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("size", [0.1, 300.0])
def test_the_exponential_has_its_derivative_in_both_modes(size: float) -> None:
    jax = pytest.importorskip("jax")
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(1)
    Z, G, H = rng.standard_normal((3, 2, 4, 4))
    Z = Z * size - 2 * size * np.eye(4)
    forward = np.stack([_direction(*pair) for pair in zip(Z, G, strict=True)])
    reverse = np.stack([_direction(z.T, h) for z, h in zip(Z, H, strict=True)])
    scale = np.max(np.abs(forward)) + np.max(np.abs(reverse))
    allowed = 64 * EPS * max(1.0, size) * scale

    def weighed(weights: Any) -> Callable[[Any], Any]:
        return lambda Z: (weights * backend.expm(Z)).sum()

    def mapped(Z: Any) -> Any:
        return jax.vmap(jax.grad(lambda z, h: (h * backend.expm(z)).sum()))(Z, H)

    for gradient in (jax.jit(jax.grad(weighed(H))), jax.jit(mapped)):
        assert np.max(np.abs(gradient(jax.numpy.asarray(Z)) - reverse)) <= allowed
    forward_mode = jax.jit(lambda *pair: jax.jvp(backend.expm, pair[:1], pair[1:])[1])
    found = forward_mode(jax.numpy.asarray(Z), jax.numpy.asarray(G))
    assert np.max(np.abs(found - forward)) <= allowed
    found = torch.func.grad(weighed(torch.asarray(H)))(torch.asarray(Z))
    assert np.max(np.abs(found.numpy() - reverse)) <= allowed
    found = torch.func.jvp(backend.expm, (torch.asarray(Z),), (torch.asarray(G),))[1]
    assert np.max(np.abs(found.numpy() - forward)) <= allowed


def test_derivatives_of_the_exponential_have_derivatives() -> None:
    """The second derivative of the sum of e^{tZ} is that of Z^2 e^{tZ}."""
    jax = pytest.importorskip("jax")
    torch = pytest.importorskip("torch")
    Z = np.random.default_rng(2).standard_normal((2, 3, 3))
    expected = (Z @ Z @ np.stack([scipy.linalg.expm(each) for each in Z])).sum()
    allowed = 64 * EPS * np.linalg.norm(Z) ** 2 * np.abs(scipy.linalg.expm(Z)).sum()

    def total(Z: Any) -> Callable[[Any], Any]:
        return lambda t: backend.expm(t * Z).sum()

    for mode in (jax.grad, jax.jacfwd):
        second = jax.jit(mode(jax.grad(total(jax.numpy.asarray(Z)))))
        assert abs(float(second(1.0)) - expected) <= allowed
    second = torch.func.grad(torch.func.grad(total(torch.asarray(Z))))
    assert abs(float(second(torch.ones((), dtype=torch.float64))) - expected) <= allowed


@pytest.mark.parametrize("parts", [1, 2])
def test_the_exponential_has_its_gradient_in_torch(parts: int) -> None:
    torch = pytest.importorskip("torch")
    Z = torch.asarray(np.random.default_rng(2).standard_normal((parts, 3, 3, 2)))
    Z = Z[..., 0] if parts == 1 else torch.view_as_complex(Z)
    torch.autograd.gradcheck(backend.expm, (Z.requires_grad_(),))


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.parametrize("compiler", ["eager", "aot_eager"])
def test_a_compiler_takes_the_exponential_whole(compiler: str) -> None:
    torch = pytest.importorskip("torch")
    torch._dynamo.reset()
    compiled = torch.compile(lambda Z: backend.expm(Z).sum(), backend=compiler, fullgraph=True)
    for size in (1.0, 100.0):
        Z = size * torch.asarray([[-1.0, 2.0], [-3.0, -1.0]]).double()
        expected = backend.expm(Z).sum()
        with torch.no_grad():
            assert compiled(Z) == expected
        whole = Z.clone().requires_grad_()
        compiled(whole).backward()
        alone = Z.clone().requires_grad_()
        backend.expm(alone).sum().backward()
        np.testing.assert_array_equal(whole.grad, alone.grad)


def test_a_unit_of_what_is_not_finite_is_no_index(carry: Callable[[Any], Any]) -> None:
    """Infinities of a matrix that overflowed ended in an index of a table (PyTorch)."""
    scaled, _ = backend.in_unit(carry(np.array([[np.nan, 1.0], [2.0, 3.0]])))
    assert np.isnan(backend.to_numpy(scaled)).any()
