/** Sizes of a model in options and config.json: bounded, so that a damaged number cannot request all memory. */
import { type } from "arktype"

/** A count of rows, columns, heads or positions. */
export const size = type("1 <= number.integer <= 2147483647")

/** A count of layers; the deepest published models have some hundreds. */
export const layerCount = type("1 <= number.integer <= 4096")
