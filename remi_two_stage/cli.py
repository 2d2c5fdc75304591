"""The command `remi-two-stage`: a thin shell over the package, one function a command.

Exit codes: 0 done, 2 a request or an input that cannot be used (one line on standard error says why), 130 interrupted.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import secrets
import sys
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .core.errors import RemiError, RequestError
from .core.plan import Plan
from .data.arguments import Preparation
from .training.arguments import TrainingPlan

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from .composer import Composer, Progress
    from .core.piece import Piece
    from .requests import Sampling

Fields = TypeVar("Fields", bound="DataclassInstance")

MOST_AT_ONCE = 1000
OUTPUT_FORMATS = (".abc", ".mid", ".musicxml")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    options = build_parser().parse_args(arguments)
    try:
        options.command(options)
    except RemiError as error:
        print(f"remi-two-stage: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stopped:
        print(f"remi-two-stage: {stopped or 'interrupted'}", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """Says in one line what is wrong with the options."""

    def error(self, message: str) -> NoReturn:
        """Print the line and exit with code 2."""
        self.exit(2, f"{self.prog}: error: {message}; {self.prog} --help lists the options\n")


def build_parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    parser = _Parser(prog="remi-two-stage", description="Compose music in two stages: a chord plan, then the notes.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_compose(commands)
    _add_plan(commands)
    _add_realize(commands)
    _add_extend(commands)
    _add_rewrite(commands)
    _add_harmonize(commands)
    _add_prepare(commands)
    _add_train(commands)
    _add_evaluate(commands)
    tokens = commands.add_parser("tokens", help="print the vocabulary")
    tokens.set_defaults(command=_tokens)
    return parser


def _add_request(parser: argparse.ArgumentParser, style: str | None, key: str) -> None:
    style_help = f"such as jig, reel, waltz, hymn, chorale (default: {style or 'left open'})"
    parser.add_argument("--style", default=style, help=style_help)
    parser.add_argument("--key", default=key, help="tonic and mode, such as D, Am, Gmix (default: %(default)s)")
    parser.add_argument("--meter", help="such as 6/8, 4/4, C| (default: the style's own)")
    parser.add_argument("--tempo", type=float, help="quarter notes a minute")
    parser.add_argument("--voices", help="names separated by commas, such as S,A,T,B (default: the style's own)")
    _add_sampling(parser)


def _add_bars(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bars", type=int, default=16, help="1 to 64, pick-ups not counted (default: %(default)s)")


def _add_sampling(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, help="makes the result repeatable (default: a new one, printed)")
    parser.add_argument(
        "--temperature", type=float, default=0.9, help="above 1 bolder, below 1 tamer (default: %(default)s)"
    )
    parser.add_argument(
        "--top-k", type=int, default=0, help="draw from the k likeliest tokens, 0 from all (default: %(default)s)"
    )
    parser.add_argument(
        "--top-p",
        type=float,
        default=0.95,
        help="draw from the likeliest tokens with this share (default: %(default)s)",
    )
    parser.add_argument("--greedy", action="store_true", help="always take the likeliest token")
    parser.add_argument(
        "--candidates", type=int, default=1, help="write as many and keep the likeliest (default: %(default)s)"
    )
    parser.add_argument("--model", help="folder or Hub repository (default: the checkpoint in the package)")
    parser.add_argument("--int8", action="store_true", help="weights in 8 bits: faster with large models, other music")


def _add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", type=Path, default=Path("out"), help="folder for .abc, .mid and .musicxml (default: %(default)s)"
    )


def _add_compose(commands: Any) -> None:
    parser = commands.add_parser("compose", help="write a chord plan and the notes over it")
    _add_bars(parser)
    _add_request(parser, style="jig", key="D")
    parser.add_argument(
        "--count", type=int, default=1, help="how many, with seeds from --seed on (default: %(default)s)"
    )
    parser.add_argument(
        "--check-copying", action="store_true", help="warn of passages from the corpus that the model learnt from"
    )
    _add_output(parser)
    parser.set_defaults(command=_compose)


def _add_plan(commands: Any) -> None:
    parser = commands.add_parser("plan", help="write a chord plan and print it")
    _add_bars(parser)
    _add_request(parser, style="jig", key="D")
    parser.set_defaults(command=_plan)


def _add_realize(commands: Any) -> None:
    parser = commands.add_parser(
        "realize",
        help="write the notes over your own chord plan",
        epilog="Chords in a bar divide its beats; with / each item takes a beat and / holds: D / A7. Repeats and "
        "endings are |: :| [1 [2 as in ABC, (A7) is a pick-up of one beat, (A7 1/8) one of an eighth note.",
    )
    parser.add_argument("chords", help='such as "I | IV V7 | I" or, in the key, "D | G A7 | D"')
    _add_request(parser, style=None, key="C")
    _add_output(parser)
    parser.set_defaults(command=_realize)


def _compose(options: argparse.Namespace) -> None:
    from .requests import Request

    request = Request(bars=options.bars, **_request(options))
    if not 1 <= options.count <= MOST_AT_ONCE:
        raise RequestError(f"--count is {options.count}; it must be from 1 to {MOST_AT_ONCE}")
    composer, seed, sampling = _prepare(options)
    with _progress_bars() as progress:
        pieces = composer.compose_batch([request] * options.count, seed, sampling, progress)
    for number, piece in enumerate(pieces):
        _report(Plan.of(piece), seed + number)
        _write(piece, options.output, seed + number)
    if options.check_copying:
        _warn_of_copying(pieces, options.model, seed)


def _warn_of_copying(pieces: Sequence[Piece], model: str | None, seed: int) -> None:
    from .evaluation.copying import CopyingCheck

    check = CopyingCheck.for_model(model)
    for number, piece in enumerate(pieces):
        if (warning := check.warning(piece)) is not None:
            print(f"warning: seed {seed + number}: {warning}", file=sys.stderr)
    print(f"copying checked against {check.corpus_name}")


def _plan(options: argparse.Namespace) -> None:
    composer, seed, sampling = _prepare(options)
    with _progress_bars() as progress:
        plan = composer.plan(bars=options.bars, **_request(options), seed=seed, sampling=sampling, progress=progress)
    _report(plan, seed)


def _realize(options: argparse.Namespace) -> None:
    composer, seed, sampling = _prepare(options)
    with _progress_bars() as progress:
        piece = composer.realize(options.chords, **_request(options), seed=seed, sampling=sampling, progress=progress)
    _report(Plan.of(piece), seed)
    _write(piece, options.output, seed)


def _add_score(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("score", type=Path, help="an .abc, .mid, .musicxml, .mxl or .krn file")
    parser.add_argument("--tune", type=int, default=1, help="which tune of the file (default: the first)")


def _add_extend(commands: Any) -> None:
    parser = commands.add_parser("extend", help="go on with a tune")
    _add_score(parser)
    parser.add_argument("--bars", type=int, default=8, help="how many to add, 1 to 63 (default: %(default)s)")
    _add_sampling(parser)
    _add_output(parser)
    parser.set_defaults(command=_extend)


def _add_rewrite(commands: Any) -> None:
    parser = commands.add_parser("rewrite", help="write some bars of a tune anew; all others stay")
    _add_score(parser)
    parser.add_argument("bars", help="the first and the last bar, such as 5-8, or one; a pick-up is not counted")
    parser.add_argument("--chords", help='new chords for these bars, such as "IV | V7 | I" (default: those there)')
    _add_sampling(parser)
    _add_output(parser)
    parser.set_defaults(command=_rewrite)


def _add_harmonize(commands: Any) -> None:
    parser = commands.add_parser("harmonize", help="add chords and further voices to a melody, which stays as it is")
    _add_score(parser)
    parser.add_argument(
        "--plan",
        help='chords, one bar after another, such as "I | V7 | I"; inferred: those heard in the melody; planned: those '
        "that the planner writes for it (default: the melody's own, or planned)",
    )
    parser.add_argument("--voices", default="S,A,T,B", help="names separated by commas (default: %(default)s)")
    parser.add_argument("--style", help="such as chorale or hymn (default: chorale for four voices)")
    _add_sampling(parser)
    _add_output(parser)
    parser.set_defaults(command=_harmonize)


def _extend(options: argparse.Namespace) -> None:
    piece = _score(options)
    composer, seed, sampling = _prepare(options)
    with _progress_bars() as progress:
        piece = composer.extend(piece, options.bars, seed, sampling, progress)
    _report(Plan.of(piece), seed)
    _write(piece, options.output, seed)


def _rewrite(options: argparse.Namespace) -> None:
    piece = _score(options)
    if not (numbers := re.fullmatch(r"(\d{1,5})(?:-(\d{1,5}))?", options.bars)):
        raise RequestError(f"the bars are {options.bars!r}; write the first and the last, such as 5-8, or one number")
    bars = int(numbers[1]), int(numbers[2] or numbers[1])
    composer, seed, sampling = _prepare(options)
    with _progress_bars() as progress:
        piece = composer.rewrite(piece, bars, options.chords, seed, sampling, progress)
    _report(Plan.of(piece), seed)
    _write(piece, options.output, seed)


def _harmonize(options: argparse.Namespace) -> None:
    piece = _score(options)
    composer, seed, sampling = _prepare(options)
    with _progress_bars() as progress:
        piece = composer.harmonize(
            piece, options.plan, options.voices.split(","), _style(options.style), seed, sampling, progress
        )
    _report(Plan.of(piece), seed)
    _write(piece, options.output, seed)


def _score(options: argparse.Namespace) -> Piece:
    """The tune of a file that is asked for."""
    from .scores.formats import read_score

    pieces = read_score(options.score)
    if not 1 <= options.tune <= len(pieces):
        raise RequestError(f"there is no tune {options.tune} in {str(options.score)!r}; it has {len(pieces)}")
    return pieces[options.tune - 1]


def _prepare(options: argparse.Namespace) -> tuple[Composer, int, Sampling]:
    """The composer, the seed and the sampling of a request; refuses an output that is no folder before any work."""
    import torch

    from .composer import Composer
    from .requests import Sampling

    _quiet()
    # A step of a small model is too short to share among threads, and waits for them where other work runs.
    torch.set_num_threads(1)
    output = getattr(options, "output", None)
    if output is not None and output.exists() and not output.is_dir():
        raise RequestError(f"the output {str(output)!r} is a file; name a folder")
    seed = secrets.randbelow(1 << 31) if options.seed is None else options.seed
    sampling = Sampling(options.temperature, options.top_k, options.top_p, options.greedy, options.candidates)
    return Composer.from_pretrained(options.model, options.int8), seed, sampling


def _quiet() -> None:
    """Keep what libraries tell developers off the user's terminal."""
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging

    hub_logging.set_verbosity_error()
    logging.set_verbosity_error()
    logging.disable_progress_bar()


def _request(options: argparse.Namespace) -> dict[str, Any]:
    voices = None if options.voices is None else options.voices.split(",")
    return {
        "style": _style(options.style),
        "key": options.key,
        "meter": options.meter,
        "tempo": options.tempo,
        "voices": voices,
    }


def _style(name: str | None) -> str | None:
    return None if name is None else name.lower().replace(" ", "-")


@contextmanager
def _progress_bars() -> Iterator[Progress]:
    """A progress bar for each stage on standard error, as a `Progress` callback."""
    from tqdm import tqdm

    bars: dict[str, tqdm[Any]] = {}

    def progress(stage: str, begun: int, total: int) -> None:
        if stage not in bars:
            bars[stage] = tqdm(
                total=total,
                desc=f"{stage:5}",
                unit="bar",
                bar_format="{desc} {bar:30} {n_fmt}/{total_fmt} bars {elapsed}",
            )
        bar = bars[stage]
        bar.total = max(total, begun)
        bar.update(begun - bar.n)

    try:
        yield progress
    finally:
        for bar in bars.values():
            bar.close()


def _report(plan: Plan, seed: int) -> None:
    roman, names = plan.text().splitlines(), plan.text(names=True).splitlines()
    width = max(map(len, roman))
    print(f"chord plan, {plan.bar_count} bars in {plan.skeleton.key.spoken}, {plan.skeleton.meter}, seed {seed}")
    for left, right in zip(roman, names, strict=True):
        print(f"  {left:{width}}    {right}")


def _write(piece: Piece, folder: Path, seed: int) -> None:
    from .scores.formats import write_score

    stem = re.sub(r"[^a-z0-9#]+", "-", piece.title.lower()).strip("-").replace("#", "-sharp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RequestError(f"the output folder {str(folder)!r} cannot be made: {error.strerror}") from None
    for suffix in OUTPUT_FORMATS:
        path = folder / f"{stem}-{seed}{suffix}"
        write_score(piece, path)
        print(f"wrote {path}")


def _add_prepare(commands: Any) -> None:
    parser = commands.add_parser(
        "prepare", help="read a corpus once, into Parquet that training, evaluation and datasets load"
    )
    _add_fields(parser, Preparation)
    parser.set_defaults(command=_prepare_corpus)


def _prepare_corpus(options: argparse.Namespace) -> None:
    preparation = _given(options, Preparation)
    from .data.preparation import prepare_corpus

    print(prepare_corpus(preparation).report())


def _add_train(commands: Any) -> None:
    parser = commands.add_parser(
        "train", help="train both stages on a corpus; the same command goes on with a stopped run"
    )
    _add_fields(parser, TrainingPlan)
    parser.set_defaults(command=_train)


def _add_fields(parser: argparse.ArgumentParser, kind: type[DataclassInstance]) -> None:
    """A flag for each field of a dataclass, whose help and choices are in the field's metadata."""
    hints = typing.get_type_hints(kind)
    for option in dataclasses.fields(kind):
        required = option.default is dataclasses.MISSING
        type_of_value = (typing.get_args(hints[option.name]) or (hints[option.name],))[0]
        default = "" if required or option.default in (None, "") else " (default: %(default)s)"
        parser.add_argument(
            "--" + option.name.replace("_", "-"),
            type=type_of_value,
            required=required,
            default=None if required else option.default,
            choices=option.metadata.get("choices") or None,
            help=option.metadata["help"] + default,
        )


def _given(options: argparse.Namespace, kind: type[Fields]) -> Fields:
    """The dataclass that `_add_fields` made flags of, as they were given."""
    return kind(**{option.name: getattr(options, option.name) for option in dataclasses.fields(kind)})


def _train(options: argparse.Namespace) -> None:
    plan = _given(options, TrainingPlan)
    from .training.trainer import train_two_stage

    print(f"wrote {train_two_stage(plan)}")


def _add_evaluate(commands: Any) -> None:
    parser = commands.add_parser("evaluate", help="how good a model is: likelihood, and its music beside real music")
    parser.add_argument("--model", help="folder or Hub repository (default: the checkpoint in the package)")
    parser.add_argument(
        "--data", required=True, help="music21, files as prepare takes them, what it wrote, or note grids as .json"
    )
    parser.add_argument("--split", help="train, validation, test or all (default: test; all tunes of plain files)")
    parser.add_argument("--tunes", type=int, default=100, help="at most so many (default: %(default)s)")
    parser.add_argument("--pieces", type=int, default=50, help="compose so many, like the tunes (default: %(default)s)")
    parser.add_argument("--ngrams", action="store_true", help="also fit n-gram models on the training split")
    parser.add_argument("--seed", type=int, default=0, help="of the pieces composed (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    import torch

    from .evaluation.report import Evaluation, evaluate

    _quiet()
    torch.set_num_threads(1)
    asked = ("data", "model", "split", "tunes", "pieces", "ngrams", "seed")
    report = evaluate(Evaluation(**{name: getattr(options, name) for name in asked}))
    print(report.json() if options.json else report)


def _tokens(options: argparse.Namespace) -> None:
    from .core.vocabulary import describe

    print(describe())


if __name__ == "__main__":
    sys.exit(main())
