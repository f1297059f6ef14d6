/** The checks before a run spends time: masks, vocabularies, lengths; and three examples to look at. */
import { type EncodedExample, InvalidInput } from "@winnow/core"
import { Effect } from "effect"
import type { EncodedTask } from "./encode.ts"
import { compareTokens } from "./token-contents.ts"
import type { Tokenizer } from "./tokenizer.ts"

/** A tokenizer whose content is known. */
export interface KnownTokenizer {
  readonly fingerprint: string
  /** The content of its `tokenizer.json`. */
  readonly json: object
}

/** The facts of a model that preflight needs. */
export interface PreflightModel {
  /** "draft", "target" or "reference", for the messages. */
  readonly name: string
  readonly vocabularySize: number
  /** Longest sequence that it takes. */
  readonly maxLength: number
  /** The tokenizer that it was saved with, where one is known. */
  readonly tokenizer?: KnownTokenizer
  /** Ids that end a text, says its config.json; left out where it says nothing. */
  readonly ends?: ReadonlyArray<number>
}

export interface Preflight {
  /** Three examples, each as text with the trained part in `marks`; tokens that are no text by themselves show as bytes. */
  readonly examples: ReadonlyArray<string>
  /** Notes on data that is allowed, such as examples that were left out. */
  readonly warnings: ReadonlyArray<string>
}

/**
 * A model may have more rows than there are tokens, if that only rounds their number up: a multiple of 64, below 1024 more
 * (Phi has 51 200 rows for 50 295 tokens).
 */
export const isPadding = (rows: number, tokens: number) => rows > tokens && rows % 64 === 0 && rows < tokens + 1024

/** Names of models in a message: the first three. */
const few = (names: ReadonlyArray<string>): string =>
  names.length <= 3 ? names.join(", ") : `${names.slice(0, 3).join(", ")} and ${names.length - 3} more`

/** The lowest id that means another token in b than in a; contents are compared, so that other rules of cutting text pass. */
const differenceOf = (a: KnownTokenizer | undefined, b: Partial<KnownTokenizer>) =>
  a === undefined || b.json === undefined || a.fingerprint === b.fingerprint
    ? undefined
    : compareTokens(a.json, b.json).different

/**
 * The faults of the vocabularies of models that are to be compared; empty where nothing is. Needs no data.
 *
 * @param tokenizer its size, or what is known of it before it is there; without it the models are compared alone
 */
export const vocabularyProblems = (
  models: ReadonlyArray<Omit<PreflightModel, "maxLength">>,
  tokenizer?: Pick<Tokenizer, "vocabularySize"> & Partial<KnownTokenizer>,
): ReadonlyArray<string> => {
  const bySize = [...Map.groupBy(models, ({ vocabularySize }) => vocabularySize)]
  const sizes = bySize.map(([size, of]) => `${few(of.map(({ name }) => name))} ${size}`).join("; ")
  const problems: Array<string> = []
  if (new Set(models.map(({ vocabularySize }) => vocabularySize)).size > 1)
    problems.push(
      `vocabularies differ: ${sizes}; expected one size, as distributions are compared token by token: set both alike (docs/vocabularies.md)`,
    )
  if (tokenizer === undefined) return problems
  const size = tokenizer.vocabularySize
  for (const { name, vocabularySize, tokenizer: saved } of models) {
    if (vocabularySize < size)
      problems.push(`${name} has a vocabulary of ${vocabularySize}, the tokenizer ${size}; expected at least ${size}`)
    else if (vocabularySize !== size && !isPadding(vocabularySize, size))
      problems.push(
        `${name} has a vocabulary of ${vocabularySize}, the tokenizer ${size}; expected ${size}, or that rounded up to a multiple of 64`,
      )
    const different = differenceOf(saved, tokenizer)
    if (different !== undefined)
      problems.push(
        `${name} was saved with another vocabulary: id ${different.id} is ${JSON.stringify(different.a)} in its tokenizer.json ` +
          `and ${JSON.stringify(different.b)} in the data's; use the tokenizer of its folder (docs/vocabularies.md)`,
      )
  }
  return problems
}

const sequenceProblems = (
  { examples, dropped, maxLength }: EncodedTask,
  tokenizer: Tokenizer,
  models: ReadonlyArray<PreflightModel>,
): ReadonlyArray<string> => {
  if (examples.length === 0)
    return [`all ${dropped} examples are longer than ${maxLength} tokens, none is left; raise maxLength`]
  const problems: Array<string> = []
  const say = (indices: ReadonlyArray<number>, text: string) => {
    if (indices.length === 0) return
    const which = `${indices.length} of ${examples.length} examples (the first is number ${indices[0]})`
    problems.push(`${which} ${text}`)
  }
  const where = (broken: (example: EncodedExample) => boolean) =>
    examples.flatMap((example, i) => (broken(example) ? [i] : []))

  say(
    where(({ ids, promptLength }) => ids.length - promptLength <= 0),
    "have a mask of all 0: no token is trained; expected an answer and the end after the prompt",
  )
  say(
    where(({ promptLength }) => promptLength <= 0),
    "have a mask of all 1: no token is a prompt; expected at least one, masked out of the loss",
  )
  say(
    where(({ ids }) => ids.at(-1) !== tokenizer.eosId),
    `do not end with ${tokenizer.eos} (${tokenizer.eosId}): they were cut; leave out what is too long, or raise maxLength`,
  )
  say(
    where(({ ids }) => ids.some((id) => id < 0 || id >= tokenizer.vocabularySize)),
    `hold an id outside the tokenizer's 0 to ${tokenizer.vocabularySize - 1}; encode them with this tokenizer`,
  )
  const longest = examples.reduce((most, { ids }) => Math.max(most, ids.length), 0)
  for (const { name, maxLength: limit } of models)
    if (longest > limit)
      problems.push(
        `the longest example has ${longest} tokens, ${name} takes ${limit}; set maxLength to ${limit} or less`,
      )
  return problems
}

/** Notes on the data's tokens and of the models' ends. */
const tokenWarnings = (
  { examples, dropped, spelled, specialTokens, changed }: EncodedTask,
  tokenizer: Tokenizer,
  models: ReadonlyArray<PreflightModel>,
): ReadonlyArray<string> => {
  const { eos, eosId } = tokenizer
  const all = examples.length + dropped
  const warnings = spelled.map(({ token, examples: n }) => {
    const how =
      specialTokens === "text"
        ? 'it is encoded as text; specialTokens: "ids" makes it the special token'
        : "it is encoded as the special token, as asked"
    return `${n} of ${all} examples spell the special token ${token}; ${how}`
  })
  if (changed !== undefined)
    warnings.push(
      `${changed.examples} of ${all} examples do not come back from their ids as they were written: ` +
        `${JSON.stringify(changed.written)} comes back as ${JSON.stringify(changed.read)}; scores compare what comes back`,
    )
  // In a prompt it ends nothing: the turns of a chat before the last one have theirs.
  const ended = examples.filter(({ ids, promptLength }) => ids.indexOf(eosId, promptLength) < ids.length - 1).length
  if (ended > 0)
    warnings.push(`${ended} of ${all} answers hold the end token ${eos} (${eosId}) before their end; texts stop there`)
  const rows = models.find(({ vocabularySize }) => vocabularySize > tokenizer.vocabularySize)
  if (rows !== undefined)
    warnings.push(
      `${models.map(({ name }) => name).join(" and ")} have ${rows.vocabularySize - tokenizer.vocabularySize} rows beyond the ` +
        `tokenizer's ${tokenizer.vocabularySize} ids; such an id has no text`,
    )
  for (const { name, ends } of models)
    if (ends !== undefined && !ends.includes(eosId))
      warnings.push(
        `config.json of the ${name} ends a text with ${ends.length === 0 ? "no id" : `id ${ends.join(", ")}`}, ` +
          `the data with ${eos} (${eosId}), the tokenizer's; texts end with the latter`,
      )
  return warnings
}

/**
 * The text of an example with its trained part between marks.
 *
 * @param marks what to put before and after, such as terminal codes for bold; square brackets of their own by default
 */
export const showExample = (
  { ids, promptLength }: EncodedExample,
  tokenizer: Tokenizer,
  marks: readonly [string, string] = ["⟦", "⟧"],
): string =>
  tokenizer.decode(ids.subarray(0, promptLength)) + marks[0] + tokenizer.decode(ids.subarray(promptLength)) + marks[1]

/**
 * Refuses a run whose data cannot be right, and shows the first, the middle and the last example as the model will
 * see them.
 *
 * @error InvalidInput for a mask that is all 0 or all 1; vocabularies that differ between models and tokenizer;
 * sequences that were cut, that a model cannot take, or that are none
 */
export const preflight = (input: {
  readonly encoded: EncodedTask
  readonly tokenizer: Tokenizer
  readonly models: ReadonlyArray<PreflightModel>
  readonly marks?: readonly [string, string]
}): Effect.Effect<Preflight, InvalidInput> =>
  Effect.suspend(() => {
    const { encoded, tokenizer, models, marks } = input
    const problems = [...vocabularyProblems(models, tokenizer), ...sequenceProblems(encoded, tokenizer, models)]
    if (problems.length > 0) return Effect.fail(new InvalidInput({ what: "preflight", problems }))
    const { examples, dropped, maxLength } = encoded
    const all = examples.length + dropped
    const share = ((100 * dropped) / all).toFixed(1)
    const left = `${dropped} of ${all} examples (${share} %) are longer than ${maxLength} tokens and were left out whole`
    const warnings = [
      ...(dropped === 0 ? [] : [left]),
      ...tokenizer.notes,
      ...tokenWarnings(encoded, tokenizer, models),
    ]
    const last = examples.length - 1
    const shown = [...new Set([0, last >> 1, last])].map((i) => showExample(examples[i]!, tokenizer, marks))
    return Effect.succeed({ examples: shown, warnings })
  })
