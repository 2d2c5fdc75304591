"""A size of models that tests of the models themselves have time for; tunes are longer than its table of distances."""

TINY = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_rel_dist": 60,
}
