/** Definitions and errors that the tests of contracts share. */
import { expect } from "bun:test"
import { type } from "arktype"
import { Effect } from "effect"
import { InvalidInput } from "../errors.ts"
import { defineFilter, type FilterUse } from "../filter.ts"

/** Options of a plugin without options. */
export const none = type({ "+": "reject" })

/** The message of the InvalidInput that a function throws. */
export const thrown = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInput)
    return (error as Error).message
  }
  throw new Error("nothing was thrown")
}

/** Drops the types, as Bun does when it runs code. */
export const untyped = <T>(value: unknown): T => value as T

/** `defineFilter` without its types. */
export const untypedFilter = defineFilter as unknown as (spec: unknown) => () => FilterUse<never>

/** The instance of a plugin. */
export const instance = <I>(use: { readonly instance: Effect.Effect<I, unknown, never> }) =>
  Effect.runPromise(use.instance)
