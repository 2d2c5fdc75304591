"""Files -> tunes -> Parquet: what is read, what is held out, what is kept.

arguments.py             what the preparation of a corpus is told
files.py                 the files of a corpus: folders, globs, archives
tunes.py                 files -> labelled, encoded tunes, the rows
augmentation.py          variants of the training tunes
splits.py                train, validation and test, by melody
shards.py                the work in parts, each whole or not there
preparation.py           all parts, in processes, resumed
assembly.py              parts -> the prepared corpus
prepared.py              a prepared corpus, opened
summary.py               its numbers
abc_corpus.py            AbcCorpus, the builder for `datasets`, and register()
"""
