/** Schemas of numbers and lists for settings of several kinds. */
import { brief } from "@winnow/core"
import { type Type, type } from "arktype"

export const natural = "number.integer >= 1"

/** A list whose entries all differ. */
export const different = <T extends Type<ReadonlyArray<unknown>>>(list: T): T =>
  list.narrow(
    (all, ctx) => new Set(all).size === all.length || ctx.reject({ expected: "all different", actual: brief(all) }),
  ) as unknown as T

/** Beyond 2^53 two seeds would be one. */
export const seed = type("number.integer").narrow(
  (n, ctx) =>
    Number.isSafeInteger(n) || ctx.reject({ expected: "an integer between -2^53 and 2^53", actual: brief(n) }),
)
