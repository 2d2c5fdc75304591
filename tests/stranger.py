"""What somebody does with a repository who has transformers and torch, and nothing of this project.

python stranger.py REPOSITORY FOLDER          prints JSON; logits and a model saved again go into the folder

The address of the Hub is in the environment; this package and music21 are made impossible to import.
"""

import json
import sys
from pathlib import Path

ABSENT = ("remi_two_stage", "music21", "datasets", "accelerate")
sys.modules.update(dict.fromkeys(ABSENT))

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import (  # noqa: E402
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    pipeline,
)

repository, folder = sys.argv[1], Path(sys.argv[2])
trusting = {"trust_remote_code": True}

config = AutoConfig.from_pretrained(repository, **trusting)
tokenizer = AutoTokenizer.from_pretrained(repository, **trusting)
both = AutoModel.from_pretrained(repository, **trusting)
stages = {
    name: AutoModelForCausalLM.from_pretrained(repository, subfolder=name, **trusting) for name in ("planner", "detail")
}
request = "<BOS> <Style=jig> <time=6/8> <key=Cmaj> <Bars=4> <voice=M>"
ids = tokenizer(request, return_tensors="pt").input_ids
torch.manual_seed(1)
written = both.generate(ids, do_sample=True)
tune = written[0, : (written[0] == tokenizer.eos_token_id).nonzero()[0] + 1][None]
logits = {
    "planner": stages["planner"](tune).logits,
    "detail": stages["detail"](tune).logits,
    "planner of both": both(plan_input_ids=tune).plan_logits,
    "detail of both": both(input_ids=tune).logits,
}
save_file({"tune": tune} | {name: values.detach().contiguous() for name, values in logits.items()}, folder / "logits")

compose = pipeline("music-generation", model=repository, **trusting)
music = compose(style="jig", key="D", bars=16, seed=1)
several = compose([{"style": "jig"}, {"style": "reel", "key": "G"}], bars=4, seed=3)
compose.save_pretrained(folder / "again")
again = pipeline("music-generation", model=str(folder / "again"), **trusting)(style="jig", key="D", bars=16, seed=1)
both.save_pretrained(folder / "both")
stages["detail"].save_pretrained(folder / "detail")
backbone = AutoModel.from_pretrained(repository, subfolder="detail", **trusting)
labelled = AutoModelForSequenceClassification.from_pretrained(
    folder / "both", subfolder="detail", num_labels=3, **trusting
)
of_both = AutoModelForCausalLM.from_pretrained(folder / "both", subfolder="detail", **trusting)
by_both = pipeline("music-generation", model=str(folder / "both"), **trusting)(style="jig", key="D", bars=16, seed=1)
its_tokenizer = AutoTokenizer.from_pretrained(folder / "both", subfolder="detail", **trusting)
alone = AutoModelForCausalLM.from_pretrained(folder / "detail", **trusting)
of_both.save_pretrained(folder / "local")
AutoModel.from_pretrained(folder / "both", **trusting).planner.save_pretrained(folder / "taken")
taken = [AutoModelForCausalLM.from_pretrained(folder / name, **trusting)(tune).logits for name in ("local", "taken")]
try:
    compose(style="jog")
except ValueError as error:
    refusal = str(error)
try:
    tokenizer(music["abc"])
except Exception as error:
    no_reader = str(error)

print(
    json.dumps(
        {
            "config": type(config).__name__,
            "tokens": tokenizer.convert_ids_to_tokens(tune[0].tolist()),
            "music": music,
            "several": several,
            "same again": again == by_both == music,
            "same of both": torch.equal(of_both(tune).logits, logits["detail"]),
            "same backbone": torch.equal(labelled.model(tune)[0], backbone(tune)[0]),
            "same tokens": its_tokenizer(request).input_ids == ids[0].tolist(),
            "no reader": no_reader,
            "same taken": torch.equal(taken[0], logits["detail"]) and torch.equal(taken[1], logits["planner"]),
            "code at a root": [str(path) for path in folder.glob("*/*.py")],
            "same alone": torch.equal(alone(tune).logits, logits["detail"]),
            "refusal": refusal,
            "not there": [name for name in ABSENT if sys.modules.get(name) is not None],
        }
    )
)
