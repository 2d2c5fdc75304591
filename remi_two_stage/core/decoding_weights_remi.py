"""A stage's weights as decoding uses them, prepared once for products with a few tokens at a time.

They are shared with a model, or read straight from a checkpoint, so that composing does not need transformers.

Conventions
- Shapes: N tokens, V vocabulary, H heads, P Fourier pairs, n layers. Weights of products are [out, in], as in torch.
- Nothing is copied but for the positions' few numbers, the head where it is not in float32 on the CPU already, and what
  `Int8Product` holds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, Self

import torch
import torch.nn.functional as F
from torch import nn

from .architecture import Architecture
from .attention_rotation_remi import BIAS_GAIN
from .errors import RequestError

HEAD = "lm_head.weight"
"""Name of the weight that may be the embedding's."""
HAS_FAST_INTEGERS = torch.backends.cpu.get_cpu_capability() == "AVX512"
"""Whether the processor multiplies 8-bit integers, and numbers of 16 bits, faster than floats of 32."""
_BLOCK = 32
"""Where a width is no multiple of this, torch's product of floats with 8-bit weights may read beyond the end."""
_TINY = 1e-30
"""In place of a largest value of 0, which has no inverse."""
_ATTENTION_FUNCTIONS = ("eager", "sdpa")
"""Of transformers' `attn_implementation`, those that decoding reproduces."""
_TORCH_MODULES = (nn.Linear, nn.Embedding, nn.LayerNorm, nn.Dropout, nn.ModuleList)
"""Modules of torch that decoding reproduces, as it does those whose forward is their `reproduced_forward`."""
_INPUTS = "transformers.generation.utils"
"""Where the inputs of a step are made; adapters with learnt prompts put a function of their own there."""
_RECORDER = "transformers.utils.output_capturing"
"""Its hooks stay behind once a call has asked for hidden states or attentions, and change nothing."""


class Product:
    """The product with a linear layer's weight: [N, in] -> [N, out]."""

    def __init__(self, weight: torch.Tensor) -> None:
        self._transposed = weight.t()

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The product."""
        return torch.mm(states, self._transposed)

    def added(self, states: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """The sum of the product and `residual` [N, out]."""
        return torch.addmm(residual, states, self._transposed)


class Int8Product:
    """A `Product` in 8 bits: the weight with a scale for each output.

    Where integer products are fast, the tokens are rounded to 8 bits too, with a scale for each token; torch's integer
    product is exact. Elsewhere it takes many times as long as that of floats, and tokens are rounded to bfloat16. No
    token's numbers depend on another token either way, so a token gets the same ones in any company.
    `torch.ao.nn.quantized.dynamic.Linear` has one scale for all tokens, and torch is about to remove the kind of tensor
    it is made of.

    Args:
        of_integers: Whether tokens are integers too.
    """

    def __init__(self, weight: torch.Tensor, of_integers: bool = HAS_FAST_INTEGERS) -> None:
        weight = weight.float()
        largest = weight.abs().amax(dim=1)
        rounded = (weight * (127 / largest.clamp(min=_TINY))[:, None]).round_().to(torch.int8)
        self._missing = 0 if of_integers else -weight.shape[1] % _BLOCK
        self._weight = F.pad(rounded, (0, self._missing))
        self._scales = largest / 127
        self._sums = self._of_integers if of_integers else self._of_floats
        self._ones = torch.ones_like(self._scales, dtype=torch.bfloat16)

    def __call__(self, states: torch.Tensor) -> torch.Tensor:
        """The product."""
        return self._sums(states).mul_(self._scales)

    def added(self, states: torch.Tensor, residual: torch.Tensor) -> torch.Tensor:
        """The sum of the product and `residual` [N, out]."""
        return torch.addcmul(residual, self._sums(states), self._scales)

    def _of_integers(self, states: torch.Tensor) -> torch.Tensor:
        largest = torch.linalg.vector_norm(states, torch.inf, dim=-1, keepdim=True)
        rounded = (states * (127 / largest.clamp(min=_TINY))).round_().to(torch.int8)
        return torch._int_mm(rounded, self._weight.t()) * (largest / 127)

    def _of_floats(self, states: torch.Tensor) -> torch.Tensor:
        rounded = states.to(torch.bfloat16)
        if self._missing:
            rounded = F.pad(rounded, (0, self._missing))
        return torch._weight_int8pack_mm(rounded, self._weight, self._ones).float()


class LayerWeights(NamedTuple):
    """One layer of the backbone, as functions of [N, in] states."""

    attention_norm: Callable[[torch.Tensor], torch.Tensor]
    qkv: Product | Int8Product
    output: Product | Int8Product
    feed_forward_norm: Callable[[torch.Tensor], torch.Tensor]
    up: Product | Int8Product
    down: Product | Int8Product


def weight_shapes(config: Architecture) -> dict[str, tuple[int, ...]]:
    """Name -> shape of the weights of a stage; the head's too, which may be the embedding's."""
    width, inner, heads = config.hidden_size, config.intermediate_size, config.num_attention_heads
    pairs = sum(map(len, (config.fourier_periods or {}).values()))
    layer: dict[str, tuple[int, ...]] = {
        "attention.qkv_proj.weight": (width + 2 * config.key_value_heads * config.head_dim, width),
        "attention.o_proj.weight": (width, width),
        "feed_forward.up_proj.weight": (inner, width),
        "feed_forward.down_proj.weight": (width, inner),
    }
    layer |= {f"{norm}_norm.{name}": (width,) for norm in ("attention", "feed_forward") for name in ("weight", "bias")}
    if "table" in config.relative_attention:
        layer["attention.position_bias.weight"] = (heads, config.max_rel_dist)
    if pairs:
        layer["attention.fourier_bias.weight"] = (2, heads, pairs)
    layers = {
        f"model.layers.{number}.{name}": shape
        for number in range(config.num_hidden_layers)
        for name, shape in layer.items()
    }
    norm: dict[str, tuple[int, ...]] = {"model.norm.weight": (width,), "model.norm.bias": (width,)}
    return layers | norm | dict.fromkeys(("model.embed_tokens.weight", HEAD), (config.vocab_size, width))


class StageWeights:
    """The weights of one stage.

    Args:
        config: The stage's config, or its `Architecture` alone.
        weights: Name -> weight, all on one device and in one dtype: those of `weight_shapes`, without
            `HEAD` where the head shares the embedding's.
        int8: Whether the layers' matrices are copied in 8 bits: a quarter of the bytes to read, and slightly other
            numbers. Keys and values are then kept in 16 bits where the processor has fast products for them.

    Attributes:
        embedding: [V, hidden].
        memory_dtype: In which keys and values are kept.
        head: [V, hidden], in float32 on the CPU, where tokens are chosen.
        table: The learned biases of all layers, [n, H, max_rel_dist]; None in kinds that have none.
        amplitudes: The Fourier pairs of all layers, [n, 2, H, P]; None in kinds that have none.

    Raises:
        RequestError: 8 bits are wanted where the weights are not on a CPU and in float32.
    """

    def __init__(self, config: Architecture, weights: Mapping[str, torch.Tensor], int8: bool = False) -> None:
        self.config = config
        self.embedding = weights["model.embed_tokens.weight"]
        if int8 and (self.embedding.device.type != "cpu" or self.embedding.dtype != torch.float32):
            raise RequestError(
                f"int8 weights are made from float32 on a CPU, and the model has {self.embedding.dtype} on "
                f"{self.embedding.device}; convert it, or leave int8 out"
            )
        self.memory_dtype = torch.bfloat16 if int8 and HAS_FAST_INTEGERS else self.embedding.dtype
        self.head = weights.get(HEAD, self.embedding).to("cpu", torch.float32)
        norm = partial(_norm, weights, config.layer_norm_eps)
        self.norm = norm("model.norm")
        product = Int8Product if int8 else Product
        layers = [f"model.layers.{number}" for number in range(config.num_hidden_layers)]
        self.layers = [
            LayerWeights(
                norm(f"{layer}.attention_norm"),
                product(weights[f"{layer}.attention.qkv_proj.weight"]),
                product(weights[f"{layer}.attention.o_proj.weight"]),
                norm(f"{layer}.feed_forward_norm"),
                product(weights[f"{layer}.feed_forward.up_proj.weight"]),
                product(weights[f"{layer}.feed_forward.down_proj.weight"]),
            )
            for layer in layers
        ]
        self.table = self.amplitudes = None
        if "table" in config.relative_attention:
            self.table = BIAS_GAIN * torch.stack(
                [weights[f"{layer}.attention.position_bias.weight"] for layer in layers]
            )
        if config.fourier_periods:
            self.amplitudes = BIAS_GAIN * torch.stack(
                [weights[f"{layer}.attention.fourier_bias.weight"] for layer in layers]
            )

    @classmethod
    def of(cls, stage: Any, int8: bool = False) -> Self:
        """The weights of a `BarPlannerModel` or `DetailGeneratorModel`, as they are now.

        Raises:
            RequestError: the stage is not plain (`is_plain`), or as in the class.
        """
        if not is_plain(stage):
            raise RequestError(
                f"this {type(stage).__name__} is in training mode, on several devices, or has adapters, hooks, "
                "quantised weights, a forward or an attention function of its own, which fast decoding passes over; "
                "put it into eval mode and merge or remove them, or use its generate()"
            )
        weights = {name: weight.detach() for name, weight in stage.named_parameters(remove_duplicate=False)}
        return cls(stage.config, weights, int8)


def is_plain(stage: Any) -> bool:
    """Whether `IncrementalBackbone` computes from a stage's weights just what the stage does: no dropout, adapters or
    hooks, one device, weights as torch makes them, inputs, forward passes and attention functions known here.
    """
    weights = list(stage.parameters())
    kinds = {(weight.device, weight.dtype) for weight in weights}
    return (
        stage.config._attn_implementation in _ATTENTION_FUNCTIONS
        and stage.prepare_inputs_for_generation.__module__ == _INPUTS
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


def _norm(weights: Mapping[str, torch.Tensor], eps: float, name: str) -> Callable[[torch.Tensor], torch.Tensor]:
    weight, bias = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return partial(torch.layer_norm, normalized_shape=weight.shape, weight=weight, bias=bias, eps=eps)
