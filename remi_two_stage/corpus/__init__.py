"""Files -> tunes -> Parquet: reading, splitting and storing a corpus.

arguments.py             the options of preparing a corpus
files.py                 the files of a corpus: folders, globs, archives
tunes.py                 files -> labelled, encoded tunes, the rows
songs.py                 singers without their accompaniment
augmentation.py          variants of the training tunes
splits.py                train, validation and test, by melody
overlap.py               tunes to learn whose melody another corpus holds out
shards.py                the parts of the work, each written whole or not at all
preparation.py           all parts, in several processes, resumable
assembly.py              parts -> the prepared corpus
prepared.py              reading a prepared corpus
summary.py               counts of tunes, bars, tokens, losses and rejections
abc_corpus.py            AbcCorpus, the builder for `datasets`, and register()
"""
