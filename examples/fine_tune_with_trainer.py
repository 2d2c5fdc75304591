"""Fine-tunes one stage of a model from the Hub on tunes from the Hub, with nothing but Hugging Face's libraries.

    python examples/fine_tune_with_trainer.py you/your-model you/your-tunes --stage detail --output fine-tuned

The tunes are a data set with a column `tokens`, as `AbcCorpus` makes it. What is saved loads by
`AutoModelForCausalLM.from_pretrained("fine-tuned", trust_remote_code=True)`, and can be pushed.
"""

import argparse

import torch
from datasets import load_dataset
from transformers import AutoModelForCausalLM, AutoTokenizer, DataCollatorForSeq2Seq, Trainer, TrainingArguments

LONGEST = 2048
"""Tokens; longer tunes are left out."""


def main() -> None:
    """Load, train, save."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("model", help="repository or folder of a model with both stages")
    parser.add_argument("tunes", help="repository or folder of a data set of tunes")
    parser.add_argument("--stage", choices=("planner", "detail"), default="detail")
    parser.add_argument("--output", default="fine-tuned")
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--batch-size", type=int, default=8)
    options = parser.parse_args()

    tokenizer = AutoTokenizer.from_pretrained(options.model, trust_remote_code=True)
    model = AutoModelForCausalLM.from_pretrained(
        options.model, subfolder=options.stage, trust_remote_code=True, dtype="float32"
    )
    tunes = load_dataset(options.tunes, split="train")
    examples = tunes.map(
        lambda tune: tokenizer.training_example(tune["tokens"], options.stage), remove_columns=tunes.column_names
    ).filter(lambda example: len(example["input_ids"]) <= LONGEST)

    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=f"{options.output}/checkpoints",
            num_train_epochs=options.epochs,
            learning_rate=options.learning_rate,
            per_device_train_batch_size=options.batch_size,
            lr_scheduler_type="cosine",
            logging_steps=10,
            save_strategy="epoch",
            save_total_limit=1,
            dataloader_pin_memory=torch.cuda.is_available(),
            report_to="none",
            seed=0,
        ),
        train_dataset=examples,
        data_collator=DataCollatorForSeq2Seq(tokenizer),  # pads on the right, labels with -100
        processing_class=tokenizer,
    )
    trainer.train()
    trainer.save_model(options.output)
    print(f"{len(examples)} tunes, loss {trainer.state.log_history[-1]['train_loss']:.4f}; saved in {options.output}")


if __name__ == "__main__":
    main()
