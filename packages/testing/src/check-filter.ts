/** The laws that every filter keeps. N valid tokens of a micro-batch. */
import {
  type FilterInstance,
  type FilterUse,
  type Reference,
  readSelection,
  type Statistic,
  type Target,
} from "@winnow/core"
import { countKept, permutation, seeded } from "@winnow/numerics"
import { instanceOf } from "./instance.ts"
import { type Law, lawsOf } from "./law.ts"
import { type FilterInput, randomFilterInput } from "./random-batches.ts"

/** What a filter claims beyond the laws that hold for all. */
export interface FilterClaims {
  /** How many of N tokens with distinct statistics are kept. */
  readonly kept?: (N: number) => number
  /** How many of N tokens with equal statistics are kept. */
  readonly keptWhenEqual?: (N: number) => number
  /** Reordering the tokens reorders the weights and changes nothing else. */
  readonly permutationEquivariant?: boolean
  /** A NaN or infinity in a statistic that it needs is an error. */
  readonly refusesNotFinite?: boolean
}

const arrayKeys = (input: FilterInput) =>
  (Object.keys(input) as ReadonlyArray<keyof FilterInput>).filter((key) => ArrayBuffer.isView(input[key]))

const statisticKeys = (input: FilterInput) =>
  arrayKeys(input).filter((key) => !["gold_N", "sequence_N", "position_N"].includes(key)) as ReadonlyArray<Statistic>

/** The input with only what the filter declared; reading anything else is noted and gives undefined. */
const declaredOnly = (input: FilterInput, needs: ReadonlyArray<Statistic>, read: Set<string>): FilterInput => {
  const seen = { ...input }
  for (const key of statisticKeys(input)) {
    if (needs.includes(key)) continue
    Object.defineProperty(seen, key, { get: () => void read.add(key), enumerable: false })
  }
  return seen
}

const map = (input: FilterInput, change: (values: Float32Array | Int32Array, key: keyof FilterInput) => unknown) =>
  ({
    ...input,
    ...Object.fromEntries(arrayKeys(input).map((key) => [key, change(input[key] as Float32Array, key)])),
  }) as FilterInput

/** Generators are mutable: every call gets its own, at the same start. */
const again = (input: FilterInput, seed: number): FilterInput => ({
  ...input,
  rng: seeded(seed, "filter draws", input.N),
})

const select = (law: Law, filter: FilterInstance, input: FilterInput, on: string) => {
  const read = new Set<string>()
  const before = map(input, (values) => values.slice())
  const result = readSelection(filter.select(declaredOnly(input, filter.needs, read)))
  law("needs", read.size === 0, () => `${on}: reads ${[...read].join(", ")}, which its \`needs\` does not list`)
  const { weights_N, divideBy } = result
  const isWeights = weights_N instanceof Uint8Array || weights_N instanceof Float32Array
  law("type", isWeights, () => `${on}: returned ${typeof weights_N}, expected a Uint8Array or Float32Array`)
  law("length", weights_N.length === input.N, () => `${on}: ${weights_N.length} weights for N = ${input.N}`)
  const bad = weights_N.findIndex((w) => !(Number.isFinite(w) && w >= 0))
  law("weights", bad < 0, () => `${on}: weight ${weights_N[bad]} at token ${bad}, expected finite and at least 0`)
  law("keeps something", countKept(weights_N) > 0, () => `${on}: no token of ${input.N} is kept, expected at least 1`)
  const known = divideBy === "kept" || divideBy === "valid"
  law("normaliser", known, () => `${on}: divideBy is ${String(divideBy)}, expected "kept" or "valid"`)
  for (const key of arrayKeys(input)) {
    const [now, was] = [input[key] as Float32Array, before[key] as Float32Array]
    law(
      "input untouched",
      Buffer.from(now.buffer, now.byteOffset, now.byteLength).equals(Buffer.from(was.buffer)),
      () => `${on}: wrote to ${key}, which belongs to the step`,
    )
  }
  return weights_N
}

const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length && Array.prototype.every.call(a, (x, i) => Object.is(x, b[i]))

/**
 * Checks a filter with its options against all laws, on random micro-batches of 1 to 257 tokens from a fixed seed.
 *
 * The laws: as many weights as tokens, finite and at least 0, one at least above 0; the input is not written to; only declared
 * statistics are read; the same input, state and generator give the same weights; a saved state goes through JSON and
 * goes on as if never interrupted; and what `claims` says. Comparisons are exact: a filter chooses, it does not round.
 *
 * @error LawBroken names the law and the case
 */
export const checkFilter = async (use: FilterUse<Reference | Target>, claims: FilterClaims = {}): Promise<void> => {
  const law = lawsOf(`filter ${use.name}`)
  const fresh = () => instanceOf(use)
  const sizes = [1, 2, 3, 10, 64, 257]

  for (const N of sizes) {
    const input = randomFilterInput(N, 1)
    const weights_N = select(law, await fresh(), again(input, 1), `N = ${N}`)
    const repeated_N = select(law, await fresh(), again(input, 1), `N = ${N}, again`)
    law(
      "deterministic",
      same(weights_N, repeated_N),
      () => `N = ${N}: two fresh instances chose differently; draw from input.rng only`,
    )
    const expected = claims.kept?.(N)
    law(
      "kept",
      expected === undefined || countKept(weights_N) === expected,
      () => `N = ${N}, distinct statistics: kept ${countKept(weights_N)}, claimed ${expected}`,
    )

    const equal = map(input, (values, key) => (key.endsWith("_N") ? values.slice().fill(values[0]!) : values))
    const tied = countKept(select(law, await fresh(), again(equal, 1), `N = ${N}, all equal`))
    const expectedTied = claims.keptWhenEqual?.(N)
    law(
      "ties",
      expectedTied === undefined || tied === expectedTied,
      () => `N = ${N}, equal statistics: kept ${tied}, claimed ${expectedTied}`,
    )

    if (claims.permutationEquivariant === true) {
      const order = permutation(N, seeded(2, "order"))
      const moved = map(input, (values) => values.map((_, i) => values[order[i]!]!))
      const moved_N = select(law, await fresh(), again(moved, 1), `N = ${N}, reordered`)
      law(
        "permutation",
        same(
          moved_N,
          weights_N.map((_, i) => weights_N[order[i]!]!),
        ),
        () => `N = ${N}: reordering the tokens changed which are kept`,
      )
    }
  }
  await checkMemory(law, fresh)
  if (claims.refusesNotFinite === true) await checkNotFinite(law, fresh)
}

/** Six micro-batches in one go, against three, a save, a restore into a fresh instance, and three more. */
const checkMemory = async (law: Law, fresh: () => Promise<FilterInstance>) => {
  const run = (filter: FilterInstance, steps: ReadonlyArray<number>) =>
    steps.map((step) => select(law, filter, randomFilterInput(33, 3, step), `step ${step}`))
  const whole = run(await fresh(), [0, 1, 2, 3, 4, 5]).slice(3)
  const first = await fresh()
  run(first, [0, 1, 2])
  const state = first.save()
  const text = JSON.stringify(state)
  law("state is JSON", text !== undefined, () => `save() returned ${String(state)}, which JSON cannot hold; use null`)
  const second = await fresh()
  second.restore(JSON.parse(text))
  law(
    "state",
    whole.every((w, i) => same(w, resumed(i))),
    () => "after save, JSON and restore the next micro-batches are selected otherwise than without an interruption",
  )
  function resumed(i: number) {
    return select(law, second, randomFilterInput(33, 3, 3 + i), `step ${3 + i}, restored`)
  }
}

const checkNotFinite = async (law: Law, fresh: () => Promise<FilterInstance>) => {
  const filter = await fresh()
  for (const statistic of filter.needs) {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const input = randomFilterInput(10, 4)
      input[statistic][3] = value
      let refused = false
      try {
        filter.select(input)
      } catch {
        refused = true
      }
      law("refuses NaN", refused, () => `${statistic}[3] = ${value} was accepted; a broken loss must stop the run`)
    }
  }
}
