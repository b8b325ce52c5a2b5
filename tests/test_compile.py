"""What PyTorch does to a function: torch.compile takes it whole, and autocast leaves it alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import pytest
from strategies import EPS, signal

from ssmlinalg import forms, hippo, inits, kernels

torch: Any = pytest.importorskip("torch")

# The compiler of PyTorch instantiates what it says should not be, and traces through caches.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*lru_cache:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*torch.jit.script_method:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*complex operators:UserWarning"),
]

LENGTH = 20
CONTEXTS: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "grad": torch.enable_grad,
    "no_grad": torch.no_grad,
    "inference": torch.inference_mode,
}
# All three compilers meet all calls in the long profile, a C++ compiler among them.
WHOLE = os.environ.get("HYPOTHESIS_PROFILE") == "long"
COMPILERS = ("eager", "aot_eager", "inductor")


class Call(NamedTuple):
    """A function of tensors, and what it is called with: H channels and B signals."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]


def model(name: str, H: int) -> Any:
    return inits.INITS[name](6, channels=H)


def samples(seed: int, *shape: int) -> Any:
    return torch.asarray(signal(seed, *shape))


def of_form(function: Callable[..., Any], form: Any, *arguments: Any) -> Call:
    """function(form, *arguments) as a function of the fields of the form as well."""
    make = type(form)
    fields = tuple(forms.move(form, "torch"))

    def call(*tensors: Any) -> Any:
        mine = make(*tensors[: len(fields)])
        return function(mine, *tensors[len(fields) :])

    return Call(call, fields + arguments)


def with_signals(form: Any, rule: str, B: int) -> dict[str, Call]:
    """Every function that takes a form and a signal, or a state."""
    known = forms.kind(form)
    own = form.B.shape[-1:] if known.ports else form.C.shape[:-1]
    u = samples(0, B, *own, LENGTH)
    n = form[0].shape[-1]
    state = torch.ones((B, *forms.batch(form), n), dtype=torch.complex128)
    return {
        "scan": of_form(lambda f, u, x: kernels.scan(f, u, x, rule=rule), form, u, state),
        "forced_response": of_form(lambda f, u: kernels.forced_response(f, u, rule=rule), form, u),
        "scan_bidirectional": of_form(
            lambda f, u: kernels.scan_bidirectional(f, f, u, rule=rule), form, u
        ),
        "final_state": of_form(lambda f, u: kernels.final_state(f, u, rule=rule), form, u),
        "states": of_form(lambda f, u: kernels.states(f, u, [3, 9], rule=rule), form, u),
        "step": of_form(lambda f, u: kernels.step(f, u, rule=rule), form, u[..., 0]),
        "stepper": of_form(lambda f, u: kernels.stepper(f, rule=rule)(u), form, u[..., 0]),
        "free_response": of_form(
            lambda f, x: kernels.free_response(f, x, LENGTH, rule=rule), form, state
        ),
    }


def in_time(form: Any, B: int) -> dict[str, Call]:
    """Every function that takes modes in continuous time."""
    ports = forms.kind(form).ports
    own = form.B.shape[-1:] if ports else form.C.shape[:-1]
    times = torch.abs(samples(1, B, *(1,) * (not ports), 5))
    u = samples(0, B, *own, LENGTH)
    steps = 0.01 + torch.abs(samples(2, *(1,) * ports, LENGTH))
    return {
        "kernel_at": of_form(kernels.kernel_at, form, times),
        "resample": of_form(lambda f: kernels.resample(f, 2.0), form),
        "band_limit": of_form(lambda f: kernels.band_limit(f, 1.0), form),
        "scan_irregular": of_form(kernels.scan_irregular, form, u, steps),
        "scan_episodes": of_form(
            lambda f, u: kernels.scan_episodes(f, u, (u[..., 0, :] if ports else u) > 1), form, u
        ),
    }


def of_arrays(H: int, B: int) -> dict[str, Call]:
    """Every function that takes no form."""
    u = samples(0, B, H, LENGTH)
    k = samples(1, H, LENGTH)
    weights = samples(2, H, 3, 4)
    h = samples(3, H, 5)
    step = 0.1 + torch.abs(samples(4, H))
    A, _, C, _, dt = forms.move(model("dss", H), "torch")
    return {
        "convolve": Call(kernels.convolve, (u, k)),
        "sobolev_filter": Call(lambda u: kernels.sobolev_filter(u, 0.5, step=0.1), (u,)),
        "stream": Call(kernels.stream, (u, k)),
        "bidirectional": Call(kernels.bidirectional, (u, k, k.flip(-1))),
        "dss_softmax": Call(lambda A, C, dt: kernels.dss_softmax(A, C, dt, LENGTH), (A, C, dt)),
        "hope": Call(lambda h, step: kernels.hope(h, step, LENGTH), (h, step)),
        "hope_recurrence": Call(
            lambda h, step: tuple(kernels.hope_recurrence(h, step).system), (h, step)
        ),
        "sgconv": Call(lambda w: kernels.sgconv(w, LENGTH), (weights,)),
        "sgconv_sum": Call(lambda w: kernels.sgconv_sum(w, LENGTH), (weights,)),
        "sgconv with a power": Call(
            lambda w, d: kernels.sgconv(w, LENGTH, power=d), (weights, weights[..., 0, 0])
        ),
        "sgconv_norm": Call(kernels.sgconv_norm, (weights,)),
    }


SAMPLED = [
    ("s4d-lin", "zoh"),
    ("s4d-lin", "foh"),
    ("s4", "bilinear"),
    ("s4", "zoh"),
    ("s5", "zoh"),
    ("dlr", ""),
]


def calls(H: int = 3, B: int = 2) -> dict[str, Call]:
    """Every public function of `kernels` on the forms that take paths of their own."""
    found = of_arrays(H, B)
    for name, rule in SAMPLED:
        form = model(name, H)
        rule = rule or "zoh"
        kernel = of_form(lambda f, rule=rule: kernels.kernel(f, LENGTH, rule=rule), form)
        found[f"kernel {name} {rule}"] = kernel
        if WHOLE or name != "dlr":
            found |= {
                f"{call} {name} {rule}": made
                for call, made in with_signals(form, rule, B).items()
                if WHOLE or (name, rule) == ("s4d-lin", "zoh") or call in ("scan", "stepper")
            }
    for name in ("s4d-lin", "s5"):
        found |= {f"{call} {name}": made for call, made in in_time(model(name, H), B).items()}
    times = torch.abs(samples(1, 5))
    found["kernel_at of a matrix"] = of_form(kernels.kernel_at, model("s4", 3), times)
    return found


CALLS = calls()


def flat(found: Any) -> list[Any]:
    return [found] if isinstance(found, torch.Tensor) else [x for part in found for x in flat(part)]


def assert_same(found: Any, expected: Any, tolerance: float = 1e3 * EPS) -> None:
    for one, other in zip(flat(found), flat(expected), strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        distance = (one - other).abs().max().item()
        assert distance <= tolerance * (1 + other.abs().max().item())


def compiled(function: Callable[..., Any], backend: Any, **options: Any) -> Callable[..., Any]:
    torch.compiler.reset()  # it counts compilations of one line, whatever it closes over
    return torch.compile(function, fullgraph=True, backend=backend, **options)


def assert_compiles(call: Call, context: str, backend: str) -> None:
    arguments = call.arguments
    if context == "grad":
        arguments = tuple(torch.nn.Parameter(x.clone()) for x in arguments)
    with CONTEXTS[context]():
        expected = flat(call.function(*arguments))
        found = flat(compiled(call.function, backend)(*arguments))
    assert_same([x.detach() for x in found], [x.detach() for x in expected])
    if context == "grad":
        slopes = gradients(found, arguments)
        assert_same(slopes, gradients(expected, arguments), 1e5 * EPS)


def gradients(found: Any, arguments: tuple[Any, ...]) -> list[Any]:
    loss = sum(x.abs().square().sum() for x in flat(found))
    parts = torch.autograd.grad(loss, arguments, allow_unused=True)
    return [part for part in parts if part is not None]


def test_every_public_function_is_called() -> None:
    called = {name.partition(" ")[0] for name in CALLS}
    assert called == set(kernels.__all__) - {
        "sgconv_scales",
        "sgconv_cosines",
    }  # which take no array


# The compiler meets a differentiable function as another one: these take paths of their own.
DIFFERENTIATED = ("kernel", "scan", "final_state", "convolve", "bidirectional", "kernel_at")


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_one_graph_without_a_break(name: str) -> None:
    assert_compiles(CALLS[name], "inference", "eager")


@pytest.mark.parametrize("name", [x for x in CALLS if x.partition(" ")[0] in DIFFERENTIATED])
def test_a_call_with_parameters_is_one_graph_and_so_are_its_derivatives(name: str) -> None:
    assert_compiles(CALLS[name], "grad", "aot_eager")


def test_no_gradient_is_asked_for_without_inference_mode() -> None:
    assert_compiles(CALLS["kernel s4d-lin zoh"], "no_grad", "eager")


def test_a_kernel_compiles_to_machine_code() -> None:
    assert_compiles(CALLS["kernel s4d-lin zoh"], "no_grad", "inductor")


@pytest.mark.parametrize(
    "name",
    ["kernel s4d-lin zoh", "kernel s4 bilinear", "scan s4d-lin zoh", "scan_irregular s4d-lin"],
)
def test_another_batch_compiles_once_more_and_never_again(name: str) -> None:
    """The second size makes the axis a variable."""
    compilations = []

    def counted(graph: Any, _: Any) -> Any:
        compilations.append(graph)
        return graph.forward

    sizes = [(3, 2), (4, 5), (5, 7), (9, 6)]
    made = [calls(H, B)[name] for H, B in sizes]
    run = compiled(made[0].function, counted)
    with torch.no_grad():
        for call in made:
            run(*call.arguments)
    assert len(compilations) <= 2


def in_single(x: Any) -> Any:
    return x.to(torch.complex64 if x.is_complex() else torch.float32)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("name", CALLS)
def test_autocast_changes_no_bit(name: str, dtype: Any) -> None:
    """A kernel of products in 16 bits is 0.5 % off."""
    arguments = tuple(map(in_single, CALLS[name].arguments))
    expected = flat(CALLS[name].function(*arguments))
    with torch.autocast("cpu", dtype=dtype):
        found = flat(CALLS[name].function(*arguments))
    assert_same(found, expected, tolerance=0.0)


def slopes_in_single(function: Callable[..., Any], arguments: Any, within: bool) -> list[Any]:
    """The gradients of a sum with weights, all within autocast or all outside."""
    leaves = tuple(in_single(x).clone().requires_grad_() for x in arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=within):
        outputs = [x for x in flat(function(*leaves)) if x.requires_grad]
        drawn = torch.Generator().manual_seed(0)
        weights = [torch.randn(x.shape, generator=drawn).to(x.dtype) for x in outputs]
        slopes = torch.autograd.grad(outputs, leaves, weights, allow_unused=True)
    return [slope for slope in slopes if slope is not None]


def assert_slopes(found: list[Any], expected: list[Any]) -> None:
    for one, other in zip(found, expected, strict=True):
        tolerance = 16 * float(np.finfo(np.float32).eps) * float(other.abs().max())
        assert float((one - other).abs().max()) <= tolerance


@pytest.mark.parametrize("name", CALLS)
def test_autocast_leaves_gradients_alone_where_backward_is_called_within_it(name: str) -> None:
    """PyTorch rounds the products of derivatives to 16 bits as well."""
    call = CALLS[name]
    expected = slopes_in_single(call.function, call.arguments, within=False)
    assert_slopes(slopes_in_single(call.function, call.arguments, within=True), expected)


@pytest.mark.parametrize("rule", ["bilinear", "backward", "zoh"])
def test_autocast_leaves_the_solves_of_a_matrix_alone(rule: str) -> None:
    form = forms.Dense(*hippo.legs(6)[:2], C=np.ones(6), D=np.zeros(()), step=np.asarray(0.1))
    call = of_form(lambda f: kernels.kernel(f, LENGTH, rule=rule), form)
    expected = slopes_in_single(call.function, call.arguments, within=False)
    assert_slopes(slopes_in_single(call.function, call.arguments, within=True), expected)
    fields = tuple(map(in_single, call.arguments))
    _, forward = torch.func.jvp(call.function, fields, fields)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        _, within = torch.func.jvp(call.function, fields, fields)
        mapped = torch.func.vmap(call.function)(*(x[None] for x in fields))
    assert_slopes([within], [forward])
    assert_slopes([mapped[0]], [call.function(*fields)])


@pytest.mark.parametrize("name", ["scan s5 zoh", "kernel s4d-lin zoh", "scan s4 zoh"])
def test_autocast_leaves_gradients_of_what_is_compiled_alone(name: str) -> None:
    call = CALLS[name]
    expected = slopes_in_single(call.function, call.arguments, within=False)
    function = compiled(call.function, "aot_eager")
    assert_slopes(slopes_in_single(function, call.arguments, within=True), expected)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_autocast_changes_no_bit_of_what_is_compiled(backend: str) -> None:
    call = CALLS["scan s5 zoh"]
    arguments = tuple(map(in_single, call.arguments))
    expected = flat(call.function(*arguments))
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        found = flat(compiled(call.function, backend)(*arguments))
    assert_same(found, expected, tolerance=8 * float(np.finfo(np.float32).eps))


if WHOLE:

    @pytest.mark.parametrize("backend", COMPILERS)
    @pytest.mark.parametrize("context", CONTEXTS)
    @pytest.mark.parametrize("name", CALLS)
    def test_every_compiler_takes_every_call(name: str, context: str, backend: str) -> None:
        assert_compiles(CALLS[name], context, backend)
