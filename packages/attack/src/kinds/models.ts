/**
 * Damages model folders: mutated configs and weights, cut headers, false sizes, exchanged types, files of another kind.
 */
import { cpSync, lstatSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { computeLogits } from "@winnow/cli"
import type { ModelUse } from "@winnow/core"
import { gptNeox } from "@winnow/model-gpt-neox"
import { llama } from "@winnow/model-llama"
import { initialise, saveModel } from "@winnow/models"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { ended, triedBy } from "../judge.ts"
import type { Kind } from "../kind.ts"
import { jsonOf, pick, spoilField, spoilFile } from "../random.ts"
import { referenceLogits } from "../reference.ts"
import { fileOf, partsOf, spoilHeader, tensorsOf } from "../safetensors.ts"

const ids = [1, 5, 2, 7, 30, 0]
const common = {
  vocab_size: 31,
  hidden_size: 16,
  num_hidden_layers: 2,
  max_position_embeddings: 16,
  initializer_range: 0.2,
}

const bases: Readonly<Record<string, ModelUse>> = {
  llama: llama({ ...common, num_attention_heads: 4, num_key_value_heads: 2, intermediate_size: 24 }),
  "llama-tied": llama({
    ...common,
    num_attention_heads: 2,
    tie_word_embeddings: true,
    attention_bias: true,
    mlp_bias: true,
  }),
  neox: gptNeox({ ...common, num_attention_heads: 2, rotary_pct: 0.5 }),
  "neox-sequential": gptNeox({
    ...common,
    num_attention_heads: 2,
    use_parallel_residual: false,
    tie_word_embeddings: true,
  }),
}

/** A file of F32 tensors, converted to BF16. */
const asBf16 = (bytes: Uint8Array): Uint8Array => {
  const { header, data } = partsOf(bytes)
  const entries = Object.entries(header).map(([name, value]) => {
    if (name === "__metadata__") return [name, value]
    const {
      shape,
      data_offsets: [start, end],
    } = value as { shape: number[]; data_offsets: [number, number] }
    return [name, { dtype: "BF16", shape, data_offsets: [start / 2, end / 2] }]
  })
  const floats = new Uint32Array(Uint8Array.from(data).buffer)
  const halves = Uint16Array.from(floats, (bits) => bits >>> 16)
  return fileOf({ header: Object.fromEntries(entries), data: new Uint8Array(halves.buffer) })
}

/** True if a file can be read and damaged further. */
const isOrdinary = (file: string): boolean => {
  const stats = lstatSync(file, { throwIfNoEntry: false })
  return stats?.isFile() === true && stats.size < 1 << 20
}

/** Largest difference of logits, in units of the tolerance; single precision against double. */
const distance = (logits: ReadonlyArray<number>, expected: ReadonlyArray<Float64Array>): number => {
  const V = expected[0]!.length
  const size = Math.max(1, ...expected.flatMap((row) => [...row].map(Math.abs)))
  if (logits.length !== expected.length * V) return Number.POSITIVE_INFINITY
  return logits.reduce(
    (most, z, i) => Math.max(most, Math.abs(z - expected[Math.floor(i / V)]![i % V]!) / size || 0),
    0,
  )
}

/** Damage of model folders. */
export const models: Kind = {
  name: "models",
  of: "model folders, loaded and run",
  whole: 10_000,
  seconds: 20,
  setUp: async (folder) => {
    await openEngine()
    const names = Object.keys(bases)
    const whole = new Map<string, ReadonlyArray<number>>()
    const logitsOf = (at: string) => ended(computeLogits(at, JSON.stringify([ids])))
    for (const name of names) {
      const at = join(folder, name)
      mkdirSync(at, { recursive: true })
      const model = initialise(await Effect.runPromise(bases[name]!.instance), 3)
      await Effect.runPromise(saveModel(model, at))
      model.dispose()
      if (name === "llama-tied")
        writeFileSync(join(at, "model.safetensors"), asBf16(readFileSync(join(at, "model.safetensors"))))
      const end = await logitsOf(at)
      if (end._tag !== "done") throw new Error(`the undamaged ${name} cannot be loaded: ${JSON.stringify(end)}`)
      const expected = referenceLogits(
        JSON.parse(readFileSync(join(at, "config.json"), "utf8")),
        tensorsOf(readFileSync(join(at, "model.safetensors")))!,
        ids,
      )
      if (expected === undefined || distance(end.value.logits, expected) > 1e-4)
        throw new Error(`the plain reading of ${name} differs by ${expected && distance(end.value.logits, expected)}`)
      whole.set(name, end.value.logits)
    }
    return async (rng, _, tell) => {
      const name = pick(rng, names)
      const at = join(folder, "damaged")
      rmSync(at, { recursive: true, force: true })
      cpSync(join(folder, name), at, { recursive: true })
      const [config, weights] = [join(at, "config.json"), join(at, "model.safetensors")]
      const damages: Array<string> = []
      for (let more = true; more; more = rng.below(4) === 0 && damages.length < 3) {
        const how = rng.below(10)
        // Only ordinary files are read here.
        if ([config, weights].some((file) => !isOrdinary(file))) break
        try {
          if (how < 5) {
            const { document, damage } = spoilField(rng, JSON.parse(readFileSync(config, "utf8")))
            writeFileSync(config, jsonOf(document))
            damages.push(damage)
          } else if (how < 8) {
            const { bytes, damage } = spoilHeader(rng, readFileSync(weights))
            writeFileSync(weights, bytes)
            damages.push(damage)
          } else damages.push(spoilFile(rng, at, pick(rng, ["config.json", "model.safetensors"])))
        } catch {
          break // the file is too damaged for more damage
        }
      }
      const damage = `${name}: ${damages.join("; ")}`
      tell(damage)
      const end = await logitsOf(at)
      if (end._tag !== "done") return triedBy(damage, end)
      const { logits } = end.value
      if (!logits.every(Number.isFinite)) return { outcome: "wrong", damage, detail: "logits that are not finite" }
      const before = whole.get(name)!
      if (before.length === logits.length && before.every((z, i) => Math.abs(z - logits[i]!) <= 1e-5))
        return { outcome: "same", damage, detail: "" }
      let expected: ReturnType<typeof referenceLogits>
      try {
        expected = referenceLogits(
          JSON.parse(readFileSync(config, "utf8").replace(/^\ufeff/, "")),
          tensorsOf(readFileSync(weights)) ?? new Map(),
          ids,
        )
      } catch {}
      if (expected === undefined) return { outcome: "read", damage, detail: "" }
      const off = distance(logits, expected)
      return off < 1e-3
        ? { outcome: "faithful", damage, detail: "" }
        : { outcome: "wrong", damage, detail: `logits off by ${off}` }
    }
  },
}
