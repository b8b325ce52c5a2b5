"""The layer: it starts as its form, runs by samples as it runs in parallel, and trains."""

from __future__ import annotations

import copy
import math
import pickle
from typing import Any, cast

import numpy as np
import pytest

from ssmlinalg import export, forms, hippo, inits, kernel, kernels, perturb
from ssmlinalg.export.real_parameters import DECAYS, form_of, real_parameters
from ssmlinalg.export.targets import rates
from ssmlinalg.ground.formats import EPS, SINGLE
from ssmlinalg.products.conjugate_pairs import conjugate_pairs

torch = pytest.importorskip("torch")
from ssmlinalg import nn  # noqa: E402

WIDTH = 3
LENGTH = 40
NAMES = sorted(inits.INITS)
every_init = pytest.mark.parametrize("name", NAMES)


def signals(length: int = LENGTH, *, seed: int = 0, width: int = WIDTH, batch: int = 2) -> Any:
    drawn = torch.Generator().manual_seed(seed)
    return torch.randn(batch, length, width, generator=drawn)


def assert_alike(got: Any, expected: Any, length: int = LENGTH, *, factor: float = 1.0) -> None:
    """Equal to 20 eps sqrt(L) of the largest output."""
    got, expected = (x.detach().double() for x in (got, expected))
    scale = float(expected.abs().max())
    assert float((got - expected).abs().max()) <= factor * 20 * SINGLE * math.sqrt(length) * scale


def by_samples(layer: Any, u: Any) -> Any:
    run = layer.recurrence()
    state = None
    outputs = []
    for sample in u.unbind(1):
        y, state = run(sample, state)
        outputs.append(y)
    return torch.stack(outputs, dim=1)


@every_init
@pytest.mark.parametrize("rule", ["zoh", "bilinear", "foh"])
@pytest.mark.parametrize("order", [7, 16])
def test_steps_pieces_and_the_whole_are_one(name: str, rule: str, order: int) -> None:
    layer = nn.SSM(WIDTH, order=order, init=name, rule=rule)
    u = signals()
    whole = layer(u)
    assert_alike(by_samples(layer, u), whole)
    first, state = layer(u[:, :13], return_state=True)
    rest, state = layer(u[:, 13:], state, return_state=True)
    assert_alike(torch.cat([first, rest], dim=1), whole)
    again, at_once = layer(u, layer.initial_state(2), return_state=True)
    assert_alike(again, whole)
    assert_alike(torch.view_as_real(state), torch.view_as_real(at_once))


@every_init
def test_a_layer_starts_as_the_form_of_its_initialization(name: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name, seed=5)
    expected = inits.INITS[name](8, channels=WIDTH, seed=5)
    for got, value in zip(layer.form(), expected, strict=True):
        size = 4 * SINGLE * max(1.0, float(np.abs(value).max()))  # exp of a logarithm
        assert np.abs(got.detach().numpy() - value).max() <= 4 * size


@every_init
@pytest.mark.parametrize("bidirectional", [False, True])
def test_every_parameter_is_trained(name: str, bidirectional: bool) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name, bidirectional=bidirectional)
    u = signals()
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    target = u.roll(2, dims=1)
    losses = []
    for _ in range(8):
        loss = (layer(u) - target).square().mean()
        optimizer.zero_grad()
        loss.backward()
        for parameter in layer.parameters():
            assert torch.isfinite(parameter.grad).all()
            assert not parameter.is_complex()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("decay", sorted(set(DECAYS) - {"none"}))
@every_init
def test_no_parameter_makes_a_model_grow(name: str, decay: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name, decay=decay)
    with torch.no_grad():
        for key, parameter in enumerate(layer.parameters()):
            parameter.copy_(
                4 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(key))
            )
    form = forms.move(layer.form(), "numpy", dtype="float64")
    dense = forms.to_dense(form) if isinstance(form, forms.DPLR) else form
    if isinstance(form, forms.DPLR):
        assert np.linalg.eigvals(dense.A).real.max() <= 64 * SINGLE * np.abs(dense.A).max()
    elif forms.kind(form).continuous:
        assert form.A.real.max() <= 0
    else:
        assert np.abs(form.A).max() <= 1


@pytest.mark.parametrize("decay", sorted(DECAYS))
@every_init
def test_real_parameters_are_the_form(name: str, decay: str) -> None:
    form = inits.INITS[name](9, channels=2)
    again = form_of(type(form).__name__, real_parameters(form, decay=decay))
    for got, expected in zip(again, form, strict=True):
        assert np.abs(got - expected).max() <= 64 * EPS * max(1, np.abs(expected).max())


def test_zero_decay_is_kept_where_the_low_rank_part_makes_it_stable() -> None:
    form = inits.s4_init(8, channels=1, measure="legt")
    form = form._replace(Lambda=1j * form.Lambda.imag)
    layer = nn.SSM.from_form(form)
    assert "DPLR.log_decay" not in dict(layer.named_parameters())
    assert layer.form().Lambda.real.abs().max().item() == 0


@pytest.mark.parametrize("name", ["ptd", "s4", "s5", "lru"])
def test_padding_changes_nothing(name: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals(batch=3)
    lengths = torch.tensor([40, 11, 1])
    y, state = layer(u, lengths=lengths, return_state=True)
    for row, length in enumerate(lengths.tolist()):
        alone, last = layer(u[row : row + 1, :length], return_state=True)
        assert_alike(y[row : row + 1, :length], alone)
        assert_alike(torch.view_as_real(state[row]), torch.view_as_real(last[0]))


def test_a_layer_of_two_directions_sees_no_padding() -> None:
    layer = nn.SSM(WIDTH, order=8, bidirectional=True)
    u = signals()
    y = layer(u, lengths=torch.tensor([40, 11]))
    assert_alike(y[1:, :11], layer(u[1:, :11]))


@pytest.mark.parametrize("name", ["ptd", "dlr", "s5", "lru"])
def test_an_episode_forgets_the_one_before(name: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals()
    reset = torch.zeros(2, LENGTH, dtype=torch.bool)
    reset[0, 17] = True
    y, state = layer(u, reset=reset, return_state=True)
    assert_alike(y[:1, 17:], layer(u[:1, 17:]))
    assert_alike(y[:1, :17], layer(u[:1, :17]))
    assert_alike(y[1:], layer(u[1:]))
    _, alone = layer(u[:1, 17:], return_state=True)
    assert_alike(torch.view_as_real(state[:1]), torch.view_as_real(alone))


@pytest.mark.parametrize("name", ["ptd", "s5"])
def test_equal_steps_are_the_steps_learnt(name: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name, step=0.05)
    u = signals()
    assert_alike(layer(u, steps=torch.full((2, LENGTH), 0.05)), layer(u), factor=4)


@pytest.mark.parametrize("name", ["ptd", "s4", "s5"])
def test_half_the_step_is_twice_the_rate(name: str) -> None:
    """Under zero-order hold each sample twice, at half the step, is the same input in time."""
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals()
    twice = layer(u.repeat_interleave(2, dim=1), step_scale=0.5)
    assert_alike(twice[:, 1::2], layer(u), factor=4)


def test_two_directions_are_two_kernels() -> None:
    layer = nn.SSM(WIDTH, order=8, init="s4d-lin", bidirectional=True)
    form = forms.move(layer.form(), "numpy", dtype="float64")
    past, future = kernel(form, LENGTH)
    u = signals()[:1].double()
    expected = np.zeros((LENGTH, WIDTH))
    for row in range(LENGTH):
        for m in range(LENGTH):
            K = past[:, row - m] if m <= row else future[:, m - row]
            expected[row] += K * u[0, m].numpy()
    assert_alike(layer(u.float())[0], torch.tensor(expected))


@every_init
def test_two_directions_keep_the_past_and_add_the_future(name: str) -> None:
    """A unit impulse at the end reaches every sample before it, one at the start acts as ever."""
    layer = nn.SSM(WIDTH, order=8, init=name, bidirectional=True)
    u = torch.zeros(1, LENGTH, WIDTH)
    u[0, -1] = 1
    assert float(layer(u)[0, 0].detach().abs().max()) > 0
    u = u.flip(1)
    one = nn.SSM(WIDTH, order=8, init=name)
    assert_alike(layer(u), one(u))


@pytest.mark.parametrize("name", ["s5", "s5-ptd", "lru"])
def test_each_output_hears_its_own_input_as_in_the_published_layers(name: str) -> None:
    """D stays a diagonal, whatever is learnt, and the layer is the scan of its form."""
    layer = nn.SSM(WIDTH, order=8, init=name)
    parameters = {key.partition(".")[2]: value for key, value in layer.named_parameters()}
    assert parameters["diagonal_D"].shape == (WIDTH,)
    with torch.no_grad():
        parameters["diagonal_D"].add_(1.5)
    u = signals().requires_grad_()
    form = layer.form()
    assert torch.equal(form.D, torch.diag(parameters["diagonal_D"]))
    expected, last = kernels.scan(form, u.mT)
    y, state = layer(u, return_state=True)
    assert_alike(y, expected.mT)
    assert_alike(torch.view_as_real(state), torch.view_as_real(last))
    wanted = (parameters["diagonal_D"], u)
    weights = torch.linspace(-1, 1, y.numel()).reshape(y.shape)
    whole = torch.autograd.grad((expected.mT * weights).sum(), wanted)
    for own, other in zip(torch.autograd.grad((y * weights).sum(), wanted), whole, strict=True):
        assert_alike(own, other)


def test_a_full_direct_path_is_trained_as_it_is() -> None:
    start = inits.s5_init(8, channels=WIDTH)
    form = start._replace(D=start.D + 0.1)
    layer = nn.SSM.from_form(form)
    assert "MIMO.diagonal_D" not in layer.state_dict()
    np.testing.assert_array_equal(layer.form().D.detach().numpy(), form.D.astype(np.float32))


def test_a_direct_path_of_zeros_keeps_its_derivatives() -> None:
    """Its product is left out only where nobody asks for a derivative in it."""
    form = forms.move(inits.s5_init(8, channels=2), "torch")
    u = torch.tensor([[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]], dtype=torch.float64)
    D = torch.zeros(2, 2, dtype=torch.float64)

    def outputs(D: Any) -> Any:
        return kernels.scan(form._replace(D=D), u)[0]

    asked = D.clone().requires_grad_()
    (slope,) = torch.autograd.grad(outputs(asked).sum(), asked)
    assert torch.equal(slope, u[0].sum(-1).expand(2, 2))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(D, torch.ones_like(D))
        tangent = torch.autograd.forward_ad.unpack_dual(outputs(dual)).tangent
    assert torch.equal(tangent, u.sum(1, keepdim=True).expand(1, 2, 3))


def test_frozen_fields_stay() -> None:
    layer = nn.SSM(WIDTH, order=8, init="s4", train=("C", "D"))
    trained = {name for name, parameter in layer.named_parameters() if parameter.requires_grad}
    assert trained == {"DPLR.C", "DPLR.D"}
    trained = {
        name
        for name, parameter in nn.SSM(2, order=8, init="s4", train=("A",)).named_parameters()
        if parameter.requires_grad
    }
    assert trained == {"DPLR.log_decay", "DPLR.frequency", "DPLR.P"}


@pytest.mark.parametrize("name", ["ptd", "s4", "s5", "lru"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_and_sixteen_bits_change_the_output_only(name: str, dtype: Any) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals()
    exact = layer(u)
    with torch.autocast("cpu", dtype=dtype):
        got = layer(u)
        _, state = layer(u, return_state=True)
    assert got.dtype == dtype
    assert state.dtype == torch.complex64
    assert torch.equal(got, exact.to(dtype))
    layer = layer.to(dtype)
    assert all(parameter.dtype == torch.float32 for parameter in layer.parameters())
    rounded = u.to(dtype)
    assert torch.equal(layer(rounded), layer(rounded.float()).to(dtype))


CALLED: dict[str, Any] = {  # what a layer is given beside the signal
    "alone": lambda: {},
    "with its state": lambda: {"return_state": True},
    "with episodes": lambda: {"reset": torch.arange(LENGTH).expand(2, -1) % 7 == 3},
    "with steps": lambda: {"steps": 0.02 + 0.01 * torch.arange(LENGTH).expand(2, -1)},
}


def layer_named(name: str) -> Any:
    long = {"SGConv": nn.SGConv, "Hankel": nn.Hankel}
    return long[name](WIDTH, 20) if name in long else nn.SSM(WIDTH, order=8, init=name)


@pytest.mark.parametrize(
    ("name", "called"),
    [
        *((name, called) for name in ("ptd", "s5") for called in CALLED),
        *(("lru", called) for called in CALLED if called != "with steps"),
        *(("s4", called) for called in ("alone", "with its state")),
        *((name, "alone") for name in ("SGConv", "Hankel")),
    ],
)
def test_autocast_leaves_gradients_alone(name: str, called: str) -> None:
    """Wherever `backward` is called: PyTorch rounds the products of derivatives as well."""
    layer = layer_named(name)
    options = CALLED[called]()
    weights = signals(seed=1).bfloat16().float()  # which the output's type holds

    def slopes(within: bool, inside: bool) -> list[Any]:
        u = signals().requires_grad_()
        layer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=within):
            y = layer(u, **options)
            y = y[0] if "return_state" in options else y
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=inside):
            (y.float() * weights).sum().backward()
        found = [u.grad, *(parameter.grad for parameter in layer.parameters())]
        return [slope.clone() for slope in found if slope is not None]

    alone = slopes(False, False)
    for found in (slopes(True, False), slopes(True, True)):
        for got, expected in zip(found, alone, strict=True):
            assert (got - expected).abs().max() <= 16 * SINGLE * expected.abs().max()


def test_double_precision_is_kept() -> None:
    layer = nn.SSM(WIDTH, order=8).double()
    y = layer(signals().double())
    assert y.dtype == torch.float64
    assert layer.initial_state(1).dtype == torch.complex128


@pytest.mark.parametrize("name", ["ptd", "s4", "s5"])
def test_gradients_are_those_of_differences(name: str) -> None:
    layer = nn.SSM(1, order=3, init=name).double()
    u = signals(4, width=1, batch=1).double().requires_grad_()
    parameters = [parameter.detach().requires_grad_() for parameter in layer.parameters()]
    names = [name for name, _ in layer.named_parameters()]

    def run(u: Any, *values: Any) -> Any:
        return torch.func.functional_call(layer, dict(zip(names, values, strict=True)), (u,))

    assert torch.autograd.gradcheck(run, (u, *parameters))


@pytest.mark.parametrize("measure", ["legs", "legt"])
@pytest.mark.parametrize("length", [50, 3000])
def test_training_s4_keeps_its_conjugate_pairs_to_the_bit(measure: str, length: int) -> None:
    """Else its kernel, which is real for such pairs alone, would cost four times as much."""
    layer = nn.SSM(WIDTH, order=17, init="s4", measure=measure, rule="bilinear")
    optimizer = torch.optim.AdamW(layer.parameters(), lr=1e-2)
    u = signals(length)
    for _ in range(3):
        optimizer.zero_grad()
        layer(u).square().mean().backward()
        optimizer.step()
    Lambda, P, B, C, _, _ = layer.form()
    assert conjugate_pairs(Lambda, P, B, C) == 8


def test_copies_pickles_and_state_dicts_are_the_layer() -> None:
    layer = nn.Sequence(2, 3, 4, 2, order=8)
    u = signals(width=2)
    expected = layer(u)
    again = nn.Sequence(2, 3, 4, 2, order=8, seed=9)
    again.load_state_dict(layer.state_dict())
    for copied in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), again):
        assert torch.equal(copied(u), expected)


def test_the_kernel_of_evaluation_follows_the_parameters() -> None:
    layer = nn.SSM(WIDTH, order=8).eval()
    u = signals()
    with torch.no_grad():
        before = layer(u)
        assert torch.equal(layer(u), before)
        scaled = layer(u, step_scale=0.5)
        assert not torch.equal(scaled, before)
        dict(layer.named_parameters())["Paired.C"].mul_(2)
        assert not torch.equal(layer(u), before)
        copied: Any = copy.deepcopy(layer)
    assert torch.equal(copied(u).detach(), layer(u).detach())


@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": True}, {}], ids=str)
def test_evaluation_between_steps_of_any_optimizer_is_of_the_parameters_there_are(
    options: dict[str, bool],
) -> None:
    # Fused optimizers do not count their writes, so nothing but the values tells.
    layer = nn.SSM(WIDTH, order=8, train=("C", "D"))
    optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1, **options)
    u = signals()
    for _ in range(3):
        with torch.no_grad():
            evaluated = layer(u)
        trained = layer(u)
        assert torch.equal(evaluated, trained.detach())
        optimizer.zero_grad()
        trained.square().mean().backward()
        optimizer.step()


def test_an_ensemble_is_mapped() -> None:
    layers = [nn.SSM(WIDTH, order=8, seed=seed) for seed in range(3)]
    parameters, buffers = torch.func.stack_module_state(layers)
    u = signals()

    def run(parameters: Any, buffers: Any) -> Any:
        return torch.func.functional_call(layers[0], (parameters, buffers), (u,))

    found = torch.func.vmap(run)(parameters, buffers)
    for got, layer in zip(found, layers, strict=True):
        assert_alike(got, layer(u))


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("pool", ["mean", "last", None])
def test_a_model_streams_as_it_runs(norm: str, pool: str | None) -> None:
    model = nn.Sequence(2, 3, 4, 2, order=8, norm=norm, pool=pool, dropout=0.5)
    u = signals(width=2)
    model(u)  # running figures of the norm
    model.eval()
    got = by_samples(model, u)
    if pool is None:
        assert_alike(got, model(u), factor=4)
    for length in (1, 7, LENGTH):
        whole = model(u[:, :length])
        last = whole[:, -1] if pool is None else whole
        assert_alike(got[:, length - 1], last, factor=4)


@pytest.mark.parametrize("pool", ["mean", "last"])
def test_a_model_sees_no_padding(pool: str) -> None:
    model = nn.Sequence(2, 3, 4, 2, order=8, pool=pool)
    u = signals(width=2)
    y = model(u, lengths=torch.tensor([40, 11]))
    assert_alike(y[1:], model(u[1:, :11]), factor=4)


def test_groups_are_those_of_published_models() -> None:
    model = nn.Sequence(1, 10, 8, 2, order=8, init="s4")
    rest, own = nn.param_groups(model, lr=4e-3, weight_decay=0.01, ssm_lr=1e-3)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found = {names[id(parameter)].rpartition(".")[2] for parameter in own["params"]}
    assert found == {"log_decay", "frequency", "B", "P", "log_step"}
    assert own["lr"] == 1e-3
    assert own["weight_decay"] == 0
    assert len(rest["params"]) + len(own["params"]) == len(names)
    frozen = nn.param_groups(nn.SSM(2, order=8, train=("C",)), lr=1.0)
    assert [len(group["params"]) for group in frozen] == [1, 0]


def test_a_recipe_is_that_of_the_published_layer() -> None:
    """Read from `export.TARGETS`: DSS trains its C at the rate of A, S4D has no B, S4D-Real none
    of its own.
    """
    expected = {
        "s4": [{"C", "D"}, {"log_decay", "frequency", "B", "P", "log_step"}],
        "s4d-lin": [{"C", "D"}, {"log_decay", "frequency", "log_step"}],
        "ptd": [{"C", "D"}, {"log_decay", "frequency", "log_step"}],
        "dss": [{"D"}, {"C", "log_decay", "frequency", "log_step"}],
        "dlr": [{"D"}, {"C", "log_decay", "frequency"}],
        "lru": [{"C", "diagonal_D"}, {"log_decay", "frequency", "B"}],
        "s5": [{"C", "diagonal_D"}, {"log_decay", "frequency", "B", "log_step"}],
        "s5-ptd": [{"C", "diagonal_D"}, {"log_decay", "frequency", "B", "log_step"}],
        "mamba": [{"log_decay", "D"}, set(), {"log_step"}],
    }
    for name, groups in expected.items():
        layer = nn.SSM(2, order=8, init=name)
        names = {id(parameter): key for key, parameter in layer.named_parameters()}
        found = nn.param_groups(layer, lr=4e-3, weight_decay=0.01, recipe=name)
        held = [{names[id(p)].partition(".")[2] for p in group["params"]} for group in found]
        assert held == groups, name
        rates = [(4e-3, 0.01), (1e-3, 0.0), (4e-3, 0.0)]
        assert [(group["lr"], group["weight_decay"]) for group in found] == rates[: len(found)]
    with pytest.raises(ValueError, match="s4d"):
        nn.param_groups(nn.SSM(2, order=8), lr=1.0, recipe="s4dd")


def test_published_rates_are_those_of_groups_with_a_rate_of_their_own() -> None:
    """Every target that states rates trains some array at each of them."""
    known = {name for name in export.TARGETS if rates(name) is not None}
    assert known >= {"s4", "s4d", "s5", "minimal-lru"}
    for name in known:
        found: Any = rates(name)
        trained = {rule["lr"] for rule in export.TARGETS[name].training.values()}
        assert trained == {"model", "ssm"}
        assert 0 < found.ssm_lr < found.lr
        assert "/" in found.source
        model = nn.SSM(2, order=8)
        groups = nn.param_groups(
            model, lr=found.lr, ssm_lr=found.ssm_lr, weight_decay=found.weight_decay, recipe=name
        )
        assert [group["lr"] for group in groups[:2]] == [found.lr, found.ssm_lr]
    with pytest.raises(ValueError, match="s4d"):
        rates("s4dd")


def softmax_kernel(A: Any, W: Any, step: Any, length: int) -> Any:
    """Proposition 1(b) of DSS, as it is written."""
    z = step[:, None] * A
    powers = np.exp(z[..., None] * np.arange(length))
    return np.einsum("hn,hnl->hl", W / A, powers / powers.sum(-1, keepdims=True)).real


def test_a_window_makes_dss_the_softmax_kernel_of_its_paper_while_it_trains(tmp_path: Any) -> None:
    layer = nn.SSM(WIDTH, order=8, init="dss", window=LENGTH)
    u = signals()
    optimizer = torch.optim.Adam(layer.parameters(), lr=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        (layer(u) - u.roll(2, dims=1)).square().mean().backward()
        optimizer.step()
    assert_alike(by_samples(layer, u), layer(u))
    held = {name: p.detach().double() for name, p in layer.named_parameters()}
    A = torch.complex(-held["Paired.log_decay"].exp(), held["Paired.frequency"]).numpy()
    B, C = (torch.view_as_complex(held[f"Paired.{name}"]).numpy() for name in "BC")
    step = held["Paired.log_step"].exp().numpy()
    expected = softmax_kernel(A, 2 * B * C, step, LENGTH)
    found = kernel(forms.move(layer.form(), "numpy", dtype="float64"), LENGTH)
    scale = np.abs(expected).max()
    direct = held["Paired.D"].numpy()[:, None] * (np.arange(LENGTH) == 0)
    # What float32 moves: a few eps of each mode, and of the sum that divides it.
    assert np.abs(found - direct - expected).max() <= 64 * SINGLE * scale
    layer.save(tmp_path / "layer.npz", target="dss-softmax")
    again, record = export.load(tmp_path / "layer.npz")
    assert record["length"] == LENGTH
    assert np.abs(kernel(again, LENGTH) - found).max() <= 64 * SINGLE * scale
    layer.save(tmp_path / "own.npz")
    assert np.abs(kernel(export.load(tmp_path / "own.npz")[0], LENGTH) - found).max() <= (
        64 * SINGLE * scale
    )
    same = nn.SSM.from_checkpoint(tmp_path / "own.npz")
    assert torch.equal(same(u), layer(u))
    assert same.state_dict().keys() == layer.state_dict().keys()
    with torch.no_grad():  # what is learnt from then on is normalized as well
        for each in (layer, same):
            dict(each.named_parameters())["Paired.log_decay"].add_(1)
    assert torch.equal(same(u), layer(u))


def test_the_channels_of_dss_share_their_spectrum_and_leave_as_the_published_layer(
    tmp_path: Any,
) -> None:
    layer = nn.SSM(WIDTH, order=8, init="dss")
    assert dict(layer.named_parameters())["Paired.log_decay"].shape == (8,)
    layer.save(tmp_path / "layer.npz", target="dss")
    again, _ = export.load(tmp_path / "layer.npz")
    found = kernel(forms.move(layer.form(), "numpy", dtype="float64"), LENGTH)
    assert np.abs(kernel(again, LENGTH) - found).max() <= 64 * SINGLE * np.abs(found).max()


def test_a_model_with_a_window_is_read_from_the_file_that_training_wrote(tmp_path: Any) -> None:
    from safetensors.torch import save_file

    import ssmlinalg as ssm

    model: Any = nn.Sequence(1, 10, 4, 2, order=8, init="dss", window=LENGTH)
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path)
    again = nn.SSM.from_checkpoint(path, layer="blocks.0.layer")
    u = signals(width=4)
    expected = model.blocks[0].layer(u)
    assert torch.equal(again(u), expected)
    arrays = ssm.convert(path, "s4d", layer="blocks.0.layer").arrays
    form = export.TARGETS["s4d"].back(
        {name.removeprefix("blocks.0.layer."): array for name, array in arrays.items()}
    )
    assert_alike(nn.SSM.from_form(form)(u), expected, factor=4)
    assert [layer.target for layer in ssm.audit.audit(path).layers] == ["ssm", "ssm"]
    other: Any = nn.Sequence(1, 10, 4, 2, order=8, init="dss", window=7)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.blocks[0].layer(u), expected)


@pytest.mark.parametrize("decay", sorted(DECAYS))
def test_a_file_says_how_its_decay_is_written(decay: str, tmp_path: Any) -> None:
    layer = nn.SSM(WIDTH, order=8, decay=decay)
    layer.save(tmp_path / "layer.npz")
    again = nn.SSM.from_checkpoint(tmp_path / "layer.npz")
    assert again.state_dict().keys() == layer.state_dict().keys()
    assert_alike(again(signals()), layer(signals()))


@pytest.mark.parametrize("target", ["ssm", "s4d", "plain", "s4-diag"])
def test_a_layer_is_saved_for_every_framework_and_read_again(target: str, tmp_path: Any) -> None:
    layer = nn.SSM(WIDTH, order=8, init="s4d-lin")
    path = tmp_path / "layer.safetensors"
    layer.save(path, target=target)
    again = nn.SSM.from_checkpoint(path)
    assert_alike(again(signals()), layer(signals()), factor=4)


def test_one_layer_of_a_model_is_read(tmp_path: Any) -> None:
    from safetensors.torch import save_file

    model: Any = nn.Sequence(1, 10, 4, 2, order=8)
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path)
    layer = nn.SSM.from_checkpoint(path, layer="blocks.1.layer")
    u = signals(width=4)
    assert torch.equal(layer(u), model.blocks[1].layer(u))
    with pytest.raises(ValueError, match=r"`layer` must be the start of.*'blocks\.0\.layer\.'"):
        nn.SSM.from_checkpoint(path)


def test_audit_and_convert_know_a_trained_model(tmp_path: Any) -> None:
    from safetensors.torch import save_file

    import ssmlinalg as ssm

    model: Any = nn.Sequence(1, 10, 4, 2, order=8, init="s4d-lin")
    path = tmp_path / "model.safetensors"
    save_file(model.state_dict(), path)
    found = ssm.audit.audit(path)
    assert [layer.target for layer in found.layers] == ["ssm", "ssm"]
    assert all("s4d-lin" in layer.identified.names for layer in found.layers)
    arrays = ssm.convert(path, "s4d").arrays
    form = export.TARGETS["s4d"].back(
        {
            name.removeprefix("blocks.0.layer."): array
            for name, array in arrays.items()
            if "blocks.0" in name
        }
    )
    expected = model.blocks[0].layer(signals(width=4))
    assert_alike(nn.SSM.from_form(form)(signals(width=4)), expected, factor=4)


def test_sgconv_and_hankel_are_their_kernels() -> None:
    u = signals()
    layer = nn.SGConv(WIDTH, LENGTH, dimension=5)  # whole scales
    norm = layer.kernel().square().sum(-1).sqrt()
    assert_alike(norm, torch.ones(WIDTH))
    impulse = torch.zeros(1, LENGTH, WIDTH)
    impulse[0, 0] = 1
    first = torch.zeros(LENGTH)
    first[0] = 1
    assert_alike(layer(impulse)[0], layer.kernel().mT + first[:, None] * layer.D)
    for each in (layer, nn.Hankel(WIDTH, order=4, step=(0.3, 0.9))):
        each(u).square().mean().backward()
        assert all(torch.isfinite(parameter.grad).all() for parameter in each.parameters())
    hankel = nn.Hankel(WIDTH, order=4, step=(0.3, 0.9))
    assert_alike(by_samples(hankel, signals(200)), hankel(signals(200)), factor=4)
    assert nn.Block(layer)(u).shape == u.shape


BAD = {
    "the axes in another order": (
        lambda layer: layer(torch.zeros(2, WIDTH, 9)),
        ValueError,
        "u.mT",
    ),
    "another width": (lambda layer: layer(torch.zeros(2, 9, 5)), ValueError, "width = 3"),
    "no sample": (lambda layer: layer(torch.zeros(2, 0, WIDTH)), ValueError, "length > 0"),
    "integers": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH, dtype=torch.int64)),
        TypeError,
        "float",
    ),
    "NumPy": (lambda layer: layer(np.zeros((2, 9, WIDTH))), TypeError, "as_tensor"),
    "a state of another batch": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), torch.zeros(5, WIDTH, 4) + 0j),
        ValueError,
        "state",
    ),
    "a state of another type": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), torch.zeros(2, WIDTH, 4).double() + 0j),
        TypeError,
        "state",
    ),
    "a reset of another shape": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), reset=torch.zeros(2, 8, dtype=torch.bool)),
        ValueError,
        "reset",
    ),
    "a reset of numbers": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), reset=torch.zeros(2, 9)),
        TypeError,
        "reset",
    ),
    "two clocks": (
        lambda layer: layer(
            torch.zeros(2, 9, WIDTH), reset=torch.zeros(2, 9), steps=torch.ones(2, 9)
        ),
        TypeError,
        "one of",
    ),
    "lengths beyond the signal": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), lengths=torch.tensor([3, 90])),
        ValueError,
        "from 1 to 9",
    ),
    "an empty length": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), lengths=torch.tensor([0, 9])),
        ValueError,
        "from 1 to 9",
    ),
    "lengths that are no integers": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), lengths=torch.ones(2)),
        TypeError,
        "integers",
    ),
    "a list for lengths": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), lengths=[3, 9]),
        TypeError,
        "as_tensor",
    ),
    "a scale of nothing": (
        lambda layer: layer(torch.zeros(2, 9, WIDTH), step_scale=0.0),
        ValueError,
        "step_scale",
    ),
    "fields in one word": (lambda _: nn.SSM(WIDTH, train=cast("Any", "A")), TypeError, "train"),
    "a word for a switch": (
        lambda _: nn.SSM(WIDTH, bidirectional=cast("Any", "no")),
        TypeError,
        "bidirectional",
    ),
    "a number for a layer": (lambda _: nn.Block(3), TypeError, "layer"),
    "too much dropout": (lambda layer: nn.Block(layer, dropout=2.0), ValueError, "dropout"),
    "a signal longer than the kernel": (
        lambda layer: nn.FixedLength(layer, 4)(torch.zeros(1, 9, WIDTH)),
        ValueError,
        "L <= 4",
    ),
    "a batch below nothing": (lambda layer: layer.initial_state(-1), ValueError, "batch_size"),
    "an unknown init": (lambda _: nn.SSM(WIDTH, init="s4d-line"), ValueError, "s4d-lin"),
    "an unknown rule": (lambda _: nn.SSM(WIDTH, rule="zho"), ValueError, "zoh"),
    "a misspelt option": (lambda _: nn.SSM(WIDTH, conditionning=4.0), TypeError, "conditionning"),
    "a reversed interval": (lambda _: nn.SSM(WIDTH, step=(0.1, 0.01)), ValueError, "step"),
    "a window of several inputs": (
        lambda _: nn.SSM(WIDTH, 8, init="s5", window=9),
        TypeError,
        "window",
    ),
    "a window under another rule": (
        lambda _: nn.SSM(WIDTH, 8, init="dss", window=9, rule="bilinear"),
        ValueError,
        "'zoh'",
    ),
    "a window of nothing": (lambda _: nn.SSM(WIDTH, 8, init="dss", window=0), ValueError, "window"),
    "an unknown field": (lambda _: nn.SSM(WIDTH, train=("dt",)), ValueError, "train"),
    "a matrix": (
        lambda _: nn.SSM.from_form(forms.to_dense(inits.s4_init(4, channels=2))),
        TypeError,
        "Diagonalize",
    ),
    "an unstable form": (
        lambda _: nn.SSM.from_form(
            inits.s4d_lin_init(4, channels=2)._replace(A=np.ones((2, 2)) + 0j)
        ),
        ValueError,
        "decay",
    ),
    "a form of another width": (
        lambda _: nn.SSM(5, init=inits.s4d_lin_init(4, channels=2)),
        ValueError,
        "5 channels",
    ),
    "a form without channels": (
        lambda _: nn.SSM.from_form(inits.s4d_lin_init(4)),
        ValueError,
        "leading axis",
    ),
    "steps of a model without time": (
        lambda _: nn.SSM(WIDTH, 8, init="dlr")(torch.zeros(2, 9, WIDTH), step_scale=0.5),
        TypeError,
        "continuous time",
    ),
    "a stream of both directions": (
        lambda _: nn.SSM(WIDTH, 8, bidirectional=True).recurrence(),
        TypeError,
        "one direction",
    ),
    "an unknown pool": (lambda _: nn.Sequence(1, 2, 4, 1, pool="max"), ValueError, "mean"),
    "no module": (lambda _: nn.param_groups(cast("Any", []), lr=1.0), TypeError, "torch.nn.Module"),
}


@pytest.mark.parametrize("call", BAD)
def test_bad_input_is_refused_in_a_sentence(call: str) -> None:
    function, error, words = BAD[call]
    with pytest.raises(error, match=words):
        function(nn.SSM(WIDTH, order=8))


@pytest.mark.parametrize("name", ["ptd", "s4", "s5"])
@pytest.mark.parametrize("batch", [0, 1, WIDTH])
def test_any_batch_is_its_signals(name: str, batch: int) -> None:
    layer = nn.SSM(WIDTH, order=7, init=name)
    u = signals(batch=batch)
    y = layer(u)
    assert y.shape == u.shape
    for row in range(batch):
        assert_alike(y[row : row + 1], layer(u[row : row + 1]))


def test_nan_passes_as_through_any_layer() -> None:
    u = signals()
    u[0, 5] = torch.nan
    y = nn.SSM(WIDTH, order=8)(u)
    assert y[0].isnan().any()
    assert not y[1].isnan().any()


def test_the_budget_of_ptd_is_an_option_of_the_layer() -> None:
    layer = nn.SSM(1, order=16, conditioning=3.0)
    expected = perturb.lossless(hippo.legs(16), conditioning=3.0).Lambda
    got = layer.form().A[0].detach().numpy()
    nearest = np.abs(expected[:, None] - got[None, :]).min(axis=0)
    assert nearest.max() <= 64 * SINGLE * np.abs(expected).max()
