"""A trained classifier made smaller: accuracy against bytes, and the picture in docs/reduce.md.

Handwritten digits as sequences of 64 pixels; two layers of 32 channels and 64 states, trained once.

    python benchmarks/reduced_digits.py [--picture docs/_static/reduced_digits.svg]
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import torch
from rich.progress import track
from safetensors.torch import load_file, save_file
from sklearn.datasets import load_digits

from ssmlinalg import nn, shrink

ERRORS = (0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.5, 0.7)


def network(order: int = 64) -> Any:
    """The classifier, with layers of an order."""
    return nn.Sequence(
        1, 10, width=32, depth=2, order=order, init="ptd", step=(0.02, 0.5), pool="mean"
    )


def data() -> tuple[torch.Tensor, ...]:
    """Training and test digits, pixel by pixel, and their labels."""
    images, labels = load_digits(return_X_y=True)
    u = torch.tensor(images / 16, dtype=torch.float32)[..., None]
    classes = torch.tensor(labels)
    chosen = torch.randperm(len(u), generator=torch.Generator().manual_seed(0))
    train, test = chosen.split([1437, 360])
    return u[train], classes[train], u[test], classes[test]


def trained(u: torch.Tensor, classes: torch.Tensor, epochs: int) -> Any:
    """The classifier after training."""
    torch.manual_seed(0)
    model = network()
    groups = nn.param_groups(model, lr=1e-2, weight_decay=0.01, ssm_lr=3e-3)
    optimizer = torch.optim.AdamW(groups)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for _ in track(range(epochs), "training"):
        for rows in torch.randperm(len(u)).split(50):
            loss = torch.nn.functional.cross_entropy(model(u[rows]), classes[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def accuracy(model: Any, u: torch.Tensor, classes: torch.Tensor) -> float:
    """The share of digits that are told right."""
    return (model(u).argmax(1) == classes).float().mean().item()


def main() -> None:
    """Train, reduce at every error, print the table and draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    options = parser.parse_args()
    u, classes, test, labels = data()
    model = trained(u, classes, options.epochs)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.safetensors"
        save_file(model.state_dict(), path)
        whole = accuracy(model, test, labels)
        print(f"order 64: accuracy {whole:.4f}")
        for error in ERRORS:
            small = f"{folder}/{error}.safetensors"
            found = shrink(path, error=error, output=small)
            size = sum(layer.size for layer in found.layers)
            before = sum(layer.size_before for layer in found.layers)
            states = found.layers[0].states
            reduced = network(states)
            reduced.load_state_dict(load_file(small))
            told = accuracy(reduced.eval(), test, labels)
            upper = max(layer.upper for layer in found.layers)
            rows.append((error, upper, states, size / before, told))
            print(f"| {error:g} | {upper:.4f} | {states} | {size / before:.2f} | {told:.4f} |")
    if options.picture:
        draw(rows, whole, options.picture)


def draw(rows: list[tuple[float, ...]], whole: float, path: Path) -> None:
    """Accuracy against the share of the bytes of the layers that is left."""
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    axes.axhline(whole, color="gray", linestyle=":", label="as trained, 64 states")
    axes.plot([row[3] for row in rows], [row[4] for row in rows], "o-", color="tab:blue")
    for error, _, states, share, told in rows:
        axes.annotate(
            f"{error:g}: {states:.0f}", (share, told), (4, -12), textcoords="offset points"
        )
    axes.set(xlabel="bytes of the layers / before", ylabel="accuracy on 360 digits")
    axes.legend(loc="lower right")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
