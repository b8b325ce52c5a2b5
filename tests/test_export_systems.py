"""Plain files, real block systems, ONNX, the memory of keras-lmu, and the files of PTD."""

import importlib.util
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import io, signal
from strategies import EPS
from targets import SINGLE, added, back, init, refused, same, shapes_and_types, to

from ssmlinalg import discretize, export, forms, hippo, kernel, perturb, scan, transfer
from ssmlinalg.forms import MIMO, Dense, Diagonal, Paired

orders = st.integers(1, 16)
seeds = st.integers(0, 2**16)


def run(script, *arguments):
    subprocess.run([sys.executable, "-c", script, *map(str, arguments)], check=True, timeout=300)


LIN = init("s4d-lin", 4, channels=2)
CELL = to("keras-lmu", discretize.zoh(hippo.lmu(4)))
FILE = to("ptd-mat", perturb.lossless(hippo.legs(4), conditioning=8))
SQUARE = back("ptd-mat", FILE)
FIELDS = to("plain", init("s4d-lin", 4))


@pytest.mark.parametrize(
    ("target", "form", "error", "sentence"),
    [
        ("plain", hippo.legs(4), TypeError, "got NPLR"),
        ("plain", discretize.foh(LIN), TypeError, "got Delayed"),
        ("statespace", LIN, ValueError, r"one channel, which makes one system; got \(2,\)"),
        (
            "statespace",
            init("s5", 4, channels=2),
            TypeError,
            "Dense and Paired and Diagonal; got MIMO",
        ),
        ("real", LIN, TypeError, "got Paired. Sample"),
        ("keras-lmu", hippo.lmu(4), TypeError, "got Dense"),
        (
            "keras-lmu",
            discretize.zoh(forms.to_dense(forms.unpair(init("s4d-lin", 4)))),
            ValueError,
            "`A` must be real",
        ),
        (
            "keras-lmu",
            discretize.zoh(forms.to_dense(LIN)),
            ValueError,
            r"one channel, which makes one cell; got \(2,\)",
        ),
        ("ptd-mat", hippo.legs(4), TypeError, "got NPLR"),
        (
            "ptd-mat",
            init("s5", 4, channels=3),
            ValueError,
            "as many inputs and outputs as modes, 2",
        ),
        (
            "ptd-mat",
            SQUARE._replace(D=np.eye(4)),
            ValueError,
            "D = 0 and the step 1, .* got D up to 1 and steps from 1 to 1",
        ),
        (
            "ptd-mat",
            SQUARE._replace(step=np.full(4, 2.0)),
            ValueError,
            "got D up to 0 and steps from 2 to 2",
        ),
        (
            "ptd-mat",
            MIMO(*(array[None] for array in SQUARE)),
            ValueError,
            "as many inputs and outputs as modes, 4",
        ),
    ],
)
def test_each_refusal_is_one_sentence(target, form, error, sentence):
    with refused(error, sentence):
        to(target, form)


@pytest.mark.parametrize(
    ("target", "arrays", "sentence"),
    [
        ("plain", FIELDS | {"Diagonal.A": FIELDS["Paired.A"]}, "with one Form of"),
        ("plain", {}, "got no arrays"),
        ("plain", {"Pair.A": np.ones(2)}, "got Pair.A"),
        (
            "plain",
            {"Paired.A": FIELDS["Paired.A"]},
            "got Paired.B, Paired.C, Paired.D, Paired.step missing",
        ),
        (
            "plain",
            FIELDS | {"Paired.A": np.ones(2)},
            r"`Paired.A` must have shape \(..., n, 2\); got \(2,\)",
        ),
        (
            "keras-lmu",
            CELL | {"hidden_cell.kernel": np.ones((4, 1))},
            r"\(N \+ 1, 1\) with N = 4 from `B`; got \(4, 1\)",
        ),
        ("ptd-mat", FILE | {"Lam": np.diag(FILE["Lam"])}, r"`Lam` must have shape \(N, N\)"),
        ("ptd-mat", FILE | {"Lam": FILE["V"]}, "`Lam` must be diagonal"),
    ],
)
def test_arrays_of_others_are_refused(target, arrays, sentence):
    with refused(ValueError, sentence):
        back(target, arrays)


# Plain files


PLAIN = {
    "Paired": init("ptd", 8, channels=3),
    "Diagonal": forms.unpair(init("s4d-inv", 8)),
    "MIMO": init("s5", 8, channels=3),
    "Dense": forms.to_dense(hippo.legs(5)),
    "Dense, complex": forms.to_dense(forms.unpair(init("s4d-lin", 4, channels=2))),
    "DPLR": init("s4", 8, channels=3),
    "PairedRecurrence": discretize.zoh(init("s4d-lin", 8, channels=3)),
    "Recurrence": discretize.zoh(forms.unpair(init("s4d-lin", 8))),
    "MIMORecurrence": discretize.zoh(init("s5", 8, channels=3)),
    "DenseRecurrence": discretize.zoh(hippo.lmu(5)),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_file_says_its_form_and_keeps_every_bit_and_shape(name, tmp_path):
    form = forms.check(PLAIN[name])
    assert set(to("plain", form)) == {f"{type(form).__name__}.{field}" for field in form._fields}
    export.save(tmp_path / "a.safetensors", form, "plain")
    found, _ = export.load(tmp_path / "a.safetensors")
    assert type(found) is type(form)
    for ours, theirs in zip(form, found, strict=True):
        assert np.array_equal(ours, theirs)
        assert ours.dtype == theirs.dtype


def test_a_plain_file_keeps_leading_axes_of_any_number():
    lin = init("s4d-lin", 4, channels=6)
    form = lin._replace(
        A=lin.A[0],
        B=lin.B.reshape(2, 3, 2),
        C=lin.C.reshape(2, 3, 2),
        D=np.zeros(3),
        step=np.ones((2, 1)),
    )
    found = back("plain", to("plain", form))
    assert [array.shape for array in found] == [(2,), (2, 3, 2), (2, 3, 2), (3,), (2, 1)]
    assert np.array_equal(kernel(found, 9), kernel(form, 9))


def test_a_plain_file_holds_an_added_form_as_one_of_the_library(monkeypatch):
    lag = added(monkeypatch)
    found = back("plain", to("plain", lag))
    assert isinstance(found, Diagonal)
    assert same(found, forms.check(forms.plain(lag)))


# Real block systems


@given(orders, seeds, st.sampled_from(["s4d-lin", "s4d-real", "ptd", "mamba"]), st.booleans())
def test_a_real_system_has_the_transfer_function_of_the_modes(order, seed, name, whole):
    form = init(name, order, seed=seed)
    given = forms.unpair(form) if whole else form
    A, B, C, D, step = to("statespace", given).values()
    N = len(A)
    assert 2 * given.A.shape[-1] == N
    assert [array.dtype.name for array in (A, B, C, D, step)] == ["float64"] * 5
    assert [array.shape for array in (A, B, C, D, step)] == [(N, N), (N, 1), (1, N), (1, 1), ()]
    for s in 1j * np.geomspace(0.1, 100, 5):
        parts = [C0 * B0 / (s - A0) for A0, B0, C0 in zip(form.A, form.B, form.C, strict=True)]
        mirror = [
            np.conj(C0 * B0) / (s - np.conj(A0))
            for A0, B0, C0 in zip(form.A, form.B, form.C, strict=True)
        ]
        found = (C @ np.linalg.solve(s * np.eye(N) - A, B) + D)[0, 0]
        condition = (
            1
            + (abs(s) + np.abs(form.A).max())
            / np.abs(s - np.concatenate([form.A, form.A.conj()])).min()
        )
        scale = 2 * np.abs(form.C * form.B).sum() / np.abs(
            s - np.concatenate([form.A, form.A.conj()])
        ).min() + np.abs(form.D)
        assert abs(found - (sum(parts) + sum(mirror) + form.D)) <= 16 * N * EPS * condition * scale


RUN_SYSTEMS = """
import sys
import control
import numpy as np
from safetensors.numpy import load_file
from scipy.signal import StateSpace

folder, length = sys.argv[1], int(sys.argv[2])
a = load_file(f"{folder}/system.safetensors")
w = np.load(f"{folder}/w.npy")
scipy_system = StateSpace(a["A"], a["B"], a["C"], a["D"])
sampled = scipy_system.to_discrete(float(a["step"]), "zoh")
system = control.ss(a["A"], a["B"], a["C"], a["D"])
sampled_too = control.sample_system(system, float(a["step"]), "zoh")


def markov(d):
    # y_l = C x_l + D u_l with x_l = A x_{l-1} + B u_l: the packages read the state before the
    # newest sample
    columns = [d.B]
    for _ in range(length - 1):
        columns.append(d.A @ columns[-1])
    kernel = (d.C @ np.concatenate(columns, axis=1))[0]
    kernel[0] += d.D[0, 0]
    return kernel


np.savez(
    f"{folder}/found.npz",
    scipy_response=scipy_system.freqresp(w)[1],
    control_response=np.squeeze(system(1j * w)),
    scipy_kernel=markov(sampled),
    control_kernel=markov(sampled_too),
)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("control") is None, reason="python-control is not installed"
)
def test_scipy_and_python_control_compute_what_we_compute(tmp_path):
    form = init("ptd", 12, step=0.05, seed=1)
    export.save(tmp_path / "system.safetensors", form, "statespace")
    w = np.geomspace(0.1, 100, 40)
    np.save(tmp_path / "w.npy", w)
    run(RUN_SYSTEMS, tmp_path, 32)
    found = np.load(tmp_path / "found.npz")
    nearest = np.abs(1j * w[:, None] - form.A).min()
    condition = np.abs(form.A).max() / nearest
    weight = np.abs(2 * form.C * form.B).sum()
    for name in ("scipy", "control"):
        assert (
            np.abs(found[f"{name}_response"] - transfer(form, 1j * w)).max()
            <= 64 * EPS * condition * weight / nearest
        )
        assert np.abs(found[f"{name}_kernel"] - kernel(form, 32)).max() <= 64 * 32 * EPS * weight


# Real arrays, ONNX


def recurred(arrays, u):
    """y (H, L) of the recurrence as it is written, in float64."""
    a = {name: array.astype(float) for name, array in arrays.items()}
    re = np.zeros_like(a["A_re"])
    im = np.zeros_like(a["A_re"])
    y = []
    for now in u.T[..., None]:
        re, im = (
            a["A_re"] * re - a["A_im"] * im + a["B_re"] * now,
            a["A_im"] * re + a["A_re"] * im + a["B_im"] * now,
        )
        y.append(2 * np.sum(a["C_re"] * re - a["C_im"] * im, axis=-1) + a["D"] * now[:, 0])
    return np.stack(y, axis=-1)


@given(orders, st.integers(1, 3), seeds, st.sampled_from(["s4d-lin", "ptd", "mamba"]))
def test_the_real_recurrence_is_the_complex_one(order, width, seed, name):
    form = discretize.zoh(init(name, order, channels=width, seed=seed))
    L = 40
    arrays = to("real", form)
    n = form.A.shape[-1]
    expected = {
        f"{field}_{part}": ((width, n), "float32") for field in "ABC" for part in ("re", "im")
    } | {"D": ((width,), "float32")}
    assert shapes_and_types(arrays) == expected
    u = np.random.default_rng(seed).standard_normal((width, L))
    gain = 2 * np.sum(np.abs(form.C * form.B), axis=-1) * L + np.abs(form.D)
    error = np.abs(recurred(arrays, u) - scan(form, u)[0])
    assert np.all(error <= 4 * L * SINGLE * np.abs(u).max() * gain[:, None])


RUN_ONNX = """
import sys
import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

folder = sys.argv[1]
arrays = load_file(f"{folder}/real.safetensors")
u = np.load(f"{folder}/u.npy").astype(np.float32)  # (L, H)
H, n = arrays["A_re"].shape
floats = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
node = helper.make_node
body = helper.make_graph(
    [
        node("Unsqueeze", ["now", "last"], ["drive"]),
        node("Mul", ["A_re", "re"], ["a"]),
        node("Mul", ["A_im", "im"], ["b"]),
        node("Mul", ["B_re", "drive"], ["c"]),
        node("Sub", ["a", "b"], ["ab"]),
        node("Add", ["ab", "c"], ["re_next"]),
        node("Mul", ["A_im", "re"], ["d"]),
        node("Mul", ["A_re", "im"], ["e"]),
        node("Mul", ["B_im", "drive"], ["f"]),
        node("Add", ["d", "e"], ["de"]),
        node("Add", ["de", "f"], ["im_next"]),
        node("Mul", ["C_re", "re_next"], ["g"]),
        node("Mul", ["C_im", "im_next"], ["h"]),
        node("Sub", ["g", "h"], ["gh"]),
        node("ReduceSum", ["gh", "last"], ["half"], keepdims=0),
        node("Mul", ["half", "two"], ["read"]),
        node("Mul", ["D", "now"], ["direct"]),
        node("Add", ["read", "direct"], ["output"]),
    ],
    "step",
    [floats("re", [H, n]), floats("im", [H, n]), floats("now", [H])],
    [floats("re_next", [H, n]), floats("im_next", [H, n]), floats("output", [H])],
)
constants = {name: numpy_helper.from_array(array, name) for name, array in arrays.items()}
constants["two"] = numpy_helper.from_array(np.float32(2), "two")
constants["last"] = numpy_helper.from_array(np.array([-1]), "last")
constants["zero"] = numpy_helper.from_array(np.zeros((H, n), np.float32), "zero")
graph = helper.make_graph(
    [
        node(
            "Scan", ["zero", "zero", "u"], ["re_last", "im_last", "y"], body=body, num_scan_inputs=1
        )
    ],
    "recurrence",
    [floats("u", ["L", H])],
    [floats("y", ["L", H])],
    list(constants.values()),
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
onnx.checker.check_model(model, full_check=True)
inferred = onnx.shape_inference.infer_shapes(model)
complexes = {TensorProto.COMPLEX64, TensorProto.COMPLEX128}
types = {tensor.data_type for tensor in inferred.graph.initializer}
for part in (inferred.graph, body):
    for info in (*part.input, *part.output, *part.value_info):
        types.add(info.type.tensor_type.elem_type)
assert not types & complexes, types
session = onnxruntime.InferenceSession(
    model.SerializeToString(), providers=["CPUExecutionProvider"]
)
np.save(f"{folder}/y.npy", session.run(None, {"u": u})[0])
"""


@pytest.mark.skipif(
    importlib.util.find_spec("onnxruntime") is None, reason="onnxruntime is not installed"
)
def test_onnx_runs_the_recurrence_without_a_complex_number(tmp_path):
    form = discretize.zoh(init("ptd", 15, channels=3, seed=2))
    L = 64
    export.save(tmp_path / "real.safetensors", form, "real")
    u = np.random.default_rng(0).standard_normal((3, L))
    np.save(tmp_path / "u.npy", u.T)
    run(RUN_ONNX, tmp_path)
    gain = 2 * np.sum(np.abs(form.C * form.B), axis=-1) * L + np.abs(form.D)
    error = np.abs(np.load(tmp_path / "y.npy").T - scan(form, u)[0])
    assert np.all(error <= 4 * L * SINGLE * np.abs(u).max() * gain[:, None])
    found, _ = export.load(tmp_path / "real.safetensors")
    assert np.abs(found.A - form.A).max() <= SINGLE


# keras-lmu


def memory(order, theta):
    """The matrices of the cell by their definition, sampled by SciPy."""
    A = np.array(
        [
            [(2 * i + 1) * (-1.0 if i < j else (-1.0) ** (i - j + 1)) for j in range(order)]
            for i in range(order)
        ]
    )
    B = np.array([[(2 * i + 1) * (-1.0) ** i] for i in range(order)])
    C = np.ones((1, order))
    D = np.zeros((1, 1))
    sampled: Any = signal.cont2discrete((A / theta, B / theta, C, D), dt=1.0, method="zoh")
    return sampled[:2]


@pytest.mark.parametrize(("order", "theta"), [(1, 5.0), (6, 20.0), (12, 50.0)])
def test_the_cell_holds_the_memory_it_makes_itself(order, theta):
    A, B = memory(order, theta)
    arrays = to("keras-lmu", discretize.zoh(hippo.lmu(order, window=theta)))
    N = order
    assert shapes_and_types(arrays) == {
        "A": ((N, N), "float32"),
        "B": ((1, N), "float32"),
        "hidden_cell.kernel": ((N + 1, 1), "float32"),
    }
    assert np.allclose(arrays["A"], A.T, rtol=0, atol=SINGLE * np.abs(A).max())
    assert np.allclose(arrays["B"], B.T, rtol=0, atol=SINGLE * np.abs(B).max())


def read_out(order, seed):
    rng = np.random.default_rng(seed)
    form = discretize.zoh(hippo.lmu(order, window=4.0 * order))
    return form._replace(
        C=rng.standard_normal(order), D=rng.standard_normal()
    ), rng.standard_normal(80)


@given(orders, seeds)
def test_the_hidden_layer_reads_memory_and_input(order, seed):
    form, u = read_out(order, seed)
    arrays = {name: array.astype(float) for name, array in to("keras-lmu", form).items()}
    m = np.zeros((1, order))
    y = []
    states = 0.0
    for now in u:
        m = m @ arrays["A"] + now * arrays["B"]
        states = max(states, float(np.abs(m).max()))
        y.append((np.append(m, now) @ arrays["hidden_cell.kernel"])[0])
    scale = (np.abs(form.C).sum() * (1 + states) + abs(form.D)) * np.abs(u).max()
    assert np.abs(y - scan(forms.check(form), u)[0]).max() <= 4 * len(u) * order * SINGLE * scale


RUN_LMU = """
import sys
import keras
import keras_lmu
import numpy as np
import tensorflow as tf

folder = sys.argv[1]
arrays = dict(np.load(f"{folder}/arrays.npz"))
u = arrays.pop("u").astype(np.float32)[None, :, None]
order = len(arrays["A"])
hidden = keras.layers.Dense(1, use_bias=False)
cell = keras_lmu.LMUCell(
    1, order, 4.0 * order, hidden, input_to_hidden=True, kernel_initializer=None
)
layer = keras.layers.RNN(cell, return_sequences=True)
layer(u)
made = {"A_made": np.array(cell.A), "B_made": np.array(cell.B)}
cell.A, cell.B = tf.constant(arrays["A"]), tf.constant(arrays["B"])
hidden.set_weights([arrays["hidden_cell.kernel"]])
np.savez(f"{folder}/output.npz", y=np.array(layer(u))[0, :, 0], **made)
"""


@pytest.mark.skipif(
    importlib.util.find_spec("keras_lmu") is None,
    reason="keras-lmu and TensorFlow are not installed",
)
def test_keras_lmu_computes_what_we_compute(tmp_path):
    form, u = read_out(8, 0)
    arrays = to("keras-lmu", form)
    np.savez(tmp_path / "arrays.npz", **{"u": u, **arrays})  # pyright: ignore[reportArgumentType]
    run(RUN_LMU, tmp_path)
    output = np.load(tmp_path / "output.npz")
    scale = 2 * (np.abs(form.C).sum() + abs(form.D)) * np.abs(u).max()
    assert np.abs(output["A_made"] - arrays["A"]).max() <= 8 * 8 * SINGLE
    assert np.abs(output["B_made"] - arrays["B"]).max() <= 8 * 8 * SINGLE
    assert np.abs(output["y"] - scan(forms.check(form), u)[0]).max() <= len(u) * 8 * SINGLE * scale


# The files of PTD


@given(orders, st.floats(2.0, 12.0))
def test_a_ptd_file_is_a_plus_e_with_the_input_of_the_method(order, conditioning):
    legs = hippo.legs(order)
    found = perturb.lossless(legs, conditioning=conditioning)
    arrays = to("ptd-mat", found)
    assert shapes_and_types(arrays) == dict.fromkeys(
        ("Lam", "V", "Vinv"), ((order, order), "complex128")
    )
    Lam, V, Vinv = arrays.values()
    slack = 64 * order * EPS * found.condition
    A = np.asarray(legs.A)
    b = legs.B
    perturbed = A + found.tau * legs.P @ legs.P.T
    assert np.linalg.norm(V @ Lam @ np.linalg.inv(V) - perturbed) <= slack * np.linalg.norm(A)
    assert np.real(np.diagonal(Lam)).max() < 0
    inputs = np.eye(order) - found.tau / 2 * np.outer(b, b) / (b @ b)
    assert np.linalg.norm(V @ Vinv - inputs) <= slack * np.sqrt(order)
    assert np.linalg.norm(Vinv @ b - found.B) <= slack * np.linalg.norm(found.B)


@pytest.mark.parametrize("method", ["optimal", "last_column", "minimize"])
def test_the_input_of_every_method_is_carried(method):
    found = perturb.PERTURBATIONS[method](hippo.legs(8))
    Lam, V, Vinv = to("ptd-mat", found).values()
    slack = 64 * 8 * EPS * found.condition
    assert np.linalg.norm(Vinv @ hippo.legs(8).B - found.B) <= slack * np.linalg.norm(found.B)
    across = np.eye(8) - np.outer(hippo.legs(8).B, hippo.legs(8).B) / 64
    assert np.linalg.norm((V @ Vinv - np.eye(8)) @ across) <= slack
    assert np.array_equal(np.diagonal(Lam), found.Lambda)


def test_of_a_mere_matrix_the_file_holds_the_inverse():
    found = perturb.gaussian(np.asarray(hippo.legs(6).A), size=0.1)
    assert np.array_equal(to("ptd-mat", found)["Vinv"], found.V_inv)


# Drawn by the loaders: a readout C (width, N), and inputs B (N, width) of S5-PTD.
WIDTH = 3
SAMPLES = 32
STEP = 0.01
LEGS = hippo.legs(8)
FOUND = perturb.lossless(LEGS, conditioning=8)
INPUTS, OUTPUTS = np.random.default_rng(0).standard_normal((2, 8, WIDTH))
READOUT = OUTPUTS.T
SLACK = 64 * SAMPLES * 8 * EPS * FOUND.condition**2


@pytest.fixture
def mat_file(tmp_path) -> dict[str, Any]:
    io.savemat(tmp_path / "ptb.mat", to("ptd-mat", FOUND))
    found = io.loadmat(tmp_path / "ptb.mat")
    return {name: array for name, array in found.items() if not name.startswith("__")}


def test_s5_ptd_finds_in_a_mat_file_what_we_compute(mat_file):
    """Lambda, Vinv B and C V, one step a mode, y = Re(C x)."""
    Lambda = np.diagonal(mat_file["Lam"])
    inward = mat_file["Vinv"] @ INPUTS
    outward = READOUT @ mat_file["V"]
    driven = ((np.exp(Lambda * STEP) - 1) / Lambda)[:, None] * inward
    lags = np.exp(STEP * np.arange(SAMPLES)[:, None, None] * Lambda[:, None])
    K = np.moveaxis((outward @ (lags * driven)).real, 0, -1)
    allowed = SLACK * np.abs(K).max()
    again = back("ptd-mat", mat_file)
    steps = np.full(8, STEP)
    ours = MIMO(again.A, again.B @ INPUTS, READOUT @ again.C, np.zeros((WIDTH, WIDTH)), steps)
    assert np.abs(K - kernel(ours, SAMPLES)).max() <= allowed
    b = LEGS.B
    scaled = INPUTS - FOUND.tau / 2 * np.outer(b, b @ INPUTS) / (b @ b)
    A = np.asarray(LEGS.A) + FOUND.tau * LEGS.P @ LEGS.P.T
    dense = Dense(A, scaled.T[None], READOUT[:, None], np.asarray(0.0), np.asarray(STEP))
    assert np.abs(K - kernel(dense, SAMPLES)).max() <= allowed


def test_s4_ptd_finds_in_a_mat_file_twice_what_we_compute(mat_file):
    """V^-1 b, C V, one step a channel, 2 Re of all modes, and not the input of the method."""
    Lambda = np.diagonal(mat_file["Lam"])
    A = -np.exp(np.log(-np.real(Lambda))) - 1j * np.imag(-Lambda)
    b = np.sqrt(2 * np.arange(8) + 1) + 0j
    inward = np.linalg.solve(mat_file["V"], b)
    weight = inward * (READOUT @ mat_file["V"]) * (np.exp(STEP * A) - 1) / A
    lags = np.exp(STEP * np.arange(SAMPLES) * A[:, None])
    K = 2 * (weight @ lags).real
    again = back("ptd-mat", mat_file)
    own = Diagonal(
        A=again.A,
        B=2 * again.B @ LEGS.B / (1 - FOUND.tau / 2),
        C=READOUT @ again.C,
        D=np.zeros(WIDTH),
        step=np.full(WIDTH, STEP),
    )
    assert np.abs(K - 2 * kernel(own, SAMPLES)).max() <= SLACK * np.abs(K).max()


def test_a_real_perturbation_of_the_file_reads_as_its_half_spectrum():
    legs = hippo.legs(9)
    found = perturb.lossless(legs, conditioning=8)
    form = back("ptd-mat", to("ptd-mat", found))
    one = Diagonal(form.A, 2 * form.B @ legs.B, form.C[0], np.asarray(0.0), np.asarray(0.1))
    paired = found.paired(np.eye(9)[0], 0.1)
    assert isinstance(paired, Paired)
    K = kernel(paired, 40)
    assert np.abs(kernel(one, 40) - K).max() <= 64 * 40 * EPS * found.condition * np.abs(K).max()
