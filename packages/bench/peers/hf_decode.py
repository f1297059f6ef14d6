"""Greedy decoding by transformers, as a worker: "plain R" or "assisted R" in, a JSON line of its time and tokens out.

FOLDER has target/, draft/ (Hugging Face directories) and prompts.json (a list of lists of ids). Plain is `generate` with its
cache of keys and values; assisted is `generate` with the draft as assistant and a constant number of assistant tokens.
"""
import argparse
import json
import os
import resource
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True)
parser.add_argument("--gamma", type=int, required=True)
parser.add_argument("--new", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--bf16", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)
transformers.logging.set_verbosity_error()


def load(which: str):
    dtype = torch.bfloat16 if args.bf16 else torch.float32
    model = AutoModelForCausalLM.from_pretrained(os.path.join(args.folder, which), dtype=dtype).eval()
    model.generation_config.eos_token_id = None
    return model


target, draft = load("target"), load("draft")
draft.generation_config.num_assistant_tokens = args.gamma
draft.generation_config.num_assistant_tokens_schedule = "constant"
draft.generation_config.assistant_confidence_threshold = 0.0
with open(os.path.join(args.folder, "prompts.json")) as file:
    prompts = json.load(file)
calls = 0


def count(*_) -> None:
    global calls
    calls += 1


target.register_forward_pre_hook(count)


@torch.inference_mode()
def decode(prompt: list, assistant) -> list:
    ids = torch.tensor([prompt])
    out = target.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=args.new,
        do_sample=False,
        pad_token_id=0,
        use_cache=True,
        **({} if assistant is None else {"assistant_model": assistant}),
    )
    return out[0, len(prompt) :].tolist()


name = f"transformers {transformers.__version__} {'bf16' if args.bf16 else 'fp32'}"
print(json.dumps({"ready": name}), flush=True)
for line in sys.stdin:
    what, _, which = line.strip().partition(" ")
    if what not in ("plain", "assisted"):
        break
    calls = 0
    start = time.perf_counter()
    tokens = decode(prompts[int(which)], draft if what == "assisted" else None)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "tokens": tokens, "targetCalls": calls}), flush=True)
print(json.dumps({"peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
