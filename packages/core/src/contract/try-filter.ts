/**
 * Calls a filter as the step calls it, on made-up numbers: one micro-batch for laws, several for a trial.
 *
 * Letters: N valid tokens of a micro-batch.
 */
import { NotFinite, seeded } from "@winnow/numerics"
import type { FilterInstance } from "../filter.ts"
import { type Statistic, statistics } from "../statistics/index.ts"
import { kindOf, messageOf } from "./brief.ts"
import { PluginFault } from "./fault.ts"
import { checkedSelection, type ReadSelection } from "./filter-contract.ts"
import { type FilterInput, randomFilterInput } from "./random-batches.ts"

const arrayKeys = (input: FilterInput) =>
  (Object.keys(input) as ReadonlyArray<keyof FilterInput>).filter((key) => ArrayBuffer.isView(input[key]))

const bytesOf = (x: Float32Array | Int32Array) => Buffer.from(x.buffer, x.byteOffset, x.byteLength)

/**
 * One micro-batch: the filter's answer, checked, and its input compared with a copy from before.
 *
 * @error PluginFault (thrown) with the broken rule
 */
export const selectOnce = (filter: FilterInstance, input: FilterInput): ReadSelection => {
  const plugin = `filter ${filter.name}`
  const keys = arrayKeys(input)
  const before = keys.map((key) => (input[key] as Float32Array).slice())
  const selection = checkedSelection(plugin, filter.select(input), input.N)
  const { weights_N } = selection
  for (const [i, key] of keys.entries())
    if (!bytesOf(input[key] as Float32Array).equals(bytesOf(before[i]!)))
      throw new PluginFault(plugin, "input untouched", `wrote to ${key}, which belongs to the step; work on a copy`)
  // An answer may be a view of the input, so it is copied.
  return { ...selection, weights_N: weights_N.slice() as typeof weights_N }
}

/** The same micro-batch with losses of another scale, and figures between 0 and 1 near 0 or near 1. */
const rescaled = (input: FilterInput, change: "low" | "high"): FilterInput => {
  const scaled = Object.entries(input).map(([key, values]) => {
    if (!(values instanceof Float32Array)) return [key, values]
    const isShare = statistics[key as Statistic]?.range.to === 1
    const near = isShare
      ? (x: number) => (change === "low" ? x ** 6 : 1 - x ** 6)
      : (x: number) => x * (change === "low" ? 0.01 : 4)
    return [key, values.map(near)]
  })
  return Object.fromEntries(scaled) as FilterInput
}

/**
 * Micro-batches of a trial: ordinary figures first, then small and large ones, of which a filter with a threshold may
 * drop all.
 */
const kinds = ["ordinary", "low", "high"] as const
const N = 48

const inputAt = (seed: number, step: number, steps: number, kind: (typeof kinds)[number]): FilterInput => {
  const input = { ...randomFilterInput(N, seed, step), steps }
  return kind === "ordinary" ? input : rescaled(input, kind)
}

const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length && Array.prototype.every.call(a, (x, i) => Object.is(x, b[i]))

/** A state after the round trip of a checkpoint. */
const throughJson = (plugin: string, state: unknown): unknown => {
  let text: string | undefined
  try {
    text = JSON.stringify(state)
  } catch (cause) {
    throw new PluginFault(plugin, "state is JSON", `save returned what JSON cannot hold (${messageOf(cause)})`)
  }
  if (text !== undefined) return JSON.parse(text) as unknown
  throw new PluginFault(
    plugin,
    "state is JSON",
    `save returned ${kindOf(state)}, which JSON cannot hold; return null for no memory`,
  )
}

/** Gives an instance the memory of another, as a checkpoint does. */
const handOver = (plugin: string, from: FilterInstance, to: FilterInstance) => {
  const saved = throughJson(plugin, from.save())
  for (const [name, { read }] of from.tensors ?? []) {
    const tensor = to.tensors?.get(name)
    if (tensor === undefined)
      throw new PluginFault(plugin, "state", `a fresh instance has no tensor ${name}; name the same in every instance`)
    tensor.write(read().slice())
  }
  if (saved !== null) to.restore(saved)
}

/**
 * Runs a filter on a few small random micro-batches, at the first, middle and last of its steps.
 *
 * The rules: those of `checkedSelection`; it neither writes to its input nor reads undeclared fields; two fresh
 * instances choose alike; after a round trip of its state through JSON it goes on as if it had never stopped. A filter
 * that keeps no token is refused only if it keeps none of ordinary, of small and of large figures: a threshold may lie
 * beyond some of them.
 *
 * @param fresh makes an instance without memory
 * @param steps of the stage that it will run in
 * @error PluginFault (thrown) with the broken rule
 */
export const tryFilter = (fresh: () => FilterInstance, steps: number): void => {
  const [filter, other] = [fresh(), fresh()]
  const plugin = `filter ${filter.name}`
  const call = (
    of: FilterInstance,
    step: number,
    kind: (typeof kinds)[number],
  ): Uint8Array | Float32Array | undefined => {
    try {
      return selectOnce(of, inputAt(1, step, steps, kind)).weights_N
    } catch (cause) {
      if (cause instanceof PluginFault && cause.rule === "keeps something") return undefined
      if (!(cause instanceof NotFinite)) throw cause
      throw new PluginFault(
        plugin,
        "finite",
        `made a number that is not finite of statistics that are (${cause.message})`,
      )
    }
  }
  const at = [...new Set([0, 1, Math.floor(steps / 2), Math.max(0, steps - 1)])].toSorted((a, b) => a - b)
  let kept = false
  for (const [i, step] of at.entries()) {
    const restored = i === 0 ? undefined : fresh()
    if (restored) handOver(plugin, filter, restored)
    for (const kind of kinds) {
      const answer = call(filter, step, kind)
      kept ||= answer !== undefined
      const again = call(other, step, kind)
      if (!same(answer ?? [], again ?? []))
        throw new PluginFault(
          plugin,
          "deterministic",
          "two fresh instances chose differently of the same tokens; draw from input.rng only, and keep a memory inside make",
        )
      const resumed = restored && call(restored, step, kind)
      if (restored && !same(answer ?? [], resumed ?? []))
        throw new PluginFault(
          plugin,
          "state",
          "after save and restore it chooses otherwise than without an interruption; save all that select remembers",
        )
    }
  }
  if (!kept) checkedSelection(plugin, new Uint8Array(N), N) // It throws, in the words of the step.
}

/** Generators are mutable: every call of a law gets its own, at the same start. */
export const again = (input: FilterInput, seed: number): FilterInput => ({
  ...input,
  rng: seeded(seed, "filter draws", input.N),
})
