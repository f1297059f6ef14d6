/** Checks prompts and texts against the contexts of target and draft. */
import { readableLength } from "@winnow/decoding"
import { type Architectures, architectureAt } from "../architectures.ts"
import { ownStarts, trainingsOf } from "../experiment/places.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { writtenIn } from "../experiment/text.ts"

/** Trainings whose model cannot read a written text, which may be as long as `maxLength`. Needs no data. */
export const readerProblems = (resolved: Resolved, architectures: Architectures): ReadonlyArray<string> => {
  const nameOf = new Map(ownStarts(resolved).map(({ name, start }) => [start, name]))
  return trainingsOf(resolved).flatMap(({ at, training, from }) => {
    const { maxLength } = architectureAt(architectures, nameOf.get(from)!)
    return writtenIn(training.text).length === 0 || maxLength >= resolved.maxLength
      ? []
      : [
          `${at} reads written text of up to maxLength ${resolved.maxLength} tokens, its model takes ${maxLength}; set maxLength to ${maxLength} or less`,
        ]
  })
}

/**
 * A target that could not write a token after the longest prompt is a problem. A context that ends before `maxNew`
 * tokens gives a note: near its end the target writes less, and the draft proposes less.
 */
export const contextProblems = (
  { maxNew, split }: Resolved["measure"],
  longest: number,
  { target, draft, others = [] }: Architectures,
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
      ...[{ name: "the draft", architecture: draft }, ...others].flatMap(({ name, architecture: { maxLength } }) =>
        readableLength(longest, maxLength) < room
          ? [
              `${together}; the context of ${name} is ${maxLength}: near its end it proposes less and beyond it nothing, and acceptance and KL are of the tokens that it can read`,
            ]
          : [],
      ),
    ],
  }
}
