r"""A model at work: its kernel, the convolution with it, and the same thing as a recurrence.

One law holds them together, for every form, rule and array library:

    convolve(u, kernel(form, len(u))) = scan(form, u)[0]

`kernel` is the impulse response, the direct path D at lag 0 included. Inputs and outputs have time on the last axis, (..., L),
or (..., M, L) and (..., P, L) for a form with several; leading axes broadcast against those of the form.
"""

from .convolution import convolve as convolve
from .recurrence import scan as scan
from .recurrence import step as step
from .response import kernel as kernel
