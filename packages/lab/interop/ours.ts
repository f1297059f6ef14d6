/**
 * Our side of a comparison with another engine: ids, logits, greedy texts and acceptance of a pair of folders, as JSON.
 *
 *   bun packages/lab/interop/ours.ts --target DIR --draft DIR --prompts FILE.jsonl --gamma 4 --max-new 64 > ours.json
 *
 * The scripts beside this one read that file, do the same by another engine, and print both sides: docs/interop.md.
 */
import { readFileSync } from "node:fs"
import { resolve } from "node:path"
import { parseArgs } from "node:util"
import { loadCodec } from "@winnow/data"
import { modelProposer, speculateOne } from "@winnow/decoding"
import { loadDecoder, logitsOf } from "@winnow/models"
import { openEngine, tf } from "@winnow/tensor"
import { Effect } from "effect"
import { houseFamilies } from "../src/index.ts"

const { values } = parseArgs({
  options: {
    target: { type: "string" },
    draft: { type: "string" },
    prompts: { type: "string" },
    gamma: { type: "string", default: "4" },
    "max-new": { type: "string", default: "64" },
    limit: { type: "string", default: "40" },
  },
})
const { target: targetFolder, draft: draftFolder, prompts: file } = values
if (targetFolder === undefined || draftFolder === undefined || file === undefined)
  throw new Error("give --target DIR --draft DIR --prompts FILE.jsonl")
await openEngine()
const families = await Effect.runPromise(houseFamilies)
const [target, draft] = await Effect.runPromise(
  Effect.all([loadDecoder(targetFolder, families), loadDecoder(draftFolder, families)]),
)
const codec = await Effect.runPromise(loadCodec(targetFolder))
const texts = readFileSync(file, "utf8")
  .split("\n")
  .filter((line) => line.trim() !== "")
  .slice(0, Number(values.limit))
  .map((line) => (JSON.parse(line) as { readonly prompt: string }).prompt)
const encoded = await Effect.runPromise(codec.encode(texts))
const eosId = codec.end?.id
const options = { maxNew: Number(values["max-new"]), temperature: 0, ...(eosId !== undefined && { eosId }) }
const gamma = Number(values.gamma)

/** Logits after the last token of a prompt, nine digits. */
const lastLogits = (model: typeof target, ids: Int32Array): ReadonlyArray<number> =>
  tf.tidy(() => {
    const logits = logitsOf(model, tf.tensor2d([[...ids]], undefined, "int32"))
    const [, T, V] = logits.shape as [number, number, number]
    return Array.from(logits.slice([0, T - 1, 0], [1, 1, V]).dataSync(), (x) => Number(x.toPrecision(9)))
  })

const rows = []
for (const [i, text] of texts.entries()) {
  const ids = encoded[i]!
  const alone = await speculateOne(target, undefined, ids, { ...options, draftLength: 0 })
  const { rollout, counts } = await speculateOne(target, modelProposer(draft), ids, { ...options, draftLength: gamma })
  const tokens = [...rollout.tokens]
  if (tokens.join() !== [...alone.rollout.tokens].join())
    throw new Error(`prompt ${i}: another text than the target's own`)
  rows.push({
    prompt: text,
    ids: [...ids],
    logits: { target: lastLogits(target, ids), draft: lastLogits(draft, ids) },
    tokens,
    text: codec.decode(tokens.at(-1) === eosId ? tokens.slice(0, -1) : tokens),
    counts: { blocks: counts.blocks, proposed: counts.proposed, accepted: counts.accepted, rejected: counts.rejected },
    smallestMargin: Math.min(...alone.margins),
  })
}
const folders = { target: resolve(targetFolder), draft: resolve(draftFolder) }
console.log(JSON.stringify({ ...folders, gamma, maxNew: options.maxNew, eosId: eosId ?? null, rows }))
