"""A stage's weights as decoding uses them: the model's own, prepared once for products with a few tokens at a time.

Conventions
- Shapes: N tokens, V vocabulary, H heads, P Fourier pairs, n layers. Weights of products are [out, in], as in torch.
- Nothing is copied but for the positions' few numbers, the head where it is not in float32 on the CPU already, and what
  `Int8Product` holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import nn

from .configuration_remi import RelativeTransformerConfig
from .errors import RequestError

_FEW_TOKENS = 6
"""Up to so many tokens, a CPU multiplies faster with the weight on the right."""
_TINY = 1e-30
"""In place of a largest value of 0, which has no inverse."""
_ATTENTION_FUNCTIONS = ("eager", "sdpa")
"""Of transformers' `attn_implementation`, those that decoding reproduces."""
_TORCH_MODULES = (nn.Linear, nn.Embedding, nn.LayerNorm, nn.Dropout, nn.ModuleList)
"""Modules of torch that decoding reproduces, as it does those whose forward is their `reproduced_forward`."""
_RECORDER = "transformers.utils.output_capturing"
"""Its hooks stay behind once a call has asked for hidden states or attentions, and change nothing."""


class Product:
    """The product with a linear layer's weight: [N, in] -> [N, out]."""

    def __init__(self, linear: nn.Linear) -> None:
        self._weight = linear.weight.detach()
        self._transposed = self._weight.t()

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The product; many tokens come in the memory order of the transpose."""
        if states.shape[0] > _FEW_TOKENS:
            return torch.mm(self._weight, states.t()).t()
        return torch.mm(states, self._transposed)

    def added(self, states: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """The sum of the product and `residual` [N, out]."""
        if states.shape[0] > _FEW_TOKENS:
            return torch.addmm(residual.t(), self._weight, states.t()).t()
        return torch.addmm(residual, states, self._transposed)


class Int8Product:
    """A `Product` in 8 bits: the weight with a scale for each output, the tokens with a scale for each token.

    torch's integer product is exact, and no token's scale depends on another token, so a token gets the same numbers
    in any company. `torch.ao.nn.quantized.dynamic.Linear` has one scale for all tokens, and torch is about to remove
    the kind of tensor it is made of.
    """

    def __init__(self, linear: nn.Linear) -> None:
        weight = linear.weight.detach().float()
        largest = weight.abs().amax(dim=1)
        self._weight = (weight * (127 / largest.clamp(min=_TINY))[:, None]).round_().to(torch.int8).t()
        self._scales = largest / 127**2

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The product."""
        return self._scaled_sums(states).mul_(self._scales)

    def added(self, states: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """The sum of the product and `residual` [N, out]."""
        return torch.addcmul(residual, self._scaled_sums(states), self._scales)

    def _scaled_sums(self, states: torch.Tensor) -> torch.Tensor:
        largest = torch.linalg.vector_norm(states, torch.inf, dim=-1, keepdim=True)
        rounded = (states * (127 / largest.clamp(min=_TINY))).round_().to(torch.int8)
        return torch._int_mm(rounded, self._weight) * largest


class LayerWeights(NamedTuple):
    """One layer of the backbone, as functions of [N, in] states."""

    attention_norm: Callable[[torch.Tensor], torch.Tensor]
    qkv: Product | Int8Product
    output: Product | Int8Product
    feed_forward_norm: Callable[[torch.Tensor], torch.Tensor]
    up: Product | Int8Product
    down: Product | Int8Product


class StageWeights:
    """The weights of one stage.

    Args:
        stage: A `BarPlannerModel` or `DetailGeneratorModel`.
        int8: Whether the layers' matrices are copied in 8 bits: a quarter of the bytes to read, and slightly other
            numbers. Keys and values are then kept in 16 bits where the processor has fast products for them.

    Attributes:
        embedding: [V, hidden].
        memory_dtype: In which keys and values are kept.
        head: [V, hidden], in float32 on the CPU, where tokens are chosen.
        table: The learned biases of all layers, [n, H, max_rel_dist]; None in kinds that have none.
        amplitudes: The Fourier pairs of all layers, [n, 2, H, P]; None in kinds that have none.

    Raises:
        RequestError: the stage is not plain, or 8 bits are wanted where it is not on a CPU and in float32.
    """

    def __init__(self, stage: Any, int8: bool = False) -> None:
        if not is_plain(stage):
            raise RequestError(
                f"this {type(stage).__name__} is in training mode, on several devices, or has adapters, hooks, "
                "quantised weights, a forward or an attention function of its own, which fast decoding passes over; "
                "put it into eval mode and merge or remove them, or use its generate()"
            )
        self.config: RelativeTransformerConfig = stage.config
        self.embedding: torch.Tensor = stage.model.embed_tokens.weight.detach()
        if int8 and (self.embedding.device.type != "cpu" or self.embedding.dtype != torch.float32):
            raise RequestError(
                f"int8 weights are made from float32 on a CPU, and the model has {self.embedding.dtype} on "
                f"{self.embedding.device}; convert it, or leave int8 out"
            )
        is_fast = torch.backends.cpu.get_cpu_capability() == "AVX512"
        self.memory_dtype = torch.bfloat16 if int8 and is_fast else self.embedding.dtype
        self.head = stage.lm_head.weight.detach().to("cpu", torch.float32)
        self.norm = _norm(stage.model.norm)
        self.layers = [_layer_weights(layer, Int8Product if int8 else Product) for layer in stage.model.layers]
        biases = [layer.attention.position_bias for layer in stage.model.layers]
        self.table = torch.stack([bias.table.detach() for bias in biases]) if biases[0] is not None else None
        pairs = [layer.attention.fourier_bias for layer in stage.model.layers]
        self.amplitudes = torch.stack([pair.amplitudes.detach() for pair in pairs]) if pairs[0] is not None else None


def is_plain(stage: Any) -> bool:
    """Whether `IncrementalBackbone` computes from a stage's weights just what the stage does: no dropout, adapters or
    hooks, one device, weights as torch makes them, forward passes and attention functions known here.
    """
    weights = list(stage.parameters())
    kinds = {(weight.device, weight.dtype) for weight in weights}
    return (
        stage.config._attn_implementation in _ATTENTION_FUNCTIONS
        and all(_is_reproduced(module) for module in stage.modules())
        and all(type(weight) is nn.Parameter for weight in weights)
        and len(kinds) == 1
        and all(dtype.is_floating_point and device.type != "meta" for device, dtype in kinds)
    )


def _is_reproduced(module: nn.Module) -> bool:
    kind = type(module)
    is_known = kind in _TORCH_MODULES or getattr(kind, "reproduced_forward", None) is kind.forward
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    is_hooked = "forward" in vars(module) or any(hook.__module__ != _RECORDER for hook in hooks)
    has_more = isinstance(module, nn.Linear) and module.bias is not None
    return is_known and not (module.training or is_hooked or has_more)


def _norm(norm: Any) -> Callable[[torch.Tensor], torch.Tensor]:
    shape, weight, bias = norm.normalized_shape, norm.weight.detach(), norm.bias.detach()
    return partial(torch.layer_norm, normalized_shape=shape, weight=weight, bias=bias, eps=norm.eps)


def _layer_weights(layer: Any, product: type[Product] | type[Int8Product]) -> LayerWeights:
    attention, feed_forward = layer.attention, layer.feed_forward
    return LayerWeights(
        _norm(layer.attention_norm),
        product(attention.qkv_proj),
        product(attention.o_proj),
        _norm(layer.feed_forward_norm),
        product(feed_forward.up_proj),
        product(feed_forward.down_proj),
    )
