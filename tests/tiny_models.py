"""A size of models that tests of the models themselves have time for; tunes are longer than its table of distances."""

import torch
from transformers import PreTrainedModel

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_rel_dist": 60,
}
GROUPED = (("table+fourier", 2), ("rope+fourier", 2), ("rotary", 2), ("table", 1))
"""Kinds of attention with fewer heads of keys and values than of queries: together, all that grouping touches."""


def randomised(model: PreTrainedModel) -> PreTrainedModel:
    """Weights large enough that a wrong bias or mask shows, those that start at zero included."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(0.2 * torch.randn_like(parameter))
    return model.eval()
