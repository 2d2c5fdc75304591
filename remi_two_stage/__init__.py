"""Two-stage symbolic music: a chord plan a person can read and edit, then notes that follow it.

    core/           Piece, chords, plans, vocabulary, grammar, codec, ABC writer, models, decoding; no music21
    scores/         files and music21 scores <-> Piece; pictures and sound; the chords heard in a piece
    composer.py     Composer: plan, realize, compose, extend, rewrite, harmonize
    prompts.py      what the stages go on from
    data/           corpora, their splits, the datasets of both stages
    training/       the trainer of both stages
    evaluation/     held-out likelihood, adherence, musical statistics, copying
    hub.py          what a repository on the Hub holds, and pushing it; card.py: its card
    cli/            the command `remi-two-stage`
    demo/           the page: an editable chord plan, the score and the sound
    pretrained/     the checkpoint that ships with the package

Names load on first use, so importing the package is quick; a model, config or tokenizer registers itself with
transformers' Auto classes then.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    "composer": ("Composer",),
    "core.codec": ("decode", "encode"),
    "core.forms": ("extract_chord_sequence",),
    "core.configuration_remi": ("BarPlannerConfig", "DetailGeneratorConfig", "TwoStageConfig"),
    "core.errors": (
        "AbcSyntaxError", "CheckpointError", "ChordError", "CorpusError", "EncodingError", "GrammarError", "HubError",
        "MissingExtraError", "RemiError", "RequestError", "ScoreError", "ScoreFormatError",
    ),
    "core.generation_remi": ("detail_prompts",),
    "core.modeling_remi": ("BarPlannerModel", "DetailGeneratorModel", "RelativeTransformerDecoder", "TwoStageModel"),
    "core.piece": ("Bar", "Chord", "Key", "Meter", "Note", "Piece"),
    "core.pipeline_remi": ("MusicGenerationPipeline",),
    "core.plan": ("Plan",),
    "core.request": ("Request", "Sampling"),
    "core.tokenization_remi": ("REMIABCTokenizer",),
    "core.write_abc": ("write_abc",),
    "data.abc_corpus": ("AbcCorpus", "register"),
    "data.datasets": ("BarChordDataset", "FullDetailDataset"),
    "scores.formats": ("read_score", "write_score"),
    "scores.harmony": ("label_chords",),
    "scores.music21_bridge": ("from_music21", "remi_tokens_to_score", "to_music21"),
    "scores.engraving": ("engrave",),
    "scores.notebook": ("show",),
    "scores.piano_roll": ("piano_roll",),
    "scores.read_abc": ("read_abc",),
    "scores.sound": ("wav_bytes",),
    "training.arguments": ("TrainingPlan",),
    "training.trainer": ("TwoStageTrainer",),
}  # fmt: skip
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = sorted(_HOMES)
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """Load a public name, and register the Auto classes when it is a model, a config or a tokenizer."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f".{_HOMES[name]}", __name__)
    if _HOMES[name].endswith("_remi") or name == "Composer":
        import_module(".core.modeling_remi", __name__).register_auto_classes()
        import_module(".core.tokenization_remi", __name__).register_auto_classes()
    return getattr(module, name)


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted({*globals(), *__all__})
