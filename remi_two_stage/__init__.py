"""Two-stage symbolic music: a chord plan a person can read and edit, then notes that follow it.

    core/            Piece, chords, plans, vocabulary, grammar, codec, ABC writer, models, decoding; travels to the Hub
    scores/          files <-> Piece, one format a prefix
    analysis/        what is heard in a Piece: chords, key, phrases
    edits/           an edit written into the file that a piece came from
    rendering/       Piece -> something to see or hear: engraved score, piano roll, sound, text
    score_files.py   read_score, write_score: any file, by its ending
    atomic_files.py  files that are there whole or not at all
    corpus/          files -> tunes -> Parquet, with splits by melody
    hub/             models and tunes on the Hub, and their cards
    composing/       what a user asks for: Composer and the door to weights
    stage_data/      tunes -> what a stage learns
    training/        the training of both stages
    evaluation/      held-out likelihood, adherence, musical statistics, memorization
    cli/             the command `remi-two-stage`
    demo/            the page: an editable chord plan, the score and the sound
    pretrained/      the checkpoint that ships with the package
    version.py       the version, which setup.cfg reads

Names load on first use, so importing the package is quick; a model, config or tokenizer registers itself with
transformers' Auto classes then.
"""

from importlib import import_module
from typing import Any

from .core.piece import Piece as _Piece
from .version import __version__ as __version__

_MODULES = {
    "composing.composer": ("Composer",),
    "core.codec": ("decode", "encode", "extract_chord_sequence"),
    "core.configuration_remi": ("BarPlannerConfig", "DetailGeneratorConfig", "TwoStageConfig"),
    "core.errors": (
        "AbcSyntaxError", "CheckpointError", "ChordError", "CorpusError", "EncodingError", "GrammarError", "HubError",
        "MissingExtraError", "MissingFileError", "RemiError", "RequestError", "ScoreError", "ScoreFormatError",
    ),
    "core.generation_remi": ("detail_prompts",),
    "core.instruments": ("with_instrument",),
    "core.modeling_remi": ("BarPlannerModel", "DetailGeneratorModel", "RelativeTransformerDecoder", "TwoStageModel"),
    "core.piece": ("Bar", "Chord", "Key", "Meter", "Note", "Piece"),
    "core.pipeline_remi": ("MusicGenerationPipeline",),
    "core.plan": ("Plan",),
    "core.request": ("Request",),
    "core.sampling": ("Sampling",),
    "core.tokenization_remi": ("REMIABCTokenizer",),
    "core.abc_writer": ("write_abc",),
    "corpus.abc_corpus": ("AbcCorpus", "register"),
    "stage_data.datasets": ("BarChordDataset", "FullDetailDataset"),
    "score_files": ("read_score", "write_score"),
    "edits.files": ("EditedFile", "write_edited"),
    "analysis.harmony": ("label_chords",),
    "scores.music21_bridge": ("from_music21", "remi_tokens_to_score", "to_music21"),
    "rendering.engraving": ("engrave",),
    "rendering.notebook": ("show",),
    "rendering.piano_roll": ("piano_roll",),
    "scores.abc_reader": ("read_abc",),
    "rendering.sound": ("sound_bytes", "wav_bytes"),
    "training.arguments": ("TrainingPlan",),
    "training.trainer": ("TwoStageTrainer",),
}  # fmt: skip
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Load a public name, and register the Auto classes when it is a model, a config or a tokenizer."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_HOMES[name]}", __name__)
    if _HOMES[name].endswith("_remi"):
        import_module(".core.modeling_remi", __name__).register_auto_classes()
        import_module(".core.tokenization_remi", __name__).register_auto_classes()
    return getattr(module, name)


def _notebook_html(piece: _Piece) -> str | None:
    """Score and player for a notebook; None without the extra `render`."""
    html: str | None = import_module(".rendering.notebook", __name__).notebook_html(piece)
    return html


def _short_text(piece: _Piece) -> str:
    """A piece as `print` shows it."""
    text: str = import_module(".rendering.score_text", __name__).short_score_text(piece)
    return text


_Piece.notebook_view = _notebook_html
_Piece.text_view = _short_text


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted({*globals(), *__all__})
