"""The training of both stages with `transformers.Trainer`, resumable, into one model folder.

arguments.py             the options of a run
training_data.py         the tunes that it learns from and is measured on
trainer.py               TwoStageTrainer: from a corpus to a model folder
stage_trainer.py         one stage: its Trainer, how it stops and resumes
optimizer.py             Muon and AdamW
averaging.py             the mean of the last steps' weights
calibration.py           the temperature that makes a stage as sure as it is right
plan_source.py           the planner's chords in place of the tunes' own
callbacks.py             epochs, progress bars, timed checkpoints, early stopping
run_folder.py            what a run keeps on disk
"""
