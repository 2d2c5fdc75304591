"""A size of models that tests of the models themselves have time for; tunes are longer than its table of distances."""

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_rel_dist": 60,
}
GROUPED = (("table+fourier", 2), ("rope+fourier", 2), ("rotary", 2), ("table", 1))
"""Kinds of attention with fewer heads of keys and values than of queries: together, all that grouping touches."""
