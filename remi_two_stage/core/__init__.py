"""What travels with every checkpoint to the Hub: music, tokens, grammar, models and decoding.

The folder is flat, and modules import `from .x import y` alone, because transformers' loader follows nothing else. A
name that ends in `_remi` says that a module needs torch or transformers; the others need the standard library alone.
Prefixes group what would be folders elsewhere: `abc_`, `grammar`, `attention_`, `decoding_`.

    errors.py                        the exceptions, one tree
    arguments.py                     arguments of another kind, refused
    text.py                          words for people; those from files made harmless
    piece.py                         Piece, Bar, Note, Chord: the one in-memory form of a score
    signatures.py                    Key and Meter, and note names on the line of fifths
    notation.py                      what is written beside the notes: lyrics, slurs, ornaments, dynamics, names
    playing_order.py                 where endings end, what leads into a bar, and in what order bars are played
    unfolded.py                      the notes of bars that are played in another order than they are written in
    voices.py                        names and clefs of voices
    instruments.py                   who may be asked to play a piece, and which staves belong together
    ranges.py                        how high and low voices are written
    excerpt.py                       bar ranges as pieces of their own; chords moved to another tonic
    chords.py                        chord labels (Roman numerals) and chord names
    features.py                      what can be counted in a piece: repetition, rhythm, ends, notes over chords
    reward.py                        how well a piece is made, in parts that a musician would name
    plan.py                          Plan: the chords of every bar, as text and back
    request.py                       what a user may ask for, checked
    sampling.py                      how a token is sampled, and which candidate is kept
    vocabulary.py                    token names and ids
    grammar.py                       which token may follow
    grammar_structure.py             which bars, repeats, endings and pick-ups may follow
    grammar_harmony.py               basses that are chord tones, and how a piece ends
    grammar_voices.py                what sounds in each voice, and which notes there is room for
    counterpoint.py                  rules for voices, together and alone, and what breaking one costs
    counterpoint_choirs.py           how a singer may go on
    counterpoint_harmony.py          which chord and which key hold when
    counterpoint_parts.py            what a voice sings, as the rules ask for it
    counterpoint_tune.py             what the form of a lone tune and the rhythm of its style cost
    counterpoint_players.py          how the players of a quartet go with one another in rhythm
    counterpoint_reader.py           what the next token of a sequence costs by these rules
    divided_choirs.py                how models read the choirs that they have not heard
    plan_harmony.py                  how plans begin, close and have their basses, and what other chords cost there
    codec.py                         Piece <-> tokens
    fitting.py                       what tokens cannot say, changed and counted
    sequences.py                     plan, detail, infilling and melody sequences, made from a piece's tokens
    repeats.py                       where repeats begin whose start is left out
    double_lines.py                  where double bar lines within a piece are drawn
    layers.py                        notes of one voice that overlap, sorted into layers
    abc_writer.py                    Piece -> ABC
    abc_bar_lines.py                 bar lines, repeats, endings and remarks in ABC
    abc_systems.py                   how many bars stand in a line of ABC
    abc_notation.py                  notation in ABC: signs before and after notes, lines of words
    abc_spelling.py                  how notes are spelled, and accidentals in ABC
    note_values.py                   the note values there are, with dots and in triplets
    abc_values.py                    note lengths, tuplets and beams in ABC
    architecture.py                  the fields of a stage's config, their defaults and their rules
    requirements_remi.py             the oldest transformers that the models run on
    code_folder_remi.py              where a saved model has its code
    configuration_remi.py            the configs of both stages and of the whole model, for transformers
    attention_kinds.py               the kinds of relative attention by name, with their default periods
    attention_remi.py                relative-position attention
    attention_blockwise_remi.py      the same without ever holding [heads, L, L]
    attention_coordinates.py         bar and musical time of tokens, read one at a time
    attention_coordinates_remi.py    the same for whole batches
    attention_rotation_remi.py       how queries and keys are rotated
    modeling_remi.py                 the backbone, both stages, and the model that holds both
    stop_strings_remi.py             text at which generate() stops
    generation_processors_remi.py    what generate() may choose from, and what it costs
    generation_remi.py               generate() locked to the grammar
    tokenization_remi.py             the tokenizer
    checkpoint_files_remi.py         the files of a checkpoint, and whether they are what the config says
    checkpoint_remi.py               loading by transformers, and what is checked before
    repository_remi.py               what a saved model has beside its weights
    decoding_choice.py               which of the allowed tokens is taken
    decoding_rules.py                what the next token costs, by counterpoint and by form
    decoding_remi.py                 the fast loop that writes sequences
    decoding_backbone_remi.py        the backbone run a few new tokens at a time
    decoding_weights_remi.py         weights prepared for the fast loop, in 8 bits if wanted
    worn_bars.py                     the bars of a tune that have come often enough
    replaced_bars.py                 the bars that new ones are written in place of
    recalled_bars.py                 the bars of a tune that come back by its form
    recalled_figures.py              the figures of songs and quartets that come back
    recalled_lines.py                the lines of a hymn that come back
    prompt_lookup.py                 guesses of the next tokens, from what followed these or their rhythm
    composing_remi.py                from a request to a plan, from a plan to a piece
    pipeline_remi.py                 the pipeline "music-generation"
"""
