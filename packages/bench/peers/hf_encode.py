"""Encoding by Python's tokenizers, as a worker: "encode NAME" in, a JSON line of its time, its tokens and their sum out.

FOLDER/NAME/tokenizer.json encodes the texts of FOLDER/NAME/texts.json in one call of the method, ids included.
"""
import argparse
import json
import os
import resource
import sys
import time

import tokenizers

parser = argparse.ArgumentParser()
parser.add_argument("--folder", required=True)
parser.add_argument("--method", required=True)
args = parser.parse_args()

prepared = {}
for name in sorted(os.listdir(args.folder)):
    with open(os.path.join(args.folder, name, "texts.json"), encoding="utf-8") as file:
        texts = json.load(file)
    prepared[name] = (tokenizers.Tokenizer.from_file(os.path.join(args.folder, name, "tokenizer.json")), texts)

print(json.dumps({"ready": f"Python's tokenizers {tokenizers.__version__}, {args.method}"}), flush=True)
for line in sys.stdin:
    what, _, name = line.strip().partition(" ")
    if what != "encode":
        break
    tokenizer, texts = prepared[name]
    start = time.perf_counter()
    ids = [encoding.ids for encoding in getattr(tokenizer, args.method)(texts, add_special_tokens=False)]
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "tokens": sum(map(len, ids)), "sum": sum(map(sum, ids))}), flush=True)
    del ids
print(json.dumps({"peakMegabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}), flush=True)
