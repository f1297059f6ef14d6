/** A suite registers its benches; each is built only when it is measured, so that listing is free. */

/** The unit of a bench's rate, with decimal prefixes. */
export type Unit = "tokens/s" | "parameters/s" | "MB/s" | "GB/s" | "GFLOP/s"

/** Tokens, parameters or bytes that one call works through. */
export interface Work {
  /** A function if only the set-up knows the amount. */
  readonly amount: number | (() => number)
  readonly unit: Unit
}

/** A call with a value that is prepared before it, outside the timing: mitata's computed parameter. */
export interface Prepared {
  readonly 0: () => unknown
  readonly bench: (parameter: unknown) => unknown
}

export type Timed = (() => unknown) | Prepared

/** Sets up, yields the timed call once, and cleans up in a `finally`, which also runs after an error. */
export type Setup = () => Generator<Timed, void, unknown> | AsyncGenerator<Timed, void, unknown>

export interface Bench {
  readonly suite: string
  /** Unique in its suite. */
  readonly name: string
  readonly work: Work
  /** The work of the same call in another unit. */
  readonly alsoWork?: Work
  /** An earlier bench of the suite with the same unit: the result also states this bench's rate relative to it. */
  readonly comparedTo?: string
  readonly setup: Setup
}

/** A bench that cannot run here, and the reason. */
export interface Skipped {
  readonly suite: string
  readonly name: string
  readonly reason: string
}

/** The registry that a suite registers its benches with. */
export interface Registry {
  readonly bench: (name: string, bench: Omit<Bench, "suite" | "name">) => void
  readonly skip: (name: string, reason: string) => void
}

export type Suite = (registry: Registry) => void

/** Calls `run` with the value of `prepare`; only `run` is timed. `prepare` may be called more often than `run`. */
export const prepared = <T>(prepare: () => T, run: (value: T) => unknown): Prepared => ({
  0: prepare,
  bench: (value) => run(value as T),
})

/**
 * The benches of a suite, in their order.
 *
 * @error for a name used twice, or a comparison with a bench that was not registered before
 */
export const registered = (
  suite: string,
  register: Suite,
): { readonly benches: ReadonlyArray<Bench>; readonly skipped: ReadonlyArray<Skipped> } => {
  const benches: Array<Bench> = []
  const skipped: Array<Skipped> = []
  const has = (name: string) => benches.some((bench) => bench.name === name)
  register({
    bench: (name, bench) => {
      if (has(name)) throw new Error(`suite ${suite} has two benches called ${name}: give each a name of its own`)
      if (bench.comparedTo !== undefined && !has(bench.comparedTo))
        throw new Error(`suite ${suite}: ${name} is compared to ${bench.comparedTo}, which is not registered before it`)
      const other = benches.find((b) => b.name === bench.comparedTo)
      if (other !== undefined && other.work.unit !== bench.work.unit)
        throw new Error(
          `suite ${suite}: ${name} counts ${bench.work.unit}, ${other.name} that it is compared to ${other.work.unit}: give both one unit`,
        )
      benches.push({ suite, name, ...bench })
    },
    skip: (name, reason) => skipped.push({ suite, name, reason }),
  })
  return { benches, skipped }
}
