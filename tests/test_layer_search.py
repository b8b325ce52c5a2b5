"""Layers are found by their names alone, wherever in a checkpoint they stand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import exports
from targets import refused, sized

from ssmlinalg.export import TARGETS, layers

S4D = {"C": (3, 4, 2), "log_dt": (3,), "log_A_real": (3, 4), "A_imag": (3, 4)}
prefixes = st.lists(
    st.sampled_from(["net.0.", "net.1.", "a/b/", "", "x.kernel.", "layers/10/ssm/"]),
    min_size=1,
    unique=True,
)


def shapes(arrays: Any, prefix: str = "") -> dict[str, tuple[int, ...]]:
    return {prefix + name: tuple(np.shape(array)) for name, array in arrays.items()}


@pytest.mark.parametrize("target", TARGETS)
@given(data=st.data())
def test_every_layer_of_a_target_is_found_under_every_prefix(target: str, data: Any) -> None:
    given, _ = data.draw(exports(target, 16))
    arrays = TARGETS[target].to(given, **sized(target, 16))
    chosen = data.draw(prefixes)
    among: dict[str, tuple[int, ...]] = {"head.weight": (2, 2), "norm": (3,)}
    for prefix in chosen:
        among |= shapes(arrays, prefix)
    found = layers(among, target)
    assert [layer.prefix for layer in found] == chosen
    for layer in found:
        assert layer.target == target
        assert {name: layer.prefix + name for name in arrays}.items() <= layer.names.items()


def test_without_a_target_the_one_with_the_most_names_is_meant() -> None:
    found = layers({f"net.{i}.{name}": shape for i in (1, 0) for name, shape in S4D.items()})
    assert [(layer.prefix, layer.target) for layer in found] == [
        ("net.1.", "s4d"),
        ("net.0.", "s4d"),
    ]


def test_what_a_layer_and_its_kernel_both_hold_is_one_layer() -> None:
    """So lrnnx registers S4; the outer names alone would be those of "s4-diag", P and all."""
    own = {"inv_dt": (3, 1), "A_real": (3, 4), "A_imag": (3, 4), "B": (1, 3, 4, 2)}
    own |= {"C": (1, 3, 4, 2), "P": (1, 3, 4, 2)}
    inside = {f"layer.kernel.{name}": shape for name, shape in own.items()}
    (found,) = layers(own | {"D": (1, 3)} | inside | {"layer.kernel.l_kernel": ()})
    assert (found.target, found.prefix) == ("s4", "layer.kernel.")
    assert found.names["D"] == "D"
    others = {name: (2, *shape[1:]) for name, shape in own.items()}
    two = layers(others | inside | {"layer.kernel.l_kernel": ()})
    assert [layer.target for layer in two] == ["s4-diag", "s4"]


def test_an_optional_array_may_stand_one_level_up() -> None:
    (found,) = layers(
        {f"layer.kernel.{name}": shape for name, shape in S4D.items()}
        | {"layer.D": (3,), "D": (3,)},
        "s4d",
    )
    assert found.names["D"] == "layer.D"
    (own,) = layers(
        {f"layer.kernel.{name}": shape for name, shape in (S4D | {"D": (3,)}).items()}
        | {"layer.D": (3,)},
        "s4d",
    )
    assert own.names["D"] == "layer.kernel.D"


def test_a_layer_that_lacks_a_name_is_listed_only_where_its_target_is_said() -> None:
    part = {name: shape for name, shape in S4D.items() if name != "A_imag"}
    (found,) = layers(part, "s4d")
    assert "A_imag" not in found.names
    with pytest.raises(
        ValueError,
        match="the names must be those of a layer, of a target; got C, log_dt, log_A_real",
    ):
        layers(part)


def test_names_of_two_targets_are_not_guessed() -> None:
    names = dict.fromkeys(TARGETS["s5"].layout, ())
    among = {name: (2,) * len(axes) for name, (_, axes) in TARGETS["s5"].layout.items()}
    assert names.keys() == among.keys()
    with refused(ValueError, "must be those of one target; got s5 and s5-full"):
        layers(among)
    assert layers(among, "s5-full")[0].target == "s5-full"


@pytest.mark.parametrize(
    ("among", "target", "sentence"),
    [
        ({}, None, "got none. Give another `target`"),
        ({"net.log_dT": (3,)}, "s4d", "Is 'net.log_dT' meant to be 'log_dt'"),
        ({"weight": (3,)}, "s4e", "`target` must be one of"),
    ],
)
def test_where_there_is_no_layer_the_nearest_name_is_told(
    among: Any, target: str | None, sentence: str
) -> None:
    with refused(ValueError, sentence):
        layers(among, target)


def test_names_are_text_and_a_name_is_not_taken_for_itself() -> None:
    with refused(TypeError, "names of arrays must be text; got 1"):
        layers({1: (3,)})  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"got C, A_imag\. Give another `target`"):
        layers({"C": (3, 4, 2), "A_imag": (3, 4)}, "annotated-s4")
