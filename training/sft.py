"""Supervised fine-tuning on exported episodes, with TRL's SFTTrainer.

    termigen export RUN --format tokens --tokenizer Qwen/Qwen2.5-Coder-7B-Instruct --out tokens.jsonl
    python -m training.sft --model Qwen/Qwen2.5-Coder-7B-Instruct --data tokens.jsonl --out checkpoint
    python -m training.sft --config training/configs/qwen2.5-coder-32b.yaml --data tokens.jsonl --out checkpoint
    accelerate launch --config_file ACCELERATE.yaml -m training.sft --model …     (several devices, as set there)

The data are token ids and labels, so that what is in the loss was decided, and can be looked at, before training: see
`termigen_gym.export`. Nothing is truncated: a line longer than --max-length is an error. Defaults are those of TermiGen
(arXiv 2602.07274, appendix B), except for the model. A value given on the command line goes before the config's.

`--out` receives the model (or the LoRA adapter), its tokenizer, checkpoints to resume from, and metrics.json.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_type_hints


def _arg(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class SftArgs:
    """The arguments; on the command line with hyphens for underscores."""

    model: str = _arg("", "name or path of the model to start from")
    data: str = _arg("", "tokens JSONL, as termigen export writes it")
    out: str = _arg("", "folder for the result")
    max_length: int = _arg(20_000, "tokens that a line may have at most")
    epochs: float = _arg(5.0, "passes over the data")
    max_steps: int = _arg(-1, "optimizer steps, instead of epochs where positive")
    learning_rate: float = _arg(5e-6, "peak of the schedule")
    schedule: str = _arg("cosine", "learning rate schedule, as transformers names them")
    warmup: float = _arg(0.1, "part of the steps in which the learning rate rises")
    weight_decay: float = _arg(0.0, "AdamW's weight decay")
    batch: int = _arg(1, "lines per device and forward pass")
    accumulate: int = _arg(8, "forward passes per optimizer step")
    lora_r: int = _arg(0, "rank of LoRA adapters on all linear layers; 0 trains all weights")
    lora_alpha: int = _arg(0, "scale of the LoRA adapters; 0 for twice the rank")
    dtype: str = _arg("float32", "the weights' type; on a GPU the computation is bfloat16 in any case")
    recompute: bool = _arg(True, "recompute activations in the backward pass, to save memory")
    resume: bool = _arg(False, "go on from the last checkpoint in --out, where there is one")
    save_steps: int = _arg(100, "optimizer steps between checkpoints; 0 for none")
    log_steps: int = _arg(1, "optimizer steps between logged losses")
    seed: int = _arg(0, "of everything random")
    cpu: bool = _arg(False, "use the CPU even where there is a GPU")
    threads: int = _arg(0, "CPU threads; 0 for torch's own choice, 1 is best for tiny models on a busy machine")
    quiet: bool = _arg(False, "print no progress")


@dataclass(frozen=True)
class SftResult:
    """What came out; metrics.json has the same.

    Attributes:
        out: the folder with the model. steps: optimizer steps, all told. seconds: of training, without loading.
        lines, tokens, trained_tokens: of the data.
        loss_first, loss_last: the first and last logged loss. losses: (step, loss) of all that were logged.
    """

    out: str
    steps: int
    seconds: float
    lines: int
    tokens: int
    trained_tokens: int
    loss_first: float
    loss_last: float
    losses: tuple[tuple[int, float], ...]


def train(args: SftArgs, on_step: Callable[[int, float], None] | None = None) -> SftResult:
    """Fine-tune and save.

    Args:
        args: what to do.
        on_step: told of each logged step and its loss.

    Raises:
        ValueError: the data are empty, lack a column, have lines longer than `max_length`, or were made with another
            model's tokenizer.
    """
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, set_seed
    from transformers.trainer_utils import get_last_checkpoint

    dataset, counts = _load(Path(args.data), args.max_length)
    set_seed(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=args.dtype)
    known = model.get_input_embeddings().num_embeddings
    if counts["highest_id"] >= known:
        raise ValueError(
            f"expected token ids below {known}, found {counts['highest_id']} in {args.data}: "
            f"export again with --tokenizer {args.model}"
        )
    lora = LoraConfig(
        r=args.lora_r,
        lora_alpha=args.lora_alpha or 2 * args.lora_r,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    use_cpu, bf16 = _hardware(args)
    trainer = _trainer_class(use_cpu)(
        model=model,
        processing_class=tokenizer,
        train_dataset=dataset,
        peft_config=lora if args.lora_r else None,
        callbacks=[_watch(on_step)] if on_step else None,
        args=_config(args, use_cpu, bf16),
    )
    if args.quiet:
        trainer.remove_callback(PrinterCallback)
    started = time.monotonic()
    last = get_last_checkpoint(args.out) if args.resume and Path(args.out).is_dir() else None
    trainer.train(resume_from_checkpoint=last)
    losses = tuple((int(log["step"]), float(log["loss"])) for log in trainer.state.log_history if "loss" in log)
    result = SftResult(
        out=args.out,
        steps=trainer.state.global_step,
        seconds=time.monotonic() - started,
        lines=len(dataset),
        tokens=counts["tokens"],
        trained_tokens=counts["trained_tokens"],
        loss_first=losses[0][1],
        loss_last=losses[-1][1],
        losses=losses,
    )
    trainer.save_model(args.out)
    if trainer.is_world_process_zero():
        tokenizer.save_pretrained(args.out)
        Path(args.out, "metrics.json").write_text(json.dumps(dataclasses.asdict(result), indent=1) + "\n")
    return result


def _config(args: SftArgs, use_cpu: bool, bf16: bool) -> Any:
    from trl import SFTConfig

    return SFTConfig(
        output_dir=args.out,
        max_length=None,
        num_train_epochs=args.epochs,
        max_steps=args.max_steps,
        learning_rate=args.learning_rate,
        lr_scheduler_type=args.schedule,
        warmup_steps=args.warmup,
        weight_decay=args.weight_decay,
        per_device_train_batch_size=args.batch,
        gradient_accumulation_steps=args.accumulate,
        train_sampling_strategy="group_by_length" if args.batch > 1 else "random",
        activation_checkpointing=args.recompute,
        save_strategy="steps" if args.save_steps else "no",
        save_steps=args.save_steps or 1,
        save_total_limit=2,
        logging_steps=args.log_steps,
        seed=args.seed,
        use_cpu=use_cpu,
        bf16=bf16,
        report_to="none",
        disable_tqdm=args.quiet,
        dataloader_pin_memory=not use_cpu,
    )


def _hardware(args: SftArgs) -> tuple[bool, bool]:
    """Set the CPU threads; return whether to use the CPU, and whether to compute in bfloat16."""
    import torch

    if args.threads:
        torch.set_num_threads(args.threads)
    gpu = torch.cuda.is_available() and not args.cpu
    return not gpu, gpu and torch.cuda.is_bf16_supported()


def _trainer_class(use_cpu: bool) -> Any:
    """TRL's trainer, or on a CPU one that computes logits only where there is a label.

    TRL's fused head, made for GPUs, computes them everywhere. Most of an episode is what the terminal printed, and on a
    CPU its logits would take three quarters of the time.
    """
    from torch.nn.functional import cross_entropy
    from trl import SFTTrainer

    class CpuTrainer(SFTTrainer):  # type: ignore[misc]  # trl has no types
        def compute_loss(
            self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            labels = inputs.pop("labels")[:, 1:]
            kept = (labels != -100).any(dim=0).nonzero().squeeze(-1)
            outputs = model(**inputs, use_cache=False, logits_to_keep=kept)
            wanted = labels[:, kept].flatten()
            total = cross_entropy(outputs.logits.flatten(0, 1).float(), wanted, reduction="sum")
            loss = total / ((wanted != -100).sum() if num_items_in_batch is None else num_items_in_batch)
            return (loss, outputs) if return_outputs else loss

    return CpuTrainer if use_cpu else SFTTrainer


def _watch(on_step: Callable[[int, float], None]) -> Any:
    from transformers import TrainerCallback

    class Watch(TrainerCallback):  # type: ignore[misc]  # transformers is not followed
        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **rest: Any) -> None:
            if "loss" in logs:
                on_step(state.global_step, float(logs["loss"]))

    return Watch()


def _load(path: Path, max_length: int) -> tuple[Any, dict[str, int]]:
    """The dataset, and counts of it. pyarrow reads the lines without making Python numbers of every token."""
    import pyarrow.compute as pc
    import pyarrow.json
    from datasets import Dataset

    table = pyarrow.json.read_json(path, read_options=pyarrow.json.ReadOptions(block_size=1 << 26))
    missing = {"input_ids", "labels"} - set(table.column_names)
    if missing:
        raise ValueError(f"expected lines with input_ids and labels in {path}, found {sorted(table.column_names)}")
    table = table.select(["input_ids", "labels"])
    longest = pc.max(pc.list_value_length(table["input_ids"])).as_py()
    if longest > max_length:
        raise ValueError(
            f"expected lines of at most {max_length} tokens, found one of {longest} in {path}: "
            f"export again with --max-length {max_length}, which cuts into windows, or train with a larger --max-length"
        )
    labels = pc.list_flatten(table["labels"])
    counts = {
        "tokens": len(labels),
        "trained_tokens": pc.sum(pc.not_equal(labels, -100)).as_py(),
        "highest_id": pc.max(pc.list_flatten(table["input_ids"])).as_py(),
    }
    return Dataset(table), counts


def parse_args(argv: Sequence[str] | None = None) -> SftArgs:
    """Return the arguments of a command line, over those of its ``--config``, over the defaults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", type=Path, help="YAML file with arguments by name")
    hints = get_type_hints(SftArgs)
    for item in dataclasses.fields(SftArgs):
        flag = "--" + item.name.replace("_", "-")
        kind: dict[str, Any] = (
            {"action": argparse.BooleanOptionalAction} if hints[item.name] is bool else {"type": hints[item.name]}
        )
        parser.add_argument(flag, default=argparse.SUPPRESS, help=f"{item.metadata['help']} ({item.default})", **kind)
    given = vars(parser.parse_args(argv))
    config = given.pop("config")
    values = {**(_read_config(config, hints) if config else {}), **given}
    for name in ("model", "data", "out"):
        if not values.get(name):
            parser.error(f"--{name} is needed")
    return SftArgs(**values)


def _read_config(path: Path, hints: dict[str, type]) -> dict[str, Any]:
    import yaml

    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    unknown = set(values) - set(hints)
    if unknown:
        raise ValueError(f"expected arguments of training.sft in {path}, found also {', '.join(sorted(unknown))}")
    return {name: hints[name](value) for name, value in values.items()}


def main() -> None:
    """Run from the command line."""
    result = train(parse_args())
    print(f"{result.steps} steps in {result.seconds:.0f} s, loss {result.loss_first:.3f} -> {result.loss_last:.3f}")
    print(result.out)


if __name__ == "__main__":
    main()
