"""Loading safetensors by safetensors and PyTorch, as a worker: "load FORMAT" in, a JSON line of its time out.

FOLDER/FORMAT/model.safetensors is read into float32 tensors of memory of their own. `load_file` alone maps the file and
reads nothing, so the copy belongs to it; it runs on all threads.
"""
import argparse
import json
import os
import resource
import sys
import time

import safetensors
import torch
from safetensors.torch import load_file

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True)
parser.add_argument("--threads", type=int, required=True)
args = parser.parse_args()
torch.set_num_threads(args.threads)

print(json.dumps({"ready": f"safetensors {safetensors.__version__}, PyTorch {torch.__version__}"}), flush=True)
for line in sys.stdin:
    what, _, which = line.strip().partition(" ")
    if what != "load":
        break
    start = time.perf_counter()
    tensors = load_file(os.path.join(args.folder, which, "model.safetensors"))
    tensors = {name: tensor.to(torch.float32, copy=True) for name, tensor in tensors.items()}
    print(json.dumps({"seconds": time.perf_counter() - start}), flush=True)
    del tensors
print(json.dumps({"peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
