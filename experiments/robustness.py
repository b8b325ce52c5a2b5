"""What one sinusoid does to trained classifiers: study 1, after Yu et al. 2024, Section 5.2.

    python experiments/robustness.py --quick [--picture docs/_static/robustness_trained.svg]

Each model is trained on clean signals and told noisy ones. A point is one model, one seed, one
recipe; its line has the accuracy without noise, with noise of five amplitudes (a wave at the top
eigenvalue of the normal part of HiPPO-LegS or at the model's own, and white noise; in every layer
or at the input alone), with a wave of amplitude 0.3 at each of some 30 frequencies, how loudly the
layers answer each of these before and after training, and the modes after every epoch.

--quick: digits, order 16, 5 seeds, about 9 minutes of one core. Full: mnist1d, acsf1 and delays,
order 32, 5 seeds, A frozen and trained, with and without residual, one step and steps that are
spread, and the recipe that the rival likes best: 205 runs, a night of one core. `--only
data=mnist1d seed=0` takes some.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import pictures
import records
from data import DATA, EPOCHS, POOLS, Data
from disturbance import Noise, amplification, disturbed
from networks import Network, Shape, network, said_of, shape_of
from records import Options, Point, Record, matching, spread, table
from ssmlinalg import decompose, forms, hippo, nn
from training import Recipe, scored, train

STUDY = "robustness"
AMPLITUDES = (0.03, 0.1, 0.3, 1.0, 3.0)
LOUD = 0.3  # of the sweep
MODELS = ("s4", "s4d-legs", "s4d-legs-clipped", "s4d-lin", "s4d-inv", "ptd", "ptd-optimal")
MODELS = (*MODELS, "s5", "s5-ptd", "dss", "dlr")
FEW = ("s4d-legs", "ptd", "s5")
TWO = ("s4d-legs", "ptd")
FROZEN = ("C", "D")
TRAINED = ("A", "B", "C", "D", "step")
NO_D = ("C",)
RIVAL = "s4d-legs"
SEED_OF_CHOICE = 1000
CHOSEN_ON = {"quick": ("digits", 16), "full": ("mnist1d", 32)}  # data and order
SEEDS = {"smoke": 1, "quick": 5, "full": 5}
SPREAD = (1e-3, 1e-1)


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
    shape = Shape(model, order=order, block=block, pool=POOLS[data], options=options)
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
    return sorted({*np.linspace(end / 20, end, 20).tolist(), *near})


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
    """Everything but the seed and the recipe."""
    frozen = [{"model": name} for name in models]
    trained = [{"model": name, "parts": TRAINED} for name in FEW]
    bare = [{"model": name, "parts": NO_D, "block": "bare"} for name in TWO]
    if form == "smoke":
        different = (frozen[1], frozen[-1], trained[-1], bare[-1])
        return [one | {"data": "few", "order": 8} for one in different]
    if form == "quick":
        return [*frozen, *trained, *bare]
    apart = [{"model": name, "step": SPREAD} for name in TWO]
    every = [*frozen, *trained, *bare, *apart]
    few = [one for one in frozen if one["model"] in FEW]
    runs = {"mnist1d": every, "acsf1": every, "delays": few}
    return [one | {"data": data, "order": 32} for data, known in runs.items() for one in known]


def recipe_of(data: str = "digits", **_: Any) -> Recipe:
    """The one that all models have."""
    return Recipe(epochs=EPOCHS[data])


def recipes(options: Options) -> list[tuple[dict[str, Any], Recipe]]:
    """The one that is best for the rival on a validation split, with the data and the order."""
    if options.form not in CHOSEN_ON:
        return []
    data, order = CHOSEN_ON[options.form]
    run = {"data": data, "order": order}
    tried = [recipe_of(data)._replace(lr=lr, weight_decay=0.1) for lr in (1e-2, 2e-2, 4e-2)]
    points = [point(RIVAL, SEED_OF_CHOICE, recipe, **run) for recipe in tried]
    every = Options(**vars(options) | {"only": []})
    found = records.run("recipes", points, measure, every)
    if not found:
        return []
    best = max(found, key=lambda one: one["result"]["validation"][-1])
    return [(run, Recipe(**best["point"]["recipe"]))]


def points(options: Options) -> list[Point]:
    """All runs of a form."""
    others = recipes(options)
    file = ("ptd-file",) if options.published or options.show else ()
    known = settings(options.form, (*MODELS, *file))
    made = []
    for seed in range(SEEDS[options.form]):  # a seed at a time: an interrupted run has all of one
        made += [point(seed=seed, recipe=recipe_of(**one), **one) for one in known]
        made += [point(name, seed, recipe, **run) for run, recipe in others for name in TWO]
    return made


# What is printed and drawn


NOISE = {
    "top .1": ("layers legs", 1),
    "top .3": ("layers legs", 2),
    "top 1": ("layers legs", 3),
    "own top 1": ("layers top", 3),
    "white .3": ("layers white", 2),
    "input, top .3": ("input legs", 2),
    "input, top 1": ("input legs", 3),
}
EDGES = (0.0, 0.1, 0.3, 1.0, math.inf)


def report(found: list[Record]) -> None:
    """Accuracy by setting, model and noise; then what is lost by how loud the noise is."""
    overview(found)
    for group in dict.fromkeys(map(setting, found)):
        print(f"\n{group}")
        rows = []
        for model in dict.fromkeys(one["point"]["model"] for one in found):
            same = [one["result"] for one in matching(found, model=model) if setting(one) == group]
            if same:
                noisy = [[one["noise"][name][at] for one in same] for name, at in NOISE.values()]
                low = [one["sweep"][0] for one in same]
                clean = [one["clean"] for one in same]
                rows.append([model, *map(spread, (clean, *noisy, low))])
        table(("model", "clean", *NOISE, "low .3"), rows)
    quotients([one for one in found if setting(one) == setting(found[0])])
    loudness(found)


def overview(found: list[Record]) -> None:
    """The mean accuracy of a few models, clean and with a wave of amplitude 0.3 at the top."""
    rows = []
    for group in dict.fromkeys(map(setting, found)):
        cells = []
        for model in FEW:
            same = [one for one in matching(found, model=model) if setting(one) == group]
            told = [(x["clean"], x["noise"]["layers legs"][2]) for x in (r["result"] for r in same)]
            cells.append(
                " to ".join(f"{100 * x:.1f}" for x in np.mean(told, axis=0)) if told else "-"
            )
        count = len({one["point"]["seed"] for one in found if setting(one) == group})
        rows.append([group, count, *cells])
    table(("setting", "seeds", *FEW), rows)


def quotients(found: list[Record]) -> None:
    """The gain for the wave at the top over that for data, of the loudest layer, in per cent."""
    rows = []
    for model in dict.fromkeys(one["point"]["model"] for one in found):
        same = [one["result"] for one in matching(found, model=model)]
        top = top_of_legs(matching(found, model=model)[0]["point"]["shape"]["order"])
        at = int(np.argmin(np.abs(np.array(same[0]["waves"]) - top)))
        rows.append([model, *(spread([x[when][at] for x in same]) for when in ("before", "after"))])
    table(("gain at the top over gain for data, %", "before training", "after"), rows)


def loudness(found: list[Record]) -> None:
    """What waves take from the accuracy, by the noise beside the signal after the layers."""
    gain, lost = (np.concatenate(x) for x in zip(*map(heard_and_lost, found), strict=True))
    rows = []
    for low, high in itertools.pairwise(EDGES):
        here = lost[(low <= gain) & (gain < high)]
        if len(here):
            ends = f"{100 * np.mean(here):.1f} | {100 * here.max():.1f}"
            rows.append([f"{low:g} to {high:g}", len(here), ends])
    table(("noise over signal after a layer", "waves", "lost, mean", "largest"), rows)


def heard_and_lost(record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Of each wave of the sweep: noise over signal after the loudest layer, and accuracy lost."""
    result = record["result"]
    return LOUD * np.array(result["after"]), result["clean"] - np.array(result["sweep"])


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
    for one in frozen:
        colour = pictures.COLOURS[one["point"]["model"]]
        panels[1, 0].plot(*heard_and_lost(one), ".", color=colour, markersize=3)
    for one in matching(moved, model="s4d-legs") + matching(moved, model="ptd"):
        height = np.array(one["result"]["modes"])[:, 1].max(axis=1)
        colour = pictures.COLOURS[one["point"]["model"]]
        panels[1, 1].plot(height - height[0], color=colour, linewidth=1)
    panels[0, 0].set_xscale("log")
    panels[1, 0].set_xscale("log")
    said = "a wave at the top of LegS, in every layer"
    pictures.dress(panels[0, 0], title=said, xlabel="amplitude", ylabel="accuracy")
    pictures.dress(panels[0, 1], title=f"a wave of amplitude {LOUD:g}", xlabel="w", ylabel="")
    said = "every wave and every model"
    pictures.dress(
        panels[1, 0], title=said, xlabel="noise over signal after a layer", ylabel="accuracy lost"
    )
    said = "the highest mode while A is trained"
    pictures.dress(panels[1, 1], title=said, xlabel="epoch", ylabel="Im A less its start")
    panels[0, 0].legend(frameon=False)
    pictures.save(figure, path)


def main() -> None:
    """As every study; the published files are not part of a point."""
    parser = records.command(__doc__, STUDY)
    parser.add_argument("--published", help="a folder with ptbHiPPO<N>.mat")
    measured = partial(measure, folder=parser.parse_args().published)
    records.study(STUDY, parser, points, measured, report, picture)


if __name__ == "__main__":
    main()
