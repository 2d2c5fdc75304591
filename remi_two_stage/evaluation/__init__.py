"""How good a model is, in numbers that another program can compute again.

report.py                evaluate: everything in one report
arguments.py             what an evaluation is told, field by field
likelihood.py            held-out loss beside n-grams
token_losses.py          what each token costs a model
ngrams.py                the n-gram models
adherence.py             how closely notes follow their chords
statistics.py            entropy, consistency, silence, overlap with real music
phrasing.py              what comes back, and how phrases end
validity.py              bars and tokens that are wrong
memorization.py          the longest run of notes that the training tunes have too
counts.py                how counts add up
"""
