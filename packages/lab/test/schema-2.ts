/** A record as schema 2 wrote it. */

/** Fields that schema 3 was the first to have, wherever they stand. */
const later = new Set(["about", "primary", "verdict", "counts", "weights", "passes", "ratios", "cut", "floor", "noise"])
const ofStages = new Set(["commit", "code"])

type Node = Readonly<Record<string, unknown>>

/** The record without what schema 2 did not have. */
export const inSchema2 = (record: object): Node => {
  const text = JSON.stringify(record, function (this: Node, key, value: unknown) {
    if (later.has(key) || (ofStages.has(key) && "reused" in this)) return undefined
    // Only differences told their errors.
    return key === "errors" && !("measure" in this) ? undefined : value
  })
  return { ...JSON.parse(text), schema: 2 }
}
