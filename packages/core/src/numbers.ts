/** Ranges of settings that are narrowed to single precision at their use, checked before it. */
import { type } from "arktype"

/** The smallest and the largest normal number of single precision. */
const [least, most] = [1.1754943508222875e-38, 3.4028234663852886e38]

/** A positive number that single precision holds: smaller ones become 0 there, larger ones infinite. */
export const positiveFloat32 = type("number > 0").narrow(
  (x, ctx) => (x >= least && x <= most) || ctx.mustBe("a number that single precision holds (1.2e-38 to 3.4e38)"),
)

/** The same range with 0. */
export const float32FromZero = positiveFloat32.or("0")

/** A share below 1 that differs from 1 in single precision. */
export const shareBelowOne = type("0 <= number < 1").narrow(
  (x, ctx) => Math.fround(x) < 1 || ctx.mustBe("below 1 in single precision, too (at most 0.9999999)"),
)

/**
 * A temperature above 0: logits of some 1e4 divided by it stay finite in single precision, and stay distinct. A lower
 * one is greedy decoding except for rounding: set temperature 0 instead.
 */
export const temperature = type("0.0001 <= number <= 10000")
