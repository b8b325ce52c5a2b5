"""What one sinusoid does to trained classifiers: study 1, after Yu et al. 2024, Section 5.2.

    python experiments/robustness.py --quick [--picture docs/_static/robustness_trained.svg]

Each model is trained on clean signals and told noisy ones. A point is one model, one seed, one
recipe; its line has the accuracy without noise, with noise of five amplitudes (a wave at the top
eigenvalue of the normal part of HiPPO-LegS or at the model's own, and white noise; in every layer
or at the input alone), with a wave of amplitude 0.3 at each of some 30 frequencies, how loudly the
layers answer each of these before and after training, and the modes after every epoch.

--quick: digits, order 16, 3 seeds, about 12 minutes of one core. Full: digits, mnist1d, acsf1 and
delays, order 32, 5 seeds, everything trained and A frozen, with and without residual.
"""

from __future__ import annotations

import argparse
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pictures
import records
from data import DATA, Data
from disturbance import Noise, amplification, disturbed
from networks import Network, Shape, network, said_of, shape_of
from records import Point, Record, matching, spread, table
from ssmlinalg import decompose, forms, hippo, nn
from training import Recipe, scored, train

STUDY = "robustness"
AMPLITUDES = (0.03, 0.1, 0.3, 1.0, 3.0)
LOUD = 0.3  # of the sweep
MODELS = ("s4", "s4d-legs", "s4d-legs-clipped", "s4d-lin", "s4d-inv", "ptd", "ptd-optimal")
MODELS = (*MODELS, "s5", "s5-ptd", "dss", "dlr")
FEW = ("s4", "s4d-legs", "s4d-lin", "ptd", "s5")
THREE = ("s4", "s4d-legs", "ptd")
FROZEN = ("C", "D")
TRAINED = ("A", "B", "C", "D", "step")
NO_D = ("C",)
RIVAL = "s4d-legs"
SEED_OF_CHOICE = 1000
SEEDS = {"smoke": 1, "quick": 3, "full": 5}


def top_of_legs(order: int) -> float:
    """The top eigenvalue of the normal part of HiPPO-LegS, where the published noise is."""
    return float(decompose.eigenbasis(hippo.legs(order)).Lambda.imag.max())


def below_nyquist(order: int) -> float:
    """The step, in two digits, at which that wave turns by nine tenths of pi between samples."""
    step = 0.9 * math.pi / top_of_legs(order)
    digit = 10.0 ** math.floor(math.log10(step) - 1)
    return round(step / digit) * digit


def point(
    model: str,
    seed: int,
    recipe: Recipe,
    *,
    data: str = "digits",
    order: int = 16,
    parts: tuple[str, ...] = FROZEN,
    block: str = "residual",
    step: float | tuple[float, float] | None = None,
) -> Point:
    """One run, with all that it depends on."""
    step = below_nyquist(order) if step is None else step
    options: dict[str, Any] = {"train": parts}
    if model != "dlr":
        options["step"] = step
    nominal = math.sqrt(step[0] * step[1]) if isinstance(step, tuple) else step
    said = {"model": model, "data": data, "seed": seed, "parts": "".join(p[0] for p in parts)}
    pool = "last" if data in ("digits", "few") else "mean"
    shape = Shape(model, order=order, block=block, pool=pool, options=options)
    run = {"block": block, "nominal": nominal, "shape": said_of(shape)}
    return said | run | {"recipe": recipe._asdict()}


def measure(
    model: str,
    data: str,
    seed: int,
    nominal: float,
    shape: dict[str, Any],
    recipe: dict[str, Any],
    folder: str | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Train one network and listen to it; `folder` has the published files."""
    known = DATA[data]()
    built = shape_of(shape)
    if model == "ptd-file":
        built = built._replace(options=built.options | {"folder": folder})
    made = network(built, known.train.u.shape[-1], known.classes, seed)
    waves = swept(shape["order"], nominal)
    u = known.validation.u[:64]
    before = amplification(made, u, waves, nominal)
    modes: list[Any] = []
    first: Any = made.blocks[0]
    found = train(
        made, known, Recipe(**recipe), seed=seed, each=lambda _: modes.append(track(first.layer))
    )
    told = told_in_noise(made, known, shape["order"], nominal)
    sweep = [heard(made, known, Noise("layers", LOUD, w), nominal) for w in waves]
    return {
        "validation": found,
        "clean": scored(made, known.test),
        "noise": told,
        "waves": waves,
        "sweep": sweep,
        "before": before,
        "after": amplification(made, u, waves, nominal),
        "modes": modes if "A" in shape["options"]["train"] else [],
    }


def told_in_noise(made: Network, known: Data, order: int, nominal: float) -> dict[str, list[float]]:
    """The accuracy at every amplitude, by the place and the kind of noise."""
    kinds: dict[str, float | str | None] = {"legs": top_of_legs(order), "top": "top", "white": None}
    return {
        f"{where} {kind}": [heard(made, known, Noise(where, a, w), nominal) for a in AMPLITUDES]
        for where in ("layers", "input")
        for kind, w in kinds.items()
    }


def swept(order: int, nominal: float) -> list[float]:
    """Frequencies up to Nyquist, and near the top eigenvalue of the normal part."""
    end = math.pi / nominal
    top = top_of_legs(order)
    near = [top * part for part in (0.95, 0.97, 1.0, 1.03)]
    return sorted({*np.linspace(end / 24, end, 24).tolist(), *near})


def heard(made: Network, known: Data, noise: Noise, nominal: float) -> float:
    """The accuracy on the test set with noise."""
    with disturbed(made, noise, nominal):
        return scored(made, known.test)


def track(layer: Any) -> list[list[float]] | None:
    """Real and imaginary parts of the modes of the first channel."""
    if not isinstance(layer, nn.SSM):
        return None
    form = layer.form()
    A = form.Lambda if isinstance(form, forms.DPLR) else form.A
    A = (A[0] if A.ndim > 1 else A).detach()
    return [A.real.tolist(), A.imag.tolist()]


# Points


def settings(form: str, models: tuple[str, ...]) -> list[dict[str, Any]]:
    """Everything but the seed."""
    frozen = [{"model": name} for name in models]
    trained = [{"model": name, "parts": TRAINED} for name in FEW]
    bare = [{"model": name, "parts": NO_D, "block": "bare"} for name in THREE]
    if form == "smoke":
        different = (frozen[1], frozen[-1], trained[-1], bare[-1])
        return [one | {"data": "few", "order": 8} for one in different]
    if form == "quick":
        return [*frozen, *trained, *bare]
    trained = [{"model": name, "parts": TRAINED} for name in models]
    return [
        one | {"data": data, "order": 16 if data == "digits" else 32, "step": step}
        for data in ("digits", "mnist1d", "acsf1", "delays")
        for step in (None, (1e-3, 1e-1))
        for one in (*frozen, *trained, *bare)
    ]


def recipes(options: argparse.Namespace) -> list[Recipe]:
    """The recipe here, and the one that is best for the rival on the validation split."""
    here = Recipe(epochs={"smoke": 1, "quick": 15, "full": 30}[options.form])
    if options.form == "smoke":
        return [here]
    tried = [
        here._replace(lr=lr, weight_decay=decay) for lr in (3e-3, 1e-2, 3e-2) for decay in (0, 0.1)
    ]
    points = [point(RIVAL, SEED_OF_CHOICE, recipe) for recipe in tried]
    every = argparse.Namespace(**vars(options) | {"only": []})
    found = records.run("recipes", points, measure, every)
    best = max(found, key=lambda one: one["result"]["validation"][-1])
    return [here, Recipe(**best["point"]["recipe"])]


def points(options: argparse.Namespace) -> list[Point]:
    """All runs of a form."""
    seeds = range(SEEDS[options.form])
    here, *others = recipes(options)
    file = ("ptd-file",) if options.published or options.show else ()
    made = [
        point(seed=seed, recipe=here, **one)
        for one in settings(options.form, (*MODELS, *file))
        for seed in seeds
    ]
    for recipe in others:
        made += [point(name, seed, recipe) for name in THREE for seed in seeds]
    return made


# What is printed and drawn


def report(found: list[Record]) -> None:
    """Accuracy by setting, model and noise."""
    heads = ("model", "clean", "top .1", ".3", "1", "own top .3", "white .3", "input .3", "input 1")
    groups = {setting(one): None for one in found}
    for group in groups:
        print(f"\n{group}")
        rows = []
        for model in dict.fromkeys(one["point"]["model"] for one in found):
            same = [one["result"] for one in matching(found, model=model) if setting(one) == group]
            if same:
                noise = [
                    ("layers legs", 1),
                    ("layers legs", 2),
                    ("layers legs", 3),
                    ("layers top", 2),
                    ("layers white", 2),
                    ("input legs", 2),
                    ("input legs", 3),
                ]
                cells = [spread([one["noise"][name][at] for one in same]) for name, at in noise]
                rows.append([model, spread([one["clean"] for one in same]), *cells])
        table(heads, rows)


def setting(record: Record) -> str:
    """What the runs of one table have in common."""
    said = record["point"]
    recipe = Recipe(**said["recipe"])
    step = said["shape"]["options"].get("step", said["nominal"])
    if isinstance(step, list):
        step = f"{step[0]:g} to {step[1]:g}"
    elif said["model"] == "dlr":
        step = f"{said['nominal']:.2g}"
    else:
        step = f"{step:.2g}"
    how = f"rate {recipe.lr:g}, decay {recipe.weight_decay:g}, {recipe.epochs} epochs"
    return f"{said['data']}, {said['block']}, trained {said['parts']}, step {step}, {how}"


def picture(found: list[Record], path: Path) -> None:
    """Amplitude, frequency, the gain of the layers, and the tracks of modes."""
    plain = setting(found[0])
    frozen = [one for one in found if setting(one) == plain]
    moved = [
        one for one in matching(found, parts="ABCDs") if one["point"]["data"] in plain.split(",")[0]
    ]
    figure, panels = pictures.panels(2, 2, (9, 7))
    for model in ("s4", "s4d-legs", "s4d-lin", "ptd", "s5"):
        same = [one["result"] for one in matching(frozen, model=model)]
        if same:
            look = {"color": pictures.COLOURS[model], "label": model}
            pictures.band(
                panels[0, 0], AMPLITUDES, [one["noise"]["layers legs"] for one in same], look
            )
            pictures.band(panels[0, 1], same[0]["waves"], [one["sweep"] for one in same], look)
    for model in dict.fromkeys(one["point"]["model"] for one in frozen):
        same = [one["result"] for one in matching(frozen, model=model)]
        lost = [r["clean"] - x for r in same for x in r["sweep"]]
        gain = [LOUD * x for r in same for x in r["after"]]
        panels[1, 0].plot(gain, lost, ".", color=pictures.COLOURS.get(model, "k"), markersize=3)
    for model in ("s4d-legs", "ptd"):
        for one in matching(moved, model=model)[:1]:
            modes = np.array(one["result"]["modes"])
            panels[1, 1].plot(modes[:, 1], color=pictures.COLOURS[model], linewidth=1)
    panels[0, 0].set_xscale("log")
    panels[1, 0].set_xscale("log")
    said = "a wave at the top of LegS, in every layer"
    pictures.dress(panels[0, 0], title=said, xlabel="amplitude", ylabel="accuracy")
    pictures.dress(panels[0, 1], title=f"a wave of amplitude {LOUD:g}", xlabel="w", ylabel="")
    said = "every wave and model: what is lost"
    gain = "amplitude x gain for the wave / gain for data"
    pictures.dress(panels[1, 0], title=said, xlabel=gain, ylabel="accuracy lost")
    said = "modes of one channel while A is trained"
    pictures.dress(panels[1, 1], title=said, xlabel="epoch", ylabel="Im A")
    panels[0, 0].legend(frameon=False)
    pictures.save(figure, path)


def main() -> None:
    """Train what is missing, print, draw."""
    parser = records.command(__doc__, STUDY)
    parser.add_argument("--published", help="a folder with ptbHiPPO<N>.mat")
    options = records.options(parser, STUDY)
    measured = partial(measure, folder=options.published)
    found = records.run(STUDY, points(options), measured, options)
    report(found)
    if options.picture:
        picture(found, options.picture)


if __name__ == "__main__":
    main()
