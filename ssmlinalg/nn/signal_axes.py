"""The axes of a signal, width last, in every library."""

from __future__ import annotations

from ..ground import require


def check_axes(shape: tuple[int, ...], width: int, axes: str, enough: bool) -> None:
    """Refuse a signal whose last axis is not the width, and one without samples.

    Args:
        shape: of the signal.
        width: H, the channels of the layer.
        axes: their names in the sentence.
        enough: whether there are as many as the layer takes.

    Raises:
        ValueError: for other axes.

    Example:
        >>> check_axes((2, 100, 4), 4, "(batch, length, width)", True)
    """
    if enough and shape[-2] == width != shape[-1]:
        rule = f"`u` must be {axes} with width = {width} last"
        remedy = "Call u.mT: its axis before the last is the width."
        raise ValueError(f"{rule}; got {shape}. {remedy}")
    fits = enough and shape[-1] == width and shape[-2] > 0
    require.shape("u", shape, f"{axes} with width = {width}, length > 0", fits)
