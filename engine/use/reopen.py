"""Opens an export with transformers alone, as a stranger would, and tells how it answers.

A script of its own for a process of its own: nothing of Tunewright is imported here.

    python -P reopen.py REQUEST.json REPLY.json LOGITS.safetensors

REQUEST: folder, gguf_file ("" for none), config (for a GGUF, the folder of the original's config.json), base (""
or where the adapter's base is, to load in dtype), rows (of word vectors that the base gets first; 0: as it is), prompts (a text to continue, or messages), ids (the prompts as
tokens; empty: by the export's tokenizer), max_new_tokens, end_ids (empty: as the export says), device, threads.
REPLY: parameters, eos, has_template, and for each prompt its prompt_ids and answer_ids. LOGITS: for each prompt the
logits `(V,)` of the answer's first token.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig


def main(request_path: str, reply_path: str, logits_path: str) -> None:
    """Answer the request; any exception is a failed check."""
    request = json.loads(Path(request_path).read_text(encoding="utf-8"))
    torch.set_num_threads(request["threads"])
    torch.backends.cuda.enable_cudnn_sdp(False)  # it would build a plan for every token of an answer
    model = _model(request).to(request["device"]).eval()
    tokenizer = _tokenizer(request)
    eos = model.generation_config.eos_token_id
    reply: dict[str, Any] = {  # Any: JSON values
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "eos": eos if isinstance(eos, list) else [] if eos is None else [eos],
        "has_template": bool(tokenizer.chat_template),
        "prompt_ids": [],
        "answer_ids": [],
    }
    logits = {}
    for number, prompt in enumerate(request["prompts"]):
        ids = request["ids"][number] if request["ids"] else _prompt_ids(tokenizer, prompt)
        answer, first = _answer(model, ids, request)
        reply["prompt_ids"].append(ids)
        reply["answer_ids"].append(answer)
        logits[str(number)] = first
        print(number + 1, flush=True)
    save_file(logits, logits_path)
    Path(reply_path).write_text(json.dumps(reply), encoding="utf-8")


def _model(request: dict[str, Any]) -> Any:
    folder = request["folder"]
    if request["base"]:
        from peft import PeftModel

        base = AutoModelForCausalLM.from_pretrained(
            request["base"], dtype=request["dtype"], local_files_only=True
        )
        if request["rows"]:
            base.resize_token_embeddings(request["rows"], mean_resizing=False)
        model: Any = PeftModel.from_pretrained(base, folder)
        model.generation_config = GenerationConfig.from_pretrained(folder, local_files_only=True)
        return model
    if request["gguf_file"]:
        return AutoModelForCausalLM.from_pretrained(
            folder,
            gguf_file=request["gguf_file"],
            config=_gguf_config(request),
            dtype=torch.float32,
            local_files_only=True,
        )
    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)


def _gguf_config(request: dict[str, Any]) -> Any:
    """What the file says, with what transformers' reader passes over there: scaled positions, Qwen3's head size."""
    config = AutoConfig.from_pretrained(
        request["folder"], gguf_file=request["gguf_file"], local_files_only=True
    )
    original = AutoConfig.from_pretrained(request["config"], local_files_only=True)
    for name in ("rope_parameters", "head_dim"):
        if getattr(original, name, None) is not None:
            setattr(config, name, getattr(original, name))
    return config


def _tokenizer(request: dict[str, Any]) -> Any:
    options = {"gguf_file": request["gguf_file"]} if request["gguf_file"] else {}
    return AutoTokenizer.from_pretrained(request["folder"], local_files_only=True, **options)


def _prompt_ids(tokenizer: Any, prompt: Any) -> list[int]:
    if isinstance(prompt, str):
        return list(tokenizer(prompt)["input_ids"])
    return list(
        tokenizer.apply_chat_template(prompt, add_generation_prompt=True, return_dict=True)["input_ids"]
    )


def _answer(model: Any, ids: list[int], request: dict[str, Any]) -> tuple[list[int], torch.Tensor]:
    """The answer's ids, greedy, and the logits of its first token."""
    asked = torch.tensor([ids], device=request["device"])
    ends = request["end_ids"] or model.generation_config.eos_token_id
    # A fresh configuration: penalties that a base's folder asks for do not belong to what was learned.
    greedy = GenerationConfig(
        do_sample=False,
        max_new_tokens=request["max_new_tokens"],
        repetition_penalty=1.0,
        eos_token_id=ends,
        pad_token_id=0,
        output_logits=True,
        return_dict_in_generate=True,
    )
    out = model.generate(asked, attention_mask=torch.ones_like(asked), generation_config=greedy)
    return out.sequences[0, len(ids) :].tolist(), out.logits[0][0].float().cpu()


if __name__ == "__main__":
    main(*sys.argv[1:])
