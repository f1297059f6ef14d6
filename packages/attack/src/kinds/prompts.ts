/**
 * Damages files of prompts: lines without a prompt, ids out of range, bytes that are not text. Prompts are never
 * altered.
 */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { encodePrompts, readPromptFile } from "@winnow/cli"
import { byteTokenizer } from "@winnow/data"
import { Effect } from "effect"
import { ended, triedBy } from "../judge.ts"
import type { Kind } from "../kind.ts"
import { jsonOf, oddNames, oddValues, pick, spoilFile } from "../random.ts"

const V = 257

/** Damage of prompt files. */
export const prompts: Kind = {
  name: "prompts",
  of: "files of prompts",
  whole: 2000,
  seconds: 20,
  setUp: async (folder) => async (rng, _, tell) => {
    const file = join(folder, "prompts.jsonl")
    const id = () =>
      pick<unknown>(rng, [
        0,
        1,
        5,
        255,
        256,
        257,
        -1,
        2 ** 31,
        2 ** 32 + 5,
        1.5,
        1e300,
        "1",
        null,
        true,
        ...oddValues.slice(0, 12),
      ])
    const line = (): string => {
      switch (rng.below(8)) {
        case 0:
          return jsonOf({ ids: Array.from({ length: rng.below(5) }, id) })
        case 1:
          return jsonOf({ [pick(rng, ["prompt", "ids", ...oddNames])]: pick(rng, oddValues) })
        case 2:
          return jsonOf(pick(rng, oddValues))
        case 3:
          return pick(rng, [
            "",
            " ",
            "{",
            "null",
            "\u0000",
            "{}",
            '{"prompt":"a","ids":[1]}',
            '{"ids":[1],"ids":[2]}',
            "\u2028",
          ])
        case 4:
          return jsonOf({ prompt: pick(rng, ["", "a", "ü\ud800", "<|end|>", "\ufeffx", "x".repeat(5000)]) })
        default:
          return jsonOf({
            ids: Array.from({ length: 1 + rng.below(4) }, () => rng.below(V)),
            note: pick(rng, oddNames),
          })
      }
    }
    const lines = Array.from({ length: rng.below(4) + 1 }, line)
    writeFileSync(file, lines.join(pick(rng, ["\n", "\n", "\r\n"])) + pick(rng, ["", "\n"]))
    let damage = lines.map((l) => l.slice(0, 60)).join(" | ")
    if (rng.below(4) === 0) damage += `; ${spoilFile(rng, folder, "prompts.jsonl")}`
    const limits = { vocabularySize: V, targetContext: 64, draftContext: 64, maxNew: 8 }
    tell(damage)
    const end = await ended(
      Effect.flatMap(readPromptFile(file), (read) => encodePrompts(file, read, byteTokenizer, limits)),
    )
    if (end._tag !== "done") {
      removeFile(folder)
      return triedBy(damage, end)
    }
    const texts = (await Bun.file(file).text()).replace(/^\ufeff/, "").split("\n")
    for (const { line, ids } of end.value) {
      const prompt = JSON.parse(texts[line - 1]!.trim()) as { ids?: ReadonlyArray<number>; prompt?: string }
      const expected = prompt.ids ?? [...new TextEncoder().encode(prompt.prompt)]
      if (expected.length !== ids.length || expected.some((x, i) => x !== ids[i]))
        return { outcome: "wrong", damage, detail: `line ${line}: read as ${ids.join().slice(0, 200)}` }
    }
    return { outcome: "faithful", damage, detail: "" }
  },
}

/** Removes the file of prompts, or the entry in its place. */
const removeFile = (folder: string) => void Bun.spawnSync(["rm", "-rf", join(folder, "prompts.jsonl")])
