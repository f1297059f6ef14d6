/** The axes of a model's parameters: the facts by which a model of other widths takes over its weights. */

/**
 * The entries along an axis: units of the residual stream ("stream"), of a layer's feed-forward ("feed"; of gate and up one
 * after the other, "feeds"), of its queries, of its keys or values, of all three in one matrix ("packed"), of the results
 * of its heads ("context"); or entries that no width changes.
 */
export type Axis = "stream" | "feed" | "feeds" | "queries" | "keys" | "packed" | "context" | "fixed"

/** The axes of one parameter, and its role. */
export interface ParameterAxes {
  /** A table is an embedding; a tied head is a table. */
  readonly kind: "table" | "head" | "matrix" | "bias" | "norm"
  /** One for each axis of its shape. */
  readonly axes: ReadonlyArray<Axis>
  /** Undefined outside of layers. */
  readonly layer: number | undefined
  /** The result of a norm goes to the residual stream itself. */
  readonly toStream?: true
  /** The scale of a norm is one more than the parameter. */
  readonly plusOne?: true
}

/** The axes of all parameters, and the facts of the layers that widths depend on. */
export interface Widths {
  readonly parameters: ReadonlyMap<string, ParameterAxes>
  /** Units of the residual stream, and of each layer's feed-forward. */
  readonly stream: number
  readonly feeds: ReadonlyArray<number>
  readonly heads: {
    readonly heads: number
    readonly kvHeads: number
    readonly headSize: number
    readonly order: "kinds" | "heads"
  }
  /** The norms over the residual stream. */
  readonly norms: "layer" | "rms"
  /** Factor of the embedding. */
  readonly embedScale: number
  /** Parameters of the last norm. */
  readonly lastNorm: ReadonlyArray<string>
}
