"""Training of both stages with `transformers.Trainer`, resumable, into one model folder."""
