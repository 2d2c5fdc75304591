"""Tunes -> training data of a stage.

datasets.py              the datasets of the stages, and packed rows
places.py                which tune an epoch shows where, by weights
cutting.py               tunes too long for a model, cut at phrases
planner_chords.py        the planner's own chords for tunes
batch_sampler.py         the batches of each of several processes
streaming.py             rows from Parquet files that are read on demand
"""
