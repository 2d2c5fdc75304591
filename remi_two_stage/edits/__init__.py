"""Edits written into the file that a piece came from, so that all else in it stays as it was.

files.py              edited_bytes, write_edited: into a file of any format
changes.py            what has changed: runs of written bars, bars that follow, voices that were added
held.py               notes that sound over the seams of bars with new ones, which stay
notation.py           what stays beside the notes of bars that get new ones, and how much goes
difference.py         old and new bars side by side as text
abc.py                into ABC text
abc_check.py          whether the edited text says what the edit does
abc_file.py           the lines of an ABC file, each replaced in its own bytes
abc_places.py         where the bars, tokens and words of a tune stand in its text
abc_habits.py         how its writer writes: beams, blanks, lengths, chord symbols
abc_style.py          bars as ABC in that manner
abc_voices.py         new voices beside a melody
abc_notes.py          notes on how a tune came about
abc_melody.py         a tune's first voice alone
musicxml.py           into MusicXML
musicxml_text.py      its elements and their places in the text
musicxml_part.py      a part and its measures as they stand in the file
musicxml_measures.py  which measures are written anew, and what stays of them
musicxml_measure.py   one measure
musicxml_staff.py     what stands on a staff of a measure
musicxml_melody.py    the part of a melody alone, without what a harmonisation leaves out
musicxml_spans.py     slurs and hairpins across the seams
musicxml_added.py     new parts
midi.py               into MIDI files
midi_tracks.py        their tracks and events
"""
