"""The command line: what it writes, and one clear line with exit code 2 for what cannot be."""

import json
import re
import shlex
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete
from conftest import Feed

from remi_two_stage.cli import application, main
from remi_two_stage.cli.flags import Command
from remi_two_stage.core.errors import UnlearntStyleWarning
from remi_two_stage.core.plan import Plan
from remi_two_stage.core.signatures import Key, Meter
from remi_two_stage.score_files import read_score


def test_compose_writes_the_same_tune_in_three_formats(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "new" / "folder"
    options = ["--style", "jig", "--key", "D", "--meter", "6/8", "--bars", "8", "--seed", "1"]
    assert main(["compose", *options, "--output", str(folder)]) == 0
    printed = capsys.readouterr()
    assert "chord plan, 8 bars in D major, 6/8, seed 1" in printed.out
    assert re.search(r"plan .* 8/8 bars", printed.err)
    assert re.search(r"notes .* 8/8 bars", printed.err)
    abc, midi, musicxml = (folder / f"jig-in-d-major-1{suffix}" for suffix in (".abc", ".mid", ".musicxml"))
    (piece,) = read_score(abc)
    assert (piece.bar_count, piece.key, piece.meter, piece.style) == (8, Key("D"), Meter(6, 8), "jig")
    assert read_score(musicxml)[0].note_list() == piece.note_list()
    played = [(onset, pitch) for _, onset, _, pitch in piece.note_list(unfold_repeats=True)]
    assert [(onset, pitch) for _, onset, _, pitch in read_score(midi)[0].note_list()] == played
    assert all(str(path) in printed.out for path in (abc, midi, musicxml))


def test_realize_keeps_the_chords_that_were_typed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    typed = "|: D | G A7 | D | A :|"
    assert main(["realize", typed, "--key", "D", "--style", "reel", "--seed", "2", "--output", str(tmp_path)]) == 0
    (path,) = tmp_path.glob("*.abc")
    (piece,) = read_score(path)
    assert Plan.of(piece).text(names=True) == typed
    assert "seed 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("", "tune"),
        ("../../etc/passwd", "etc-passwd"),
        ("C:/con", "c-con"),
        ("...", "tune"),
        ("-rf *", "rf"),
        ("\x1b[2J\u202e<b>`id`", "2j-b-id"),
        ("Reel in F# minor", "reel-in-f-sharp-minor"),
        ("a" * 5_000, "a" * 80),
        ("#" * 500, ("-sharp" * 14)[:80].strip("-")),
        ("Ääkkönen", "ääkkönen"),
        ("𝔸ア" * 200, "𝔸ア" * 11),
    ],
    ids=ascii,
)
def test_titles_become_file_names_and_nothing_else(title: str, name: str, tmp_path: Path, feed: Feed) -> None:
    tune = f'X:1\nT:{title}\nM:2/4\nL:1/4\nK:C\n"C"CE|\n'
    (tmp_path / "tune.abc").write_text(tune, encoding="utf-8")
    out = tmp_path / "out"
    feed(tune.encode())
    assert main(["rewrite", "-", "1-1", "--seed", "4294967295", "--output", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {f"{name}-4294967295{end}" for end in (".abc", ".mid", ".musicxml")}
    assert {path.name for path in tmp_path.iterdir()} == {"tune.abc", "out"}


@pytest.mark.parametrize(
    ("source", "tune", "name"),
    [
        ("Kitty's Frolics.abc", "X:1\nT:Another name\n", "Kitty's Frolics-7.abc"),
        ("book.of.jigs.abc", "X:1\nT:One\nK:C\nC4|\n\nX:2\nT:Two\n", "book.of.jigs-2-7.abc"),
    ],
)
def test_files_of_edited_tunes_are_called_as_the_file_that_they_come_from(
    source: str, tune: str, name: str, tmp_path: Path
) -> None:
    (tmp_path / source).write_text(tune + 'M:2/4\nL:1/4\nK:C\n"C"CE|"G7"DB,|"C"C2|]\n')
    options = ["--seed", "7", "--formats", "abc", "--output", str(tmp_path / "out")]
    options += ["--tune", "2"] if "X:2" in tune else []
    for command in (["extend", "--bars", "1"], ["rewrite", "1"], ["harmonize", "--voices", "M,B"]):
        assert main([command[0], str(tmp_path / source), *command[1:], *options]) == 0
        (written,) = (tmp_path / "out").iterdir()
        assert written.name == name
        written.unlink()


def test_plan_prints_a_plan_that_can_be_typed_again(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", "--style", "reel", "--key", "G", "--bars", "8", "--seed", "3"]) == 0
    title, *lines = capsys.readouterr().out.splitlines()
    assert title == "chord plan, 8 bars in G major, 2/2, seed 3"
    columns = [line.split("    ") for line in lines]
    roman = Plan.parse(" ".join(column[0] for column in columns), Key("G"), Meter(2, 2))
    names = Plan.parse(" ".join(column[-1] for column in columns), Key("G"), Meter(2, 2))
    assert roman == names
    assert roman.bar_count == 8


def test_several_tunes_have_seeds_in_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "--bars", "2", "--seed", "5", "--count", "3", "--output", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.glob("*.abc")) == [f"jig-in-d-major-{seed}.abc" for seed in (5, 6, 7)]
    alone = tmp_path / "alone"
    assert main(["compose", "--bars", "2", "--seed", "6", "--output", str(alone)]) == 0
    assert (alone / "jig-in-d-major-6.abc").read_text() == (tmp_path / "jig-in-d-major-6.abc").read_text()


def test_tunes_that_are_composed_are_kept_when_the_next_ones_are_interrupted(tmp_path: Path) -> None:
    options = ["--bars", "1", "--candidates", "64", "--count", "100", "--seed", "5", "--output", str(tmp_path)]
    command = (
        "import signal, sys; from remi_two_stage.cli import main; "
        "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main(sys.argv[1:]))"  # shells ignore it: &
    )
    process = subprocess.Popen([sys.executable, "-c", command, "compose", *options], stderr=subprocess.PIPE)
    while not (tmp_path / "jig-in-d-major-6.musicxml").exists():
        assert process.poll() is None
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate()
    assert process.returncode == 130
    assert b"interrupted" in errors
    assert read_score(tmp_path / "jig-in-d-major-5.abc")[0].bar_count == 1


@pytest.mark.parametrize("name", ["new.doc/", "there.doc", "new", "new.abc/"])
def test_folders_may_be_called_like_files(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.doc").mkdir()
    assert main(["realize", "D | G", "--seed", "1", "--formats", "abc", "--output", name]) == 0
    assert [path.suffix for path in (tmp_path / name).iterdir()] == [".abc"]


def test_a_tune_is_extended_rewritten_and_harmonised(tmp_path: Path) -> None:
    source = tmp_path / "waltz.abc"
    source.write_text("X:1\nT:Waltz\nM:3/4\nL:1/4\nK:D\nFAd|f2e|dcB|A3|GBd|c2B|A2G|F3|]\n")
    (waltz,) = read_score(source)
    seed = ["--seed", "1", "--output", str(tmp_path / "out")]
    written = tmp_path / "out" / "waltz-1.abc"
    assert main(["extend", str(source), "--bars", "4", *seed]) == 0
    (longer,) = read_score(written)
    assert longer.bar_count == 12
    assert longer.note_list()[: len(waltz.note_list())] == waltz.note_list()
    assert main(["rewrite", str(source), "3-4", "--chords", "G | A7", *seed]) == 0
    (changed,) = read_score(written)
    assert [bar.notes for bar in changed.bars[4:]] == [bar.notes for bar in waltz.bars[4:]]
    assert [bar.chords[0].label for bar in changed.bars[2:4]] == ["IV", "V7"]
    assert main(["harmonize", str(source), "--voices", "S,B", *seed]) == 0
    (duet,) = read_score(written)
    assert [note[1:] for note in duet.note_list() if note[0] == "S"] == [note[1:] for note in waltz.note_list()]


def test_nothing_is_imported_that_the_request_does_not_need(tmp_path: Path) -> None:
    """What takes seconds to load: torch for the help, music21 where no MusicXML is wanted."""
    steps = (
        "import sys; from remi_two_stage.cli import main; main(['compose', '--help'])",
        "from remi_two_stage import Plan, write_score; from pathlib import Path",
        f"folder, piece = Path({str(tmp_path)!r}), Plan.parse('I | V').skeleton",
        "write_score(piece, folder / 'tune.abc'); write_score(piece, folder / 'tune.mid')",
        "print([name for name in ('torch', 'transformers', 'datasets', 'music21') if name in sys.modules])",
    )
    ran = subprocess.run([sys.executable, "-c", "; ".join(steps)], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"


def test_tokens_prints_the_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens"]) == 0
    assert "<PhraseStart> <RepeatStart> <RepeatEnd> <EndingEnd> <BarStart>" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compose", "--meter", "7/0"], "there is no metre 7/0"),
        (["compose", "--key", "H"], "there is no key 'H'"),
        (["compose", "--bars", "0"], "cannot write 0 bars; ask for 1 to 64"),
        (["compose", "--bars", "10000"], "cannot write 10000 bars"),
        (["compose", "--seed", "-1"], "the seed -1 is out of range"),
        (["compose", "--seed", "9" * 20], "it is a whole number from 0 to 4611686018427387903"),
        (["compose", "--style", "polonaise"], "there is no style 'polonaise'"),
        (["compose", "--model", "no-such-folder"], "there is no model 'no-such-folder'"),
        (["compose", "--output", __file__], "is a file; name a folder"),
        (["compose", "--output", f"{__file__}/tunes"], "/tunes' cannot be created: "),
        (["compose", "--output", f"{__file__}/tune.abc"], "test_cli.py' is a file"),
        (["compose", "--count", "0"], "--count is 0; it must be from 1 to 1000"),
        (["compose", "--output", "tune.abc", "--count", "2"], "'tune.abc' is one file; name a folder for several"),
        (["compose", "--output", "-", "--formats", "abc,mid"], "one tune in one format"),
        (["compose", "--output", "-", "--json"], "choose --output - or --json"),
        (["compose", "--output", "x.doc"], "cannot write '.doc'; known are .abc"),
        (["compose", "--output", "x.doc"], "for a folder of that name, write x.doc/"),
        (["realize", "D | G", "--output", "tunes/x.gif", "--formats", "abc"], "cannot write '.gif'; known are .abc"),
        (["rewrite", "TUNE", "2", "--output", "x.musixml"], "did you mean .musicxml?; for a folder"),
        (["compose", "--formats", "abc,doc"], "cannot write '.doc'; known are .abc"),
        (["compose", "--candidates", "0"], "cannot choose among 0 candidates; ask for 1 to 64"),
        (["realize", __file__], "is a file and no plan; have it read with realize - < "),
        (["render", "TUNE", "folder"], "cannot write a file whose name has no ending; known are .abc"),
        (["render", "TUNE", "TUNE"], "is FILE itself; name another file"),
        (["render", "TUNE", "-", "--json"], "standard output cannot hold both a tune and JSON"),
        (["show", "tune.txt"], "; if this is ABC, give it a name that ends in .abc"),
        (["realize", "(D) A | D"], "'A' stands behind a pick-up; write | after its )"),
        (["realize", "chord plan, 2 bars in D major, 4/4, seed 1\n  I | V |    D | A |"], "alone, by plan --quiet"),
        (["realize", "I | Xv"], "bar 2: there is no chord 'Xv'"),
        (["extend", "no-such.abc"], "no-such.abc"),
        (["rewrite", "TUNE", "9-4"], "the bars are '9-4'; write the first and the last, such as 5-8, or one number; "),
        (["rewrite", "TUNE", "3-99"], "such as 5-8, or one number; the tune has 24 bars"),
        (["rewrite", "TUNE", "0"], "the bars are '0'; write the first and the last, such as 5-8, or one number"),
        (["rewrite", "TUNE", "3", "--chords", "Hm7"], "error: bar 3: there is no chord 'Hm7'"),
        (["rewrite", "TUNE", "20–99"], "the bars are '20–99'; write the first and the last, such as 5-8"),
        (["rewrite", "TUNE", "all"], "the bars are 'all'; write the first and the last, such as 5-8"),
        (["harmonize", "TUNE", "--tune", "9"], "there is no tune 9 in"),
        (["train", "--corpus", "no-such-folder", "--output", "out"], "no-such-folder"),
        (["train", "--corpus", "music21"], "--output must be given, directly or in a --config file"),
        (["train", "--config", "no-such.json"], "the config 'no-such.json' cannot be read"),
        (["evaluate", "--data", "no-such-folder"], "no-such-folder"),
    ],
)
def test_what_cannot_be_gets_one_clear_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tune_books: dict[str, list[Path]],
) -> None:
    monkeypatch.chdir(tmp_path)
    tune = str(tune_books["ryansMammoth"][0])
    assert main([tune if argument == "TUNE" else argument for argument in arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("remi-two-stage: error: ")
    assert message in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "there is no ABC tune"), (b"\x00\x01MThd\x00", "this is no ABC text"), (b"just words\n", "no ABC tune")],
)
def test_a_corpus_that_is_no_music_is_named(
    content: bytes, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "tunes.abc"
    corpus.write_bytes(content)
    assert main(["train", "--corpus", str(corpus), "--output", str(tmp_path / "model")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert str(corpus) in error
    assert message in error


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepare", "--processes", "2"], "prepare: error: Missing option '--corpus'"),
        (["train", "--corpus", "music21", "--output", "x", "--stage", "all of it"], "is not one of 'all', 'planner'"),
        (["compose", "--bars", "x"], "Invalid value for '--bars': 'x' is not a valid integer"),
        (["compose", "--colour", "red"], "No such option '--colour'"),
        (["rewrite", "tune.abc"], "Missing argument 'BARS'"),
        (["sing"], "No such command 'sing'"),
        (["completion", "tcsh"], "'tcsh' is not one of 'bash', 'zsh', 'fish'"),
        (["completion"], "Missing argument '{bash|zsh|fish}'. Choose from: bash, zsh, fish; "),
    ],
)
def test_options_that_cannot_be_get_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert "--help" in line


@pytest.mark.parametrize("command", application.commands.values(), ids=lambda command: command.name)
def test_every_command_explains_itself_by_examples_it_understands(
    command: click.Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command.name or "", "--help"]) == 0
    shown = capsys.readouterr().out
    assert isinstance(command, Command)
    assert command.examples
    for line, purpose in command.examples:
        assert f"  {purpose}:\n    {line}\n" in shown
        calls = re.split(r"remi-two-stage (?=[a-z])", line)[1:]
        assert calls
        for call in calls:
            understand(re.sub(r" \|? *$|[<>)].*", "", call))


def understand(call: str) -> None:
    """Read the words after `remi-two-stage` without doing what they say."""
    name, *words = shlex.split(call)
    application.commands[name].make_context(
        name, words, parent=click.Context(application, **application.context_settings)
    )


def test_json_is_all_that_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--bars", "2", "--seed", "4", "--json"]
    assert main(["compose", *options, "--count", "2", "--output", str(tmp_path)]) == 0
    first, second = json.loads(capsys.readouterr().out)["pieces"]
    assert (first["seed"], second["seed"], first["key"], first["meter"], first["bars"]) == (4, 5, "Dmaj", "6/8", 2)
    for told in (first, second):
        abc = Path(told["files"][0])
        assert abc.read_text(encoding="utf-8") == told["abc"]
        (piece,) = read_score(abc)
        assert Plan.of(piece).text(names=True) == told["plan"]["names"]
    assert main(["plan", *options]) == 0
    assert json.loads(capsys.readouterr().out)["plan"] == first["plan"]
    assert main(["tokens", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["<BOS>"] == 2


def test_quiet_commands_print_what_was_asked_for_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compose", "--bars", "2", "--seed", "4", "--quiet", "--output", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")
    assert main(["plan", "--bars", "2", "--seed", "4", "--quiet"]) == 0
    printed = capsys.readouterr()
    assert Plan.parse(printed.out, Key("D"), Meter(6, 8)).bar_count == 2
    assert printed.err == ""


def test_an_output_with_an_ending_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "Tune.MusicXML"
    assert main(["compose", "--bars", "2", "--seed", "4", "--output", str(path)]) == 0
    assert read_score(path)[0].bar_count == 2
    assert [file.name for file in path.parent.iterdir()] == ["Tune.MusicXML"]


def test_show_prints_chords_over_bars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "tune.abc"
    path.write_text(
        'X:1\nT:Two Bars\nR:reel\nM:4/4\nL:1/8\nQ:1/4=120\nK:G\n"D7"D2|:"G"GABc "Am"A4|"D7"dcBA "G"G2"D7"D2:|\n'
        "\nX:2\nT:Other\nK:C\nC4|\n"
    )
    assert main(["show", str(path)]) == 0
    printed = capsys.readouterr()
    assert printed.out == (
        "Two Bars\n"
        "reel, G major, 4/4, 120 beats a minute, 2 bars after a pick-up\n"
        "\n"
        "   D7    G    Am   D7   G  D7\n"
        "1  D2 |: GABc A4 | dcBA G2 D2 :|\n"
    )
    assert "tune 1 of 2" in printed.err


def test_render_says_which_tune_of_several_it_took(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "book.abc"
    path.write_text("X:1\nT:One\nK:G\nG8|]\n\nX:2\nT:Two\nK:D\nD8|]\n")
    assert main(["render", str(path), str(tmp_path / "tune.mid")]) == 0
    assert capsys.readouterr().err == "tune 1 of 2; --tune takes another\n"


def test_show_names_the_voices_of_a_hymn(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hymn.abc"
    path.write_text('X:1\nM:4/4\nL:1/4\nK:F\nV:S\nV:A\n[V:S]"F"FGAB|"C"c4|\n[V:A]CDEF|E4|\n')
    assert main(["show", str(path)]) == 0
    assert capsys.readouterr().out == (
        "F major, 4/4, 2 bars, voices S A\n\n1  F             C\nS  F2 G2 A2 B2 | c8 |]\nA  C2 D2 E2 F2 | E8 |]\n"
    )


def test_show_prints_the_words_under_their_notes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "song.abc"
    path.write_text("X:1\nM:2/4\nL:1/4\nK:C\ncd|e2|]\nw:al-le-lu\nw:two three four\n")
    assert main(["show", str(path)]) == 0
    assert capsys.readouterr().out.endswith("1  c2 d2 | e4 |]\n   al-le-lu\n   two three four\n")


@pytest.mark.parametrize(
    ("options", "key", "first"),
    [
        (["--key", "F#"], "F# minor", 66),
        (["--key", "Ebm"], "Eb minor", 63),
        (["--key", "Bb"], "Bb minor", 70),
        (["--transpose", "-5"], "B minor", 59),
    ],
)
def test_a_tune_is_shown_and_rendered_in_another_key(options: list[str], key: str, first: int, tmp_path: Path) -> None:
    path, moved = tmp_path / "tune.abc", tmp_path / "moved.abc"
    path.write_text('X:1\nM:2/4\nL:1/4\nK:Em\n"Em"EG|"Am"A2|]\n')
    assert main(["render", str(path), str(moved), *options]) == 0
    (piece,) = read_score(moved)
    assert piece.key.spoken == key
    assert [note[3] - first for note in piece.note_list()] == [0, 3, 5]
    assert [bar.chords[0].label for bar in piece.bars] == ["i", "iv"]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--key", "Dmaj"], "is in E minor and cannot move to D major, .* another mode; name the tonic alone, D"),
        (["--key", "D", "--transpose", "2"], "--key is 'D' and --transpose 2; give one of them"),
        (["--key", "H"], "there is no key 'H'"),
        (["--transpose", "100"], "--transpose is 100, by which a note .*; for this tune it may be -64 to 58"),
        (["--transpose", "-65"], "--transpose is -65, .* it may be -64 to 58"),
    ],
)
def test_a_tune_moves_to_one_key_in_its_mode(
    options: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "tune.abc"
    path.write_text("X:1\nM:2/4\nL:1/4\nK:Em\nEG|A2|]\n")
    assert main(["show", str(path), *options]) == 2
    assert re.search(reason, capsys.readouterr().err)


def test_check_names_each_fault_of_each_tune(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = "T:Bad\nM:4/4\nL:1/2\nK:C\nV:S\nV:B\n[V:S] c | (c/d/) e | c2 |]\n[V:B] C, | C,/D,/ G,, | C,2 |]\n"
    path = tmp_path / "hymns.abc"
    path.write_text(f"X:1\n{bad}\nX:2\nT:Alone\nM:4/4\nL:1/2\nK:C\ncd|c2|]\n")
    assert main(["check", str(path)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Bad",
        "  bar 1, beat 2: parallel octaves: soprano and bass",
        "  3 changes of sound; in 100 of them: parallel octaves 33.3",
        "Alone",
        "  no two voices sound together",
    ]
    assert main(["check", str(path), "--json"]) == 0
    checked, alone = json.loads(capsys.readouterr().out)["tunes"]
    assert (checked["faults"][0]["rule"], checked["faults"][0]["voices"]) == ("parallel_octaves", ["S", "B"])
    assert alone["faults"] == []


def test_harmonize_says_where_it_moves_a_melody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "high.abc"
    path.write_text("X:1\nT:High\nM:3/4\nL:1/4\nK:Eb\nedc|e'dB|e3|]\n")
    options = ["--voices", "S,B", "--seed", "1", "--output", str(tmp_path / "out")]
    assert main(["harmonize", str(path), *options]) == 0
    moved = "the melody is outside the range of every voice: it moves 3 semitones down, to C major, and becomes S"
    assert moved in capsys.readouterr().out


def test_the_shell_completes_commands_flags_and_styles() -> None:
    def completed(*words: str) -> list[str]:
        completion = ShellComplete(application, {}, "remi-two-stage", "_REMI_TWO_STAGE_COMPLETE")
        return [item.value for item in completion.get_completions([*words[:-1]], words[-1])]

    assert completed("har") == ["harmonize"]
    assert completed("compose", "--gr") == ["--greedy"]
    assert completed("compose", "--style", "slip") == ["slip-jig"]
    assert completed("train", "--stage", "pl") == ["planner"]


def test_completion_prints_a_script_for_the_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "fish"]) == 0
    assert "_REMI_TWO_STAGE_COMPLETE=fish_complete" in capsys.readouterr().out


def test_a_mistake_of_ours_is_owned_with_exit_code_1(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr("remi_two_stage.cli.compose.Request.typed")
    assert main(["realize", "D"]) == 1
    *trace, line = capsys.readouterr().err.splitlines()
    assert trace[0].startswith("Traceback")
    assert line == "remi-two-stage: this is a bug in the program (AttributeError); please report it"


def test_ctrl_c_is_said(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("remi_two_stage.cli.compose.Request.typed", stop)
    assert main(["realize", "D"]) == 130
    assert capsys.readouterr().err.strip() == "remi-two-stage: interrupted"


def test_a_model_whose_training_was_stopped_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "arguments.json").write_text("{}")
    assert main(["compose", "--model", str(tmp_path), "--bars", "2"]) == 2
    assert "its training is not finished; run the command again that began it" in capsys.readouterr().err


def test_a_style_that_was_hardly_learnt_is_composed_and_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default", UnlearntStyleWarning)
        assert main(["compose", "--style", "polka", "--bars", "2", "--seed", "1", "--output", "-", "--quiet"]) == 0
    shown = capsys.readouterr()
    assert "R:polka" in shown.out
    assert shown.err.startswith("remi-two-stage: warning: the model has learnt too few tunes of the style 'polka'")
    assert shown.err.count("\n") == 1
