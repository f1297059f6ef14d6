/** Tokenizer files: fields changed, bytes flipped, ids out of range. */
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { loadTokenizer, tokenizerFiles, trainBpe } from "@winnow/data"
import { Effect } from "effect"
import { ended, triedBy } from "../judge.ts"
import type { Kind } from "../kind.ts"
import { jsonOf, spoilField, spoilFile } from "../random.ts"

const texts = ["the cat sat on the mat", "12 + 7 = 19", "grüße an alle", "the dog and the cat and the hen"]

/** The kind. */
export const tokenizers: Kind = {
  name: "tokenizers",
  of: "tokenizer files",
  whole: 1000,
  seconds: 20,
  setUp: async (folder) => {
    const base = join(folder, "base")
    mkdirSync(base)
    for (const [name, text] of Object.entries(
      tokenizerFiles(trainBpe(texts, { vocabularySize: 300, splitDigits: true })),
    ))
      writeFileSync(join(base, name), text)
    const encoded = (at: string) =>
      ended(
        Effect.gen(function* () {
          const tokenizer = yield* loadTokenizer(at)
          const ids = (yield* tokenizer.encode(texts)).map((row) => [...row])
          const back = ids.map((row) => tokenizer.decode(row))
          return { ids, back, V: tokenizer.vocabularySize }
        }),
      )
    const whole = await encoded(base)
    if (whole._tag !== "done") throw new Error(JSON.stringify(whole))
    const at = join(folder, "damaged")
    return async (rng, _, tell) => {
      rmSync(at, { recursive: true, force: true })
      cpSync(base, at, { recursive: true })
      const file = join(at, "tokenizer.json")
      let damage: string
      if (rng.below(3) > 0) {
        const spoilt = spoilField(rng, JSON.parse(readFileSync(file, "utf8")))
        writeFileSync(file, jsonOf(spoilt.document))
        damage = spoilt.damage
      } else damage = spoilFile(rng, at, "tokenizer.json")
      tell(damage)
      const end = await encoded(at)
      if (end._tag !== "done") return triedBy(damage, end)
      const { ids, V } = end.value
      const outside = ids.flat().find((id) => !Number.isInteger(id) || id < 0 || id >= V)
      if (outside !== undefined) return { outcome: "wrong", damage, detail: `id ${outside} of a vocabulary of ${V}` }
      const same = JSON.stringify(end.value) === JSON.stringify(whole.value)
      return { outcome: same ? "same" : "read", damage, detail: "" }
    }
  },
}
