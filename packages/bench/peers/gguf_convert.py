"""llama.cpp's converter on a folder of `bun run bench decode`, with a vocabulary whose tokens are named by their ids.

    python gguf_convert.py CONVERT_HF_TO_GGUF.py DIR OUT.gguf TYPE END

The bench's models have no tokenizer. Here token 7 is written <7>, so that a prompt of any ids can be given as text, and
a text read as ids. TYPE is f32, bf16 or q8_0. END is the id of the end of a text, which no text of the bench has.

Written against a converter of August 2026; no test of the repository needs it.
"""

import json
import sys
from importlib import import_module
from pathlib import Path

if len(sys.argv) != 6:
    sys.exit(__doc__)
script, model, out, kind = sys.argv[1:5]
end = int(sys.argv[5])
folder = Path(script).resolve().parent
sys.path[:0] = [str(folder), str(folder / "gguf-py")]

converter = import_module(Path(script).stem)
import gguf  # noqa: E402

# Newer converters have their classes in a package beside the script.
classes = converter if hasattr(converter, "TextModel") else import_module("conversion.base")
read_config = classes.ModelBase.load_hparams


def load_hparams(dir_model, *rest, **named):
    """transformers 5 reads a config into other names (no rotary_pct), which the converter does not look for."""
    return {**json.loads((Path(dir_model) / "config.json").read_text()), **read_config(dir_model, *rest, **named)}


def set_vocab(self):
    """Tokens that the engines cut out of any text; the end is a line feed, which they look for when they start."""
    names = [f"<{i}>" for i in range(self.hparams["vocab_size"])]
    kinds = [gguf.TokenType.USER_DEFINED] * len(names)
    names[end], kinds[end] = "\u010a", gguf.TokenType.NORMAL
    writer = self.gguf_writer
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(names)
    writer.add_token_types(kinds)
    writer.add_token_merges(["a b"])  # the engines refuse a file without merges
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_add_bos_token(False)


classes.ModelBase.load_hparams = staticmethod(load_hparams)
for name in ("_set_vocab_gpt2", "_set_vocab_sentencepiece"):
    setattr(classes.TextModel, name, set_vocab)
sys.argv = [script, model, "--outfile", out, "--outtype", kind]
converter.main()
