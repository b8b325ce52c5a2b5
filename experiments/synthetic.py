r"""The 13 synthetic tasks of Gupta, Mehta & Berant 2022 (DLR, arXiv 2212.00768), made here.

A task is a function (rng, count, length, **sizes) that returns `Task`: inputs (count, L', d) and
what is wanted of every sample (count, L', p), NaN where nothing is. L' is what the task needs for
signals of `length` samples. Every input ends with cos and sin of 2 pi l/L'. Signals are normal
numbers over their largest modulus, unless said.

=====================  ===========================================================  ===============
name                   wanted                                                       length L'
=====================  ===========================================================  ===============
shift                  the signal 0, L/8 (7/8), ..., 7 L/8 samples late             L
cumsum                 the sum of the samples so far over the root of their number  L
cummax                 the largest sample so far                                    L
reverse                after the signal, the signal backwards                       2 L
sort                   after the signal, its samples by their distance to the first 2 L
masked-select          after the signal, its M marked samples in order              L + 2 M
masked-select-fixed    the same, always at the same places                          L + 2 M
solve                  at the end, X where A X = B, A orthogonal, from [A | B]      L
solve-fixed            the same, always with the same A                             L
context-shift          the signal as late as its first two samples say              L
mips                   the value of the past key that is nearest to the query       L
listops-subtrees       at each closing bracket what its brackets evaluate to        L
pathfinder             of each drawn pixel, on which path it is                     L, a square
=====================  ===========================================================  ===============

The last two are classes, 10 and 3, one column of numbers. Their generators are our own: the grammar
of Long Range Arena, steered to the length, and dashed curves in a small square.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

Rng = np.random.Generator
FIXED = 0  # the seed of what is the same in all samples
SHIFTS = 8
DIMENSION = 4  # of queries, keys and values
OPERATORS = ("[MIN", "[MAX", "[MED", "[SM")
TOKENS = (*map(str, range(10)), *OPERATORS, "]")
LEAF = 0.75  # the probability that an argument is a digit


class Task(NamedTuple):
    """Inputs (count, L', d) and what is wanted (count, L', p), NaN where nothing is."""

    x: np.ndarray
    y: np.ndarray


def placed(x: np.ndarray) -> np.ndarray:
    """Inputs (count, L', d) with two more, cos and sin of the place."""
    count, length, _ = x.shape
    angle = 2 * math.pi * np.arange(length) / length
    place = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return np.concatenate([x, np.broadcast_to(place, (count, length, 2))], axis=2)


def noise(rng: Rng, count: int, length: int) -> np.ndarray:
    """Signals (count, L), normal over their largest modulus."""
    x = rng.standard_normal((count, length))
    return x / np.abs(x).max(axis=1, keepdims=True)


def late(x: np.ndarray, delay: int) -> np.ndarray:
    """Signals (..., L), some samples late, zero before."""
    y = np.zeros_like(x)
    y[..., delay:] = x[..., : x.shape[-1] - delay]
    return y


def answered(x: np.ndarray, answer: np.ndarray) -> Task:
    """Signals (count, L) followed by as many zeros as the answer (count, M) is long."""
    count, length = x.shape
    size = answer.shape[1]
    inputs = np.concatenate([x, np.zeros((count, size))], axis=1)[..., None]
    wanted = np.full((count, length + size, 1), np.nan)
    wanted[:, length:, 0] = answer
    return Task(placed(inputs), wanted)


# Few kernels for all places


def delays(length: int) -> np.ndarray:
    """The delays of the task shift."""
    return np.linspace(0, length - length // SHIFTS, SHIFTS).astype(int)


def shift(rng: Rng, count: int, length: int) -> Task:
    """The signal by eight delays, (count, L, 8)."""
    x = noise(rng, count, length)
    y = np.stack([late(x, delay) for delay in delays(length)], axis=2)
    return Task(placed(x[..., None]), y)


def cumsum(rng: Rng, count: int, length: int) -> Task:
    """Running sums, of about the same size everywhere."""
    x = noise(rng, count, length)
    y = np.cumsum(x, axis=1) / np.sqrt(np.arange(1, length + 1))
    return Task(placed(x[..., None]), y[..., None])


def cummax(rng: Rng, count: int, length: int) -> Task:
    """Running maxima."""
    x = noise(rng, count, length)
    return Task(placed(x[..., None]), np.maximum.accumulate(x, axis=1)[..., None])


# Many kernels, or such as depend on the signal


def reverse(rng: Rng, count: int, length: int) -> Task:
    """The signal backwards."""
    x = noise(rng, count, length)
    return answered(x, x[:, ::-1])


def sort(rng: Rng, count: int, length: int) -> Task:
    """The samples by their distance to the first one."""
    x = noise(rng, count, length)
    order = np.argsort(np.abs(x - x[:, :1]), axis=1, kind="stable")
    return answered(x, np.take_along_axis(x, order, axis=1))


def marked_samples(length: int) -> int:
    """M: 32, as published, or an eighth of a short signal."""
    return min(32, max(1, length // 8))


def selected(rng: Rng, count: int, length: int, places: np.ndarray) -> Task:
    """Signals (count, L + M), marked at places (count, M) in a second column."""
    x = noise(rng, count, length + places.shape[1])
    task = answered(x, np.take_along_axis(x, places, axis=1))
    marks = np.zeros((count, task.x.shape[1], 1))
    np.put_along_axis(marks[..., 0], places, 1.0, axis=1)
    return Task(np.concatenate([task.x[..., :1], marks, task.x[..., 1:]], axis=2), task.y)


def places_among(rng: Rng, count: int, length: int) -> np.ndarray:
    """M of L + M places, in order, (count, M)."""
    marked = marked_samples(length)
    chosen = rng.random((count, length + marked)).argsort(axis=1)[:, :marked]
    return np.sort(chosen, axis=1)


def masked_select(rng: Rng, count: int, length: int) -> Task:
    """The marked samples in order."""
    return selected(rng, count, length, places_among(rng, count, length))


def masked_select_fixed(rng: Rng, count: int, length: int) -> Task:
    """The same samples of every signal, in order."""
    places = places_among(np.random.default_rng(FIXED), 1, length)
    return selected(rng, count, length, np.repeat(places, count, axis=0))


def unknowns(length: int) -> int:
    """n, the largest with n (n + 1) + n <= L."""
    return math.isqrt(1 + length) - 1


def orthogonal(rng: Rng, count: int, order: int) -> np.ndarray:
    """Polar factors of normal matrices, (count, n, n)."""
    U, _, V = np.linalg.svd(rng.standard_normal((count, order, order)))
    return U @ V


def system(rng: Rng, A: np.ndarray, count: int, length: int) -> Task:
    """Rows of [A | B] one after the other, and X at the end."""
    order = A.shape[-1]
    X = rng.standard_normal((count, order, 1))
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    A = np.broadcast_to(A, (count, order, order))
    rows = np.concatenate([A, A @ X], axis=2).reshape(count, -1)
    x = np.zeros((count, length, 1))
    x[:, : rows.shape[1], 0] = rows
    y = np.full((count, length, 1), np.nan)
    y[:, length - order :] = X
    return Task(placed(x), y)


def solve(rng: Rng, count: int, length: int) -> Task:
    """Solve a linear system of about the root of L unknowns."""
    return system(rng, orthogonal(rng, count, unknowns(length)), count, length)


def solve_fixed(rng: Rng, count: int, length: int) -> Task:
    """Solve for one matrix and many right sides: the inverse can be learnt."""
    A = orthogonal(np.random.default_rng(FIXED), 1, unknowns(length))
    return system(rng, A, count, length)


def context_shift(rng: Rng, count: int, length: int) -> Task:
    """The first two samples are cos and sin of 2 pi s/L; the signal, s samples late."""
    delay = rng.integers(length - 2, size=count)
    x = noise(rng, count, length)
    angle = 2 * math.pi * delay / length
    x[:, 0] = np.cos(angle)
    x[:, 1] = np.sin(angle)
    y = np.stack([late(row, s) for row, s in zip(x, delay, strict=True)])
    return Task(placed(x[..., None]), y[..., None])


def mips(rng: Rng, count: int, length: int) -> Task:
    """Queries, keys and values on a sphere; the value of the past key nearest to the query."""
    x = rng.standard_normal((count, length, 3, DIMENSION))
    q, k, v = np.moveaxis(x / np.linalg.norm(x, axis=3, keepdims=True), 2, 0)
    near = np.where(np.tri(length, dtype=bool), q @ k.swapaxes(1, 2), -np.inf).argmax(axis=2)
    y = np.take_along_axis(v, near[..., None], axis=1)
    return Task(placed(np.concatenate([q, k, v], axis=2)), y)


# Brackets


class Bracket:
    """A list that is open: its operator, what its arguments are so far, how many are to come."""

    def __init__(self, operator: str, left: int) -> None:
        self.operator = operator
        self.left = left
        self.values: list[int] = []

    def value(self) -> int:
        """What the list evaluates to, a digit."""
        if self.operator == "[SM":
            return sum(self.values) % 10
        if self.operator == "[MED":
            return int(np.median(self.values))
        return min(self.values) if self.operator == "[MIN" else max(self.values)


def expression(
    rng: Rng, least: int, most: int, *, arguments: int = 9, depth: int = 15
) -> tuple[list[str], list[int | None]]:
    """Tokens of nested lists, and at each closing bracket the value of its list.

    An argument is a digit with probability `LEAF`. The number of tokens is held between `least` and
    `most`: the last argument is a list while there are too few, and a digit where there is no room.
    One that is stopped by the depth before is drawn again.
    """
    while True:
        tokens, values = drawn(rng, least, most, arguments, depth)
        if len(tokens) >= least:
            return tokens, values


def drawn(
    rng: Rng, least: int, most: int, arguments: int, depth: int
) -> tuple[list[str], list[int | None]]:
    """One draw of an expression; too short where the last argument was as deep as may be."""
    tokens: list[str] = []
    values: list[int | None] = []
    stack: list[Bracket] = []

    def put(token: str, value: int | None = None) -> None:
        tokens.append(token)
        values.append(value)

    def open_list() -> None:
        room = most - len(tokens) - shortest(stack) - 2
        left = int(rng.integers(2, min(arguments, room) + 1))
        stack.append(Bracket(OPERATORS[rng.integers(len(OPERATORS))], left))
        put(stack[-1].operator)

    open_list()
    while stack:
        here = stack[-1]
        if not here.left:
            value = stack.pop().value()
            put("]", value)
            if stack:
                stack[-1].values.append(value)
            continue
        early = sum(one.left for one in stack) == 1 and len(tokens) + shortest(stack) < least
        here.left -= 1
        fits = len(tokens) + shortest(stack) + 4 <= most and len(stack) < depth
        if fits and (early or rng.random() >= LEAF):
            open_list()
        else:
            here.values.append(int(rng.integers(10)))
            put(str(here.values[-1]))
    return tokens, values


def shortest(stack: list[Bracket]) -> int:
    """The tokens that are still to come at least: a digit an argument, a bracket a list."""
    return sum(one.left + 1 for one in stack)


def listops_subtrees(
    rng: Rng, count: int, length: int, *, least: float = 0.85, **sizes: int
) -> Task:
    """Expressions of at least 0.85 L tokens (7000 of 8192), one column a token, zeros after."""
    x = np.zeros((count, length, len(TOKENS)))
    y = np.full((count, length, 1), np.nan)
    for row in range(count):
        tokens, values = expression(rng, round(least * length), length, **sizes)
        for place, (token, value) in enumerate(zip(tokens, values, strict=True)):
            x[row, place, TOKENS.index(token)] = 1.0
            if value is not None:
                y[row, place] = value
    return Task(placed(x), y)


# Paths


class Curve(NamedTuple):
    """Pixels (k, 2) of the dashes of a path, all of its pixels, and its two ends."""

    dashes: np.ndarray
    whole: np.ndarray
    ends: np.ndarray


def curve(rng: Rng, size: int, dashes: int, dash: int, bend: float) -> Curve:
    """A curve of dashes of `dash` pixels and gaps of one, which turns by `bend` a pixel."""
    period = dash + 1
    steps = np.arange(4 * (dashes * period - 1))  # four points a pixel
    turn = np.cumsum(rng.standard_normal(len(steps))) * bend / 2
    heading = 2 * math.pi * rng.random() + turn
    walk = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], axis=1), axis=0) / 4
    walk = walk + rng.uniform(0, size, 2) - walk[len(walk) // 2]
    pixels = np.floor(walk).astype(int)
    drawn = steps // 4 % period < dash
    return Curve(np.unique(pixels[drawn], axis=0), np.unique(pixels, axis=0), pixels[[0, -1]])


def free(found: Curve, taken: np.ndarray) -> bool:
    """Whether a curve lies inside and away from others: `taken` is what they are near."""
    size = len(taken)
    inside = bool(np.all((found.whole >= 0) & (found.whole < size)))
    return inside and not taken[*found.whole.T].any()


def take(taken: np.ndarray, found: Curve) -> None:
    """Mark the pixels of a curve and those at most two away: a gap between dashes is shorter."""
    for across in range(-2, 3):
        for down in range(-2, 3):
            at = np.clip(found.whole + (across, down), 0, len(taken) - 1)
            taken[*at.T] = True


def curves(rng: Rng, size: int, dashes: tuple[int, ...], dash: int, bend: float) -> Iterator[Curve]:
    """Curves of these numbers of dashes, apart; one that finds no room is left out."""
    taken = np.zeros((size, size), dtype=bool)
    for number in dashes:
        for _ in range(200):
            found = curve(rng, size, number, dash, bend)
            if free(found, taken):
                take(taken, found)
                yield found
                break


def drawing(
    rng: Rng, size: int, *, dashes: int, dash: int, bend: float, distractors: int
) -> tuple[np.ndarray, np.ndarray]:
    """An image of two long paths, short ones and two marks, and the class of each pixel.

    The marks, twice as bright, are the ends of one long path or one end of each. Classes of drawn
    pixels: 2 on a path that joins the marks, 1 on another long path, 0 on a short one.
    """
    short = (max(1, dashes // 3),) * distractors
    found: list[Curve] = []
    while len(found) < 2 + distractors:
        found = list(curves(rng, size, (dashes, dashes, *short), dash, bend))
    first, second = found[:2]
    joined = rng.random() < 0.5
    image = np.zeros((size, size))
    told = np.full((size, size), np.nan)
    for one in found:
        image[*one.dashes.T] = 1.0
        told[*one.dashes.T] = 0.0
    told[*second.dashes.T] = 1.0
    told[*first.dashes.T] = 2.0 if joined else 1.0
    marks = first.ends if joined else np.stack([first.ends[0], second.ends[0]])
    image[*marks.T] = 2.0
    return image, told


def pathfinder(rng: Rng, count: int, length: int, **sizes: Any) -> Task:
    """Images of a square of L pixels, row by row."""
    size = math.isqrt(length)
    if size**2 != length:
        raise ValueError(f"`length` must be a square; got {length}. Give 256 or 1024.")
    given = {"dashes": max(3, size // 5), "dash": 2, "bend": 0.25, "distractors": 2} | sizes
    pairs = [drawing(rng, size, **given) for _ in range(count)]
    x, y = (np.array(part).reshape(count, length, 1) for part in zip(*pairs, strict=True))
    return Task(placed(x), y)


TASKS: dict[str, Callable[..., Task]] = {
    "shift": shift,
    "cumsum": cumsum,
    "cummax": cummax,
    "reverse": reverse,
    "sort": sort,
    "masked-select": masked_select,
    "masked-select-fixed": masked_select_fixed,
    "solve": solve,
    "solve-fixed": solve_fixed,
    "context-shift": context_shift,
    "mips": mips,
    "listops-subtrees": listops_subtrees,
    "pathfinder": pathfinder,
}
CLASSES = {"listops-subtrees": 10, "pathfinder": 3}
