/**
 * Options of LoRA, and the matrices that they name.
 *
 * Letters: e outputs and d inputs of a matrix, r rank.
 */
import { type Architecture, type Attends, brief, InvalidInput } from "@winnow/core"
import { type } from "arktype"
import { matcher, namesShown } from "./name-patterns.ts"

/** Low-rank adapters: W + (alpha / rank) B A in the place of W. */
export const loraOptions = type({
  "+": "reject",
  kind: "'lora'",
  // r of B [e, r] and A [r, d].
  rank: "number.integer >= 1",
  // The factor of B A is alpha / rank, so that a learning rate for one rank suits others.
  alpha: "number > 0",
  // Names of linear layers ("q_proj"), or patterns of their paths ("model.layers.3.*").
  on: type("string >= 1")
    .array()
    .atLeastLength(1)
    .narrow(
      (on, ctx) => new Set(on).size === on.length || ctx.reject({ expected: "all different", actual: brief(on) }),
    ),
})
export type LoraOptions = typeof loraOptions.infer

/** One matrix of the trunk that has an adapter. */
export interface LoraPlace {
  readonly name: string
  readonly e: number
  readonly d: number
}

const pathOf = (name: string): string => name.replace(/\.weight$/, "")

/**
 * The matrices that have an adapter: those of the trunk whose path ends in one of the names, or fits one of the patterns.
 *
 * @error InvalidInput (thrown) for a name that names no matrix, and a rank that is no smaller than a matrix
 */
export const loraPlaces = (
  architecture: Architecture<Attends>,
  { rank, on }: LoraOptions,
): ReadonlyArray<LoraPlace> => {
  const matrices = [...architecture.matrices].map((name): LoraPlace => {
    const [e, d] = architecture.parameters.get(name)!.shape as [number, number]
    return { name, e, d }
  })
  const places = new Set<LoraPlace>()
  const problems: Array<string> = []
  for (const entry of on) {
    const fits = entry.includes("*") ? matcher(entry) : (path: string) => path === entry || path.endsWith(`.${entry}`)
    const named = matrices.filter(({ name }) => fits(pathOf(name)))
    for (const place of named) places.add(place)
    if (named.length === 0)
      problems.push(
        `${JSON.stringify(entry.slice(0, 80))} names no linear layer of ${architecture.type}; there are ` +
          namesShown(matrices.map(({ name }) => pathOf(name))),
      )
  }
  for (const { name, e, d } of places)
    if (rank >= Math.min(e, d))
      problems.push(`rank ${rank} is no smaller than ${name} [${e}, ${d}]; lower it, or train the matrix itself`)
  if (problems.length > 0) throw new InvalidInput({ what: "adapters", problems: problems.slice(0, 4) })
  return matrices.filter((place) => places.has(place))
}
