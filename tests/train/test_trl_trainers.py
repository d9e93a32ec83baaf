"""Ten updates of our loop beside ten of TRL's trainers: the same model, adapter, rows, order and precision."""

import warnings
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model_state_dict, set_peft_model_state_dict

from engine.data.rows import Conversation, Message, Preference
from engine.job.channel import Desk
from engine.job.job import job_from_values
from engine.methods.loss import add_up
from engine.models.adapters import trained_parameters
from engine.models.lora import add_lora
from engine.models.template import encode, open_template
from engine.train.batches import Example, Order
from engine.train.forward import Policy
from engine.train.loop import Training, accumulate
from engine.train.memory import RowsAtATime
from engine.train.objective import objective_of
from engine.train.optimizer import Optimizer, rate_at
from engine.train.reference import Reference
from engine.train.state import State
from tests.models.tiny_models import tiny_model, tiny_tokenizer
from tests.train.tiny_runs import rows_for

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

STEPS, ROWS = 10, 4
RATE = 2e-3
LORA = {"rank": 4, "alpha": 8.0, "dropout": 0.0}


def ours(kind, rows, start):
    """The losses of ten updates in the rows' own order."""
    job = job_from_values(
        {
            "method": {"kind": kind},
            "adapter": {"kind": "lora", **LORA},
            "train": {"learning_rate": RATE, "schedule": "linear", "warmup": 0.0},
        }
    )
    model = add_lora(tiny_model(), job.adapter.settings).train()
    set_peft_model_state_dict(model, start)
    tokenizer = tiny_tokenizer()
    template = open_template(tokenizer)
    examples = []
    for index, row in enumerate(rows):
        found = encode(row, tokenizer, template, "answers", None)
        parts = (found.chosen, found.rejected) if kind == "dpo" else (found,)
        examples.append(Example(index, index + 1, parts))
    policy = Policy(model, "cpu")
    reference = Reference(policy, len(examples)) if kind == "dpo" else None
    training = Training(
        settings=job.train,
        policy=policy,
        objective=objective_of(job, policy, reference),
        optimizer=Optimizer(trained_parameters(model), job.train),
        examples=examples,
        order=Order(len(rows), ROWS, len(rows), 0),
        rows_at_a_time=RowsAtATime(ROWS, Desk(Path())),
        state=State(STEPS, RATE),
    )
    losses = []
    for step in range(STEPS):
        total = add_up(accumulate(training, step + 1, examples[step * ROWS : (step + 1) * ROWS], ROWS))
        training.optimizer.divide_gradients(total.count)
        training.optimizer.correct(rate_at(step + 1, STEPS, RATE, 0.0, "linear"), training.optimizer.norm())
        losses.append(total.loss)
    return losses


def start_of_adapter():
    """An adapter whose both matrices are drawn, so that the first update already is one of many."""
    torch.manual_seed(3)
    model = add_lora(tiny_model(), job_from_values({"adapter": {"kind": "lora", **LORA}}).adapter.settings)
    with torch.no_grad():
        for weight in trained_parameters(model).values():
            weight.copy_(0.02 * torch.randn_like(weight))
    targets = sorted(model.peft_config["default"].target_modules)
    return get_peft_model_state_dict(model), targets


def theirs(trainer_class, config_class, dataset, start, targets, folder, **settings):
    """The losses that TRL logs for the same ten updates."""
    arguments = config_class(
        output_dir=str(folder),
        max_steps=STEPS,
        per_device_train_batch_size=ROWS,
        learning_rate=RATE,
        lr_scheduler_type="linear",
        logging_steps=1,
        train_sampling_strategy="sequential",
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        max_grad_norm=1.0,
        weight_decay=0.0,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
        dataloader_num_workers=0,
        max_length=None,
        **settings,
    )
    lora = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=targets, task_type="CAUSAL_LM")
    trainer = trainer_class(
        model=tiny_model(),
        args=arguments,
        train_dataset=dataset,
        processing_class=tiny_tokenizer(),
        peft_config=lora,
    )
    set_peft_model_state_dict(trainer.model, start)
    trainer.train()
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
    assert len(losses) == STEPS
    assert max(losses) - min(losses) > 0.05  # they move, so that going another way would show
    return losses


def test_ten_updates_of_dpo_follow_trl(tmp_path):
    rows = rows_for("preference", STEPS * ROWS)
    pairs = [
        Preference(
            number,
            (Message("user", row["prompt"]),),
            (Message("assistant", row["chosen"]),),
            (Message("assistant", row["rejected"]),),
        )
        for number, row in enumerate(rows, 1)
    ]
    dataset = Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": row["prompt"]}],
                "chosen": [{"role": "assistant", "content": row["chosen"]}],
                "rejected": [{"role": "assistant", "content": row["rejected"]}],
            }
            for row in rows
        ]
    )
    start, targets = start_of_adapter()
    expected = theirs(DPOTrainer, DPOConfig, dataset, start, targets, tmp_path, beta=0.1)
    assert ours("dpo", pairs, start) == pytest.approx(expected, abs=1e-4)


def test_ten_updates_of_instruction_tuning_follow_trl(tmp_path):
    rows = rows_for("conversation", STEPS * ROWS)
    conversations = [
        Conversation(number, (Message("user", row["instruction"]), Message("assistant", row["response"])))
        for number, row in enumerate(rows, 1)
    ]
    dataset = Dataset.from_list(
        [
            {
                "prompt": [{"role": "user", "content": row["instruction"]}],
                "completion": [{"role": "assistant", "content": row["response"]}],
            }
            for row in rows
        ]
    )
    start, targets = start_of_adapter()
    expected = theirs(SFTTrainer, SFTConfig, dataset, start, targets, tmp_path, completion_only_loss=True)
    assert ours("sft", conversations, start) == pytest.approx(expected, abs=1e-4)
