"""The formats of floating-point numbers that files and array libraries use, in one table.

Sources: IEEE 754-2019, Table 3.5 (binary16, 32, 64); the OCP 8-bit Floating Point Specification
1.0, Table 1 (float8). bfloat16 has the exponents of binary32 and 8 digits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Format(NamedTuple):
    """One format of real numbers.

    Attributes:
        digits: binary digits of a number, the leading one among them.
        least: the smallest positive number.
        normal: the smallest positive number with all its digits.
        largest: the largest finite number.
        numpy: whether NumPy has the format.
    """

    digits: int
    least: float
    normal: float
    largest: float
    numpy: bool

    @property
    def eps(self) -> float:
        """The distance from 1 to the next number: twice the largest relative rounding error."""
        return 2.0 ** (1 - self.digits)


FORMATS: dict[str, Format] = {
    "float64": Format(53, 2.0**-1074, 2.0**-1022, (2 - 2.0**-52) * 2.0**1023, numpy=True),
    "float32": Format(24, 2.0**-149, 2.0**-126, (2 - 2.0**-23) * 2.0**127, numpy=True),
    "float16": Format(11, 2.0**-24, 2.0**-14, 65504.0, numpy=True),
    "bfloat16": Format(8, 2.0**-133, 2.0**-126, (2 - 2.0**-7) * 2.0**127, numpy=False),
    "float8_e4m3fn": Format(4, 2.0**-9, 2.0**-6, 448.0, numpy=False),
    "float8_e5m2": Format(3, 2.0**-16, 2.0**-14, 57344.0, numpy=False),
}
COMPLEX = {"float16": "complex32", "float32": "complex64", "float64": "complex128"}  # pairs of each
PRECISIONS = ("float32", "float64")  # in which everything is evaluated
HALF = ("float16", "bfloat16")  # of 16 bits: stored, and evaluated in single precision

EPS = FORMATS["float64"].eps
TINY = FORMATS["float64"].normal
SINGLE = FORMATS["float32"].eps

_PART = {name: part for part, name in COMPLEX.items()}
# NumPy takes microseconds to name a type, as long as the product of a small model.
_OF_NUMPY = {np.dtype(part): part for part in FORMATS if FORMATS[part].numpy}
_OF_NUMPY |= {np.dtype(COMPLEX[part]): part for part in PRECISIONS}


def part_of(dtype: object) -> str:
    """The name of the real numbers that a type holds, its own name where it holds no parts.

    Args:
        dtype: a type of any library, or its name: "complex64", torch.bfloat16, numpy.dtype("<f4").

    Returns:
        A name of `FORMATS` if the type is real or complex, else that of the type.

    Example:
        >>> part_of("complex64"), part_of("torch.bfloat16"), part_of("int64")
        ('float32', 'bfloat16', 'int64')
    """
    if isinstance(dtype, np.dtype) and dtype in _OF_NUMPY:
        return _OF_NUMPY[dtype]
    name = str(dtype).rpartition(".")[2]
    return _PART.get(name, name)


def format_of(dtype: object) -> Format | None:
    """The format of the numbers of a type, of their parts if it is complex.

    Args:
        dtype: a type of any library, or its name.

    Returns:
        A line of `FORMATS`; None for integers, booleans and whatever else is no real format.

    Example:
        >>> format_of("torch.bfloat16").eps == 2.0**-7, format_of("complex64").digits
        (True, 24)
    """
    return FORMATS.get(part_of(dtype))


def in_numpy(dtype: object) -> bool:
    """Whether NumPy has the type: all but bfloat16, complex32 and the formats of 8 bits.

    Args:
        dtype: a type of any library, or its name.

    Returns:
        False for floating-point formats that NumPy lacks.

    Example:
        >>> in_numpy("complex64"), in_numpy("torch.bfloat16")
        (True, False)
    """
    name = str(dtype).rpartition(".")[2]
    if name in FORMATS:
        return FORMATS[name].numpy
    return name != COMPLEX["float16"] and not name.startswith("float8")
