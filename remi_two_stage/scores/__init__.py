"""Files <-> `Piece`, one format a prefix; nothing here needs torch.

abc_reader.py                 ABC text and tune books -> pieces
abc_lines.py                  lines: fields, comments, file headers
abc_tune.py                   one tune: header, body, voices
abc_fields.py                 fields: keys, metres, lengths, tempos, styles, orders of parts, accented letters
abc_tokens.py                 the tokens of a line of music
abc_signs.py                  decorations, slurs and annotations by their names
abc_voice.py                  one voice on its time line: ties, tuplets, accidentals, overlays
abc_handlers.py               which method of a voice takes which token
abc_state.py                  what a voice keeps while it is read
abc_notation.py               what stands beside the notes, and the order of jumps
abc_tempos.py                 tempos, and which of them are printed
abc_lyrics.py                 words beneath lines of music
abc_symbol_lines.py           symbols in a line of their own
abc_bars.py                   time lines -> bars, repeats, endings
abc_macros.py                 macros
abc_losses.py                 what ABC has no place for
midi_reader.py                MIDI files -> Piece
midi_words.py                 syllables and chord names in MIDI files
midi_rhythm.py                the note values that are meant where notes are played early or late
midi_writer.py                Piece -> MIDI files
tempo_map.py                  the tempos at which a piece is played, in ticks and seconds
performance.py                the notes as they are played, each with a velocity
musicxml_reader.py            MusicXML -> Piece
musicxml_reader_document.py   the file: unpacked, found harmless, as a tree
musicxml_reader_heading.py    titles, creators, the list of parts
musicxml_reader_part.py       a part, measure by measure
musicxml_reader_measure.py    what is read of a measure
musicxml_reader_voices.py     the voices of a part whose staves hold several
musicxml_reader_choir.py      choirs of four voices on two staves
musicxml_reader_numbers.py    metres, keys, transpositions
musicxml_reader_records.py    marks, slurs, hairpins, words, tempos, jumps
musicxml_reader_lyrics.py     syllables and verses
musicxml_reader_harmony.py    chord symbols
musicxml_reader_bars.py       measures of all parts -> bars, repeats, endings
musicxml_writer.py            Piece -> MusicXML
musicxml_writer_staff.py      the voices of a part, on one staff or several
musicxml_writer_beside.py     which of them says what stands beside the notes
musicxml_writer_stems.py      the stems of layers that sound at once
musicxml_writer_measure.py    the notes of a bar
musicxml_writer_pitches.py    their pitches and accidentals
musicxml_writer_rhythm.py     note values with their tuplets and beams
musicxml_writer_signs.py      chord symbols, tempos, words, marks, barlines
musicxml_kinds.py             names of chords as kinds with degrees
musicxml_names.py             what things are called in MusicXML
music21_bridge.py             music21 scores <-> Piece
music21_reader.py             music21 score -> Piece
music21_losses.py             what of a music21 score is not in a Piece
kern_text.py                  kern files: their encoding, their faults, what music21 leaves out
kern_chords.py                kern files: their chord symbols
kern_numerals.py              the Roman numerals among them
kern_words.py                 kern files: their words
collector.py                  reading without pauses for the collector of cycles
voices.py                     names of voices
"""
