"""Text at which `generate()` stops. Tokens are words here; transformers looks for parts of words, which it finds by
joining each token to letters, and letters are no tokens.
"""

from __future__ import annotations

from typing import Any

from transformers import GenerationConfig, StoppingCriteriaList, StopStringCriteria


class TokenTextCriteria(StopStringCriteria):
    """Stops where the text of the last tokens, as the tokenizer decodes it, ends with one of the strings."""

    @staticmethod
    def clean_tokenizer_vocab(tokenizer: Any, *_: Any, **__: Any) -> tuple[tuple[str, ...], tuple[int, ...]]:
        """What each token adds to a text, and its id."""
        vocab = tokenizer.get_vocab()
        return tuple(f" {token}" for token in vocab), tuple(vocab.values())


class StopsAtText:
    """`stop_strings` of `generate()`."""

    def _get_stopping_criteria(
        self, generation_config: GenerationConfig, *args: Any, tokenizer: Any = None, **kwargs: Any
    ) -> StoppingCriteriaList:
        generation: Any = super()
        stop_strings = generation_config.stop_strings
        if stop_strings is None or tokenizer is None:
            return generation._get_stopping_criteria(generation_config, *args, tokenizer=tokenizer, **kwargs)
        generation_config.stop_strings = None
        criteria = generation._get_stopping_criteria(generation_config, *args, tokenizer=tokenizer, **kwargs)
        criteria.append(TokenTextCriteria(tokenizer, stop_strings))
        return criteria
