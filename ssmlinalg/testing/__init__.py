r"""Tests of other projects: models to draw, laws to hold an implementation to, a tolerance.

::

    @given(testing.paired())
    def test_our_kernel_is_theirs(form):
        testing.assert_kernel(ours, form, 64)

=================  =========================================================================
to draw            functions
=================  =========================================================================
numbers and names  `orders`, `batches`, `steps`, `measures`, `rules`, `stable_rules`, `signals`
modes              `spectra` of x' = A x, `multipliers` of x_l = A x_{l-1}
forms              one function for each, in `STRATEGIES`; `continuous`, `discrete`, `forms`
                   for one of many
named systems      `lossless`, `models`
=================  =========================================================================

=================  =========================================================================
to assert          functions
=================  =========================================================================
laws of a form     `assert_laws`, `assert_law`
laws of functions  `assert_kernel`, `assert_recurrence`, `assert_causal`, `assert_linear`, in
                   any library
tolerance          `assert_close`
=================  =========================================================================

Needs hypothesis, which the extra `testing` installs.
"""

from .assertions import (
    assert_causal,
    assert_close,
    assert_kernel,
    assert_law,
    assert_laws,
    assert_linear,
    assert_recurrence,
)
from .elements import (
    GAPS,
    HARD_FREQUENCIES,
    HARD_RADII,
    HARD_RATES,
    KEEP_STABILITY,
    batches,
    measures,
    multipliers,
    orders,
    rules,
    signals,
    spectra,
    stable_rules,
    steps,
)
from .strategies import (
    LOSSLESS,
    STRATEGIES,
    continuous,
    delayed,
    dense,
    dense_recurrence,
    diagonal,
    discrete,
    dplr,
    forms,
    lossless,
    mimo,
    mimo_recurrence,
    models,
    paired,
    paired_recurrence,
    recurrence,
)

__all__ = [
    "GAPS",
    "HARD_FREQUENCIES",
    "HARD_RADII",
    "HARD_RATES",
    "KEEP_STABILITY",
    "LOSSLESS",
    "STRATEGIES",
    "assert_causal",
    "assert_close",
    "assert_kernel",
    "assert_law",
    "assert_laws",
    "assert_linear",
    "assert_recurrence",
    "batches",
    "continuous",
    "delayed",
    "dense",
    "dense_recurrence",
    "diagonal",
    "discrete",
    "dplr",
    "forms",
    "lossless",
    "measures",
    "mimo",
    "mimo_recurrence",
    "models",
    "multipliers",
    "orders",
    "paired",
    "paired_recurrence",
    "recurrence",
    "rules",
    "signals",
    "spectra",
    "stable_rules",
    "steps",
]


def __dir__() -> list[str]:
    return __all__
