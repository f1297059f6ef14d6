"""Batched generation by transformers, as a worker: "MODE WAY R" in, a JSON line of its time and tokens out.

FOLDER has target/ (a Hugging Face directory) and prompts.json (for each round a list of lists of ids). MODE is greedy or
sampled (temperature 1, without top-k), WAY is batch (all prompts of the round, padded on the left) or one (the first prompts
one at a time).
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
parser.add_argument("--new", type=int, required=True)
parser.add_argument("--single", type=int, required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--bf16", action="store_true")
args = parser.parse_args()
torch.set_num_threads(args.threads)
transformers.logging.set_verbosity_error()
dtype = torch.bfloat16 if args.bf16 else torch.float32
model = AutoModelForCausalLM.from_pretrained(os.path.join(args.folder, "target"), dtype=dtype).eval()
model.generation_config.eos_token_id = None
with open(os.path.join(args.folder, "prompts.json")) as file:
    rounds = json.load(file)


@torch.inference_mode()
def write(prompts: list, sampled: bool) -> list:
    longest = max(len(prompt) for prompt in prompts)
    ids = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
    mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
    how = {"do_sample": True, "temperature": 1.0, "top_k": 0} if sampled else {"do_sample": False}
    out = model.generate(ids, attention_mask=mask, max_new_tokens=args.new, pad_token_id=0, use_cache=True, **how)
    return out[:, longest:].tolist()


name = f"transformers {transformers.__version__} {'bf16' if args.bf16 else 'fp32'}"
print(json.dumps({"ready": name}), flush=True)
for line in sys.stdin:
    mode, _, rest = line.strip().partition(" ")
    way, _, which = rest.partition(" ")
    if way not in ("batch", "one"):
        break
    prompts = rounds[int(which)]
    start = time.perf_counter()
    if way == "batch":
        texts = write(prompts, mode == "sampled")
    else:
        texts = [text for prompt in prompts[: args.single] for text in write([prompt], mode == "sampled")]
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "texts": texts}), flush=True)
print(json.dumps({"peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
