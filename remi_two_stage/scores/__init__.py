"""Files <-> `Piece`, one format a prefix; nothing here needs torch.

abc_reader.py            ABC text and tune books -> pieces
abc_tune.py              one tune: header, body, voices
abc_fields.py            fields: keys, metres, lengths, tempos, styles, orders of parts, accented letters
abc_tokens.py            the tokens of a line of music
abc_voice.py             one voice on its time line: ties, tuplets, accidentals, overlays
abc_bars.py              time lines -> bars, repeats, endings
abc_macros.py            macros
midi_reader.py           MIDI files -> Piece
midi_writer.py           Piece -> MIDI files
tempo_map.py             the tempos at which a piece is played, in ticks and seconds
musicxml_writer.py       Piece -> MusicXML
music21_bridge.py        music21 scores <-> Piece
music21_reader.py        music21 score -> Piece
music21_losses.py         what of a music21 score or a kern file is not in a Piece
music21_writer.py        Piece -> music21 score
musicxml_names.py         what things are called in music21
music21_notation.py      note values, ties and layers, as music21 wants them
voices.py                names of voices
"""
