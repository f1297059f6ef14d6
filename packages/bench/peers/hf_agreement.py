"""Greedy decoding by transformers, told token by token: what to hold another engine's outputs and counts against.

A line in is a JSON object {"gamma": G, "ids": [...], "new": N}; gamma 0 is the target alone. A line out has the tokens, the
calls of the target, and for each block of assisted generation where it began and which tokens the draft proposed: what was
accepted follows from these and the tokens, so nothing is counted here.
"""
import argparse
import json
import resource
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.generation.candidate_generator import AssistedCandidateGenerator

parser = argparse.ArgumentParser()
parser.add_argument("--target", required=True)
parser.add_argument("--draft", required=True)
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--eos", type=int, help="the token that ends a text; left out: none does")
args = parser.parse_args()
torch.set_num_threads(args.threads)
transformers.logging.set_verbosity_error()


def load(folder: str):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.eos_token_id = args.eos
    # Any other id would be taken for padding wherever it is in a prompt that comes without a mask.
    model.generation_config.pad_token_id = args.eos
    return model


target, draft = load(args.target), load(args.draft)
draft.generation_config.num_assistant_tokens_schedule = "constant"
draft.generation_config.assistant_confidence_threshold = 0.0
calls = 0
blocks = []
propose = AssistedCandidateGenerator.get_candidates


def count(*_) -> None:
    global calls
    calls += 1


def recorded(self, input_ids, *rest, **named):
    candidates, logits = propose(self, input_ids, *rest, **named)
    length = input_ids.shape[1]
    blocks.append({"length": length, "drafted": candidates[0, length:].tolist()})
    return candidates, logits


target.register_forward_pre_hook(count)
AssistedCandidateGenerator.get_candidates = recorded


@torch.inference_mode()
def decode(prompt: list, gamma: int, new: int) -> list:
    ids = torch.tensor([prompt])
    draft.generation_config.num_assistant_tokens = gamma
    out = target.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=new,
        do_sample=False,
        **({} if gamma == 0 else {"assistant_model": draft}),
    )
    return out[0, len(prompt) :].tolist()


print(json.dumps({"ready": f"transformers {transformers.__version__}, PyTorch {torch.__version__}, fp32"}), flush=True)
for line in sys.stdin:
    if not line.strip():
        break
    asked = json.loads(line)
    calls, blocks = 0, []
    start = time.perf_counter()
    tokens = decode(asked["ids"], asked["gamma"], asked["new"])
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "tokens": tokens, "targetCalls": calls, "blocks": blocks}), flush=True)
print(json.dumps({"peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
