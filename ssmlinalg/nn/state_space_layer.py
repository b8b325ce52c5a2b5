"""A state space model as a layer of PyTorch: trained in parallel, run sample by sample."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from .. import export, inits, kernels
from ..discretize import RULES
from ..export.reader import one_form
from ..export.real_parameters import field_of, form_of, real_parameters, width_of
from ..forms import kind
from ..ground import layer_inputs, require
from ..kernels.arguments import at_rest
from ..kernels.convolution import causal
from ..kernels.softmax import normalized
from .signals import AXES, SinglePrecision, ambient, mask
from .starting_forms import starting_form

FIELDS = ("A", "B", "C", "D", "step")
Run = Callable[..., tuple[Tensor, Tensor]]


class SSM(SinglePrecision):
    r"""A bank of linear state space models between real signals, stable whatever is learnt.

    .. math::  x_l = \bar A x_{l-1} + \bar B u_l, \qquad y_l = \mathrm{Re}\, C x_l + D u_l

    It starts as the form that its initialization returns: `form()` is that form, and later the one
    that was learnt. Parameters are real and named as in `export.real_parameters`.

    Args:
        width: H, the channels of the input and of the output.
        order: order N of the state, of each channel or of all together (S5, LRU). A form has its
            own, and this one is not used.
        init: a name in `INITS`, or a form, whose leading axis are the channels.
        rule: how a continuous form is sampled; a discrete one does not use it.
        step: a number, or the interval from which steps are drawn, in units of the time of the
            measure. None is that of the initialization, (1e-3, 1e-1) for most.
        train: which of A, B, C, D and step are trained; "A" means P of a DPLR as well.
        decay: how the decay rate is written, a name in `export.real_parameters.DECAYS`.
        bidirectional: whether there is a second C, which reads the signal backwards.
        window: the samples over which every mode is normalized, which makes "dss" DSS (softmax).
        seed: of C and the steps.
        **options: what the initialization takes besides, such as `conditioning` of "ptd".

    Raises:
        TypeError: for options that the initialization does not take, and a form without modes.
        ValueError: for unknown names, and numbers out of range.

    Example:
        >>> layer = SSM(4, order=16, init="s4d-lin")
        >>> layer(torch.zeros(2, 100, 4)).shape
        torch.Size([2, 100, 4])
    """

    def __init__(
        self,
        width: int,
        order: int = 64,
        *,
        init: Any = "ptd",
        rule: str = "zoh",
        step: inits.Step | None = None,
        train: Sequence[str] = FIELDS,
        decay: str = "exp",
        bidirectional: bool = False,
        window: int | None = None,
        seed: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        self.width = require.integer("width", width)
        self.rule = require.known("rule", rule, RULES)
        self.bidirectional = require.switch("bidirectional", bidirectional)
        require.listed("train", train, str, 'Write train=("C", "D").')
        seed = require.integer("seed", seed, least=0)
        form = starting_form(init, width, order, step=step, seed=seed, **options)
        if bidirectional:
            other = starting_form(init, width, order, step=step, seed=seed + 1, **options)
            form = form._replace(C=np.stack([form.C, other.C]))
        if window is not None:
            normalized(form, window, rule=rule)
        self.form_name = type(form).__name__
        self._ports = kind(form).ports
        arrays = real_parameters(form, decay=decay)
        held = {name: torch.nn.Parameter(_single(array)) for name, array in arrays.items()}
        self.add_module(self.form_name, torch.nn.ParameterDict(held))
        kept = None if window is None else torch.tensor(window)
        self._arrays.register_buffer("window", kept)  # so that every file has it
        self._train_only(train)
        self._kept: tuple[list[Tensor], Tensor] | None = None  # of what, and the kernel

    @classmethod
    def from_form(cls, form: Any, **options: Any) -> Self:
        """The layer that starts as a form.

        Args:
            form: a form of modes or a `DPLR`, with one leading axis of channels, or with ports.
            **options: `rule`, `train` and `decay` of the layer.

        Returns:
            The layer.

        Raises:
            TypeError: for a form without modes.
            ValueError: for other leading axes, and modes that do not decay.

        Example:
            >>> from ssmlinalg import s4_init
            >>> SSM.from_form(s4_init(8, channels=3)).width
            3
        """
        return cls(width_of(form), init=form, **options)

    @classmethod
    def from_checkpoint(
        cls, path: str | os.PathLike[str], *, layer: str | None = None, **options: Any
    ) -> Self:
        """The layer that starts as a layer of a checkpoint, of any target.

        Args:
            path: a file or folder that `checkpoints` reads.
            layer: the start of the names of its arrays; None for a file with one layer.
            **options: of the layer, such as `train`. The file itself says the rule of its target,
                and `decay` and `window` of a layer of this library.

        Returns:
            The layer.

        Raises:
            ValueError: for a file without that layer.

        Example:
            >>> SSM.from_checkpoint("model.safetensors", layer="blocks.0.ssm.")  # doctest: +SKIP
        """
        form, found = one_form(path, layer=layer)
        return cls.from_form(form, **(found | options))

    def form(self) -> Any:
        """The form that the layer computes with, on its device and differentiable.

        Returns:
            A form of the type that it started from.

        Example:
            >>> SSM(2, order=4, init="s4d-lin").form().A[0].imag
            tensor([0.0000, 3.1416], grad_fn=<SelectBackward0>)
        """
        form = form_of(self.form_name, dict(self._arrays.items()))
        window: Any = self._arrays.window
        return form if window is None else normalized(form, window, rule=self.rule)

    def forward(
        self,
        u: Tensor,
        state: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        reset: Tensor | None = None,
        steps: Tensor | None = None,
        step_scale: float | Tensor = 1.0,
        return_state: bool = False,
    ) -> Any:
        """The outputs for signals (batch, length, width).

        Args:
            u: real signals (batch, L, H). NaN passes through, as through any layer.
            state: the state before the first sample, as returned; None is a system at rest.
            lengths: (batch,), the samples of each signal that count; the rest is padding.
            reset: (batch, L), true where a new episode begins: the state before it is forgotten.
            steps: (batch, L), the time since the sample before, in place of the steps learnt.
            step_scale: by what the steps learnt are multiplied, for another sampling rate.
            return_state: whether the state after the last sample is returned as well.

        Returns:
            y (batch, L, H) in the type of u, or in that of autocast; with `return_state` y and the
            state (batch, H, n), or (batch, n) of a layer whose channels share one.

        Raises:
            TypeError: for integers, and options that do not go with this layer.
            ValueError: for shapes that do not fit.
        """
        self._check_call(u, state=state, lengths=lengths, reset=reset, steps=steps)
        require.switch("return_state", return_state)
        form = self._scaled(step_scale)
        x = u.to(self._arrays["C"].dtype).mT
        if lengths is not None:
            x = x * mask(lengths, u.shape[1])[:, None, :]
        rule = self.rule
        if reset is not None:
            reset = reset if self._ports else reset[:, None, :]
            y, state = kernels.scan_episodes(form, x, reset, state, rule=rule)
        elif steps is not None:
            steps = steps.to(x.dtype)[:, None, :]
            y, state = kernels.scan_irregular(form, x, steps, state, rule=rule)
        elif return_state or state is not None:
            y, last = kernels.scan(form, x, state, rule=rule)
            if lengths is not None:
                last = kernels.final_state(form, x, state, lengths=lengths, rule=rule)
            state = last
        else:
            y = self._from_rest(form, x)
        if "diagonal_D" in self._arrays:
            y = y + self._arrays["diagonal_D"][:, None] * x
        y = ambient(y.mT, u)
        return (y, state) if return_state else y

    def recurrence(self) -> Run:
        """The layer sample by sample: sampled once, with what was learnt so far.

        Returns:
            A function (u, state=None) -> (y, state): u and y (batch, H) in single precision, no
            gradients. It checks nothing.

        Raises:
            TypeError: for a bidirectional layer, which needs the whole signal.

        Example:
            >>> run = SSM(4, order=8).recurrence()
            >>> y, state = run(torch.zeros(2, 4))
        """
        self.one_direction("recurrence")
        with torch.no_grad():
            return torch.no_grad()(kernels.stepper(self.form(), rule=self.rule))

    def initial_state(self, batch_size: int) -> Tensor:
        """The state of a system at rest.

        Args:
            batch_size: the number of signals.

        Returns:
            Zeros (batch, H, n), or (batch, n) of a layer whose channels share one state.

        Example:
            >>> SSM(4, order=8).initial_state(2).shape
            torch.Size([2, 4, 4])
        """
        with torch.no_grad():
            return at_rest(self.form(), require.integer("batch_size", batch_size))

    def save(self, path: str | os.PathLike[str], *, target: str = "ssm", **options: Any) -> None:
        """Write the layer as the file of any target.

        Args:
            path: the file, .safetensors, .npz or .mat.
            target: a name in `export.TARGETS`.
            **options: what `export.save` takes.

        Raises:
            TypeError: for a bidirectional layer, and forms that the target does not take.
            ValueError: what `export.save` raises.

        Example:
            >>> SSM(4, order=8).save("layer.safetensors", target="s4d")  # doctest: +SKIP
        """
        self.one_direction("save")
        if self.window is not None:
            options = {"length": self.window, **options}
        export.save(path, self.state_dict() if target == "ssm" else self.form(), target, **options)

    def one_direction(self, what: str) -> None:
        """Raise TypeError if the layer is bidirectional, which `what` cannot be.

        Args:
            what: the name of what was asked for.

        Raises:
            TypeError: for a bidirectional layer.

        Example:
            >>> SSM(2, order=4).one_direction("recurrence")
        """
        if self.bidirectional:
            rule = f"{what} must be asked of a layer of one direction"
            got = "bidirectional=True, whose past depends on its future"
            raise TypeError(f"{rule}; got {got}. Build one without it.")

    def extra_repr(self) -> str:
        """The arguments that print shows."""
        both = ", bidirectional" if self.bidirectional else ""
        return f"width={self.width}, form={self.form_name}, rule={self.rule!r}{both}"

    @property
    def _arrays(self) -> torch.nn.ParameterDict:
        return getattr(self, self.form_name)

    @property
    def window(self) -> int | None:
        """The samples over which every mode is normalized."""
        held: Any = self._arrays.window
        return None if held is None else int(held)

    def _train_only(self, fields: Sequence[str]) -> None:
        """Freeze the parameters of the fields that are not named."""
        trained = {require.known("train", field, FIELDS) for field in fields}
        if "A" in trained:
            trained.add("P")
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(field_of(name) in trained)

    def _scaled(self, step_scale: float | Tensor) -> Any:
        """The form that `forward` runs: at another sampling rate, a diagonal D left out."""
        form = self.form()
        if "diagonal_D" in self._arrays:
            form = form._replace(D=torch.zeros_like(form.D))
        if not isinstance(step_scale, Tensor):
            step_scale = require.real("step_scale", step_scale, above=0)
            if step_scale == 1:
                return form
        if not kind(form).continuous:
            rule = "`step_scale` must go with a model in continuous time"
            raise TypeError(f"{rule}; got one of {self.form_name}. Leave it out.")
        if isinstance(step_scale, Tensor):
            layer_inputs.step_scale(step_scale, tuple(form.step.shape))
        return form._replace(step=form.step * step_scale)

    def _from_rest(self, form: Any, x: Tensor) -> Tensor:
        """The outputs of signals (batch, H, L) from rest."""
        if not self._ports:
            K = self._kernel(form, x.shape[-1])
            return kernels.bidirectional(x, *K) if self.bidirectional else causal(x, K)
        if not self.bidirectional:
            return kernels.scan(form, x, rule=self.rule)[0]
        past, future = (form._replace(C=C) for C in form.C)
        return kernels.scan_bidirectional(past, future, x, rule=self.rule)

    def _kernel(self, form: Any, length: int) -> Tensor:
        """The kernel; without gradients it is kept until a parameter or the length changes."""
        if torch.is_grad_enabled() or torch.compiler.is_compiling():
            return kernels.kernel(form, length, rule=self.rule)
        # Values tell and nothing else does: fused optimizers do not count their writes.
        given = [*self.parameters(), *self.buffers(), getattr(form, "step", form.D)]
        kept = self._kept
        if kept is None or kept[1].shape[-1] != length or not _same(kept[0], given):
            found = kernels.kernel(form, length, rule=self.rule)
            self._kept = kept = ([x.detach().clone() for x in given], found)
        return kept[1]

    def _check_call(self, u: Tensor, state: Tensor | None, **given: Tensor | None) -> None:
        """Refuse what does not fit the layer, before any work."""
        layer_inputs.signal(u, self.width, AXES, self._arrays["C"])
        present = [name for name, value in given.items() if value is not None]
        if len(present) > 1:
            rule = "a call must have one of lengths, reset and steps"
            raise TypeError(f"{rule}; got {', '.join(present)}. Leave the others out.")
        for name in present:
            layer_inputs.beside(name, given[name], u)
        if state is not None:
            layer_inputs.of_library("state", state, u)
            present.append("state")
        if set(present) - {"lengths"}:
            self.one_direction(f"forward with {', '.join(present)}")


def _single(array: np.ndarray) -> Tensor:
    return torch.tensor(array, dtype=torch.get_default_dtype())


def _same(kept: list[Tensor], given: list[Tensor]) -> bool:
    """Whether tensors have the same values, at the same place in the same type."""
    return all(
        a.device == b.device and a.dtype == b.dtype and torch.equal(a, b)
        for a, b in zip(kept, given, strict=True)
    )
