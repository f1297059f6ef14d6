/** The commands by which engines decode a target with a draft, for pages and model cards. */

/**
 * Markdown: transformers, Winnow, vLLM, SGLang, llama.cpp.
 *
 * @param target folder of the target, as the commands name it
 * @param gamma tokens proposed a target call
 */
export const engineCommands = (target: string, draft: string, gamma: number): string => `\`\`\`python
from transformers import AutoModelForCausalLM, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained("${target}")
target = AutoModelForCausalLM.from_pretrained("${target}")
draft = AutoModelForCausalLM.from_pretrained("${draft}")
draft.generation_config.num_assistant_tokens = ${gamma}
inputs = tokenizer("...", return_tensors="pt", add_special_tokens=False)
print(tokenizer.decode(target.generate(**inputs, assistant_model=draft, do_sample=False)[0]))
\`\`\`

\`\`\`sh
bun run winnow generate --target ${target} --draft ${draft} --prompt "..."
bun run winnow serve --target ${target} --draft ${draft} --draft-length ${gamma}
\`\`\`

The next commands follow the documents of vLLM, SGLang and llama.cpp, and were not run.

\`\`\`sh
vllm serve ${target} --speculative-config '{"model": "${draft}", "num_speculative_tokens": ${gamma}, "method": "draft_model"}'
python -m sglang.launch_server --model-path ${target} --speculative-algorithm STANDALONE \\
  --speculative-draft-model-path ${draft} --speculative-num-steps ${gamma} --speculative-eagle-topk 1 \\
  --speculative-num-draft-tokens ${gamma + 1}
python convert_hf_to_gguf.py ${target} --outfile target.gguf   # of llama.cpp; the draft likewise
llama-server -m target.gguf -md draft.gguf --draft-max ${gamma} --draft-min 1
\`\`\``
