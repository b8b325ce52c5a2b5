"""The one reader: which arrays are which layer, and what a file of bare fields is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from targets import init, refused

from ssmlinalg import checkpoints, export, forms
from ssmlinalg.export import contents, form_in
from ssmlinalg.export.bare_fields import as_plain

N = 6  # modes
H = 3  # channels


def only(arrays: Any, **how: Any) -> Any:
    """The form of the one layer."""
    held = contents(arrays, **how)
    assert len(held.layers) == 1
    return form_in(held, held.layers[0])


def vectors(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Fields of a form, those given of other shapes than those of one channel."""
    own: dict[str, tuple[int, ...]] = {"A": (N,), "B": (N,), "C": (N,), "D": (), "step": ()}
    rng = np.random.default_rng(0)
    fields = {name: rng.standard_normal(shape) for name, shape in (own | shapes).items()}
    return fields | {"A": -np.abs(fields["A"]), "step": np.abs(fields["step"])}


@pytest.mark.parametrize(
    ("shapes", "form"),
    [
        ({}, "Paired"),
        ({"A": (H, N), "B": (H, N)}, "Paired"),
        ({"A": (H, N), "C": (H, N)}, "Paired"),
        ({"A": (H, N), "step": (H,)}, "Paired"),
        ({"C": (H, N)}, "Paired"),
        ({"A": (1, N)}, "Paired"),
        ({"A": (N, N)}, "Dense"),
        ({"A": (H, N, N), "B": (H, N), "C": (H, N)}, "Dense"),
        ({"A": (N, N), "B": (H, N), "C": (H, N), "step": (H,)}, "Dense"),
        ({"A": (N, N), "B": (N, N), "C": (N, N)}, "Paired"),  # as many channels as modes
        ({"B": (N, 2), "C": (2, N), "D": (2, 2), "step": (N,)}, "MIMO"),
        ({"B": (N, N), "C": (N, N), "D": (N, N), "step": (N,)}, "MIMO"),
    ],
)
def test_bare_fields_are_the_form_that_their_shapes_fit(
    shapes: dict[str, tuple[int, ...]], form: str
) -> None:
    arrays = vectors(**shapes)
    found = only(arrays)
    assert type(found) is forms.FORMS[form]
    for name, array in found._asdict().items():
        np.testing.assert_array_equal(array, arrays[name])


@pytest.mark.parametrize("shapes", [{"A": (H, N)}, {"D": (H,)}, {"A": (2, H, N), "B": (H, N)}])
def test_an_axis_that_one_field_has_alone_is_refused(shapes: dict[str, tuple[int, ...]]) -> None:
    with refused(ValueError, "no leading axis that A or D alone has"):
        contents(vectors(**shapes))
    assert type(only(vectors(**shapes), form="Paired")) is forms.Paired, "who says so, means it"


def test_a_form_that_is_named_is_taken_at_its_word() -> None:
    arrays = vectors()
    assert type(only(arrays, form="Diagonal")) is forms.Diagonal
    del arrays["step"]
    with refused(ValueError, "got no step. Add step, or say which form of Recurrence"):
        contents(arrays)
    assert type(only(arrays, form="Recurrence")) is forms.Recurrence
    with refused(ValueError, "a Paired must be given as A, B, C, D, step; got A, B, C, D"):
        contents(arrays, form="Paired")
    with refused(ValueError, "`form` must be one of"):
        contents(arrays, form="NPLR")


def test_numbers_of_every_kind_are_read_and_others_refused() -> None:
    whole = {name: np.ones(array.shape, np.int32) for name, array in vectors().items()}
    assert only(whole | {"A": -whole["A"]}).A.dtype == np.complex128
    with refused(ValueError, "`A` must be an array of numbers; got <U1"):
        only(vectors() | {"A": np.array(["1"] * N)})


def test_the_matrices_of_scipy_stay_a_target_of_their_own() -> None:
    arrays = export.TARGETS["statespace"].to(init("s4d-lin", 4))
    assert list(as_plain(contents(arrays).entries)) == list(arrays)
    assert contents(arrays).layers[0].target == "statespace"


def test_own_names_are_replaced_in_one_layer_or_in_all() -> None:
    arrays = export.TARGETS["s4d"].to(init("s4d-lin", channels=H))
    own = {
        f"{i}/{name.replace('log_dt', 'delta')}": array
        for i in range(2)
        for name, array in arrays.items()
    }
    both = contents(own, renamed={"delta": "log_dt"})
    assert [place.prefix for place in both.layers] == ["0/", "1/"]
    one = contents(own, renamed={"1/delta": "log_dt"})
    assert [place.prefix for place in one.layers] == ["1/"]
    with refused(ValueError, "got '0/C' twice"):
        contents(own, renamed={"0/delta": "C"})
    with refused(ValueError, "got 'elta'. The nearest is '0/delta'"):
        contents(own, renamed={"elta": "log_dt"})


def test_a_start_is_one_of_whole_parts() -> None:
    arrays = export.TARGETS["s4d"].to(init("s4d-lin", channels=H))
    model = {f"net.{i}.{name}": array for i in (1, 10) for name, array in arrays.items()}
    assert [place.prefix for place in contents(model, layer="net.1").layers] == ["net.1."]
    assert len(contents(model, layer="net").layers) == 2
    with refused(ValueError, "got 'ne'. Layers start with net.1, net.10"):
        contents(model, layer="ne")
    with refused(ValueError, "got 'net'. Leave it out"):
        contents(arrays, layer="net")


def test_a_record_says_the_target_and_the_length(tmp_path: Any) -> None:
    export.save(tmp_path / "a.npz", init("s4", channels=2), "annotated-s4", length=32)
    held = contents(tmp_path / "a.npz", length=64)
    assert (held.layers[0].target, held.length) == ("annotated-s4", 32)
    entries, record = checkpoints.read(tmp_path / "a.npz")
    arrays = {name: entry.read() for name, entry in entries.items()}
    checkpoints.write(tmp_path / "b.npz", arrays, record | {"target": "of another release"})
    assert contents(tmp_path / "b.npz", length=64).length == 64
    export.save(tmp_path / "c.npz", init("s5-ptd", channels=2), "s5")
    assert contents(tmp_path / "c.npz").layers[0].target == "s5", "the names are those of two"
    with refused(TypeError, "`source` must be a path or arrays by name; got int"):
        contents(3)  # pyright: ignore[reportArgumentType]
