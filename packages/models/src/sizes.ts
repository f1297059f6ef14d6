/** Sizes of a model as options and config.json give them: bounded, so that a damaged number asks for no memory. */
import { type } from "arktype"

/** A count of rows, columns, heads or positions. */
export const size = type("1 <= number.integer <= 2147483647")

/** A count of layers; the deepest published models have some hundreds. */
export const layerCount = type("1 <= number.integer <= 4096")
