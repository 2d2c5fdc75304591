"""Composing: plans, pieces, and changes to existing pieces.

composer.py              Composer: plan, realize, compose, extend, rewrite, harmonize
consensus.py             the chords that several harmonies of one melody agree on
tasks.py                 extend, rewrite, harmonize: the stages' prompts, and their output put back into the piece
provenance.py            how pieces came about, as notes in their files
arguments.py             defaults and help shared by the commands, the page and Composer
checkpoint.py            loading of weights and models, from the embedded checkpoint or any other
"""
