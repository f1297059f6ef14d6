/** Letters: Q query heads, G key-value heads, h head size. */

/** How the rows of a fused projection are laid out. */
export interface HeadLayout {
  /** Q. */
  readonly heads: number
  /** G: a divisor of Q. */
  readonly kvHeads: number
  /** h. */
  readonly headSize: number
  /** "kinds": all queries, all keys, all values; "heads": query, key and value of a head side by side (Q = G). */
  readonly order: "kinds" | "heads"
}
