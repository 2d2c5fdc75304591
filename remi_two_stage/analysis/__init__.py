"""What is heard in a `Piece`: chords, key, phrases.

harmony.py               a chord for every bar: the source's symbols, else those that are heard
chord_inference.py       the model that hears chords in notes
chord_parameters.py      its numbers, written by benchmarks/estimate_harmony.py
packed_numbers.py        rows of numbers that are compared all at once
key_estimation.py        the key of music that states none
phrases.py               where phrases begin
styles.py                the style of tunes that state none
voice_leading.py         rules for voices that sound together, and how often they are broken
score_checking.py        where a score breaks them: bar, beat and voices
"""
