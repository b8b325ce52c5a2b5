"""Array libraries: to which one an array belongs, and how it creates, casts, traces and moves.

The only room that knows them. None is imported here that the caller has not imported: an array's
own type says where to look.
"""

from .balancing import balance as balance
from .creation import arange as arange
from .creation import beside as beside
from .creation import eye as eye
from .creation import vector as vector
from .creation import zeros as zeros
from .device_transfer import DeviceError as DeviceError
from .device_transfer import host_values as host_values
from .device_transfer import move as move
from .device_transfer import to_numpy as to_numpy
from .libraries import LIBRARIES as LIBRARIES
from .libraries import Array as Array
from .libraries import Complex as Complex
from .libraries import Namespace as Namespace
from .libraries import Real as Real
from .libraries import device as device
from .libraries import is_numpy as is_numpy
from .libraries import is_tracer as is_tracer
from .libraries import kind as kind
from .libraries import library as library
from .libraries import namespace as namespace
from .libraries import refuse_unreadable as refuse_unreadable
from .matrix_exponential import expm as expm
from .matrix_logarithm import logm as logm
from .matrix_logarithm import refuse_singular as refuse_singular
from .number_types import as_complex as as_complex
from .number_types import cast as cast
from .number_types import complex_of as complex_of
from .number_types import doubled as doubled
from .number_types import fitting as fitting
from .number_types import from_pairs as from_pairs
from .number_types import half as half
from .number_types import is_complex as is_complex
from .number_types import pairs as pairs
from .number_types import precision as precision
from .number_types import real as real
from .number_types import widened as widened
from .powers_of_two import in_unit as in_unit
from .powers_of_two import times_two_to as times_two_to
from .transformations import analytic as analytic
from .transformations import compiling as compiling
from .transformations import constant as constant
from .transformations import differentiated as differentiated
from .transformations import fold as fold
from .transformations import iterate as iterate
from .transformations import quietly as quietly
from .transformations import readable as readable
from .vectors import column as column
from .vectors import matmul as matmul
from .vectors import matvec as matvec
from .vectors import row as row
from .vectors import solve as solve
