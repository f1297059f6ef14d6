/** The laws that every filter keeps. N valid tokens of a micro-batch. */
import {
  again,
  type FilterInput,
  type FilterInstance,
  type FilterUse,
  PluginFault,
  randomFilterInput,
  readyFilter,
  selectOnce,
} from "@winnow/core"
import { countKept, permutation, seeded } from "@winnow/numerics"
import { type OwnLayer, readyWith } from "./instance.ts"
import { type Law, lawsOf } from "./law.ts"

/** Claims of a filter beyond the laws of all filters. */
export interface FilterClaims {
  /** Number of kept tokens among N with distinct statistics. */
  readonly kept?: (N: number) => number
  /** Number of kept tokens among N with equal statistics. */
  readonly keptWhenEqual?: (N: number) => number
  /** Reordering the tokens reorders the weights and has no other effect. */
  readonly permutationEquivariant?: boolean
  /** A NaN or infinity in a statistic of its needs is an error. */
  readonly refusesNotFinite?: boolean
}

const arrayKeys = (input: FilterInput) =>
  (Object.keys(input) as ReadonlyArray<keyof FilterInput>).filter((key) => ArrayBuffer.isView(input[key]))

const map = (input: FilterInput, change: (values: Float32Array | Int32Array, key: keyof FilterInput) => unknown) =>
  ({
    ...input,
    ...Object.fromEntries(arrayKeys(input).map((key) => [key, change(input[key] as Float32Array, key)])),
  }) as FilterInput

/** One micro-batch; a broken rule of the contract is a broken law. */
const select = (law: Law, filter: FilterInstance, input: FilterInput, on: string) => {
  try {
    return selectOnce(filter, input).weights_N
  } catch (cause) {
    if (cause instanceof PluginFault) law(cause.rule, false, () => `${on}: ${cause.detail}`)
    throw cause
  }
}

const same = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length && Array.prototype.every.call(a, (x, i) => Object.is(x, b[i]))

/**
 * Checks a filter with its options against all laws, on random micro-batches of 1 to 257 tokens from a fixed seed.
 *
 * The laws: as many weights as tokens, finite and at least 0, one at least above 0; the input is not written to; only
 * declared statistics are read; the same input, state and generator give the same weights; a saved state goes through
 * JSON and goes on as if never interrupted; and the claims hold. Comparisons are exact: a filter chooses, it does not
 * round.
 *
 * @param services the layer of the filter's own services, if it names any
 * @error LawBroken names the law and the case
 */
export const checkFilter = async <R>(
  use: FilterUse<R>,
  claims: FilterClaims = {},
  ...services: OwnLayer<R>
): Promise<void> => {
  const law = lawsOf(`filter ${use.name}`)
  const fresh = () => readyWith<FilterInstance, R>(readyFilter(use), services)
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

/** Runs six micro-batches in one go; and three, a save, a restore into a fresh instance, and three more. */
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
  for (const [name, tensor] of first.tensors ?? []) second.tensors?.get(name)?.write(tensor.read().slice())
  if (state !== null) second.restore(JSON.parse(text))
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
