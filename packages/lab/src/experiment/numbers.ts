/** Numbers that settings of several kinds have. */
import { brief } from "@winnow/core"
import { type } from "arktype"

export const natural = "number.integer >= 1"

/** Beyond 2^53 two seeds would be one. */
export const seed = type("number.integer").narrow(
  (n, ctx) =>
    Number.isSafeInteger(n) || ctx.reject({ expected: "an integer between -2^53 and 2^53", actual: brief(n) }),
)
