/** The facts of a token in words: for the panel, and in one line for a voice. */
import { noToken, roles } from "../constants.ts"
import { type Block, textOf } from "./data.ts"
import { alone, spoken } from "./pieces.ts"
import type { Place, State } from "./state.ts"
import { figureText, scalesOf } from "./views.ts"

/** The choice of the filter in a word; undefined where it is not known. */
export const choiceOf = (state: State, { arm, n }: Place): string | undefined => {
  const { kept } = state.snapshot(arm)
  return kept === null ? undefined : kept[n] ? "kept" : "dropped"
}

/** The verdict of decoding in a word; undefined where there is none. */
export const verdictOf = (state: State, { arm, n }: Place): string | undefined =>
  roles[state.arm(arm).decoding?.role[n] ?? -1]

/** The verdict in a sentence. */
export const verdictSentence = (state: State, place: Place): string => {
  const { decoding } = state.arm(place.arm)
  const rejected = decoding?.rejected[place.n] ?? noToken
  switch (verdictOf(state, place)) {
    case "accepted":
      return "The draft proposed this token, and the target accepted it."
    case "corrected":
      return `The draft proposed ${alone(state.page.pieceOf(rejected))}; the target rejected it and wrote this token.`
    case "bonus":
      return "The target accepted the whole block, and added this token."
    case "alone":
      return "The target wrote this token; the draft proposed nothing here."
    default:
      return ""
  }
}

/** The block that a token is of. */
export const blockOf = (state: State, { arm, n }: Place): Block | undefined => {
  const { decoding } = state.arm(arm)
  if (decoding === null || verdictOf(state, { arm, n }) === undefined) return undefined
  return decoding.blocks.findLast(({ from }) => from <= n)
}

/** The numbers of a token: the models' losses, the acceptance, all that the filter reads. */
export const numbersOf = (state: State, { arm, n }: Place) => {
  const of = [state.texts, state.arm(arm), state.snapshot(arm)] as const
  return scalesOf(state.page, state.texts).flatMap(({ key, title, values }) => {
    const value = values(...of)?.[n]
    return value === undefined ? [] : [{ key, title, value }]
  })
}

/** The token in one line: its text, the choice, the verdict, the number of the view. */
export const lineOf = (state: State, place: Place): string => {
  const { texts, page, chosenView } = state
  const { arm, n } = place
  const text = textOf(texts, n)
  const value = chosenView.values(texts, state.arm(arm), state.snapshot(arm))?.[n]
  const rejected = state.arm(arm).decoding?.rejected[n] ?? noToken
  return [
    spoken(page.pieceOf(texts.tokens[n]!)),
    choiceOf(state, place),
    verdictOf(state, place),
    rejected === noToken ? undefined : `draft's ${spoken(page.pieceOf(rejected))} rejected`,
    value === undefined ? undefined : `${chosenView.title} ${figureText(value)}`,
    `token ${n - texts.starts[text]! + 1} of text ${text + 1}`,
    state.arms.length > 1 ? state.arm(arm).name : undefined,
  ]
    .filter((part) => part !== undefined)
    .join(", ")
}
