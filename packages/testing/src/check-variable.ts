/** The laws that every variable keeps. */
import { PluginFault, type VariableInstance, type VariableText, type VariableUse } from "@winnow/core"
import { seeded } from "@winnow/numerics"
import { instanceOf } from "./instance.ts"
import { lawsOf } from "./law.ts"

const words = ["the", " tree", "(", ")", "\n", " Ann", " 12", " +", " 7", "e", ".", "\u{FFFD}"]

/** A text with a loss of each token that depends on it and on the one before. */
const textOf = (ids: Int32Array): VariableText => ({
  ids,
  pieces: Array.from(ids, (id) => words[id]!),
  targetLoss: Float32Array.from(ids, (id, t) => (t === 0 ? Number.NaN : ((id + 2 * ids[t - 1]!) % 7) / 2)),
})

/** Texts of one token to some, with line ends, brackets, numbers and parts of characters. */
const texts: ReadonlyArray<VariableText> = [1, 2, 9, 30].map((length) => {
  const rng = seeded(4, "check variable", length)
  const ids = Int32Array.from({ length }, () => rng.below(words.length))
  return textOf(ids)
})

/** The first tokens of a text, and other ones behind them. */
const withOtherEnd = ({ ids }: VariableText, kept: number): VariableText => {
  const other = ids.map((id, t) => (t < kept ? id : (id + 5) % words.length))
  return textOf(other)
}

const same = (a: Float64Array, b: Float64Array) => a.length === b.length && a.every((x, i) => Object.is(x, b[i]))

/**
 * Checks a variable with its options against all laws: a value for each token, within its classes or finite, or NaN; the
 * same text has the same values; the text is not changed; without `looksAhead` a value depends on no later token.
 *
 * @error LawBroken names the law and the found value
 */
export const checkVariable = async (use: VariableUse): Promise<void> => {
  const law = lawsOf(`variable ${use.name}`)
  const instance: VariableInstance = await instanceOf(use)
  try {
    for (const text of texts) {
      const before = JSON.stringify([[...text.ids], text.pieces])
      const values = instance.values(text)
      law("deterministic", same(instance.values(text), values), () => "the same text gave other values")
      law("reads only", JSON.stringify([[...text.ids], text.pieces]) === before, () => "it changed the text")
      if (instance.looksAhead) continue
      for (let kept = 1; kept < text.ids.length; kept++) {
        const other = instance.values(withOtherEnd(text, kept))
        const at = values.subarray(0, kept).findIndex((x, t) => !Object.is(x, other[t]))
        law(
          "looks back",
          at < 0,
          () => `token ${at} has ${values[at]}, and ${other[at]} before other tokens from ${kept} on; set looksAhead`,
        )
      }
    }
  } catch (cause) {
    if (cause instanceof PluginFault) law(cause.rule, false, () => cause.detail)
    throw cause
  }
}
