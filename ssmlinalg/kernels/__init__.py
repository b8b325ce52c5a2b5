r"""A model at work: its kernel, the convolution with it, and the same thing as a recurrence.

One law holds them together, for every form, rule and array library:

    convolve(u, kernel(form, len(u))) = scan(form, u)[0]

`kernel` is the impulse response, the direct path D at lag 0 included. Inputs and outputs have time
on the last axis, (..., L), or (..., M, L) and (..., P, L) for a form with several; leading axes
broadcast against those of the form.

====================================  ===========================================================
impulse response                      `kernel`
recurrence                            `scan`, `step`, `stepper`, `final_state`, `states`
zero-input response                   `free_response`
other times                           `kernel_at`, `scan_irregular`, `resample`, `band_limit`
convolution                           `convolve`, `stream`, `bidirectional`
kernels with parameters of their own  `dss_softmax`, `sgconv`, `sgconv_sum`, `hope`
====================================  ===========================================================
"""

from .band import band_limit as band_limit
from .convolution import bidirectional as bidirectional
from .convolution import convolve as convolve
from .convolution import stream as stream
from .hankel import hope as hope
from .hankel import hope_recurrence as hope_recurrence
from .irregular import kernel_at as kernel_at
from .irregular import resample as resample
from .irregular import scan_irregular as scan_irregular
from .multiscale import sgconv as sgconv
from .multiscale import sgconv_norm as sgconv_norm
from .multiscale import sgconv_scales as sgconv_scales
from .multiscale import sgconv_sum as sgconv_sum
from .recurrence import final_state as final_state
from .recurrence import free_response as free_response
from .recurrence import scan as scan
from .recurrence import states as states
from .recurrence import step as step
from .response import kernel as kernel
from .sample_by_sample import stepper as stepper
from .softmax import dss_softmax as dss_softmax
