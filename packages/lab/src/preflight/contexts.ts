/** Prompts and texts against the contexts of target and draft. */
import { readableLength } from "@winnow/decoding"
import type { Resolved } from "../experiment/resolved.ts"
import type { Graph } from "../graph.ts"

/**
 * A target that could not write a token after the longest prompt is a problem. Of a context that ends before `maxNew` tokens
 * there is a note: near its end the target writes less, the draft proposes less.
 */
export const contextProblems = (
  { maxNew, split }: Resolved["measure"],
  longest: number,
  { target, draft }: Graph["architectures"],
): { readonly problems: ReadonlyArray<string>; readonly notes: ReadonlyArray<string> } => {
  const prompt = `the longest prompt of the ${split} split has ${longest} tokens`
  if (longest >= target.maxLength)
    return {
      problems: [
        `${prompt}, the target's context is ${target.maxLength}, which leaves no room for a text: measure on shorter prompts, or give the target a longer context`,
      ],
      notes: [],
    }
  const together = `${prompt}, with measure.maxNew ${maxNew} that is ${longest + maxNew}`
  const room = Math.min(maxNew, target.maxLength - longest)
  return {
    problems: [],
    notes: [
      ...(room < maxNew
        ? [`${together}; the target's context is ${target.maxLength}: after such a prompt it writes ${room} at most`]
        : []),
      ...(readableLength(longest, draft.maxLength) < room
        ? [
            `${together}; the draft's context is ${draft.maxLength}: near its end it proposes less and beyond it nothing, and acceptance and KL are of the tokens that it can read`,
          ]
        : []),
    ],
  }
}
