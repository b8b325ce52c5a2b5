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

from .assertions import assert_causal as assert_causal
from .assertions import assert_close as assert_close
from .assertions import assert_kernel as assert_kernel
from .assertions import assert_law as assert_law
from .assertions import assert_laws as assert_laws
from .assertions import assert_linear as assert_linear
from .assertions import assert_recurrence as assert_recurrence
from .elements import GAPS as GAPS
from .elements import HARD_FREQUENCIES as HARD_FREQUENCIES
from .elements import HARD_RADII as HARD_RADII
from .elements import HARD_RATES as HARD_RATES
from .elements import KEEP_STABILITY as KEEP_STABILITY
from .elements import batches as batches
from .elements import measures as measures
from .elements import multipliers as multipliers
from .elements import orders as orders
from .elements import rules as rules
from .elements import signals as signals
from .elements import spectra as spectra
from .elements import st as st
from .elements import stable_rules as stable_rules
from .elements import steps as steps
from .strategies import LOSSLESS as LOSSLESS
from .strategies import STRATEGIES as STRATEGIES
from .strategies import continuous as continuous
from .strategies import delayed as delayed
from .strategies import dense as dense
from .strategies import dense_recurrence as dense_recurrence
from .strategies import diagonal as diagonal
from .strategies import discrete as discrete
from .strategies import dplr as dplr
from .strategies import forms as forms
from .strategies import lossless as lossless
from .strategies import mimo as mimo
from .strategies import mimo_recurrence as mimo_recurrence
from .strategies import models as models
from .strategies import paired as paired
from .strategies import paired_recurrence as paired_recurrence
from .strategies import recurrence as recurrence
