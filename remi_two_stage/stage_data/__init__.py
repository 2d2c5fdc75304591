"""Tunes -> what a stage learns.

datasets.py              the datasets of the stages, and packed rows
cutting.py               tunes too long for a model, cut at phrases
planner_chords.py        the planner's own chords for tunes
batch_sampler.py         which rows make a batch in which process
streaming.py             rows out of Parquet files that are read as they are needed
"""
