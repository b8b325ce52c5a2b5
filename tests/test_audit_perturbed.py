"""Files of perturb-then-diagonalize are judged by what they perturb, and by how much."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.io
from audited import accused, kinds, message

from ssmlinalg import hippo, perturb
from ssmlinalg.audit import audit
from ssmlinalg.export import TARGETS
from ssmlinalg.ground.formats import EPS

PUBLISHED = Path("/work/shared/data/ptd_official")
MADE: dict[str, Any] = {
    "lossless": perturb.lossless,
    "minimize": perturb.minimize,
    "last_column": perturb.last_column,
}


def file_of(whole: np.ndarray) -> dict[str, np.ndarray]:
    """The file of a matrix A + E."""
    Lambda, V = np.linalg.eig(whole)
    return {"Lam": np.diag(Lambda) + 0j, "V": V + 0j, "Vinv": np.linalg.inv(V) + 0j}


@pytest.mark.parametrize("order", [4, 8, 16])
@pytest.mark.parametrize("method", MADE)
def test_the_figures_of_a_file_are_those_of_the_certificate(method, order):
    made = MADE[method](hippo.legs(order))
    found = audit(TARGETS["ptd-mat"].to(made), target="ptd-mat", expect="ptd")
    (layer,) = found.layers
    assert found.findings == []
    assert layer.order == order
    assert layer.identified.names == ("ptd", "s5-ptd")
    assert layer.figures["measure"] == "legs"
    allowed = 64 * order * EPS * made.condition
    assert layer.figures["size"] == pytest.approx(made.backward_error, rel=allowed, abs=allowed)
    assert layer.figures["conditioning"] == pytest.approx(made.condition, rel=allowed)
    assert layer.figures["abscissa"] == pytest.approx(max(made.Lambda.real), abs=allowed * order)
    on_grid = largest_difference(TARGETS["ptd-mat"].to(made), hippo.legs(order))
    assert on_grid * (1 - allowed) <= layer.figures["transfer_error"] <= 1.01 * on_grid


def largest_difference(arrays: dict[str, np.ndarray], system: Any) -> float:
    """The largest |V (i w - Lam)^-1 Vinv b - (i w - A)^-1 b| on a grid of frequencies."""
    eye = np.eye(len(system.B))
    errors = []
    for w in np.concatenate([[0.0], np.geomspace(1e-3, 1e5, 4000)]):
        theirs = arrays["V"] @ np.linalg.solve(1j * w * eye - arrays["Lam"], arrays["Vinv"])
        state = np.linalg.solve(1j * w * eye - system.A, system.B)
        errors.append(np.linalg.norm(theirs @ system.B - state))
    return max(errors)


@pytest.mark.parametrize("measure", ["legs", "legt", "fout"])
def test_the_measure_that_was_perturbed_is_told(measure):
    made = perturb.gaussian(hippo.MEASURES[measure](8), size=0.01)
    found = audit(TARGETS["ptd-mat"].to(made), target="ptd-mat")
    assert found.layers[0].figures["measure"] == measure
    assert {"ptd", f"ptd, measure={measure}"} & set(found.layers[0].identified.names)


def test_a_matrix_that_is_no_perturbation_is_a_finding():
    """As a published file of order 128: twice the transposed normal part, |E| = 2.2 |A|."""
    legs = hippo.legs(16)
    normal = 2 * (np.asarray(legs.A) + legs.P @ legs.P.T).T
    found = audit(file_of(normal), target="ptd-mat", expect="ptd")
    assert kinds(found) == {"perturbation", "unexpected"}
    size = np.linalg.norm(normal - legs.A, 2) / np.linalg.norm(legs.A, 2)
    assert found.layers[0].figures["size"] == pytest.approx(size, rel=1e-12)
    assert f"|E| is {size:.3g} |A|" in message(found, "perturbation")
    assert found.layers[0].identified.names == ()


def test_a_perturbation_that_grows_is_a_finding():
    made = perturb.lossless(hippo.legs(16), conditioning=8)
    whole = (made.V * made.Lambda) @ made.V_inv
    found = audit(file_of(whole + 3.4 * np.eye(16)), target="ptd-mat")
    assert "unstable" in kinds(found)
    assert found.layers[0].figures["transfer_error"] == np.inf
    assert "do not keep Re A < 0" in message(found, "unstable")


def test_eigenvectors_without_an_inverse_are_a_finding():
    arrays = TARGETS["ptd-mat"].to(perturb.lossless(hippo.legs(8), conditioning=8))
    arrays["V"] = np.repeat(arrays["V"][:, :1], 8, axis=1)
    assert accused(audit(arrays, target="ptd-mat"), "perturbation") == {"V"}


def test_real_arrays_and_a_column_of_eigenvalues_are_read():
    legs = np.asarray(hippo.legs(4).A) + np.diag([0.0, 0.1, 0.2, 0.3])
    arrays = {name: np.real(array).copy() for name, array in file_of(legs).items()}
    whole = audit(arrays, target="ptd-mat").layers[0].figures
    column = audit(arrays | {"Lam": np.diagonal(arrays["Lam"])[:, None]}, target="ptd-mat")
    assert column.layers[0].figures == whole
    assert whole["size"] == pytest.approx(0.3 / np.linalg.norm(hippo.legs(4).A, 2), rel=1e-12)


@pytest.mark.parametrize("dtype", [float, complex])
def test_a_perturbation_by_itself_is_read_as_the_file_of_its_matrix(tmp_path, dtype):
    made = perturb.lossless(hippo.legs(8), conditioning=8)
    E = np.asarray(made.E)
    ptb = np.array(np.real(E)) if dtype is float else E + 0j
    scipy.io.savemat(tmp_path / "ptb.mat", {"ptb": ptb})
    found = audit(tmp_path / "ptb.mat", expect="ptd")
    assert found.findings == []
    allowed = 64 * 8 * EPS * made.condition
    assert found.layers[0].figures["size"] == pytest.approx(made.backward_error, rel=allowed)
    assert found.layers[0].figures["conditioning"] == pytest.approx(made.condition, rel=allowed)
    scipy.io.savemat(tmp_path / "large.mat", {"ptb": 40 * ptb})
    assert "perturbation" in kinds(audit(tmp_path / "large.mat"))


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published files are not here")
@pytest.mark.parametrize("path", sorted(PUBLISHED.glob("*.mat")), ids=lambda path: path.name)
def test_published_files_are_perturbations_of_legs(path):
    found = audit(path, expect="ptd")
    assert found.findings == []
    assert found.layers[0].order == len(scipy.io.loadmat(path)["V"])
    assert found.layers[0].figures["size"] < 0.1
    assert found.layers[0].figures["conditioning"] < 9
