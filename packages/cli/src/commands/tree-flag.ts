/** The flag of a tree: `4x2x1` by levels, `16` by confidence, or JSON as the option has it. */
import { decode, InvalidInput } from "@winnow/core"
import { type TreeOption, treeOption } from "@winnow/decoding"
import { Effect } from "effect"
import { Flag } from "effect/cli"

/** `--tree`, as `winnow generate` and `winnow evaluate` have it. */
export const treeFlag = Flag.String("tree").pipe(
  Flag.optional,
  Flag.withMetavar("SHAPE"),
  Flag.withDescription(
    "the draft proposes a tree: 4x2x1, so many after each token of a level; 16, so many of the most probable; or JSON (docs/systems/trees.md)",
  ),
)

/** The option that a text means, not yet checked; undefined for none of the forms. */
const readTree = (text: string): unknown => {
  if (/^\d{1,4}$/.test(text)) return { nodes: Number(text) }
  if (/^\d{1,3}(x\d{1,3})+$/.test(text)) return { widths: text.split("x").map(Number) }
  try {
    return text.startsWith("{") ? (JSON.parse(text) as unknown) : undefined
  } catch {
    return undefined
  }
}

/** @error InvalidInput for a text that is no tree */
export const parseTree = (text: string): Effect.Effect<TreeOption, InvalidInput> => {
  const read = readTree(text)
  const expected = 'expected levels such as 4x2x1, tokens such as 16, or JSON such as {"nodes": 16, "width": 4}'
  return read === undefined
    ? Effect.fail(new InvalidInput({ what: `--tree ${text}`, problems: [expected] }))
    : decode(`--tree ${text}`, treeOption, read)
}
