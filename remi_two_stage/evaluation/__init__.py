"""How good a model is, in numbers that another program can compute again.

report.py                evaluate: everything in one report
arguments.py             what an evaluation is told, field by field
likelihood.py            held-out loss beside n-grams
token_losses.py          what each token costs a model
ngrams.py                the n-gram models
adherence.py             how closely notes follow their chords
statistics.py            entropy, consistency, silence, overlap with real music
comparison.py            composed beside real music, row by row
estimates.py             figures of a set of pieces, with their standard errors
register.py              how high and low tunes lie
cadences.py              how pieces and plans end, and what plans are made of
repetition.py            how much comes back in a tune
voice_leading.py         four voices as a teacher of harmony would mark them
harmonizing.py           harmonised melodies beside their own harmony
seams.py                 how rewritten bars join what stands around them
classifier.py            how easily composed pieces are told from real ones
phrasing.py              phrases that come back, and how phrases end
validity.py              bars and tokens that are wrong
memorization.py          the longest run of notes that the training tunes have too
counts.py                how counts add up
"""
