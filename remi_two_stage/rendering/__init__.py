"""`Piece` -> something to see or hear; most of it needs the extra `render`.

engraving.py             the engraved score
close_score.py           a choir on two staves
note_ids.py              ids by which a page finds the notes of a score
piano_roll.py            notes by time and pitch over the plan
picture.py               SVG, PNG and PDF of either
sound.py                 WAV, Ogg and FLAC, from the recorded notes in instruments/
notebook.py              score and player in a notebook
score_text.py            lines of text, chords over bars
extras.py                what to install where a part is missing
"""
