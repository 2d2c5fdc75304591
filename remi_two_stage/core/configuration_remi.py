"""Configurations of the planner, the detail generator and the model that holds both.

Conventions
- Field names are those of transformers (`hidden_size`, `num_attention_heads`, ...); lengths and distances count tokens.
  The fields of a stage, their defaults and their rules are in `architecture.py`.
- Ids 0 to 3 are `<PAD> <UNK> <BOS> <EOS>` in both stages: they share one vocabulary (`vocabulary.py`).
- Defaults are the base sizes, about 19 and 151 million parameters besides the embeddings; fields set others.
- How attention sees distances is a choice of `attention_kinds.py`, defined in `attention_remi.py`.
"""

from typing import Any, ClassVar

from .requirements_remi import OLDEST_TRANSFORMERS  # noqa: F401 (raises where transformers is too old)

# isort: split

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.pipelines import PIPELINE_REGISTRY

from .architecture import MODEL_TYPE, Architecture, DetailArchitecture, PlannerArchitecture
from .code_folder_remi import SavedBesideCode
from .errors import RequestError


@strict
class RelativeTransformerConfig(Architecture, SavedBesideCode, PreTrainedConfig):
    """What the backbone of both stages needs: an `Architecture`, as transformers wants it.

    Raises:
        huggingface_hub.errors.StrictDataclassError: fields disagree or are out of range; the message has the numbers.
    """

    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    use_cache: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 3

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """A config as stored; one without a version of the vocabulary has the first."""
        return super().from_dict({"vocabulary_version": 1} | config_dict, **kwargs)

    def __post_init__(self, **kwargs: Any) -> None:
        self.resolve_defaults()
        super().__post_init__(**kwargs)


@strict
class BarPlannerConfig(PlannerArchitecture, RelativeTransformerConfig):
    """The config of `BarPlannerModel`."""

    model_type: ClassVar[str] = "remi_bar_planner"


@strict
class DetailGeneratorConfig(DetailArchitecture, RelativeTransformerConfig):
    """The config of `DetailGeneratorModel`."""

    model_type: ClassVar[str] = "remi_detail_generator"


@strict
class TwoStageConfig(SavedBesideCode, PreTrainedConfig):
    """Both stages in one file.

    Attributes:
        planner_config: A `BarPlannerConfig` or its dictionary; the defaults when None.
        detail_config: A `DetailGeneratorConfig` or its dictionary; the defaults when None.

    Raises:
        huggingface_hub.errors.StrictDataclassError: the stages' vocabularies differ; the message has both sizes.
    """

    model_type: ClassVar[str] = MODEL_TYPE
    sub_configs: ClassVar[dict[str, Any]] = {
        "planner_config": BarPlannerConfig,
        "detail_config": DetailGeneratorConfig,
    }
    sub_configs_defaults: ClassVar[dict[str, Any]] = sub_configs  # its name from transformers 5.21 on
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["past_key_values"]

    planner_config: Any = None
    detail_config: Any = None
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 2
    eos_token_id: int | list[int] | None = 3

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """A config as stored; one without a version of the vocabulary has the first."""
        stored = {
            name: {"vocabulary_version": 1} | config_dict[name] if config_dict.get(name) else None
            for name in cls.sub_configs
        }
        return super().from_dict(config_dict | stored, **kwargs)

    def __post_init__(self, **kwargs: Any) -> None:
        for name, config_class in self.sub_configs.items():
            given = getattr(self, name)
            if given is None or isinstance(given, dict):  # left to us by transformers before 5.21
                setattr(self, name, config_class(**(given or {})))
        super().__post_init__(**kwargs)

    @property
    def vocab_size(self) -> int:
        """Tokens in the vocabulary that both stages share."""
        return int(self.detail_config.vocab_size)

    @vocab_size.setter
    def vocab_size(self, size: int) -> None:
        self.planner_config.vocab_size = self.detail_config.vocab_size = size

    @property
    def custom_pipelines(self) -> dict[str, Any]:
        """The pipelines that stand beside the config, less those that are registered: they need no code from there."""
        stored = vars(self).get("custom_pipelines", {})
        return {task: pipeline for task, pipeline in stored.items() if task not in PIPELINE_REGISTRY.supported_tasks}

    @custom_pipelines.setter
    def custom_pipelines(self, stored: dict[str, Any]) -> None:
        self.__dict__["custom_pipelines"] = stored

    def validate_vocabulary(self) -> None:
        """Reject stages that do not share a vocabulary; `@strict` calls this."""
        planner, detail = self.planner_config.vocab_size, self.detail_config.vocab_size
        if planner != detail:
            raise RequestError(
                f"vocab_size is {planner} in planner_config and {detail} in detail_config; give both the same"
            )


def register_auto_classes() -> None:
    """Make the configs known to AutoConfig, and travel with their code when saved."""
    for config in (BarPlannerConfig, DetailGeneratorConfig, TwoStageConfig):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        config.register_for_auto_class()
