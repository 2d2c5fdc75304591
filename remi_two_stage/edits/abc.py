"""Edits written into the text of an ABC file: only what changed bars, new bars and new voices need is written.

Conventions
- A bar is replaced from its first note, rest or sign to its last one; bar lines, endings, fields, comments and the
  blanks beside bar lines stay. A bar that goes on over several lines is written into the first.
- Bars that follow stand in lines of their own after the last line of the tune, so that its text goes before them as it
  was; new voices after the given melody, and what they need in the header before its K: line.
- What is written is read again; it must sound as the edit does, and all else as before.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import groupby, pairwise, takewhile

from ..core.abc_bar_lines import part_text
from ..core.abc_systems import systems
from ..core.errors import AbcSyntaxError
from ..core.piece import Piece
from ..core.signatures import fifths_of_transposition
from ..scores.abc_fields import UNITS_PER_TICK, signature_of
from ..scores.abc_reader import tunes_in
from .abc_check import what_is_wrong
from .abc_file import AbcFile
from .abc_habits import SOUNDING, Habits
from .abc_melody import take_out_other_voices
from .abc_notes import note_how_made
from .abc_places import PlacedTune, Setting, Syllable, Token
from .abc_style import FileVoiceWriter, Manner
from .abc_voices import with_voices
from .changes import Change, NotAnEditError, check_melody, segments, sings_melody

_BLANK_AFTER_HYPHEN = re.compile(r"(?<!\\)- (?=[^*_])")
_ORDER = re.compile("P:[^%]*[A-Za-z0-9)]")
_SEPARATOR = re.compile("(?<=[A-Za-z0-9)])[ .]+(?=[A-Za-z(])")
_TAKE_TIME = (*SOUNDING, "bar_rest")
_FRAME = ("bar", "ending", "field")


def splice(source: bytes, before: Piece, after: Piece, change: Change, number: int | None = None) -> bytes:
    """The bytes of an ABC file with an edit of one of its tunes written into it.

    Args:
        before: The tune as it was read from the file.
        after: The tune after the edit.
        number: Of the tune among those of the file that can be read, from 1; None finds it.

    Raises:
        NotAnEditError: the tune is not in the file, or cannot be written into its text.
    """
    why = ""
    for is_explicit, writes_struck in ((False, False), (False, True), (True, True)):
        file = AbcFile.parse(source)
        place, tune = _found(file.lines, before, number)
        if any(line.startswith("s:") for line in tune.lines):
            raise NotAnEditError("its symbols stand in lines of their own (s:)")
        spliced = _Splice(file, tune, before, after, change, is_explicit, writes_struck)
        spliced.write()
        why = what_is_wrong(file.edited_lines(), place, before, spliced.after, change)
        if not why:
            return file.edited()
    raise NotAnEditError(f"its text cannot be edited: {why}")


def for_melody(source: bytes, before: Piece, after: Piece, number: int | None) -> tuple[bytes, Piece]:
    """A file and its tune as an edit takes them: with the first voice alone where that is harmonised and other voices
    are left out.

    Raises:
        NotAnEditError: the tune is not in the file, or its first voice cannot stand alone.
    """
    if len(before.voices) == 1 or not sings_melody(before, after):
        return source, before
    file = AbcFile.parse(source)
    place, tune = _found(file.lines, before, number)
    take_out_other_voices(file, tune)
    alone = [*tunes_in(file.edited_lines(), PlacedTune)][place].read()
    check_melody(alone, before)
    return file.edited(), alone


def tune_alone(content: bytes, number: int) -> bytes:
    """A tune of an ABC file as one that can be read alone, in UTF-8; `number` counts from 1."""
    tune = [*tunes_in(list(AbcFile.parse(content).lines), PlacedTune)][number - 1]
    return (tune.text.rstrip("\n") + "\n").encode()


def _found(lines: Sequence[str], piece: Piece, number: int | None) -> tuple[int, PlacedTune]:
    """The tune of a file that is a piece, and how many stand before it."""
    tunes = [*enumerate(tunes_in(list(lines), PlacedTune))]
    if number is not None:  # it is most likely this one
        tunes.sort(key=lambda each: abs(each[0] - number + 1))
    for place, tune in tunes:
        try:
            if tune.read() == piece:
                return place, tune
        except AbcSyntaxError:
            continue
    raise NotAnEditError("the tune is not in the file, or the file has changed since")


class _Splice:
    """One edit on its way into a file.

    Args:
        is_explicit: Every note has its accidental.
        writes_struck: Bars are written anew too where notes are struck that were held into them: these may lack their
            accidentals.

    Attributes:
        after: The tune after the edit, with those chords in bars that follow which stand in the text.
    """

    def __init__(
        self, file: AbcFile, tune: PlacedTune, before: Piece, after: Piece, change: Change,
        is_explicit: bool, writes_struck: bool,
    ) -> None:  # fmt: skip
        self._file = file
        self._tune = tune
        self._before = before
        self._change = change
        self._is_explicit = is_explicit
        self._writes_struck = writes_struck
        self._habits = Habits.of(tune, file.lines, before.bars)
        self.after = _with_symbols(after, len(before.bars), self._habits)
        self._tokens: dict[tuple[str, int], list[Token]] = defaultdict(list)
        for token in tune.tokens:
            self._tokens[token.voice, token.bar].append(token)
        self._edits: dict[int, list[tuple[int, int, str]]] = defaultdict(list)

    @property
    def _appended(self) -> range:
        """Indices of the bars that follow."""
        return range(len(self._before.bars), len(self.after.bars))

    def write(self) -> None:
        """Write the edit into the file."""
        for voice, name in enumerate(self._tune.voice_ids):
            self._rewrite(voice, name)
        for line, edits in self._edits.items():
            text = self._file.lines[line]
            for start, end, new in sorted(edits, reverse=True):
                text = text[:start] + new + text[end:]
            self._file.replace(line, text if text.strip() else None)
        if self._change.appended:
            self._append()
        note_how_made(self._file, self._tune, self.after.made)
        if self._change.voices_added:
            with_voices(self._file, self._tune, self.after, self._change, self._habits, self._is_explicit)

    def _rewrite(self, voice: int, name: str) -> None:
        """Write the changed bars of a voice."""
        kept = self._change.voices[voice]
        pairs = [*zip(segments(self._before, voice), segments(self.after, kept), strict=False)]
        has_symbols = self._has_symbols(voice, name)
        takes_chords = has_symbols and self._change.has_new_chords
        changed = [
            index
            for index in (range(len(pairs)) if self._writes_struck else self._change.indices)
            if pairs[index][0] != pairs[index][1]
            or (takes_chords and self._before.bars[index].chords != self.after.bars[index].chords)
        ]
        if not changed:
            return
        rests = {index: rest for index in changed if (rest := self._rest_of_bars(name, index))}
        tokens = {index: self._content(name, index) for index in changed if index not in rests}
        manner = replace(
            self._manner(name, has_symbols),
            has_jumps=[index for index in tokens if any(token.has_jump for token in tokens[index])],
        )
        writer = FileVoiceWriter(self.after, kept, manner)
        for index, held in tokens.items():
            runs = _runs(held)
            cuts = self._cuts(index, runs)
            self._rewrite_bar(runs, writer.bar(index, cuts))
            self._rewrite_words(name, index, writer, runs, cuts)
        for layer in self._tune.layers_of(name):
            self._silence(layer, changed)
        for rest in {rest.order: rest for rest in rests.values()}.values():
            self._split_rest(name, rest, [index for index in rests if rests[index] is rest], writer)

    def _silence(self, layer: str, indices: Sequence[int]) -> None:
        """Leave nothing of a layer, a voice of its own, in bars whose voice was written with all that sounds there."""
        for index in indices:
            tokens = self._content(layer, index)
            if all(token.kind == "rest" for token in tokens):
                continue
            unit = self._tune.settings[layer, tokens[0].bar].unit_length
            length = Fraction(self._before.bars[index].length * UNITS_PER_TICK, unit)
            self._rewrite_bar(_runs(tokens), [f"x{length}"])

    def _rest_of_bars(self, name: str, index: int) -> Token | None:
        """The rest over several bars that a bar is in."""
        for bar in self._tune.bars_of(name, index)[:1]:
            for token in self._tune.tokens:
                is_rest = token.kind == "bar_rest" and token.value > 1 and token.voice == name and token.start >= 0
                if is_rest and token.bar <= bar < token.bar + token.value:
                    return token
        return None

    def _split_rest(self, name: str, rest: Token, indices: Sequence[int], writer: FileVoiceWriter) -> None:
        """Write bars in the place of some of a rest of several bars, and rests for the others."""
        own = {bar: index for index in indices for bar in self._tune.bars_of(name, index)[:1]}
        parts = []
        for is_silent, bars in groupby(range(rest.bar, rest.bar + rest.value), key=lambda bar: bar not in own):
            if is_silent:
                count = len([*bars])
                parts.append(rest.text[0] + (str(count) if count > 1 else ""))
                continue
            for bar in bars:
                parts.append(" ".join(writer.bar(own[bar])))
                self._rewrite_words(name, own[bar], writer, [[rest]], ())
        bar_line = f"{self._habits.before_bar_line}|{self._habits.after_bar_line}"
        signs = [token.start for token in self._tokens[name, rest.bar] if token.line == rest.line and rest.bar in own]
        self._edits[rest.line].append((min([rest.start, *signs]), rest.end, bar_line.join(parts)))

    def _manner(self, name: str, has_symbols: bool) -> Manner:
        settings: dict[int, Setting] = {}
        for index in range(len(self._before.bars)):
            for bar in self._tune.bars_of(name, index)[:1]:
                if setting := self._tune.settings.get((name, bar)):
                    settings[index] = setting
        if not settings:
            raise NotAnEditError(f"voice {name} has no music in the file")
        last = settings[max(settings)]
        for index in self._appended:
            key = self.after.bars[index].key
            is_same = key == self._before.bars[-1].key
            written = key.shifted(-fifths_of_transposition(last.transposition))
            settings[index] = last if is_same else replace(last, alterations=signature_of(written))
        return Manner(settings, self._habits, has_symbols, is_explicit=self._is_explicit)

    def _has_symbols(self, voice: int, name: str) -> bool:
        """Whether chord symbols stand over a voice: where the file has them, else over the first."""
        carriers = {token.voice for token in self._tune.tokens if token.chord_symbols}
        return name in carriers if carriers else voice == 0

    def _content(self, name: str, index: int) -> list[Token]:
        """The tokens of a bar that are replaced."""
        number = self._before.bar_numbers[index]
        bars = self._tune.bars_of(name, index)
        tokens = [token for bar in bars for token in self._tokens[name, bar] if token.kind not in _FRAME]
        if not bars:  # a bar line is missing in this voice
            tokens = self._between(name, *self._tune.times[index : index + 2])
        while tokens and (tokens[0].belongs_to_last or tokens[0].is_jump):
            tokens.pop(0)
        last = max((place for place, token in enumerate(tokens) if token.kind in _TAKE_TIME), default=-1)
        tokens[last + 1 :] = [token for token in tokens[last + 1 :] if not (token.belongs_to_next or token.is_jump)]
        if not tokens:
            raise NotAnEditError(f"bar {number} of voice {name} has no text of its own in the file")
        if tokens[0].start < 0 or any(token.kind == "bar_rest" and token.value > 1 for token in tokens):
            raise NotAnEditError(f"bar {number} of voice {name} is written together with its neighbours")
        return tokens

    def _between(self, name: str, start: int, end: int) -> list[Token]:
        """The tokens of a voice from the first that sounds at a time to the last that does before another time."""
        own = [token for token in self._tune.tokens if token.voice == name and token.kind not in _FRAME]
        sounding = [place for place, token in enumerate(own) if token.kind in SOUNDING and start <= token.time < end]
        return own[sounding[0] : sounding[-1] + 1] if sounding else []

    def _cuts(self, index: int, runs: Sequence[Sequence[Token]]) -> list[int]:
        """The onsets of a bar at which it goes on in another line."""
        start = self._tune.times[index]
        turns = [after[0] for before, after in pairwise(runs) if before[0].line != after[0].line]
        cuts = [(token.time - start) // UNITS_PER_TICK for token in turns]
        is_possible = all((token.time - start) % UNITS_PER_TICK == 0 for token in turns) and cuts == sorted(
            {*cuts} - {0}
        )
        return cuts if is_possible else []

    def _rewrite_bar(self, runs: Sequence[Sequence[Token]], parts: list[str]) -> None:
        """Put the parts of a bar in the place of its tokens: each at the start of a line, else all at the first."""
        lines = {run[0].line: run for run in reversed(runs)}
        text_of = dict(zip(sorted(lines), parts if len(parts) == len(lines) else [" ".join(parts)], strict=False))
        for run in runs:
            text = text_of.pop(run[0].line, "")
            self._edits[run[0].line].append((run[0].start, run[-1].end, text))

    def _rewrite_words(
        self, name: str, index: int, writer: FileVoiceWriter, runs: Sequence[Sequence[Token]], cuts: Sequence[int]
    ) -> None:
        """Write the words beneath a bar that was just written."""
        start, end = self._tune.times[index : index + 2]
        own = [each for each in self._tune.syllables if each.voice == name and each.onset is not None]
        beneath = [each for each in own if start <= (each.onset or 0) < end]
        left: dict[int, list[str]] = {}  # of a verse, which may go on in a further line
        for (verse, line), group in groupby(beneath, key=lambda each: (each.verse, each.line)):
            there = [*group]
            if cuts:
                parts = {bisect_right(cuts, ((each.onset or 0) - start) // UNITS_PER_TICK) for each in there}
                new = [text for onset, text in writer.words(index, verse) if bisect_right(cuts, onset) in parts]
            else:
                waiting = left.setdefault(verse, [text for _, text in writer.words(index, verse)])
                has_more = any(each.verse == verse and each.line > line for each in beneath)
                new = waiting[: len(there) if has_more else None]
                del waiting[: len(new)]
            if new != [each.text for each in there]:
                goes_on = any(each.line == line and each.start > there[-1].start for each in own)
                text = " ".join(new) if goes_on else " ".join(new).rstrip("* ")
                self._replace_words(line, there, text)
        for part, run in enumerate(run for run in runs if cuts or run is runs[0]):
            if not any(token.kind in SOUNDING and token.kind != "rest" for token in run):
                count = sum(bisect_right(cuts, onset) == part for onset, _ in writer.words(index, 1))
                self._skip_words(name, run[0].line, end, count)

    def _skip_words(self, name: str, line: int, time: int, count: int) -> None:
        """Leave notes without words that stand in a line before a time, where there were only rests."""
        notes = {token.time for token in self._tune.tokens if token.line == line and token.kind in SOUNDING}
        later = [each for each in self._tune.syllables if each.voice == name and (each.onset or 0) >= time]
        for _, group in groupby((each for each in later if each.onset in notes), key=lambda each: each.line):
            first = next(group)
            self._edits[first.line].append((first.start, first.start, "* " * count))

    def _replace_words(self, line: int, there: Sequence[Syllable], text: str) -> None:
        if not self._habits.splits_words:
            text = _BLANK_AFTER_HYPHEN.sub("-", text)
        start, end = there[0].start, there[-1].end
        content = self._file.lines[line]
        following = content[end : end + 1]
        if following.strip() and text and not text.endswith("-"):
            text += " "
        if not text and not (content[2:start] + content[end:]).strip() and content[0] != "+":
            text = "*"
        self._edits[line].append((start, end, text))

    def _append(self) -> None:
        """Write the bars that follow."""
        names = sorted(self._tune.voice_ids, key=lambda name: self._tune.last_lines[name])
        lines = {name: self._new_lines(name) for name in names}
        new: list[str] = []
        order = [name for name, _ in groupby(self._tune.tokens, key=lambda token: token.voice)]
        below = {name: self._words_to_come(name) for name in names}
        if len(names) == 1:
            for text in lines[names[0]]:
                new += [self._prefix(names[0]) + text, *below[names[0]]]
        elif len(order) > len(names):  # one system after the other
            for system in zip(*lines.values(), strict=True):
                for name, text in zip(lines, system, strict=True):
                    new += [*self._labelled(name, text), *below[name]]
        else:
            for name, (first, *others) in lines.items():
                new += [*self._labelled(name, first), *below[name]]
                new += [line for text in others for line in (text, *below[name])]
        self._file.insert_after(self._last_line(), [*self._new_part(), *new])

    def _new_part(self) -> list[str]:
        """The label of the bars that follow, where they are a part; the header's order of parts goes on with it."""
        label = part_text(self.after.bars[self._appended.start])
        if not label:
            return []
        for line in range(self._tune.key_line, self._tune.first_line, -1):
            text = self._file.lines[line]
            if found := _ORDER.match(text):
                separator = _SEPARATOR.search(text, len("P:"), found.end())
                order = found[0] + (separator[0] if separator else "") + label
                self._file.replace(line, order + text[found.end() :])
                break
        return [] if self._lacks_bar_line else [f"P:{label}"]

    @property
    def _lacks_bar_line(self) -> bool:
        """Whether the tune's text does not end with a bar line, so that no line of its own can label what follows."""
        return [token for token in self._tune.tokens if token.kind != "field"][-1].kind != "bar"

    def _last_line(self) -> int:
        """The last line of the tune, which words and comments may be after those of its music."""
        line = max(self._tune.last_lines.values())
        following = self._file.lines[line + 1 :]
        return line + sum(1 for _ in takewhile(lambda text: text.strip() and not text.startswith("X:"), following))

    def _new_lines(self, name: str) -> list[str]:
        """The lines of a voice after its last bar."""
        voice = self._tune.voice_ids.index(name)
        kept, first = self._change.voices[voice], len(self._before.bars)
        bars = [replace(bar, part="") for bar in self.after.bars]
        piece = replace(self.after, bars=tuple(bars), part_order=())
        manner = replace(self._manner(name, self._has_symbols(voice, name)), has_jumps=self._appended)
        writer = FileVoiceWriter(piece, kept, manner)
        per_line = self._habits.bars_per_line
        lines = [writer.line(first + begin, first + stop) for begin, stop in systems(piece.bars[first:], per_line)]
        written = self._bars_written(name)
        rests = writer.line(written, first) + self._habits.after_bar_line if written < first else ""
        label = part_text(self.after.bars[first]) if self._lacks_bar_line else ""
        begin = rests + (f"[P:{label}] " if label else "")
        return [self._missing_bar_line(name, writer, written) + begin + lines[0], *lines[1:]]

    def _bars_written(self, name: str) -> int:
        """How many bars of the piece a voice has text for; it may be silent from there on."""
        time = self._tune.voice(name).time
        if time not in self._tune.times:
            raise NotAnEditError(f"voice {name} ends before the others, and in the middle of a bar")
        return self._tune.times.index(time)

    def _missing_bar_line(self, name: str, writer: FileVoiceWriter, written: int) -> str:
        """The bar line that the text lacks after its last bar."""
        last = [token for token in self._tune.tokens if token.voice == name and token.kind != "field"][-1]
        wanted = writer.closing(written - 1)
        if last.kind == "bar" and (wanted == "|" or last.text != "|"):
            return ""
        return wanted + self._habits.after_bar_line

    def _prefix(self, name: str) -> str:
        """What stands before the last line of music of a voice: a V: in brackets, or nothing."""
        last = [token for token in self._tune.tokens if token.voice == name and token.kind != "field"][-1]
        first = next(token for token in self._tune.tokens if token.line == last.line)
        if first.kind != "field" or first.value[0] != "V":
            return ""
        has_name_alone = first.value[1].split() == [name]
        text = self._file.lines[last.line]
        following = text[first.end :]
        blank = following[: len(following) - len(following.lstrip())]
        return (text[: first.end] if has_name_alone else f"[V:{name}]") + blank

    def _words_to_come(self, name: str) -> list[str]:
        """The line beneath a new one of a voice that has words, without which abc2midi complains: none so far."""
        found = [self._file.lines[syllable.line] for syllable in self._tune.syllables if syllable.voice == name]
        return ["w: *" if found[-1].startswith("w: ") else "w:*"] if found else []

    def _labelled(self, name: str, text: str) -> list[str]:
        """A line of music that says whose it is, as the file does."""
        prefix = self._prefix(name)
        return [prefix + text] if prefix else [f"V:{name}", text]


def _runs(tokens: Sequence[Token]) -> list[list[Token]]:
    """Tokens that follow each other in a line."""
    groups = groupby(enumerate(tokens), key=lambda each: (each[1].line, each[1].order - each[0]))
    return [[token for _, token in group] for _, group in groups]


def _with_symbols(piece: Piece, first: int, habits: Habits) -> Piece:
    """The piece with those chords from a bar on that the writer of the file would have written."""
    bars = list(piece.bars)
    last = next((bar.chords[-1] for bar in reversed(bars[:first]) if bar.chords), None)
    for index in range(first, len(bars)):
        kept = []
        for chord in bars[index].chords if habits.has_symbols else ():
            is_new = last is None or (chord.label, chord.bass) != (last.label, last.bass)
            if is_new or habits.repeats_symbols:
                kept.append(chord)
            last = chord
        bars[index] = replace(bars[index], chords=tuple(kept))
    return replace(piece, bars=tuple(bars))
