"""A matrix of any origin at the command line, and the figures it is shown by."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gallery
import numpy as np
import pytest
import safetensors.numpy
import scipy.io
import scipy.linalg
import scipy.sparse

from ssmlinalg import checkpoints, cli, hippo, matrices, perturb, report

EPS = float(np.finfo(np.float64).eps)
STABLE = gallery.grcar(12) - 3 * np.eye(12)


class Done(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def ssm(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Done:
        status = cli.main([*map(str, arguments)])
        out, err = capsys.readouterr()
        return Done(status, out, " ".join(err.split()))

    return run


def write(path: str, A: np.ndarray) -> None:
    kind = Path(path).suffix
    if kind == ".npy":
        np.save(path, A)
    elif kind == ".npz":
        np.savez(path, A=A, b=np.ones(len(A)))
    elif kind == ".mat":
        scipy.io.savemat(path, {"A": A})
    elif kind == ".mtx":
        scipy.io.mmwrite(path, scipy.sparse.coo_array(A))
    else:
        safetensors.numpy.save_file({"A": A}, path)


@pytest.mark.parametrize("path", ["a.npy", "a.npz", "a.mat", "a.mtx", "a.safetensors"])
def test_every_kind_of_file_gives_the_same_figures(path: str, ssm: Run) -> None:
    write(path, STABLE)
    done = ssm("matrix", path, "--json", "--points", "8")
    assert done.status == 0, done.err
    figures = json.loads(done.out)
    found = matrices.profile(STABLE, points=8)
    assert figures["order"] == 12
    assert figures["condition"] == found.condition
    assert figures["kreiss"] == {"lower": found.kreiss.lower, "upper": found.kreiss.upper}
    assert figures["eigenvalue_conditions"] == found.eigen.condition.tolist()
    assert np.shape(figures["pseudospectrum"]["sigma"]) == (8, 8)
    methods = [curve["method"] for curve in figures["perturbations"]]
    assert methods == ["gaussian", "complex_gaussian", "column", "minimize"]


def test_the_table_names_every_figure_and_eigenvalue(ssm: Run) -> None:
    write("a.npz", STABLE)
    done = ssm("matrix", "a.npz", "--key", "A", "--html", "a.html")
    assert done.status == 0, done.err
    for word in ("κ(V)", "Kreiss", "departure", "growth", "kappa(V)", "minimize"):
        assert word in done.out
    page = Path("a.html").read_text()
    for word in ("Pseudospectra", "numerical range", "a.npz, A", "ssmlinalg matrix a.npz --key A"):
        assert word in page


@pytest.mark.parametrize("complex_entries", [False, True])
def test_what_is_diagonalized_multiplies_to_the_perturbed_matrix(
    complex_entries: bool, ssm: Run
) -> None:
    A = STABLE + (0.1j * gallery.ring(12) if complex_entries else 0)
    write("a.npy", A)
    done = ssm("diagonalize", "a.npy", "--conditioning", "20", "-o", "o.npz", "--html", "o.html")
    assert done.status == 0, done.err
    entries, metadata = checkpoints.read("o.npz")
    held = {name: entry.read() for name, entry in entries.items()}
    product = (held["V"] * held["Lambda"]) @ held["V_inv"]
    tolerance = 64 * 12 * EPS * 20 * float(np.linalg.norm(A, 2))
    np.testing.assert_allclose(product, A + held["E"], rtol=0, atol=tolerance)
    np.testing.assert_array_equal(held["A"], A)
    certificate = json.loads(metadata["certificate"])
    assert np.linalg.cond(held["V"]) == pytest.approx(certificate["condition"], rel=1e-9)
    assert certificate["condition"] <= 20
    assert "Before: A" in Path("o.html").read_text()


def test_sizes_are_for_those_that_take_them(ssm: Run) -> None:
    write("a.npy", gallery.jordan(8))
    options = ("--perturbation", "gaussian", "--size", "1e-4", "--json", "-o", "o.mat")
    done = ssm("diagonalize", "a.npy", *options)
    assert json.loads(done.out)["backward_error"] == pytest.approx(1e-4, rel=1e-9)
    assert "V_inv" in checkpoints.read("o.mat").entries
    refused = ssm("diagonalize", "a.npy", "--size", "1e-4")
    assert "minimize must be given options it has; got --size. It takes --condi" in refused.err


REFUSED = {
    "a name that is not there": ("matrix two.npz --key B1", "Did you mean 'B'?"),
    "two matrices": ("matrix two.npz", "got two.npz with A (2, 2), B (3, 3). Add `--key NAME`"),
    "no matrix": ("matrix vector.npy", "got vector.npy with array (3,). Save a square matrix"),
    "not square": ("matrix wide.npz --key A", "got A of shape (2, 3)"),
    "empty": ("matrix empty.npy", "FILE must hold one square matrix"),
    "NaN": ("matrix nan.npy", "must be finite; got nan at index (0, 1)"),
    "text": ("matrix text.npz --key A", "must be an array of plain numbers"),
    "no file": ("matrix none.npy", "must be a file that can be read; got none.npy"),
    "HDF5": ("matrix new.mat", "got new.mat, HDF5. Save it with -v7"),
    "a damaged .mtx": ("matrix cut.mtx", "must be a whole Matrix Market file"),
    "a huge sparse one": ("matrix huge.mtx", "got order 100000 in huge.mtx, 80000000000 bytes"),
    "parts of a sparse one": ("matrix sparse.npz", "the parts of a sparse matrix"),
    "a perturbation of systems": (
        "diagonalize jordan.npy --perturbation lossless",
        "must be an NPLR form",
    ),
    "a format without complex numbers": (
        "diagonalize jordan.npy -o o.safetensors",
        "`--output` must end in .npz or .mat",
    ),
    "an unknown perturbation": (
        "diagonalize jordan.npy --perturbation minimise",
        "Did you mean 'minimize'?",
    ),
    "a budget below 1": ("diagonalize jordan.npy --conditioning 0.5", "`--conditioning` must be"),
    "one point": ("matrix jordan.npy --points 1", "`--points` must be an integer of at least 2"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_shown_is_refused_in_a_sentence(case: str, ssm: Run) -> None:
    np.savez("two.npz", A=np.eye(2), B=np.eye(3))
    np.savez("wide.npz", A=np.ones((2, 3)))
    np.savez("text.npz", A=np.array([["a"]]))
    np.save("vector.npy", np.ones(3))
    np.save("empty.npy", np.zeros((0, 0)))
    np.save("nan.npy", np.array([[1.0, np.nan], [0.0, 1.0]]))
    np.save("jordan.npy", gallery.jordan(6))
    Path("new.mat").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(600))
    Path("cut.mtx").write_text("%%MatrixMarket matrix coordinate real general\n3 3 2\n1 1 1.0\n")
    header = "%%MatrixMarket matrix coordinate real general\n"
    Path("huge.mtx").write_text(header + "100000 100000 1\n1 1 1.0\n")
    scipy.sparse.save_npz("sparse.npz", scipy.sparse.csr_array(np.eye(3)))
    command, sentence = REFUSED[case]
    done = ssm(*command.split())
    assert done.status == 2, done.out
    assert sentence in done.err


def test_profiles_hold_what_their_parts_return() -> None:
    told: list[float] = []
    found = matrices.profile(STABLE, points=6, progress=lambda fraction: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == 1
    assert found.kreiss == matrices.kreiss(STABLE)
    assert found.growth == matrices.transient_growth(STABLE)
    assert found.omega == matrices.numerical_abscissa(STABLE)
    assert found.residual <= 64 * 12 * EPS
    edge = found.field.boundary
    assert found.spectra.x[0] < edge.real.min()
    assert edge.real.max() < found.spectra.x[-1]


@pytest.mark.parametrize("A", [np.zeros((2, 2)), np.eye(1), gallery.jordan(3), 1j * np.eye(2)])
def test_the_least_matrices_have_a_page(A: np.ndarray) -> None:
    found = matrices.profile(A, points=4)
    curves = perturb.buying_curves(A)
    assert "<h2>Growth and decay</h2>" in report.matrix(found, curves, title="A", facts={})


def test_norms_of_the_flow_are_those_of_the_exponential() -> None:
    time, norm = matrices.flow_norms(STABLE, 2.0, 10)
    for t, size in zip(time, norm, strict=True):
        true = np.linalg.norm(scipy.linalg.expm(t * STABLE), 2)
        assert size == pytest.approx(true, rel=1e-12)
    time, norm = matrices.flow_norms([[1.0]], 1e4, 100)
    assert len(time) == len(norm) < 101
    assert np.all(np.isfinite(norm))


def test_condition_numbers_of_legs_are_those_of_the_closed_form() -> None:
    """kappa_j = binom(N + j, N - 1 - j) binom(2j, j)."""
    order = 8
    found = matrices.condeig(np.asarray(hippo.legs(order).A))
    exact = [math.comb(order + j, order - 1 - j) * math.comb(2 * j, j) for j in range(order)]
    at = np.rint(-found.Lambda.real).astype(int) - 1
    np.testing.assert_allclose(found.condition, np.array(exact)[at], rtol=1e-9)


def test_the_growth_of_grcar_shifted_is_that_of_exponentials() -> None:
    found = matrices.transient_growth(gallery.grcar(32) - 2 * np.eye(32))
    _, norm = matrices.flow_norms(gallery.grcar(32) - 2 * np.eye(32), 12.0, 400)
    assert found.lower <= found.upper
    assert norm.max() <= found.upper
    assert norm.max() >= 0.999 * found.lower


def test_what_is_bought_is_what_the_perturbations_say() -> None:
    A = gallery.jordan(10)
    curves = {curve.method: curve for curve in perturb.buying_curves(A)}
    drawn = curves["gaussian"]
    for size, condition in zip(drawn.size, drawn.condition, strict=True):
        assert condition == perturb.gaussian(A, size=float(f"{size:.6g}")).condition
    assert np.all(np.diff(drawn.condition) < 0)
    best = curves["minimize"]
    for size, condition in zip(best.size, best.condition, strict=True):
        at_that_size = np.interp(np.log(size), np.log(drawn.size), np.log(drawn.condition))
        assert np.log(condition) < at_that_size
