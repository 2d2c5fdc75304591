"""Files <-> `Piece`, one format a prefix; nothing here needs torch.

abc_reader.py            ABC text and tune books -> pieces
abc_tune.py              one tune: header, body, voices
abc_fields.py            fields: keys, metres, lengths, tempos, styles, orders of parts, accented letters
abc_tokens.py            the tokens of a line of music
abc_signs.py             decorations, slurs and annotations by their names
abc_voice.py             one voice on its time line: ties, tuplets, accidentals, overlays
abc_state.py             what a voice keeps while it is read
abc_notation.py          what stands beside the notes, and the order of jumps
abc_lyrics.py            words beneath lines of music
abc_bars.py              time lines -> bars, repeats, endings
abc_macros.py            macros
midi_reader.py           MIDI files -> Piece
midi_writer.py           Piece -> MIDI files
musicxml_writer.py       Piece -> MusicXML
music21_bridge.py        music21 scores <-> Piece
music21_reader.py        music21 score -> Piece
music21_writer.py        Piece -> music21 score
musicxml_names.py         what things are called in music21
music21_notation.py      note values, ties and layers, as music21 wants them
voices.py                names of voices
"""
