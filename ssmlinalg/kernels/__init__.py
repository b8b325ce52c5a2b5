r"""A model at work: its kernel, the convolution with it, and the same thing as a recurrence.

One law holds them together, for every form, rule and array library:

    forced_response(form, u) = scan(form, u)[0]

where the left side is the convolution with the kernel, `convolve(u, kernel(form, L))` for a form
with one input.

`kernel` is the impulse response, the direct path D at lag 0 included. Inputs and outputs have time
on the last axis, (..., L), or (..., M, L) and (..., P, L) for a form with several; leading axes
broadcast against those of the form.

====================================  ===========================================================
impulse response                      `kernel`
recurrence                            `scan`, `step`, `stepper`, `final_state`, `states`
episodes                              `scan_episodes`
zero-state response                   `forced_response`
zero-input response                   `free_response`
other times                           `kernel_at`, `scan_irregular`, `resample`, `band_limit`
convolution                           `convolve`, `stream`
frequencies weighed                   `sobolev_filter`
both directions                       `bidirectional`, `scan_bidirectional`
kernels with parameters of their own  `dss_softmax`, `sgconv`, `sgconv_sum`, `hope`
====================================  ===========================================================
"""

from .band import band_limit
from .convolution import bidirectional, convolve, forced_response, stream
from .episodes import scan_episodes
from .frequency_weights import sobolev_filter
from .hankel import hope, hope_recurrence
from .irregular import kernel_at, resample, scan_irregular
from .multiscale import sgconv, sgconv_cosines, sgconv_norm, sgconv_scales, sgconv_sum
from .recurrence import final_state, free_response, scan, scan_bidirectional, states, step
from .response import kernel
from .sample_by_sample import stepper
from .softmax import dss_softmax

__all__ = [
    "band_limit",
    "bidirectional",
    "convolve",
    "dss_softmax",
    "final_state",
    "forced_response",
    "free_response",
    "hope",
    "hope_recurrence",
    "kernel",
    "kernel_at",
    "resample",
    "scan",
    "scan_bidirectional",
    "scan_episodes",
    "scan_irregular",
    "sgconv",
    "sgconv_cosines",
    "sgconv_norm",
    "sgconv_scales",
    "sgconv_sum",
    "sobolev_filter",
    "states",
    "step",
    "stepper",
    "stream",
]


def __dir__() -> list[str]:
    return __all__
