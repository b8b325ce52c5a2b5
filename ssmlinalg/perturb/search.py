"""The course of a search by L-BFGS: the best so far, evaluations, interrupts, progress."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy

from ..ground.backend import Real
from .diagonalization import Progress

Loss = Callable[[Real], tuple[float, Real]]  # x to its value and gradient


class Search:
    """The best that a search has met, how long it took, and whether it was cut short.

    Attributes:
        best: the candidate of least merit so far.
        merit: its merit; inf while there is none.
        evaluations: how many candidates were evaluated.
        least: the smallest value met of each figure.
        interrupted: whether an interrupt or the deadline ended it.
        iterate: the point that the last descent has reached.
    """

    def __init__(
        self,
        *,
        best: Any = None,
        merit: float = math.inf,
        seconds: float = math.inf,
        progress: Progress | None = None,
    ) -> None:
        self.best = best
        self.merit = merit
        self.evaluations = 0
        self.least: dict[str, float] = {}
        self.interrupted = False
        self.iterate = np.zeros(0)
        self._deadline = time.monotonic() + seconds
        self._progress = progress

    def offer(self, candidate: Any, merit: float) -> None:
        """Keep the candidate if none so far has as small a merit."""
        if merit < self.merit:
            self.best = candidate
            self.merit = merit

    def evaluated(self, candidate: Any, merit: float, **figures: float) -> None:
        """Count an evaluation, offer its candidate and report its figures."""
        self.evaluations += 1
        self.offer(candidate, merit)
        for name, value in figures.items():
            least = self.least.get(name, math.inf)
            self.least[name] = min(value, least)
        self.report(evaluations=self.evaluations, **figures)

    def report(self, **figures: float) -> None:
        """Pass figures on to the caller's `progress`, and how many seconds are left at most."""
        if not self._progress:
            return
        left = self.seconds_left()
        until = {} if math.isinf(left) else {"seconds_left": left}
        self._progress(**(until | figures))

    def seconds_left(self) -> float:
        """Until the deadline, inf where there is none."""
        return max(self._deadline - time.monotonic(), 0.0)

    def expired(self) -> bool:
        """Whether the search was interrupted or has outlived its deadline."""
        self.interrupted = self.interrupted or time.monotonic() > self._deadline
        return self.interrupted

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let an interrupt end what is inside, unless there is nothing to keep yet."""
        try:
            yield
        except KeyboardInterrupt:
            if math.isinf(self.merit):
                raise
            self.interrupted = True

    def descend(
        self,
        loss: Loss,
        x: Real,
        options: Mapping[str, float],
        after_step: Callable[[int], object] | None = None,
    ) -> Real:
        """The point that L-BFGS reaches from x; `options` are those of scipy's L-BFGS-B.

        Calls `after_step` with the number of steps. Ends early at the deadline. `iterate` holds the
        last step taken if an interrupt passes.
        """
        steps = itertools.count(1)

        def step_taken(x: Real) -> None:
            self.iterate = x.copy()
            if after_step:
                after_step(next(steps))
            if self.expired():
                raise StopIteration

        self.iterate = x
        scipy.optimize.minimize(
            loss,
            x,
            jac=True,
            method="L-BFGS-B",
            callback=step_taken,
            options=dict(options),
        )
        return self.iterate

    def facts(self) -> dict[str, float]:
        """The facts of a perturbation that was searched for."""
        return {
            "evaluations": float(self.evaluations),
            "interrupted": float(self.interrupted),
        }
