/** Letters: Q query heads, G key-value heads, h head size. */

/** The order of the rows of a fused projection. */
export interface HeadLayout {
  /** Number Q of query heads. */
  readonly heads: number
  /** Number G of key-value heads: a divisor of Q. */
  readonly kvHeads: number
  /** Size h of a head. */
  readonly headSize: number
  /** "kinds": all queries, all keys, all values; "heads": query, key and value of a head side by side (Q = G). */
  readonly order: "kinds" | "heads"
}
