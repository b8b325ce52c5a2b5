"""Layers that train against the published formulas: forward, a training step, and one sample.

    python benchmarks/layers.py [--shorter 4]

Milliseconds, the least of several runs in turns; with one thread (OMP_NUM_THREADS=1) those of the
processor, else of the clock. `gain` is the peer's time over ours in the same run. Peers: the plain
sum of the minimal S4D layer (a table of modes by samples, then FFT), Cauchy sums with the Woodbury
formula as S4 has them without its CUDA extension, as published and in one table for all four sums,
the S5 of s5-pytorch, and the recurrence as one writes it. `fft` is the part of `torch.fft` alone.
The error is that of the outputs in single precision against the layer in double precision, over the
largest output. Memory is what the graph keeps from forward to backward.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import torch
from s5 import S5

from ssmlinalg import discretize, nn

RUNS = 5


def plain_sum(layer: nn.SSM, u: torch.Tensor) -> torch.Tensor:
    """The minimal S4D layer of state-spaces/s4, on the parameters of ours."""
    form = layer.form()
    length = u.shape[1]
    z = form.A * form.step[:, None]
    weights = form.C * form.B * torch.expm1(z) / form.A
    K = 2 * torch.einsum("hn,hnl->hl", weights, torch.exp(z[..., None] * torch.arange(length))).real
    spectrum = torch.fft.rfft(u.mT, n=2 * length) * torch.fft.rfft(K, n=2 * length)
    y = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
    return (y + form.D[:, None] * u.mT).mT


def cauchy_sum(layer: nn.SSM, u: torch.Tensor) -> torch.Tensor:
    """The generating function of S4 under the bilinear rule: Cauchy sums, then Woodbury.

    C stands for the C of a kernel cut at its length, as the published layer stores it.
    """
    form = layer.form()
    length = u.shape[1]
    omega, g = nodes(length)
    P = form.P[..., 0] * form.step[:, None] ** 0.5
    left = torch.stack([form.C, P.conj()])
    right = torch.stack([form.B * form.step[:, None], P])
    products = left[:, None] * right[None]
    table = 1 / (g - (form.Lambda * form.step[:, None])[..., None])
    k = torch.einsum("abhn,hnl->abhl", products, table)
    return closed(k, omega, form.D, u)


def published_cauchy_sum(layer: nn.SSM, u: torch.Tensor) -> torch.Tensor:
    """The same by `cauchy_naive` of state-spaces/s4: half of the modes, a table for each sum."""
    form = layer.form()
    omega, g = nodes(u.shape[1])
    half = form.Lambda.shape[-1] // 2
    Lambda = (form.Lambda * form.step[:, None])[:, :half]
    P = form.P[:, :half, 0] * form.step[:, None] ** 0.5
    left = torch.stack([form.C[:, :half], P.conj()])
    right = torch.stack([form.B[:, :half] * form.step[:, None], P])
    products = left[:, None] * right[None]
    products = torch.cat([products, products.conj()], dim=-1)
    Lambda = torch.cat([Lambda, Lambda.conj()], dim=-1)
    k = (products[..., None] / (g - Lambda[..., None])).sum(-2)
    return closed(k, omega, form.D, u)


def nodes(length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Roots of unity and their images under the bilinear rule."""
    omega = torch.exp(-2j * torch.pi * torch.arange(length // 2 + 1) / length)
    return omega, 2 * (1 - omega) / (1 + omega + 1e-12)


def closed(k: torch.Tensor, omega: torch.Tensor, D: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """The outputs, from Cauchy sums k (2, 2, H, K) by Woodbury."""
    length = u.shape[1]
    at = 2 / (1 + omega + 1e-12) * (k[0, 0] - k[0, 1] * k[1, 0] / (1 + k[1, 1]))
    K = torch.fft.irfft(at, n=length)
    spectrum = torch.fft.rfft(u.mT, n=2 * length) * torch.fft.rfft(K, n=2 * length)
    y = torch.fft.irfft(spectrum, n=2 * length)[..., :length]
    return (y + D[:, None] * u.mT).mT


def transforms(u: torch.Tensor) -> torch.Tensor:
    """What a convolution cannot do without: the signal there and back, a kernel, a product."""
    length = u.shape[1]
    spectrum = torch.fft.rfft(u.mT, n=2 * length)
    return torch.fft.irfft(spectrum * spectrum[0], n=2 * length)[..., :length].mT


def in_turns(*runs: Callable[[], Any]) -> list[float]:
    """The least milliseconds of each, run one after the other."""
    for run in runs:
        run()
    least = [float("inf")] * len(runs)
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    for _ in range(RUNS):
        for index, run in enumerate(runs):
            start = clock()
            run()
            least[index] = min(least[index], 1e3 * (clock() - start))
    return least


def training_step(run: Callable[[torch.Tensor], Any], u: torch.Tensor, parameters: Any) -> Any:
    """Forward and backward, of the input and the parameters."""

    def step() -> None:
        for parameter in parameters:
            parameter.grad = None
        u.grad = None
        run(u).square().mean().backward()

    return step


def saved(run: Callable[[torch.Tensor], Any], u: torch.Tensor) -> float:
    """MB that the graph keeps from forward to backward, each storage once."""
    storages: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        storages[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run(u)
    return sum(storages.values()) / 1e6


def row(
    name: str,
    ours: tuple[Any, Callable[[torch.Tensor], Any]],
    theirs: tuple[Any, Callable[[torch.Tensor], Any]],
    u: torch.Tensor,
    error: float,
) -> None:
    """A line: forward and training step of two layers, in turns."""
    u.requires_grad_()
    first = in_turns(lambda: ours[1](u), lambda: theirs[1](u))  # with a graph: no kernel is kept
    steps = [training_step(run, u, list(layer.parameters())) for layer, run in (ours, theirs)]
    both = in_turns(*steps)
    memory = [saved(run, u) for _, run in (ours, theirs)]
    print(
        f"| {name} | {first[0]:.1f} | {first[1] / first[0]:.1f} | {both[0]:.1f} "
        f"| {both[1] / both[0]:.1f} | {memory[0]:.0f} | {memory[1]:.0f} | {error:.0e} |",
        flush=True,
    )


def error_of(layer: nn.SSM, u: torch.Tensor) -> float:
    """The error of the outputs of one signal against double precision."""
    with torch.no_grad():
        got = layer(u[:1].detach()).double()
        double = nn.SSM.from_form(layer.form(), rule=layer.rule).double()
        exact = double(u[:1].detach().double())
    return float((got - exact).abs().max() / exact.abs().max())


def of_layers(shorter: int) -> None:
    """S4D, S4 and S5 against their peers."""
    print("| layer, H, L, batch | forward ms | gain | step ms | gain | MB | peer's MB | error |")
    print("|---|---|---|---|---|---|---|---|")
    sizes = [(64, 64, 8), (256, 784, 8), (256, 1024, 8), (256, 4096, 4), (128, 16384, 1)]
    for H, L, batch in sizes:
        length = max(16, L // shorter)
        u = torch.randn(batch, length, H)
        layer = nn.SSM(H, 64, init="s4d-lin")
        ours = (layer, layer)
        peer = (layer, lambda u, layer=layer: plain_sum(layer, u))
        row(f"S4D, {H}, {length}, {batch}", ours, peer, u, error_of(layer, u))
    s4_peers = {"S4 as published": published_cauchy_sum, "S4, one table": cauchy_sum}
    for H, L, batch in [(256, 1024, 8), (64, 4096, 4), (64, 16384, 1)]:
        length = L // shorter
        u = torch.randn(batch, length, H)
        layer = nn.SSM(H, 64, init="s4", rule="bilinear")
        for name, sums in s4_peers.items():
            peer = (layer, lambda u, layer=layer, sums=sums: sums(layer, u))
            row(f"{name}, {H}, {length}, {batch}", (layer, layer), peer, u, error_of(layer, u))
    for H, L, batch in [(256, 1024, 8), (128, 4096, 4)]:
        length = L // shorter
        u = torch.randn(batch, length, H)
        layer = nn.SSM(H, 64, init="s5")
        other = S5(H, 64)
        row(f"S5, {H}, {length}, {batch}", (layer, layer), (other, other), u, error_of(layer, u))


def of_transforms(shorter: int) -> None:
    """The convolution of a layer against its Fourier transforms alone."""
    print("\n| convolution, H, L, batch | forward ms | over torch.fft | step ms | over torch.fft |")
    print("|---|---|---|---|---|")
    for H, L, batch in [(256, 1024, 8), (256, 1024, 32), (128, 4096, 8)]:
        length = L // shorter
        u = torch.randn(batch, length, H)
        layer = nn.SSM(H, 64, init="s4d-lin")
        u.requires_grad_()
        forward = in_turns(lambda: layer(u), lambda: transforms(u))  # noqa: B023
        steps = [
            training_step(run, u, list(layer.parameters()))
            for run in (layer, lambda u: transforms(u))
        ]
        both = in_turns(*steps)
        print(
            f"| {H}, {length}, {batch} | {forward[0]:.1f} | {forward[0] / forward[1]:.2f} "
            f"| {both[0]:.1f} | {both[0] / both[1]:.2f} |",
            flush=True,
        )


def of_samples() -> None:
    """One sample of a batch of 8 by `recurrence`, and by hand."""
    print("\n| one sample, H = 64, batch 8 | us | by hand us |")
    print("|---|---|---|")
    u = torch.randn(8, 64)
    layer = nn.SSM(64, 64, init="s4d-lin")
    run = layer.recurrence()
    with torch.no_grad():
        A, B, C, D = (field.detach() for field in discretize.zoh(layer.form()))

        def by_hand(x: torch.Tensor) -> Any:
            x = A * x + B * u[..., None]
            return 2 * (C * x).sum(-1).real + D * u, x

        _, x = run(u)
        times = in_turns(
            lambda: [run(u, x) for _ in range(200)], lambda: [by_hand(x) for _ in range(200)]
        )
    print(f"| S4D | {1e3 * times[0] / 200:.1f} | {1e3 * times[1] / 200:.1f} |")


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shorter", type=int, default=1, help="divide all lengths")
    shorter = parser.parse_args().shorter
    torch.manual_seed(0)
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads\n")
    of_layers(shorter)
    of_transforms(shorter)
    of_samples()


if __name__ == "__main__":
    main()
