"""Published layers, run on real signals from the files we write, agree with our kernels.

The S4D layer is written out here, in the layout and with the arithmetic of the published one
(state-spaces/s4, models/s4/s4d.py), its activation, dropout and mixing of channels left out. S5 is
the package s5-pytorch as installed.
"""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from sklearn.datasets import load_digits

from ssmlinalg import INITS, convolve, export, forms, kernel, reference

EPS = float(np.finfo(np.float32).eps)
WIDTH = 3
# A batch of 4, each channel driven by a digit of its own, 8 x 8 pixels row by row.
DIGITS = load_digits(return_X_y=True)[0][: 4 * WIDTH].reshape(4, WIDTH, 64) / 16
S4D = sorted(name for name, make in INITS.items() if type(make(4)) is forms.Paired)
S5 = ["s5", "s5-ptd", "ptd"]


def init(name, order, **options) -> Any:
    return INITS[name](order, **options)


class Kernel(torch.nn.Module):
    """K_l = 2 Re sum C (e^{dt A} - 1)/A e^{l dt A}, of the four arrays of the published kernel."""

    def __init__(self, width: int, modes: int):
        super().__init__()
        self.C = torch.nn.Parameter(torch.randn(width, modes, 2))
        self.log_dt = torch.nn.Parameter(torch.randn(width))
        self.log_A_real = torch.nn.Parameter(torch.randn(width, modes))
        self.A_imag = torch.nn.Parameter(torch.randn(width, modes))

    def forward(self, length: int) -> torch.Tensor:
        A = torch.complex(-self.log_A_real.exp(), self.A_imag)
        turn = A * self.log_dt.exp()[:, None]
        weights = torch.view_as_complex(self.C) * (torch.exp(turn) - 1.0) / A
        powers = torch.exp(turn[:, :, None] * torch.arange(length))
        return 2 * (weights[:, :, None] * powers).sum(dim=1).real


class Layer(torch.nn.Module):
    """y = K * u + D u for u (batch, width, length)."""

    def __init__(self, width: int, modes: int):
        super().__init__()
        self.D = torch.nn.Parameter(torch.zeros(width))
        self.kernel = Kernel(width, modes)

    def forward(self, u: torch.Tensor) -> torch.Tensor:
        length = u.shape[-1]
        transfer = torch.fft.rfft(self.kernel(length), n=2 * length)
        spectrum = transfer * torch.fft.rfft(u, n=2 * length)
        return torch.fft.irfft(spectrum, n=2 * length)[..., :length] + self.D[:, None] * u


def run_s4d(path, u):
    state = load_file(path)
    width, modes = state["A_imag"].shape
    layer = Layer(width, modes)
    if "D" in state:
        layer.D = torch.nn.Parameter(state.pop("D"))
    layer.kernel.load_state_dict(state)
    with torch.no_grad():
        return layer(torch.tensor(u, dtype=torch.float32)).numpy()


# In a process of its own: importing s5 warns of torch.jit.script, and warnings are errors here.
RUN_S5 = """
import sys
import numpy as np
import torch
from s5 import S5
from safetensors.torch import load_file

folder, *names = sys.argv[1:]
for name in names:
    state = load_file(f"{folder}/{name}.safetensors")
    layer = S5(width=state["seq.C"].shape[0], state_width=state["seq.C"].shape[1])
    layer.load_state_dict(state)
    u = torch.tensor(np.load(f"{folder}/{name}.npy"), dtype=torch.float32)
    with torch.no_grad():
        y = layer(u.transpose(1, 2)).transpose(1, 2)
    np.save(f"{folder}/{name}-output.npy", y.numpy())
"""


def run_s5(folder, signals):
    """The outputs of the layers saved in `folder` under the names of `signals`."""
    for name, u in signals.items():
        np.save(folder / f"{name}.npy", u)
    subprocess.run([sys.executable, "-c", RUN_S5, str(folder), *signals], check=True, timeout=300)
    return {name: np.load(folder / f"{name}-output.npy") for name in signals}


def output(u, form):
    """Our own output (batch, P, L): each input through its kernel, summed."""
    K = kernel(form, u.shape[-1])
    if forms.kind(form).ports:
        return convolve(u[:, None], K).sum(axis=2)
    return convolve(u, K)


def tolerance(form, u, eps=EPS):
    """eps L max|u| (sum |2 C B / A| + |D|), for the layers divide e^{step A} - 1 by A."""
    view = forms.view(form)
    gain = np.abs(view.C) @ np.abs(view.B / form.A[..., None]) + np.abs(view.D)
    scale = np.sum(gain, axis=-1)
    scale = scale if forms.kind(form).ports else scale[..., 0]
    return eps * u.shape[-1] * np.abs(u).max() * scale[:, None]


def assert_within(found, expected, bound):
    ratio = np.abs(found - expected) / bound
    worst = np.unravel_index(np.argmax(ratio), ratio.shape)
    instead = f"at {worst}: {found[worst]} instead of {expected[worst]}"
    assert ratio[worst] <= 1, f"{instead}, {ratio[worst]:.3g} times the bound"


@pytest.mark.parametrize("order", [16, 15])
@pytest.mark.parametrize("name", S4D)
def test_the_published_s4d_layer_computes_our_convolution(name, order, tmp_path):
    form = init(name, order, channels=WIDTH)
    export.save(tmp_path / "layer.safetensors", form, "s4d")
    assert_within(
        run_s4d(tmp_path / "layer.safetensors", DIGITS),
        output(DIGITS, form),
        tolerance(form, DIGITS),
    )


def test_the_s5_package_computes_our_convolution(tmp_path):
    built = {
        f"{name}-{order}": init(name, order, channels=WIDTH) for name in S5 for order in (16, 15)
    }
    for name, form in built.items():
        export.save(tmp_path / f"{name}.safetensors", form, "s5-pytorch")
    for name, y in run_s5(tmp_path, dict.fromkeys(built, DIGITS)).items():
        assert_within(y, output(DIGITS, built[name]), tolerance(built[name], DIGITS))


def referee(form, u):
    """The output (P, L) for u (M, L) by multiple precision, one output and one input at a time."""
    length = u.shape[-1]
    if forms.kind(form).ports:
        # step A with step 1 is the same sampled model, and lets every mode have its own.
        A = form.step * form.A
        B = form.step[:, None] * form.B
        return np.array(
            [
                sum(driven(u[m], A, B[:, m], C, form.D[p, m], 1.0) for m in range(len(u)))
                for p, C in enumerate(form.C)
            ]
        )
    channels = zip(u, *form, strict=True)
    return np.array([driven(*channel) for channel in channels]).reshape(-1, length)


def driven(u, A, B, C, D, step):
    """The output (L,) of one half spectrum for the input u (L,)."""
    dense = forms.to_dense(forms.Paired(A, B, C, D, np.asarray(step)))
    return np.array(reference.convolve(u, reference.kernel(*dense, len(u))), float)


SMALL = DIGITS[:1, :2, :16]


@pytest.mark.parametrize("name", ["ptd", "mamba"])
def test_the_published_s4d_layer_agrees_with_multiple_precision(name, tmp_path):
    form = init(name, 4, channels=2)
    export.save(tmp_path / "layer.safetensors", form, "s4d")
    expected = referee(form, SMALL[0])
    assert_within(
        output(SMALL, form)[0], expected, tolerance(form, SMALL, np.finfo(np.float64).eps)
    )
    assert_within(
        run_s4d(tmp_path / "layer.safetensors", SMALL)[0], expected, tolerance(form, SMALL)
    )


def test_the_s5_package_agrees_with_multiple_precision(tmp_path):
    built = {name: init(name, 4, channels=2) for name in S5}
    for name, form in built.items():
        export.save(tmp_path / f"{name}.safetensors", form, "s5-pytorch")
    for name, y in run_s5(tmp_path, dict.fromkeys(built, SMALL)).items():
        expected = referee(built[name], SMALL[0])
        assert_within(
            output(SMALL, built[name])[0],
            expected,
            tolerance(built[name], SMALL, np.finfo(np.float64).eps),
        )
        assert_within(y[0], expected, tolerance(built[name], SMALL))
