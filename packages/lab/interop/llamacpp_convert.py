"""llama.cpp's converter on an exported folder, with the name of the rule that cuts text before BPE.

    python packages/lab/interop/llamacpp_convert.py LLAMA_CPP DIR OUT.gguf [PRE]

LLAMA_CPP is a folder with convert_hf_to_gguf.py and gguf-py. The converter knows that rule by a hash of ids of published
tokenizers, and refuses one that was trained here; PRE names it. The default, gpt-2, is the rule of `bpe({ splitDigits: false })`.

Written against converters of 2025-07-03 and August 2026; no test of the repository needs it. See docs/interop.md.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

if len(sys.argv) not in (4, 5):
    sys.exit(__doc__)
folder, model, out = sys.argv[1:4]
pre = sys.argv[4] if len(sys.argv) == 5 else "gpt-2"
sys.path[:0] = [folder, f"{folder}/gguf-py"]

import convert_hf_to_gguf as converter  # noqa: E402

# Newer converters have their classes in a package beside the script.
classes = converter if hasattr(converter, "TextModel") else import_module("conversion.base")
read_config = classes.ModelBase.load_hparams


def load_hparams(dir_model, *rest, **named):
    """transformers 5 reads a config into other names (no rotary_pct), which the converter does not look for."""
    return {**json.loads((Path(dir_model) / "config.json").read_text()), **read_config(dir_model, *rest, **named)}


classes.ModelBase.load_hparams = staticmethod(load_hparams)
classes.TextModel.get_vocab_base_pre = lambda self, tokenizer: pre
sys.argv = ["convert_hf_to_gguf.py", model, "--outfile", out, "--outtype", "f32"]
converter.main()
