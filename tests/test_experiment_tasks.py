"""The synthetic tasks and what is said of memory, against definitions written out in loops."""

from __future__ import annotations

import importlib
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HOUSE = Path(__file__).parent.parent / "experiments"
LENGTH = 24
EPS = float(np.finfo(float).eps)


@pytest.fixture(scope="module")
def house() -> Iterator[None]:
    sys.path.insert(0, str(HOUSE))
    yield
    sys.path.remove(str(HOUSE))


@pytest.fixture
def synthetic(house: None) -> Any:
    return importlib.import_module("synthetic")


@pytest.fixture
def memory(house: None) -> Any:
    return importlib.import_module("memory")


def made(synthetic: Any, name: str, length: int = LENGTH, count: int = 3) -> Any:
    return synthetic.TASKS[name](np.random.default_rng(1), count, length)


def answers(y: np.ndarray) -> np.ndarray:
    """The wanted numbers of one signal, which are the last ones."""
    wanted = np.isfinite(y[:, 0])
    assert np.all(np.diff(wanted.astype(int)) >= 0)
    return y[wanted, 0]


def test_every_task_says_where_it_is_and_what_it_wants(synthetic: Any) -> None:
    for name in synthetic.TASKS:
        x, y = made(synthetic, name, length=256 if name == "pathfinder" else 64)
        angle = 2 * math.pi * np.arange(x.shape[1]) / x.shape[1]
        np.testing.assert_array_equal(x[0, :, -2:], np.stack([np.cos(angle), np.sin(angle)], 1))
        assert x.shape[:2] == y.shape[:2]
        assert np.isfinite(x).all()
        assert np.isfinite(y).any(axis=(1, 2)).all()


def test_signals_are_normal_over_their_largest_modulus(synthetic: Any) -> None:
    x = made(synthetic, "cumsum").x[..., 0]
    np.testing.assert_array_equal(np.abs(x).max(axis=1), 1.0)


def test_shift_has_eight_delays(synthetic: Any) -> None:
    x, y = made(synthetic, "shift")
    delays = [round(h * (LENGTH - LENGTH / 8) / 7) for h in range(8)]
    for l in range(LENGTH):  # noqa: E741 (the name of the papers)
        for h, s in enumerate(delays):
            assert y[0, l, h] == (x[0, l - s, 0] if l >= s else 0)


def test_running_sums_and_maxima(synthetic: Any) -> None:
    x, y = made(synthetic, "cumsum")
    _, largest = made(synthetic, "cummax")
    for l in range(LENGTH):  # noqa: E741
        past = x[0, : l + 1, 0]
        assert abs(y[0, l, 0] - math.fsum(past) / math.sqrt(l + 1)) <= LENGTH * EPS
        assert largest[0, l, 0] == max(past)


def test_reverse_and_sort_answer_after_the_signal(synthetic: Any) -> None:
    x, y = made(synthetic, "reverse")
    assert x.shape[1] == 2 * LENGTH
    assert not x[:, LENGTH:, 0].any()
    assert answers(y[0]).tolist() == list(reversed(x[0, :LENGTH, 0]))
    x, y = made(synthetic, "sort")
    signal = x[0, :LENGTH, 0].tolist()
    assert answers(y[0]).tolist() == sorted(signal, key=lambda z: abs(z - signal[0]))


@pytest.mark.parametrize("name", ["masked-select", "masked-select-fixed"])
def test_the_marked_samples_are_told_in_order(synthetic: Any, name: str) -> None:
    x, y = made(synthetic, name)
    marked = synthetic.marked_samples(LENGTH)
    assert x.shape[1] == LENGTH + 2 * marked
    for signal, wanted in zip(x, y, strict=True):
        assert answers(wanted).tolist() == [row[0] for row in signal if row[1]]
        assert signal[:, 1].sum() == marked
    assert (name == "masked-select-fixed") == bool(np.all(x[0, :, 1] == x[1, :, 1]))


@pytest.mark.parametrize("name", ["solve", "solve-fixed"])
def test_the_answer_solves_the_system(synthetic: Any, name: str) -> None:
    x, y = made(synthetic, name)
    n = synthetic.unknowns(LENGTH)
    assert n * (n + 1) + n <= LENGTH < (n + 1) * (n + 2) + n + 1
    systems = x[:, : n * (n + 1), 0].reshape(-1, n, n + 1)
    for rows, wanted in zip(systems, y, strict=True):
        A = rows[:, :n]
        np.testing.assert_allclose(A @ A.T, np.eye(n), rtol=0, atol=20 * n * EPS)
        np.testing.assert_allclose(
            answers(wanted), np.linalg.solve(A, rows[:, n]), rtol=0, atol=20 * n * EPS
        )
    same = bool(np.all(systems[0, :, :n] == systems[1, :, :n]))
    assert same == (name == "solve-fixed")


def test_the_context_says_the_delay(synthetic: Any) -> None:
    for signal, wanted in zip(*made(synthetic, "context-shift", count=20), strict=True):
        turn = math.atan2(signal[1, 0], signal[0, 0]) / (2 * math.pi) * LENGTH
        s = round(turn) % LENGTH
        assert abs(turn - round(turn)) <= 100 * EPS * LENGTH
        for l in range(LENGTH):  # noqa: E741
            assert wanted[l, 0] == (signal[l - s, 0] if l >= s else 0)


def test_the_value_of_the_nearest_past_key_is_wanted(synthetic: Any) -> None:
    x, y = made(synthetic, "mips")
    q, k, v = np.split(x[0, :, :12], 3, axis=1)
    np.testing.assert_allclose((q**2).sum(1), 1, rtol=4 * EPS)
    for i in range(LENGTH):
        j = max(range(i + 1), key=lambda j: float(q[i] @ k[j]))
        np.testing.assert_array_equal(y[0, i], v[j])


def evaluated(tokens: list[str]) -> tuple[int, list[str]]:
    """The value of the first expression of tokens, by recursion, and the tokens after it."""
    first, *rest = tokens
    if first.isdigit():
        return int(first), rest
    values = []
    while rest[0] != "]":
        value, rest = evaluated(rest)
        values.append(value)
    median = sorted(values)[len(values) // 2]
    if len(values) % 2 == 0:
        median = (sorted(values)[len(values) // 2 - 1] + median) // 2
    found = {"[MIN": min(values), "[MAX": max(values), "[SM": sum(values) % 10, "[MED": median}
    return found[first], rest[1:]


def test_each_closing_bracket_wants_the_value_of_its_list(synthetic: Any) -> None:
    rng = np.random.default_rng(2)
    for most in (16, 64, 200):
        for _ in range(20):
            tokens, values = synthetic.expression(rng, round(0.85 * most), most)
            assert 0.85 * most - 1 <= len(tokens) <= most
            assert evaluated(tokens)[1] == []
            open_at: list[int] = []
            for at, token in enumerate(tokens):
                if token.startswith("["):
                    open_at.append(at)
                assert (values[at] is not None) == (token == "]")
                if token == "]":
                    assert values[at] == evaluated(tokens[open_at.pop() : at + 1])[0]


def test_lists_have_the_grammar_of_long_range_arena(synthetic: Any) -> None:
    tokens, _ = synthetic.expression(np.random.default_rng(3), 7000, 8180)
    assert 7000 <= len(tokens) <= 8180
    depth = np.cumsum([token.startswith("[") - (token == "]") for token in tokens])
    assert depth.max() <= 15
    assert depth[-1] == 0


def reached(drawn: np.ndarray, start: tuple[int, int]) -> set[tuple[int, int]]:
    """The drawn pixels that are reached from one by steps of at most two, over gaps of a dash."""
    pixels = {(int(i), int(j)) for i, j in np.argwhere(drawn)}
    found = {start}
    todo = [start]
    while todo:
        i, j = todo.pop()
        near = {p for p in pixels - found if max(abs(p[0] - i), abs(p[1] - j)) <= 2}
        found |= near
        todo += near
    return found


def test_marks_are_joined_exactly_where_a_path_says_so(synthetic: Any) -> None:
    size = 16
    seen = set()
    for image, told in zip(*made(synthetic, "pathfinder", size**2, count=40), strict=True):
        drawn = image[:, 0].reshape(size, size)
        classes = told[:, 0].reshape(size, size)
        assert np.array_equal(np.isfinite(classes), drawn > 0)
        marks = [(int(i), int(j)) for i, j in np.argwhere(drawn == 2)]
        assert len(marks) == 2
        joined = bool((classes == 2).any())
        seen.add(joined)
        own = [classes[mark] for mark in marks]
        assert own == ([2, 2] if joined else [1, 1])
        path = reached(classes == own[0], marks[0])
        assert (marks[1] in path) == joined
    assert seen == {True, False}


# Memory


def test_the_error_of_a_kernel_is_its_mean_square_over_signals(memory: Any) -> None:
    """A normal z gives the signal z^T F: the mean over z is a sum over the rows of F."""
    length = 40
    task = memory.delay(length)
    F = memory.signals(length, length // 4)
    k = np.random.default_rng(4).standard_normal(length)
    total = 0.0
    for u in F:
        for l in range(length):  # noqa: E741
            y = sum(k[j] * u[l - j] for j in range(l + 1))
            wanted = u[l - length // 4] if l >= length // 4 else 0.0
            total += (y - wanted) ** 2
    found = np.sum((task.root @ (k - task.target[:, 0])) ** 2)
    assert abs(found - total) <= 100 * length * EPS * total


def test_the_least_square_has_no_better_neighbour(memory: Any) -> None:
    length = 40
    task = memory.delay(length)
    X = memory.kernels_of("s4d-lin", 8, 0.2, length)
    k = memory.best_kernel(X, task, 1e-13)

    def error(kernel: np.ndarray) -> float:
        return float(np.sum((task.root @ (kernel - task.target[:, 0])) ** 2))

    whole = float(np.sum((task.root @ task.target) ** 2))
    fit = memory.best(X, task)
    assert abs(error(k) / whole - fit.errors["double"]) <= 1e-12  # sigma |c|, and rounding
    for column in X.T:
        for step in (-1e-3, 1e-3):
            assert error(k + step * column) > error(k)


@pytest.mark.parametrize("start", ["s4d-lin", "s4", "dlr", "lru", "s5", "legt", "dss", "s4d-real"])
def test_kernels_span_those_of_the_model(memory: Any, start: str) -> None:
    """Whatever C a model has, its kernel is a mixture of the kernels of its states."""
    from ssmlinalg import forms, kernel

    length = 40
    form = memory.form_of(start, 8, 0.1)
    X = memory.states_of(form, length)
    if isinstance(form, forms.Dense):
        form = form._replace(C=np.random.default_rng(5).standard_normal(8))
    if forms.kind(form).ports:
        form = form._replace(D=np.zeros((1, 1)))
    k = np.asarray(kernel(form, length)).reshape(length)
    mixed = X @ np.linalg.lstsq(X, k, rcond=None)[0]
    assert np.linalg.norm(mixed - k) <= 1e4 * EPS * np.linalg.norm(k)


def test_a_mode_and_its_conjugate_are_one_pair_of_unknowns(memory: Any) -> None:
    assert memory.kernels_of("s4", 8, 0.1, 40).shape[1] == 8
    assert memory.kernels_of("dss", 8, 0.1, 40).shape[1] == 8
    assert memory.kernels_of("legt", 8, 0.1, 40).shape[1] == 8
    assert memory.kernels_of("s4d-lin", 8, 0.1, 40).shape[1] == 7  # 0 is a double real pole


# The long shift


def test_a_fourier_basis_under_an_envelope_shifts(house: None) -> None:
    from ssmlinalg import kernel

    long_shift = importlib.import_module("long_shift")
    length = 64
    k = kernel(long_shift.shifting(length, 56), length)
    # Powers up to L of modes of rounded modulus and phase, and a sum of N terms 1/N.
    np.testing.assert_allclose(k, np.eye(length)[56], rtol=0, atol=8 * length * EPS)
