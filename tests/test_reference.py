"""The reference agrees with itself at two precisions, and with identities that share no code."""

import re

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssmlinalg import reference

mp = mpmath.MPContext()
mp.dps = 80

HALF_OF_THE_DIGITS = 1e-25  # of 50: a problem may lose as many as it keeps
finite = st.complex_numbers(max_magnitude=2)
orders = st.integers(1, 5)
frequencies = st.floats(-1e3, 1e3)
steps = st.floats(1e-3, 2)
rules = st.sampled_from([rule for rule in reference.RULES if rule != "gbt"])


@st.composite
def systems(draw):
    N = draw(st.integers(1, 3))
    vector = st.lists(finite, min_size=N, max_size=N)
    return draw(st.lists(vector, min_size=N, max_size=N)), draw(vector), draw(vector), draw(finite)


def legs(N):
    """HiPPO-LegS as it is printed, to 80 digits."""
    r = [mp.sqrt(2 * n + 1) for n in range(N)]
    return mp.matrix(
        [[-r[n] * r[k] if n > k else -(n + 1) * (n == k) for k in range(N)] for n in range(N)]
    ), r


def warped_legendre(N, t):
    """e^{tA} B of HiPPO-LegS: sqrt(2n+1) e^{-t} P_n(2 e^{-t} - 1)."""
    return [mp.sqrt(2 * n + 1) * mp.exp(-t) * mp.legendre(n, 2 * mp.exp(-t) - 1) for n in range(N)]


def close(x, y, tolerance=HALF_OF_THE_DIGITS):
    x = [mp.mpmathify(a) for a in x]
    y = [mp.mpmathify(b) for b in y]
    assert len(x) == len(y)
    scale = max([1, *map(abs, y)])
    worst = max(range(len(x)), key=lambda i: abs(x[i] - y[i]))
    assert abs(x[worst] - y[worst]) <= tolerance * scale, (worst, x[worst], y[worst])


def same_set(x, y):
    """Equal up to order."""
    x = [mp.mpmathify(a) for a in x]
    y = [mp.mpmathify(b) for b in y]
    close([min(y, key=lambda b: abs(a - b)) for a in x], x)
    close([min(x, key=lambda a: abs(a - b)) for b in y], y)
    close([mp.fsum(x), mp.fsum(a * a for a in x)], [mp.fsum(y), mp.fsum(b * b for b in y)])


A, B = legs(4)
C = [1, -2, 3j, 0.1]
D = 0.7
h = 0.1
u = [1, 0, -0.3, 2j, 5]
EVERYTHING = {
    **{
        f"discretize {rule}": lambda digits, rule=rule: [
            entry
            for M in reference.discretize(
                A, B, h, rule, 0.3 if rule == "gbt" else None, digits=digits
            )
            for entry in M
        ]
        for rule in reference.RULES
    },
    "scan": lambda digits: reference.scan(A, B, C, D, h, u, state=[1, 2, 3, 4], digits=digits)[0],
    "scan's state": lambda digits: reference.scan(
        A, B, C, D, h, u, state=[1, 2, 3, 4], digits=digits
    )[1],
    "kernel": lambda digits: reference.kernel(A, B, C, D, h, 9, digits=digits),
    "convolve": lambda digits: reference.convolve(u, C, digits=digits),
    "transfer": lambda digits: [reference.transfer(A, B, C, D, 0.1 + 3j, digits=digits)],
    "impulse_response": lambda digits: reference.impulse_response(A, B, 1.3, digits=digits),
    "eigenvalues": lambda digits: reference.eigenvalues(A, digits=digits),
    "spectral_norm": lambda digits: [reference.spectral_norm(A, digits=digits)],
    "condition": lambda digits: [reference.condition(A, digits=digits)],
    "legs_state": lambda digits: reference.legs_state(6, 0.1 + 3j, digits=digits),
    "legs_normal_spectrum": lambda digits: reference.legs_normal_spectrum(65, digits=digits),
    "legs_lossless_spectrum": lambda digits: reference.legs_lossless_spectrum(
        12, 0.2, digits=digits
    ),
}


@pytest.mark.parametrize("name", EVERYTHING)
def test_thirty_digits_agree_with_sixty(name):
    unordered = name in ("eigenvalues", "legs_lossless_spectrum")
    (same_set if unordered else close)(EVERYTHING[name](30), EVERYTHING[name](60))


def test_every_function_is_checked_at_two_precisions():
    functions = {
        name
        for name, f in vars(reference).items()
        if getattr(f, "__module__", "") == reference.__name__
    }
    assert {name for name in functions if name[0] != "_"} == {
        name.split()[0].removesuffix("'s") for name in EVERYTHING
    }


def test_the_global_precision_is_neither_used_nor_changed():
    with mpmath.workdps(7):
        kernel = reference.kernel(A, B, C, D, h, 3)
        assert mpmath.mp.dps == 7
    close(kernel, reference.kernel(A, B, C, D, h, 3), 0)


def test_a_float_is_the_binary_number_it_is():
    (tenth,) = reference.convolve([0.1], [1])
    assert tenth == mp.mpf(0x1999999999999A) / 2**56
    assert abs(tenth - mp.mpf(1) / 10) > 1e-18


@given(systems())
def test_arrays_lists_and_mpmath_matrices_are_the_same(system):
    A, B, C, D = system
    expected = reference.kernel(A, B, C, D, h, 2)
    close(
        reference.kernel(np.array(A), np.array(B), np.array(C), np.complex128(D), np.array(h), 2),
        expected,
        0,
    )
    close(
        reference.kernel(mp.matrix(A), mp.matrix(B), mp.matrix(C), mp.mpc(D), mp.mpf(h), 2),
        expected,
        0,
    )


# discretization


@pytest.mark.parametrize("N", [1, 4])
def test_zoh_is_exact_for_piecewise_constant_input(N):
    A, B = legs(N)
    step = mp.mpf(0.3)
    C = [(-1) ** n for n in range(N)]

    def response(t):
        return mp.fdot(C, warped_legendre(N, t))

    expected = [mp.quad(response, [step * lag, step * (lag + 1)]) for lag in range(4)]
    close(reference.kernel(A, B, C, 0, step, 4), expected)


@pytest.mark.parametrize("N", [1, 4])
def test_foh_is_exact_for_piecewise_linear_input(N):
    A, B = legs(N)
    step = mp.mpf(0.3)

    def integral(n, weight):
        return mp.quad(lambda t: warped_legendre(N, step - t)[n] * weight(t), [0, step])

    _, now, previous = reference.discretize(A, B, step, "foh")
    close(now, [integral(n, lambda t: t / step) for n in range(N)])
    close(previous, [integral(n, lambda t: 1 - t / step) for n in range(N)])


@given(st.complex_numbers(min_magnitude=1e-3, max_magnitude=3), steps)
def test_one_mode_is_the_textbook_formula(pole, step):
    z = mp.mpc(pole) * step
    h = mp.mpf(step)
    phi1 = mp.expm1(z) / z
    phi2 = (mp.expm1(z) - z) / z**2
    formulas = {
        "zoh": (mp.exp(z), h * phi1, 0),
        "foh": (mp.exp(z), h * phi2, h * (phi1 - phi2)),
        "impulse": (mp.exp(z), h, 0),
        "mamba": (mp.exp(z), h, 0),
        "forward": (1 + z, h, 0),
    }
    if abs(2 - z) > 1e-3 and abs(1 - z) > 1e-3:
        formulas |= {
            "bilinear": ((2 + z) / (2 - z), 2 * h / (2 - z), 0),
            "backward": (1 / (1 - z), h / (1 - z), 0),
        }
    for rule, expected in formulas.items():
        close([M[0] for M in reference.discretize([[pole]], [1], step, rule)], expected)


@given(systems(), st.floats(0, 1), st.floats(1e-3, 0.1))
def test_gbt_steps_by_the_slope_at_a_point_between(system, alpha, step):
    A, B, *_ = system
    Abar, Bnow, Bprevious = (mp.matrix(M) for M in reference.discretize(A, B, step, "gbt", alpha))
    a = mp.mpf(alpha)
    one = mp.eye(len(B))
    A = mp.matrix(A)
    B = mp.matrix(B)
    close(Abar - one, mp.mpf(step) * (A * ((1 - a) * one + a * Abar)))
    close(Bnow, mp.mpf(step) * (A * (a * Bnow) + B))
    assert not any(Bprevious)


@pytest.mark.parametrize(("rule", "alpha"), [("forward", 0), ("bilinear", 0.5), ("backward", 1)])
def test_the_named_rules_are_points_of_gbt(rule, alpha):
    for M, expected in zip(
        reference.discretize(A, B, h, rule),
        reference.discretize(A, B, h, "gbt", alpha),
        strict=True,
    ):
        close(M, expected, 0)


@given(rules, steps)
def test_an_integrator_sums(rule, step):
    first = step / 2 if rule == "foh" else step
    close(reference.kernel([[0]], [1], [1], 0, step, 5, rule), [first, *[step] * 4])


# the recurrence


@given(systems(), rules, st.floats(1e-3, 0.1))
def test_kernel_is_the_formula(system, rule, step):
    A, B, C, D = system
    Abar, now, previous = (mp.matrix(M) for M in reference.discretize(A, B, step, rule))
    row = mp.matrix(C).T
    expected = [
        (row * now)[0] + D,
        *[(row * Abar**lag * (Abar * now + previous))[0] for lag in range(3)],
    ]
    close(reference.kernel(A, B, C, D, step, 4, rule), expected)


@given(systems(), rules, st.floats(1e-3, 0.1), st.lists(finite, min_size=1, max_size=5))
def test_scan_is_the_convolution_with_the_kernel(system, rule, step, inputs):
    A, B, C, D = system
    K = reference.kernel(A, B, C, D, step, len(inputs), rule)
    close(reference.scan(A, B, C, D, step, inputs, rule)[0], reference.convolve(inputs, K))


@given(systems(), st.lists(finite, min_size=2, max_size=5))
def test_scan_goes_on_from_its_state(system, inputs):
    A, B, C, D = system
    whole, end = reference.scan(A, B, C, D, h, inputs)
    first, middle = reference.scan(A, B, C, D, h, inputs[:1])
    second, last = reference.scan(A, B, C, D, h, inputs[1:], state=middle)
    close(first + second, whole)
    close(last, end)


@given(
    st.lists(st.integers(-9, 9), min_size=1, max_size=6),
    st.lists(st.integers(-9, 9), min_size=1, max_size=6),
)
def test_convolution_is_the_product_of_polynomials(u, k):
    close(reference.convolve(u, k), (np.convolve(u, k).tolist())[: len(u)], 0)


# the continuous system


@given(orders, st.floats(0, 5))
def test_the_impulse_response_of_legs_is_warped_legendre(N, t):
    close(reference.impulse_response(*legs(N), t), warped_legendre(N, t))


@given(frequencies)
def test_the_transfer_function_of_a_cascade_is_the_product(w):
    s = mp.mpc(0.5, w)
    close(
        [reference.transfer([[-1, 1], [0, -3]], [0, 1], [1j, 0], 2, s)],
        [1j / (s + 1) / (s + 3) + 2],
    )


@given(orders, st.floats(-0.9, 3), frequencies)
def test_legs_states_are_products(N, x, w):
    A, B = legs(N)
    unit = np.eye(N).tolist()
    s = complex(x, w)
    close(reference.legs_state(N, s), [reference.transfer(A, B, unit[n], 0, s) for n in range(N)])


@given(st.integers(1, 40), frequencies)
def test_legs_is_lossless(N, w):
    energy = mp.fsum(abs(mp.mpmathify(x)) ** 2 for x in reference.legs_state(N, 1j * w))
    close([energy], [mp.mpf(N) ** 2 / (mp.mpf(w) ** 2 + N**2)])


# spectra and norms


@pytest.mark.parametrize("N", [1, 2, 3, 8])
def test_legs_normal_spectrum_is_that_of_the_matrix(N):
    A, B = legs(N)
    S = A + mp.matrix(B) * mp.matrix(B).T / 2
    same_set([mp.mpc(-0.5, w) for w in reference.legs_normal_spectrum(N)], reference.eigenvalues(S))


@pytest.mark.parametrize("N", [1, 7, 30, 129])
def test_legs_normal_spectrum_solves_the_phase_equation(N):
    spectrum = reference.legs_normal_spectrum(N, digits=30)
    phases = [
        mp.fsum(mp.atan(2 * mp.mpf(w) / (2 * k - 1)) for k in range(1, N + 1)) for w in spectrum
    ]
    close(phases, [(N + 1) * mp.pi / 2 - m * mp.pi for m in range(N, 0, -1)])
    frobenius = sum((2 * n + 1) * (2 * k + 1) for n in range(N) for k in range(n))
    close([mp.fsum(mp.mpf(w) ** 2 for w in spectrum)], [mp.mpf(frobenius) / 2])  # the skew part


@pytest.mark.parametrize(
    ("N", "top"), [(32, 325.42632), (64, 1303.2738), (128, 5214.6656), (256, 20860.233)]
)
def test_the_top_of_the_legs_normal_spectrum_is_the_known_one(N, top):
    found = float(reference.legs_normal_spectrum(N, digits=15)[-1])
    assert found == pytest.approx(top, rel=5e-8)  # of 8 digits


@given(st.integers(1, 8), st.floats(0.01, 1))
def test_legs_lossless_spectrum_is_that_of_the_matrix(N, tau):
    A, B = legs(N)
    M = A + mp.mpf(tau) / 2 * mp.matrix(B) * mp.matrix(B).T
    same_set(reference.legs_lossless_spectrum(N, tau), reference.eigenvalues(M, digits=70))


# The third makes the two all but equal.
@pytest.mark.parametrize("tau", [1, 0.14, 1 - 3**0.5 / 2, 1e-3])
def test_the_lossless_spectrum_of_order_two_is_a_closed_form(tau):
    trace = 2 * mp.mpf(tau) - 3
    determinant = 2 - mp.mpf(tau)
    root = mp.sqrt(trace**2 - 4 * determinant)
    same_set(reference.legs_lossless_spectrum(2, tau), [(trace + root) / 2, (trace - root) / 2])


def test_the_lossless_spectrum_at_one_is_the_normal_one():
    normal = [mp.mpc(-0.5, w) for w in reference.legs_normal_spectrum(32)]
    same_set(reference.legs_lossless_spectrum(32, 1), normal)


def test_eigenvalues_of_a_triangle_are_its_diagonal():
    same_set(reference.eigenvalues([[1, 2, 3], [0, 4j, 5], [0, 0, -6]]), [1, 4j, -6])


@pytest.mark.parametrize(
    ("N", "known"), [(2, 19.28147006790397), (3, 524.0567775860608), (5, 476607.25024)]
)
def test_hilbert_matrices_are_ill_conditioned_as_known(N, known):
    found = float(reference.condition(mp.hilbert(N)))
    assert found == pytest.approx(known, rel=1e-11)  # of 11 digits


@given(finite, finite)
def test_norm_and_condition_of_two_by_two_are_closed_forms(x, y):
    M = [[1, x], [y, 3]]
    frobenius = 10 + abs(mp.mpc(x)) ** 2 + abs(mp.mpc(y)) ** 2
    determinant = abs(3 - mp.mpc(x) * y)
    largest = mp.sqrt((frobenius + mp.sqrt(frobenius**2 - 4 * determinant**2)) / 2)
    close([reference.spectral_norm(M)], [largest])
    close([reference.condition(M)], [largest**2 / determinant])


@pytest.mark.parametrize("V", [[[0]], [[1, 2], [2, 4]], [[0.1, 0.3], [0.2, 0.6]], [[0, 0], [0, 0]]])
def test_a_singular_matrix_has_infinite_condition(V):
    assert reference.condition(V) == mpmath.inf


# errors


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: reference.discretize([[1]], [1], 1, "tustin"),
            "got 'tustin'. Choose from zoh, foh",
        ),
        (lambda: reference.discretize([[1]], [1], 1, "gbt"), "alpha=None with 'gbt'"),
        (lambda: reference.discretize([[1]], [1], 1, "zoh", 0.5), "alpha=0.5 with 'zoh'"),
        (
            lambda: reference.discretize([[1]], [1], 0, "zoh"),
            "`step` must be real and positive; got 0",
        ),
        (
            lambda: reference.discretize([[1]], [1], 1j, "zoh"),
            "`step` must be real and positive; got 1j",
        ),
        (
            lambda: reference.discretize([[2]], [1], 0.5, "backward"),
            "singular at step=0.5, alpha=1",
        ),
        (
            lambda: reference.discretize([[1, 2]], [1], 1, "zoh"),
            r"`A` must have shape \(N, N\); got \(1, 2\)",
        ),
        (
            lambda: reference.discretize([[1, 2], [3]], [1], 1, "zoh"),
            r"got rows of lengths \[2, 1\]",
        ),
        (
            lambda: reference.discretize([[1]], [1, 2], 1, "zoh"),
            r"`B` must be a vector of length 1; got shape \(2, 1\)",
        ),
        (
            lambda: reference.discretize([[1]], 1, 1, "zoh"),
            "`B` must be an array, a list or a tuple; got int",
        ),
        (lambda: reference.kernel([[np.nan]], [1], [1], 0, 1, 1), "`A` must be finite; got nan"),
        (lambda: reference.kernel([[1]], [1], [1], np.inf, 1, 1), "`D` must be finite; got"),
        (
            lambda: reference.kernel([[1]], [1], [1], 0, 1, 0),
            "`length` must be a positive integer; got 0",
        ),
        (
            lambda: reference.scan([[1]], [1], [1], 0, 1, [1], state=[1, 2]),
            "`state` must be a vector of length 1",
        ),
        (
            lambda: reference.convolve([], [1]),
            "`u` must be a matrix or a vector; got rows of lengths",
        ),
        (
            lambda: reference.convolve([1], [1], digits=14),
            "`digits` must be at least 15, for a float has as many; got 14",
        ),
        (
            lambda: reference.transfer([[0, 1], [0, 1]], [1, 1], [1, 1], 0, 0),
            "must not be an eigenvalue of A; got 0",
        ),
        (
            lambda: reference.transfer([[3, 1], [1, 3]], [1, 1], [1, 1], 0, 2),
            "must not be an eigenvalue of A; got 2",
        ),
        (lambda: reference.legs_state(3, -3), "poles -1 .. -3; got"),
        (lambda: reference.legs_normal_spectrum(-2), "`order` must be a positive integer; got -2"),
        (lambda: reference.legs_lossless_spectrum(2, 1.5), r"`tau` must lie in \(0, 1\]; got 1.5"),
    ],
)
def test_errors_say_rule_got_and_remedy(call, sentence):
    with pytest.raises((ValueError, TypeError), match=sentence) as error:
        call()
    assert re.fullmatch(r"[^\n]+; got [^\n]+\. [A-Z0-9][^\n]*[.]", str(error.value))
