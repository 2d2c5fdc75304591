"""How good a checkpoint is, in numbers that another program can compute again."""
