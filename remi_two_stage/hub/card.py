"""Cards of models and of tunes on the Hub: metadata that the Hub reads, and text that people do.

Metrics are held-out losses in nats a token, from `training.json` or from a table of `evaluate`; a card without them
says so. If the licence of a collection is unknown, the card names the collection, and the person who pushes states its
licence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from huggingface_hub import DatasetCard, DatasetCardData, EvalResult, ModelCard, ModelCardData

from ..composing.checkpoint import corpora_of
from ..core.codec import names_of
from ..core.request import Request

TAGS = ("music", "symbolic-music", "music-generation", "abc-notation", "remi", "two-stage")
STAGES = {"planner": "the planner, over chords and bars", "detail": "the detail generator, over notes"}
MUSIC21 = "music21"
_LICENCE = "apache-2.0"

_TRAINING_DATA = {
    MUSIC21: "the corpus that music21 brings: the tune books of O'Neill, Ryan and Aird and Bach's four-part chorales. "
    "The books and the chorales are in the public domain; the transcriptions are distributed with their encoders' "
    "permission (`corpus/license.txt` in music21)."
}
_TEXT = """
# {name}

Composes music in two stages: a *bar planner* writes a chord plan that a person can read and change, a *detail
generator* fills every bar with notes that follow it. Input and output are REMI tokens of scores; decoding is locked to
their grammar, so that what comes out is a valid score with the bars, the chords and the voices asked for, as ABC.

## Use

With nothing but `transformers` and `torch`:

```python
from transformers import pipeline

compose = pipeline("music-generation", model="{repository}", trust_remote_code=True)
music = compose(style="{style}", key="D", bars=16, seed=1)
print(music["plan"])
print(music["abc"])
```

`compose(plan="D | G A7 | D | A7 D", key="D")` writes over your own chords; `example.py` shows more. Each stage is a
model of its own, in the folder `planner` or `detail`, whose `generate()` is locked to the grammar too:

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

planner = AutoModelForCausalLM.from_pretrained("{repository}", subfolder="planner", trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained("{repository}", subfolder="planner", trust_remote_code=True)
request = tokenizer("{request}", return_tensors="pt")
print(tokenizer.decode(planner.generate(**request, do_sample=True)[0]))
```

`AutoModel` loads both stages, or with `subfolder=` the one without its head, and `AutoModelForSequenceClassification` a
new head over it. `trust_remote_code=True` runs the Python files of this repository: read them, and give `revision=` a
commit that you have read.

With the package `remi_two_stage`, which runs no code of this repository, and writes MIDI and MusicXML besides:

```python
from remi_two_stage import Composer, write_score

piece = Composer.from_pretrained("{repository}").compose(style="{style}", key="D", bars=16, seed=1)
write_score(piece, "{style}.musicxml")
```
{example}
## Training data

{data}

## How good it is

{metrics}

## Limits

- It writes what it has read: styles, metres and keys that are rare in the training data come out poorly.
- Tokens hold no lyrics, grace notes, ornaments or inversions of chords, and no bars longer than five whole notes.
- A valid score is not yet a good one. Whether a tune resembles one of the training data too much is for you to judge
  before you publish it.

## Licence and citation

Code and weights: {licence}.

```bibtex
@software{{remi_two_stage,
  title = {{remi_two_stage: symbolic music in two stages, a chord plan and the notes over it}},
  version = {{{version}}},
  year = {{2026}}
}}
```
"""

_TUNES_TEXT = """
# {name}

{description}

Tunes, one a row, read by `AbcCorpus` of the package `remi_two_stage`; splits are by melody, so that no tune stands in
two of them. The files are Parquet; nothing else is needed to read them:

```python
from datasets import load_dataset

tunes = load_dataset("{repository}", split="train", streaming=True)
print(next(iter(tunes))["abc"])
```

| column | what |
|---|---|
| `id` | file and number of the tune in it |
| `title`, `style`, `key`, `meter` | as the source has them; empty or null where unknown |
| `bars` | as a musician counts them |
| `abc` | the tune as ABC that can be read alone |
| `tokens` | REMI token ids of the whole tune, in C; the models' tokenizer makes training examples of them |
| `plan` | the chord of every bar, as text |
| `lossy` | what tokens cannot say, and how often |
| `augmentation` | how this variant of the tune was made; empty for the tune as it stands |

Titles and tunes are the words of those who wrote them down: show them as text, never as code.

## Licence

{licence}
"""
_NO_LICENCE = "Not stated. Whoever pushed this is to name the licence of the tunes and of their transcriptions."


@dataclass(frozen=True, slots=True)
class Example:
    """A composition to show: the keywords of its request, its plan, its ABC, and the address of its sound if it has
    one.
    """

    keywords: str
    plan: str
    abc: str
    sound: str = ""

    def __str__(self) -> str:
        player = f'\n<audio controls src="{self.sound}"></audio>\n' if self.sound else ""
        return f"\nFor `{self.keywords}` it writes\n\n```text\n{self.plan}\n```\n\n```abc\n{self.abc}```\n{player}"


def metrics_of_record(record: Mapping[str, Any]) -> list[EvalResult]:
    """Held-out losses from `training.json`, over the test split."""
    losses = record.get("held_out_loss", {})
    found = {stage: losses[stage]["test"] for stage in STAGES if isinstance(losses.get(stage), Mapping)}
    names = ", ".join(str(corpus["name"]) for corpus in corpora_of(record))
    return metrics_of(found, names or "the training corpus", "test")


def metrics_of(losses: Mapping[str, float], corpus: str, split: str) -> list[EvalResult]:
    """Held-out losses of the stages "planner" and "detail", in nats a token, over a split of a corpus."""
    result = EvalResult(
        task_type="text-generation",
        task_name="Symbolic music generation",
        dataset_type="remi-two-stage-corpus",
        dataset_name=corpus,
        dataset_split=split,
        metric_type="cross-entropy",
        metric_value=0.0,
    )
    return [
        replace(result, metric_value=loss, metric_name=f"Held-out nats a token of {STAGES[stage]}")
        for stage, loss in losses.items()
    ]


def model_card(
    repository: str,
    version: str,
    metrics: Sequence[EvalResult] = (),
    record: Mapping[str, Any] | None = None,
    example: Example | None = None,
    style: str = "jig",
) -> ModelCard:
    """The card of a repository.

    Args:
        repository: Name as user/name.
        version: Version of the package that wrote it.
        metrics: Held-out losses; see `metrics_of_record` and `metrics_of`.
        record: The contents of `training.json`.
        example: A composition by the model.
        style: One that the model has learnt, for the code to copy.
    """
    name = repository.rpartition("/")[2]
    data = ModelCardData(
        library_name="transformers",
        pipeline_tag="other",  # what the Hub offers to copy for another task would not run
        license=_LICENCE,
        tags=list(TAGS),
        model_name=name,
        eval_results=list(metrics) or None,
    )
    text = _TEXT.format(
        name=name,
        repository=repository,
        version=version,
        licence=_LICENCE,
        example=example or "",
        style=style,
        request=" ".join(names_of(Request(style, bars=8).globals())),
        data=_training_data(record or {}),
        metrics=_shown(metrics),
    )
    return ModelCard(f"---\n{data.to_yaml()}\n---\n{text}")


def _training_data(record: Mapping[str, Any]) -> str:
    corpora = corpora_of(record)
    if not corpora:
        return "Not recorded."
    lines = [_corpus_line(corpus) for corpus in corpora]
    if split := record.get("split", {}).get("tunes", {}):
        parts = ", ".join(f"{name} {tunes:,}" for name, tunes in split.items())
        lines.append(f"Split by melody: {parts}. Made by `{record['command']}`.")
    return "\n\n".join(lines)


def _corpus_line(corpus: Mapping[str, Any]) -> str:
    """What a card says of a corpus: what it is, its counts, and how often it was seen."""
    name = corpus["name"]
    unknown = "a collection whose licence was not recorded: whoever pushed this is to name it."
    what = corpus.get("description") or _TRAINING_DATA.get(name, unknown)
    line = f"`--corpus {name}`, {what}"
    if "tunes" in corpus:
        line += (
            f" {corpus['tunes']:,} tunes, {corpus.get('bars', 0):,} bars; {corpus.get('lossy', 0)} lossy, "
            f"{corpus.get('rejected', 0)} rejected."
        )
    if left_out := corpus.get("left_out", 0):
        line += f" {left_out:,} were left out, since another corpus holds their melodies out."
    weight = corpus.get("weight", 1)
    return line if weight == 1 else f"{line} Each tune was shown {weight:g} times an epoch."


def _shown(metrics: Sequence[EvalResult]) -> str:
    if not metrics:
        return "Not measured; `remi-two-stage evaluate --model ... --data ...` does."
    rows = [f"| {m.metric_name} | {m.dataset_name}, {m.dataset_split} | {m.metric_value:.4f} |" for m in metrics]
    return "\n".join(["| what | where | value |", "|---|---|---|", *rows]) + (
        "\n\nCounted are the tokens that the grammar leaves open, which decoding samples."
    )


def tunes_card(repository: str, description: str, licence: str | None) -> DatasetCard:
    """The card of a data set of tunes; `datasets` adds features and files to its metadata.

    Args:
        licence: As the Hub names it, such as "cc0-1.0"; None says that it is not stated.
    """
    data = DatasetCardData(
        license=licence or "unknown",
        task_categories=["text-generation"],
        tags=["music", "symbolic-music", "abc-notation", "remi"],
        pretty_name=repository.rpartition("/")[2],
    )
    text = _TUNES_TEXT.format(
        name=repository.rpartition("/")[2],
        repository=repository,
        description=description,
        licence=licence or _NO_LICENCE,
    )
    return DatasetCard(f"---\n{data.to_yaml()}\n---\n{text}")
