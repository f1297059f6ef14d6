/** The sums of the golden runs on one machine, and how they are compared with stored ones. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { readSafetensors } from "@winnow/models"
import { type } from "arktype"
import type { Revision } from "../../src/store/code/revisions.ts"
import { digestOf } from "../../src/store/manifest.ts"
import type { Artifact } from "../../src/store/store.ts"

/** One stage: a hash of all its bytes that no clock wrote, and figures that another processor reaches nearly. */
export const Sum = type({ hash: "string", figures: "number[]" })
export type Sum = typeof Sum.infer

/** Sums by "run / stage label". */
export const Sums = type({ "[string]": Sum })
export type Sums = typeof Sums.infer

/** All that is stored: revisions at the time, and sums by the arithmetic that gave them. */
export const Golden = type({ revisions: { "[string]": "number" }, machines: { "[string]": Sums } })
export type Golden = typeof Golden.infer

/** The revision that a kind of stage is of. */
export const revisionOf: Readonly<Record<string, Revision>> = {
  tokenizer: "text",
  data: "text",
  target: "training",
  start: "training",
  reference: "training",
  arm: "training",
  signals: "signals",
  rollouts: "generation",
  score: "generation",
  measure: "measuring",
  kept: "measuring",
}

const numbersIn = (value: unknown): ReadonlyArray<number> => {
  if (typeof value === "number") return [value]
  if (Array.isArray(value)) return value.flatMap(numbersIn)
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(numbersIn) : []
}

/** Sum of |w| of each tensor of a file. */
const weightSums = (file: string): ReadonlyArray<number> =>
  [...readSafetensors(file)].map(([, { data }]) => data.reduce((sum, x) => sum + Math.abs(x), 0))

/** The sum of an artifact. */
export const sumOf = ({ directory, manifest }: Artifact): Sum => {
  const { stage, summary } = manifest
  const has = (name: string) => manifest.files.some(({ path }) => path === name)
  if (stage === "measure") {
    const { lengths, overlap, kl, agreement } = JSON.parse(readFileSync(join(directory, "figures.json"), "utf8"))
    const counts = lengths.map(({ greedyCounts, sampledCounts }: Record<string, unknown>) => [
      greedyCounts,
      sampledCounts,
    ])
    return {
      hash: sha256(JSON.stringify([counts, overlap, kl, agreement])),
      figures: [...numbersIn(overlap), ...numbersIn(kl)],
    }
  }
  const weights = has("model.safetensors") ? weightSums(join(directory, "model.safetensors")) : []
  const named = ["tokens", "tokensTrained", "examples", "greedy", "kept"].flatMap((name) =>
    numbersIn(summary[name] ?? []),
  )
  return { hash: digestOf(manifest), figures: [...weights, ...named] }
}

/** Largest relative distance of figures between processors; 20 steps of training let rounding grow to some 1e-5. */
const near = 2e-3

const isNear = (a: Sum, b: Sum): boolean =>
  a.figures.length === b.figures.length &&
  a.figures.every((x, i) => Math.abs(x - b.figures[i]!) <= near * Math.max(1, Math.abs(x)))

/**
 * The stages whose numbers are others.
 *
 * @param exact whether the stored sums are of this very arithmetic: then every bit counts
 */
export const changedIn = (stored: Sums, now: Sums, exact: boolean): ReadonlyArray<string> =>
  Object.keys({ ...stored, ...now }).filter((name) => {
    const [a, b] = [stored[name], now[name]]
    if (a === undefined || b === undefined) return true
    return exact ? a.hash !== b.hash : !isNear(a, b)
  })
