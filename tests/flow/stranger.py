"""Somebody else's program: opens an export with stock transformers alone and answers a prompt.

python stranger.py FOLDER MAX_NEW_TOKENS < prompt
"""

import sys

from transformers import AutoModelForCausalLM, AutoTokenizer

folder, max_new_tokens = sys.argv[1], int(sys.argv[2])
model = AutoModelForCausalLM.from_pretrained(folder)
tokenizer = AutoTokenizer.from_pretrained(folder)
messages = [{"role": "user", "content": sys.stdin.read()}]
inputs = tokenizer.apply_chat_template(
    messages, add_generation_prompt=True, return_tensors="pt", return_dict=True
)
answer = model.generate(**inputs, do_sample=False, max_new_tokens=max_new_tokens)
new = answer[0, inputs["input_ids"].shape[1] :]
sys.stdout.write(tokenizer.decode(new, skip_special_tokens=True))
