"""Multiply by weights through oneDNN, where it is faster than torch's own choice.

For matrices of float32 torch and numpy take MKL's and OpenBLAS's products, which leave half of an
AMD processor idle.
"""

from __future__ import annotations

from functools import cache, cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

_PIECE = 512  # rows; what a piece of a gradient needs stays in the cache
_LANES = 16  # numbers that a processor multiplies at once


def _suits_onednn(x: Tensor) -> bool:
    plain = x.device.type == "cpu" and x.dtype == torch.float32
    return plain and torch.backends.mkldnn.is_available()


def pack(weight: Tensor, n_rows: int) -> Tensor:
    """A weight as `multiply` wants it for `n_rows` vectors at a time."""
    if n_rows == 1 or not _suits_onednn(weight):
        return weight
    if _is_fused():
        return torch.ops.mkldnn._reorder_linear_weight(weight, n_rows)
    return weight.to_mkldnn()


def multiply(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`x @ weight.T + bias`, of a weight that was packed; no gradient is kept."""
    if not weight.is_mkldnn:
        return F.linear(x, weight, bias)
    if _is_fused():
        return _fused(x, weight, bias)
    product = F.linear(x.to_mkldnn(), weight).to_dense()
    return product if bias is None else product.add_(bias)


def _fused(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")


@cache
def _is_fused() -> bool:
    """Check whether this torch has the product that its compiler takes, which copies nothing.

    It isn't part of torch's interface, so what it gives is looked at.
    """
    x, weight = torch.arange(12.0).view(3, 4), torch.arange(20.0).view(4, 5).t()
    try:
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), 3)
        products = [_fused(x, form, None) for form in (packed, weight)]
    except (AttributeError, RuntimeError, TypeError):
        return False
    return all(torch.allclose(product, x @ weight.t()) for product in products)


class ColumnProduct:
    """`weight @ columns` in numpy, of one to some dozens of columns, the fastest way for each."""

    def __init__(self, weight: NDArray[Any]) -> None:
        self._weight = weight

    def __call__(self, columns: NDArray[Any]) -> NDArray[Any]:
        n = columns.shape[1]
        if n == 1 or columns.dtype != np.float32 or not _is_fused():
            return self._weight @ columns  # of one, as fast as the weight is read; torch is slower
        x = torch.from_numpy(columns).t()
        if -n % _LANES < _LANES // 4:  # columns fill the lanes, and nothing need be packed
            return _fused(torch.from_numpy(self._weight), x, None).numpy()
        return np.ascontiguousarray(_fused(x, self._packed, None).numpy().T)

    @cached_property
    def _packed(self) -> Tensor:
        return pack(torch.from_numpy(self._weight), _LANES)


def linear(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """`torch.nn.functional.linear`."""
    return _Linear.apply(x, weight, bias)


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return multiply(x, pack(weight, x[..., 0].numel()), bias)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (by_out,) = gradients
        x, weight = ctx.saved_tensors
        by_x = None
        if ctx.needs_input_grad[0]:
            by_x = multiply(by_out, pack(weight.t().contiguous(), by_out[..., 0].numel()))
        by_out = by_out.flatten(0, -2)
        return by_x, weight_gradient(by_out, x.flatten(0, -2)), by_out.sum(dim=0)


def weight_gradient(by_out: Tensor, x: Tensor) -> Tensor:
    """Derivative by a weight, of those by its products with `x`: `by_out.T @ x`."""
    if not _suits_onednn(x):
        return by_out.t() @ x
    total = by_out.new_zeros(by_out.shape[1], x.shape[1])
    for piece, of_x in zip(by_out.split(_PIECE), x.split(_PIECE), strict=True):
        total += multiply(piece.t(), pack(of_x.t().contiguous(), by_out.shape[1]))
    return total
