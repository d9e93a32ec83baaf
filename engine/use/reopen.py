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
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    MixtralConfig,
    MixtralForCausalLM,
)


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
        config = _gguf_config(request)
        if config.model_type == "mixtral":
            return _gguf_mixtral(request, config)
        return AutoModelForCausalLM.from_pretrained(
            folder,
            gguf_file=request["gguf_file"],
            config=config,
            dtype=torch.float32,
            local_files_only=True,
        )
    return AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)


def _gguf_config(request: dict[str, Any]) -> Any:
    """What the file says, with what transformers' reader passes over there: experts, scaled positions, head sizes."""
    path = Path(request["folder"]) / request["gguf_file"]
    config = AutoConfig.from_pretrained(
        request["folder"], gguf_file=request["gguf_file"], local_files_only=True
    )
    told = _gguf_fields(path)
    if config.model_type == "qwen3_moe":
        config.moe_intermediate_size = told["expert_feed_forward_length"]
    elif (
        "expert_count" in told
    ):  # llama.cpp has Mixtral as a Llama with experts, which transformers reads as a plain one
        counts = {"num_local_experts": "expert_count", "num_experts_per_tok": "expert_used_count"}
        values = config.to_dict() | {name: told[key] for name, key in counts.items()}
        config = MixtralConfig(**{name: value for name, value in values.items() if name != "model_type"})
    original = AutoConfig.from_pretrained(request["config"], local_files_only=True)
    for name in ("rope_parameters", "head_dim"):
        if getattr(original, name, None) is not None:
            setattr(config, name, getattr(original, name))
    return config


def _gguf_fields(path: Path) -> dict[str, Any]:
    """The file's facts about its own architecture, by their names without it."""
    from gguf import GGUFReader

    fields = GGUFReader(path).fields
    own = f"{fields['general.architecture'].contents()}."
    return {
        name.removeprefix(own): field.contents() for name, field in fields.items() if name.startswith(own)
    }


def _gguf_mixtral(request: dict[str, Any], config: Any) -> Any:
    """Transformers' Mixtral with the file's numbers, which its own reader knows no way to."""
    from gguf import GGUFReader, dequantize

    reader = GGUFReader(Path(request["folder"]) / request["gguf_file"])
    found = {
        part.name: torch.from_numpy(dequantize(part.data, part.tensor_type).copy()).reshape(
            tuple(int(size) for size in reversed(part.shape))
        )
        for part in reader.tensors
    }
    model = MixtralForCausalLM(config)
    state = {
        "model.embed_tokens.weight": found["token_embd.weight"],
        "model.norm.weight": found["output_norm.weight"],
        "lm_head.weight": found.get("output.weight", found["token_embd.weight"]),
    }
    for layer in range(config.num_hidden_layers):
        state |= _gguf_mixtral_layer(found, layer, config)
    model.load_state_dict(state, strict=True)
    return model


def _gguf_mixtral_layer(found: dict[str, torch.Tensor], layer: int, config: Any) -> dict[str, torch.Tensor]:
    """One layer; queries and keys turned back from neighbouring pairs to the two halves of each head."""
    file, model = f"blk.{layer}.", f"model.layers.{layer}."

    def halves(name: str, heads: int) -> torch.Tensor:
        weight = found[f"{file}{name}.weight"]
        pairs = weight.reshape(heads, weight.shape[0] // heads // 2, 2, weight.shape[1])
        return pairs.transpose(1, 2).reshape(weight.shape)

    gate, up = found[f"{file}ffn_gate_exps.weight"], found[f"{file}ffn_up_exps.weight"]
    return {
        f"{model}input_layernorm.weight": found[f"{file}attn_norm.weight"],
        f"{model}post_attention_layernorm.weight": found[f"{file}ffn_norm.weight"],
        f"{model}self_attn.q_proj.weight": halves("attn_q", config.num_attention_heads),
        f"{model}self_attn.k_proj.weight": halves("attn_k", config.num_key_value_heads),
        f"{model}self_attn.v_proj.weight": found[f"{file}attn_v.weight"],
        f"{model}self_attn.o_proj.weight": found[f"{file}attn_output.weight"],
        f"{model}mlp.gate.weight": found[f"{file}ffn_gate_inp.weight"],
        f"{model}mlp.experts.gate_up_proj": torch.cat([gate, up], dim=1),
        f"{model}mlp.experts.down_proj": found[f"{file}ffn_down_exps.weight"],
    }


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
