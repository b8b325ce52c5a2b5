"""A layer leaves the house: ONNX, torch.export, the compiler, several processes."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ssmlinalg.ground.formats import SINGLE

torch = pytest.importorskip("torch")
from ssmlinalg import nn  # noqa: E402

WIDTH = 3
LENGTH = 32
FORMS = ["ptd", "s4", "s5", "dlr", "lru"]  # one initialization of each form
every_form = pytest.mark.parametrize("name", FORMS)


def signals(batch: int = 2) -> Any:
    return torch.randn(batch, LENGTH, WIDTH, generator=torch.Generator().manual_seed(0))


def assert_alike(got: Any, expected: Any) -> None:
    got, expected = (np.asarray(x.detach() if hasattr(x, "detach") else x) for x in (got, expected))
    tolerance = 20 * SINGLE * LENGTH**0.5 * np.abs(expected).max()
    assert np.abs(got - expected).max() <= tolerance


@every_form
@pytest.mark.parametrize("rule", ["zoh", "foh"])
def test_real_arithmetic_gives_the_same(name: str, rule: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name, rule=rule)
    u = signals()
    step = nn.RealStep(layer)
    state = step.initial_state(2)
    outputs = []
    for sample in u.unbind(1):
        y, state = step(sample, state)
        outputs.append(y)
    assert_alike(torch.stack(outputs, dim=1), layer(u))
    assert_alike(nn.FixedLength(layer, LENGTH)(u), layer(u))


@every_form
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_and_sixteen_bits_change_the_output_only(name: str, dtype: Any) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals()
    for module, given in (
        (nn.FixedLength(layer, LENGTH), (u,)),
        (step := nn.RealStep(layer), (u[:, 0], step.initial_state(2))),
    ):
        exact: Any = module(*given)
        with torch.autocast("cpu", dtype=dtype):
            got: Any = module(*given)
        narrow: Any = module.to(dtype)(given[0], *given[1:])
        assert all(buffer.dtype == torch.float32 for buffer in module.buffers())
        for found in (got, narrow):
            if isinstance(exact, tuple):
                assert torch.equal(found[1], exact[1])
        got, narrow, exact = (x[0] if isinstance(x, tuple) else x for x in (got, narrow, exact))
        assert torch.equal(got, exact.to(dtype))
        assert torch.equal(narrow, exact)


def in_onnx(module: Any, inputs: tuple[Any, ...], path: Path) -> list[Any]:
    """The outputs of ONNX Runtime."""
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        torch.onnx.export(module.eval(), inputs, path, dynamo=True, verbose=False)
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [each.name for each in session.get_inputs()]
    feed = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
    return session.run(None, feed)


@every_form
def test_onnx_runs_one_sample(name: str, tmp_path: Path) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    step = nn.RealStep(layer)
    u = signals()
    _, state = step(u[:, 0], step.initial_state(2))
    expected = step(u[:, 1], state)
    found = in_onnx(step, (u[:, 1], state), tmp_path / "step.onnx")
    for got, value in zip(found, expected, strict=True):
        assert_alike(got, value)


@pytest.mark.parametrize("name", ["ptd", "s5"])
def test_onnx_runs_a_signal_of_one_length(name: str, tmp_path: Path) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals()
    (found,) = in_onnx(nn.FixedLength(layer, LENGTH), (u,), tmp_path / "layer.onnx")
    assert_alike(found, layer(u))


def trained_alone(rank: int, world: int, folder: str) -> None:
    """One process of two: half of the batch, gradients averaged."""
    import torch.distributed as distributed

    place = f"file://{folder}/store"
    distributed.init_process_group("gloo", init_method=place, rank=rank, world_size=world)
    model = nn.Sequence(WIDTH, 2, 4, 2, order=8)
    model.load_state_dict(torch.load(f"{folder}/model.pt"))
    shared = torch.nn.parallel.DistributedDataParallel(model)
    loss = shared(signals(4)[2 * rank : 2 * rank + 2]).square().mean()
    loss.backward()
    if rank == 0:
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        torch.save(gradients, f"{folder}/gradients.pt")
    distributed.destroy_process_group()


def test_two_processes_train_as_one(tmp_path: Path) -> None:
    """The gradients of two halves of a batch, averaged, are those of the batch."""
    model = nn.Sequence(WIDTH, 2, 4, 2, order=8)
    torch.save(model.state_dict(), tmp_path / "model.pt")
    torch.multiprocessing.spawn(trained_alone, (2, str(tmp_path)), nprocs=2)
    gradients = torch.load(tmp_path / "gradients.pt")
    model(signals(4)).square().mean().backward()
    for name, parameter in model.named_parameters():
        assert_alike(gradients[name], parameter.grad)


@every_form
def test_an_exported_program_is_the_layer(name: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter about itself
        program = torch.export.export(layer, (u,))
    assert_alike(program.module()(u), layer(u))


@pytest.mark.parametrize("name", ["ptd", "s5"])
def test_the_compiler_takes_a_training_step_whole(name: str) -> None:
    layer = nn.SSM(WIDTH, order=8, init=name)
    u = signals()
    expected = layer(u)
    expected.square().sum().backward()
    gradients = [parameter.grad for parameter in layer.parameters()]
    layer.zero_grad()
    torch.compiler.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the compiler about itself
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        got = compiled(u)
        with torch.no_grad():
            assert_alike(compiled(u), expected)
    got.square().sum().backward()
    assert_alike(got, expected)
    for parameter, gradient in zip(layer.parameters(), gradients, strict=True):
        assert_alike(parameter.grad, gradient)
