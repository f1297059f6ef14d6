/**
 * llama.cpp beside Winnow, by node-llama-cpp: ids of the prompts and greedy texts of the folders of ours.json, converted.
 *
 *   node packages/lab/interop/llamacpp-side.mjs ours.json TARGET.gguf DRAFT.gguf [record.json]
 *
 * Run it where node-llama-cpp is installed (`npm install node-llama-cpp`, in a folder of its own; NODE_LLAMA_CPP names
 * that folder). Written against 3.21.1; no test of the repository needs it. See docs/interop.md.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join, resolve } from "node:path"
import { pathToFileURL } from "node:url"

const [oursFile, targetFile, draftFile, recordFile] = process.argv.slice(2)
if (draftFile === undefined) throw new Error("give ours.json TARGET.gguf DRAFT.gguf")
const root = resolve(process.env.NODE_LLAMA_CPP ?? ".")
const packageRoot = join(root, "node_modules/node-llama-cpp")
const { DraftSequenceTokenPredictor, getLlama, LlamaLogLevel } = await import(
  pathToFileURL(join(packageRoot, "dist/index.js")).href
)
const { version } = createRequire(import.meta.url)(join(packageRoot, "package.json"))
const ours = JSON.parse(readFileSync(oursFile, "utf8"))
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error })
const [target, draft] = [
  await llama.loadModel({ modelPath: resolve(targetFile) }),
  await llama.loadModel({ modelPath: resolve(draftFile) }),
]
// One thread each: on busy cores llama.cpp's threads wait for each other for minutes.
const contexts = [
  await target.createContext({ contextSize: 256, threads: 1 }),
  await draft.createContext({ contextSize: 256, threads: 1 }),
]

/** Greedy ids after a prompt, by the target alone or with the draft. */
const written = async (ids, withDraft) => {
  const drafting = withDraft ? contexts[1].getSequence() : undefined
  const options = { minTokens: ours.gamma, maxTokens: ours.gamma, minConfidence: 0 }
  const tokenPredictor = drafting && new DraftSequenceTokenPredictor(drafting, options)
  const sequence = contexts[0].getSequence(tokenPredictor ? { tokenPredictor } : {})
  const tokens = []
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    tokens.push(token)
    if (token === ours.eosId || tokens.length === ours.maxNew) break
  }
  const { validated, refuted } = sequence.tokenPredictions
  await sequence.dispose()
  await drafting?.dispose()
  return { text: tokens.join(), validated, refuted }
}

const same = { ids: 0, texts: 0, textsWithDraft: 0 }
const predictions = { validated: 0, refuted: 0 }
for (const { prompt, ids, tokens } of ours.rows) {
  const text = tokens.join()
  const [alone, pair] = [await written(ids, false), await written(ids, true)]
  same.ids += target.tokenize(prompt).join() === ids.join() ? 1 : 0
  same.texts += alone.text === text ? 1 : 0
  same.textsWithDraft += pair.text === text ? 1 : 0
  predictions.validated += pair.validated
  predictions.refuted += pair.refuted
}
const prompts = ours.rows.length
const differs = Object.keys(same).filter((name) => same[name] !== prompts)
const engine = { name: "llama.cpp", release: llama.llamaCppRelease.release, nodeLlamaCpp: version }
const conditions = { prompts, gamma: ours.gamma, maxNew: ours.maxNew, dtype: "float32" }
const date = new Date().toISOString().slice(0, 10)
if (recordFile !== undefined)
  writeFileSync(recordFile, `${JSON.stringify({ date, engine, conditions, same, predictions, differs })}\n`)
console.log(`llama.cpp ${engine.release} by node-llama-cpp ${version}`)
for (const [name, count] of Object.entries(same)) console.log(`${name}: ${count} of ${prompts} the same`)
console.log(`its predictions: ${predictions.validated} validated, ${predictions.refuted} refuted`)
console.log(differs.length === 0 ? "all the same" : `differs: ${differs.join(", ")}`)
process.exit(differs.length === 0 ? 0 : 1)
