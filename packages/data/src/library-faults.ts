/**
 * Finds files on which the library would end the whole process instead of returning an error, before it reads them.
 *
 * A panic of its Rust code is no exception for JavaScript. Each case here comes from random damage to files, or from
 * reading the library (0.23.2).
 */
import { type } from "arktype"
import { charsmapProblem } from "./charsmap.ts"
import { library } from "./library.ts"

const Step = type({ type: "string" })
const Merges = type({
  model: {
    continuing_subword_prefix: "string",
    merges: type("string")
      .or(type(["string", "string"]))
      .array(),
  },
})

/** The steps of a part and of all sequences in it. */
const stepsOf = (part: unknown): ReadonlyArray<typeof Step.infer> => {
  if (typeof part !== "object" || part === null) return []
  const own = Step(part)
  const inner = Object.values(part).filter(Array.isArray).flat()
  return [...(own instanceof type.errors ? [] : [own]), ...inner.flatMap(stepsOf)]
}

const Precompiled = type({ precompiled_charsmap: "string" })

/** True if the library can read the table of a `Precompiled` normaliser. */
const hasTable = (step: object): boolean => {
  const checked = Precompiled(step)
  if (checked instanceof type.errors) return false
  if (charsmapProblem(checked.precompiled_charsmap) !== undefined) return false
  try {
    library().precompiled([...Buffer.from(checked.precompiled_charsmap, "base64")])
    return true
  } catch {
    return false
  }
}

const Replace = type({ type: "'Replace'", pattern: type({ Regex: "string" }).or({ String: "string" }) })

/** The pattern of a `Replace` that matches the empty text, as far as this engine can tell; undefined for another step. */
const emptyPattern = (step: object): string | undefined => {
  const checked = Replace(step)
  if (checked instanceof type.errors) return undefined
  if ("String" in checked.pattern) return checked.pattern.String === "" ? "" : undefined
  try {
    return new RegExp(checked.pattern.Regex, "u").test("") ? checked.pattern.Regex : undefined
  } catch {
    return undefined // The pattern has the library's own syntax.
  }
}

interface Sized {
  readonly length?: unknown
}

/** The right half of a merge; older files have "left right" in one string. */
const rightOf = (merge: string | readonly [string, string]): string =>
  typeof merge === "string" ? merge.slice(merge.indexOf(" ") + 1) : merge[1]

/**
 * The parts of a parsed `tokenizer.json` that would crash the library; empty for a usual file.
 *
 * @error DataError (thrown) if the library does not load on this machine
 */
export const libraryFaults = (json: object): ReadonlyArray<string> => {
  const { normalizer, decoder, pre_tokenizer } = json as Readonly<Record<string, unknown>>
  const problems: Array<string> = []
  if (stepsOf(normalizer).some((step) => step.type === "Precompiled" && !hasTable(step)))
    problems.push("the normalizer Precompiled has no precompiled_charsmap that can be read; the file is damaged")
  const empty = stepsOf(normalizer).flatMap((step) => emptyPattern(step) ?? [])[0]
  if (empty !== undefined)
    problems.push(
      `the normalizer Replace has the pattern ${JSON.stringify(empty)}, which matches the empty text: ` +
        "the tokenizers library crashes on it; expected a pattern of at least one character",
    )
  if (stepsOf(normalizer).some((step) => step.type === "Prepend" && (step as { prepend?: unknown }).prepend === ""))
    problems.push('the normalizer Prepend has prepend "", expected at least one character')
  const fixed = stepsOf(pre_tokenizer).find((step) => step.type === "FixedLength" && (step as Sized).length === 0)
  if (fixed !== undefined) problems.push("the pre_tokenizer FixedLength has length 0, expected at least 1")
  const strip = stepsOf(decoder).find((step) => step.type === "Strip" && (step as { stop?: unknown }).stop !== 0)
  if (strip !== undefined)
    problems.push(
      `the decoder Strip has stop ${JSON.stringify((strip as { stop?: unknown }).stop)}, expected 0: ` +
        "the tokenizers library crashes on it for short tokens",
    )
  const merges = Merges(json)
  if (merges instanceof type.errors) return problems
  const prefix = Buffer.from(merges.model.continuing_subword_prefix)
  const without = merges.model.merges.find(
    (merge) => !Buffer.from(rightOf(merge)).subarray(0, prefix.length).equals(prefix),
  )
  if (without !== undefined)
    problems.push(
      `model.continuing_subword_prefix is ${JSON.stringify(merges.model.continuing_subword_prefix)}, but the merge ` +
        `${JSON.stringify(without)} has a second half without it`,
    )
  return problems
}
