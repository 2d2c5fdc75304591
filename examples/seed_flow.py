"""The whole way, step by step: a chorale to tokens, its plan, a new plan for the same request, notes over it, a score.

python examples/seed_flow.py [folder]        writes seed_flow.musicxml there
"""

import sys
from pathlib import Path

import torch
from music21 import corpus

from remi_two_stage import (
    Composer,
    REMIABCTokenizer,
    detail_prompts,
    extract_chord_sequence,
    from_music21,
    remi_tokens_to_score,
    write_score,
)

torch.manual_seed(1)
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "out")
folder.mkdir(parents=True, exist_ok=True)

score = corpus.parse("bach/bwv66.6")
tokenizer, model = REMIABCTokenizer(), Composer.from_pretrained().model

tokens = tokenizer.tokenize(score)  # all of it, in C
plan = extract_chord_sequence(tokens)  # without the notes
request = plan[: plan.index("<voice=B>") + 1]  # style, metre, key, where its tonic sounds, bars and voices
new_plan = model.planner.generate(torch.tensor([tokenizer.encode(request)]), do_sample=True)
notes = model.detail.generate(detail_prompts(new_plan), do_sample=True)
new_score = remi_tokens_to_score(tokenizer.convert_ids_to_tokens(notes[0]), from_music21(score).key.tonic)

print("plan:", tokenizer.decode(new_plan[0]))
write_score(from_music21(new_score), folder / "seed_flow.musicxml")
print("wrote", folder / "seed_flow.musicxml")
