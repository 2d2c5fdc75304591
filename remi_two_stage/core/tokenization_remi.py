"""`REMIABCTokenizer`: token text, pieces and scores to ids and back, on the tokenizers backend.

Conventions
- A token is its own text, `<...>`, with or without spaces between tokens. What is no token becomes `<UNK>`.
- Music is a `Piece`, a music21 Score, or the text of one tune in ABC: text with a line `K:`, the field that none lacks.
  It is encoded as its whole single-stage sequence, anywhere where text may stand.
- Nothing is added: `<BOS>` and `<EOS>` are written by `codec.encode`, and the end of a prompt stays open.
- Padding is on the right, as training needs it (a model trained on left padding learns to predict `<BOS>` from a pad).
  Generation needs it on the left: ask for it there, as in `tokenizer(texts, padding=True, padding_side="left")`.
- ABC and music21 scores need the whole package; token text, token lists and pieces do not.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from .requirements_remi import OLDEST_TRANSFORMERS  # noqa: F401 (raises where transformers is too old)

# isort: split

from tokenizers import Regex, Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import AutoTokenizer, BatchEncoding, TokenizersBackend

from .code_folder_remi import SavedBesideCode
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
_ABC = re.compile(r"^K:", re.MULTILINE)

_SEQUENCES: dict[str, tuple[SequenceKind, Callable[[Sequence[int]], list[int]]]] = {
    "planner": ("plan", plan_sequence),
    "detail": ("detail", SEQUENCE_OF["detail"]),
}


class REMIABCTokenizer(SavedBesideCode, TokenizersBackend):
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

    def __call__(self, text: Any = None, text_pair: Any = None, *args: Any, **kwargs: Any) -> BatchEncoding:
        """Token text, music, or a list of them -> ids; all other arguments, and the result, as in transformers.

        Raises: as in `tokenize`.
        """
        for name in ("text_target", "text_pair_target"):
            if name in kwargs:
                kwargs[name] = self._token_texts(kwargs[name])
        return super().__call__(self._token_texts(text), self._token_texts(text_pair), *args, **kwargs)

    def tokenize(
        self, text: Any, pair: str | None = None, add_special_tokens: bool = False, **kwargs: Any
    ) -> list[str]:
        """Token text or music -> token names.

        A piece with bars that no chord stands over has its chords found first, where the package is installed.

        Raises:
            RequestError: neither text nor music, or ABC with no or several tunes.
            AbcSyntaxError: the tune cannot be read.
            ScoreFormatError: ABC or a score, and music21 or the package is not installed.
            EncodingError: music that the vocabulary cannot say.
        """
        if isinstance(text, str) and not _ABC.search(text):
            return super().tokenize(text, pair=pair, add_special_tokens=add_special_tokens, **kwargs)
        return encode(_with_chords(_as_piece(text)))

    def encode(self, text: Any, *args: Any, **kwargs: Any) -> list[int]:
        """Token text, a list of token names, or music -> ids; arguments as in transformers."""
        tokens = " ".join(text) if isinstance(text, list | tuple) else self._token_texts(text)
        return super().encode(tokens, *args, **kwargs)

    def _token_texts(self, text: Any) -> Any:
        """Music, alone and in a list, as token text; all else as it is."""
        if isinstance(text, list | tuple):
            return [each if isinstance(each, list | tuple) else self._token_texts(each) for each in text]
        is_token_text = text is None or (isinstance(text, str) and not _ABC.search(text))
        return text if is_token_text else " ".join(self.tokenize(text))

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
    try:
        if isinstance(music, str):
            return _only_tune(importlib.import_module("remi_two_stage.scores.abc_reader").read_abc(music))
        if hasattr(music, "recurse"):
            return importlib.import_module("remi_two_stage.scores.music21_bridge").from_music21(music)
    except ImportError as error:
        kind = "ABC" if isinstance(music, str) else "a music21 score"
        package = (error.name or "").partition(".")[0]
        raise ScoreFormatError(f"{kind} needs the module {package!r}; pip install 'remi-two-stage'") from error
    raise RequestError(f"cannot tokenize a {type(music).__name__}; give token text, ABC, a Piece or a music21 Score")


def _only_tune(tunes: Sequence[Piece]) -> Piece:
    if len(tunes) != 1:
        raise RequestError(f"the text holds {len(tunes)} tunes in ABC; give a list with a text for each tune")
    return tunes[0]


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
