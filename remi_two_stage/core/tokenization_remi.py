"""`REMIABCTokenizer`: token text, pieces and scores to ids and back, on the tokenizers backend.

Conventions
- A token is its own text, `<...>`, with or without spaces between tokens. What is no token becomes `<UNK>`.
- Nothing is added: `<BOS>` and `<EOS>` are written by `codec.encode`, and the end of a prompt stays open.
- Padding is on the right, as training needs it (a model trained on left padding learns to predict `<BOS>` from a pad).
  Generation needs it on the left: ask for it there, as in `tokenizer(texts, padding=True, padding_side="left")`.
- A music21 score needs music21 and the whole package; text, token lists and pieces do not.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from .requirements_remi import OLDEST_TRANSFORMERS  # noqa: F401 (raises where transformers is too old)

# isort: split

from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import AutoTokenizer, TokenizersBackend

from .codec import encode
from .configuration_remi import BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig
from .configuration_remi import register_auto_classes as register_auto_configs
from .errors import RequestError, ScoreFormatError
from .grammar import SequenceKind, check_grammar
from .piece import Piece
from .sequences import SEQUENCE_OF, labels_of, plan_sequence
from .vocabulary import TOKEN_IDS

MAX_LENGTH = 4096
"""Tokens beyond which transformers warns; `max_position_embeddings` of the models."""


_SEQUENCES: dict[str, tuple[SequenceKind, Callable[[Sequence[int]], list[int]]]] = {
    "planner": ("plan", plan_sequence),
    "detail": ("detail", SEQUENCE_OF["detail"]),
}


class REMIABCTokenizer(TokenizersBackend):
    """Tokenizer of the fixed vocabulary; `REMIABCTokenizer()` needs no file.

    Args:
        vocab: Token name -> id; the package's own vocabulary when None.
    """

    model_input_names: ClassVar[list[str]] = ["input_ids", "attention_mask"]
    model = WordLevel

    def __init__(
        self,
        vocab: dict[str, int] | None = None,
        unk_token: str = "<UNK>",
        pad_token: str = "<PAD>",
        bos_token: str = "<BOS>",
        eos_token: str = "<EOS>",
        **kwargs: Any,
    ) -> None:
        self._tokenizer = Tokenizer(WordLevel(vocab or TOKEN_IDS, unk_token=str(unk_token)))
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(Regex("<[^<>]*>"), "isolated")]
        )
        kwargs.setdefault("model_max_length", MAX_LENGTH)
        kwargs.setdefault("padding_side", "right")
        super().__init__(unk_token=unk_token, pad_token=pad_token, bos_token=bos_token, eos_token=eos_token, **kwargs)

    def tokenize(
        self, text: Any, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """Token text, a `Piece` or a music21 Score -> token names; music becomes its whole single-stage sequence.

        A piece with bars that no chord stands over has its chords found first, where the package is installed.

        Raises:
            RequestError: neither text nor music.
            ScoreFormatError: a score, and music21 or the package is not installed.
            EncodingError: music that the vocabulary cannot say.
        """
        if isinstance(text, str):
            return super().tokenize(text, pair=pair, add_special_tokens=add_special_tokens, **kwargs)
        return encode(_with_chords(_as_piece(text)))

    def encode(self, text: Any, *args: Any, **kwargs: Any) -> list[int]:
        """Token text, a list of token names, a `Piece` or a music21 Score -> ids; arguments as in transformers."""
        tokens = text if isinstance(text, str | list | tuple) else self.tokenize(text)
        return super().encode(tokens if isinstance(tokens, str) else " ".join(tokens), *args, **kwargs)

    def training_example(self, tune: Sequence[int], stage: Literal["planner", "detail"]) -> dict[str, list[int]]:
        """What a stage learns of a tune: `input_ids` in the stage's kind, and `labels` for `Trainer`.

        Labels are -100 where the grammar leaves no choice, and in what is given to the stage.

        Args:
            tune: Token ids of the whole tune, as `encode` gives them for a piece: the column `tokens` of a corpus.

        Raises:
            RequestError: no such stage.
            GrammarError: the tune is not a "full" sequence.
        """
        if stage not in _SEQUENCES:
            raise RequestError(f"there is no stage {stage!r}; there are {', '.join(_SEQUENCES)}")
        check_grammar(tune, "full")
        kind, sequence_of = _SEQUENCES[stage]
        ids = sequence_of([int(token) for token in tune])
        return {"input_ids": ids, "labels": labels_of(ids, kind)}


def _as_piece(music: Any) -> Piece:
    if hasattr(music, "note_list"):
        return music
    if not hasattr(music, "recurse"):
        raise RequestError(f"cannot tokenize a {type(music).__name__}; give token text, a Piece or a music21 Score")
    try:
        bridge = importlib.import_module("remi_two_stage.scores.music21_bridge")
    except ImportError as error:
        raise ScoreFormatError(
            f"a music21 score needs the module {error.name!r}; pip install 'remi-two-stage'"
        ) from error
    return bridge.from_music21(music)


def _with_chords(piece: Piece) -> Piece:
    if all(bar.chords for bar in piece.bars):
        return piece
    try:
        harmony = importlib.import_module("remi_two_stage.analysis.harmony")
    except ImportError:
        return piece
    return harmony.label_chords(piece)


def register_auto_classes() -> None:
    """Make the tokenizer known to AutoTokenizer for all three configs, and travel with its code when saved."""
    register_auto_configs()
    for config in (BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig):
        AutoTokenizer.register(config, fast_tokenizer_class=REMIABCTokenizer, exist_ok=True)
    REMIABCTokenizer.register_for_auto_class()
