/**
 * Text that a model writes after training prompts, as a split that a training reads: each text up to its end.
 *
 * Prompts are written in portions, each a file of the attempt. A stopped stage goes on with the next portion and has the same
 * tokens.
 */
import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { DataError, type EncodedExample, samplingOf } from "@winnow/core"
import { type EncodedTask, tokensOf } from "@winnow/data"
import { sha256, writeWhole } from "@winnow/files"
import { generate, type Rollout } from "@winnow/generation"
import { Effect } from "effect"
import { writingFlops } from "../budget.ts"
import { describeText, type WrittenText } from "../experiment/text.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { openDecoder } from "./models.ts"
import { decodingStep, rolloutsOf, rolloutsText, textsOf } from "./rollouts.ts"
import type { BeginModel } from "./start.ts"
import { openTokenizer, readSplit, writeSplit } from "./text.ts"
import type { Sizes } from "./training.ts"

/** Prompts of a portion: many batches, so that batches have texts of like length. A stop costs about a minute of work. */
const portion = 512

/** Writes a portion: the hash of its texts in a line of its own, then the texts. */
const writePortion = (file: string, rollouts: ReadonlyArray<Rollout>): void => {
  const text = rolloutsText(rollouts)
  writeWhole(file, `${sha256(text)}\n${text}`)
}

/**
 * A portion of an earlier attempt; undefined where the file is missing or damaged. The stage then writes the portion again.
 *
 * @param onDamage gets the reason why a portion is damaged
 */
const readPortion = (file: string, onDamage: (text: string) => void): ReadonlyArray<Rollout> | undefined => {
  if (!existsSync(file)) return undefined
  const content = readFileSync(file, "utf8")
  const [hash, text] = [content.slice(0, 64), content.slice(65)]
  if (sha256(text) === hash) return rolloutsOf(text)
  onDamage(`${file} is damaged; its texts are written again`)
  return undefined
}

/** The reason to leave out a written text; undefined if a training can read it. */
const faultOf = (
  { prompt, tokens, finish }: Rollout,
  limits: { readonly maxLength: number; readonly vocabularySize: number; readonly all: boolean },
): "empty" | "unended" | "long" | "outside" | undefined => {
  if (finish !== "eos" && !limits.all) return "unended"
  if (tokens.length === 0 || (tokens.length === 1 && !limits.all)) return "empty"
  if (prompt.length + tokens.length > limits.maxLength) return "long"
  return tokens.some((id) => id >= limits.vocabularySize) ? "outside" : undefined
}

/**
 * The stage of a written text. It leaves out texts that are empty, that did not end within `maxNew` tokens, that are longer
 * than a training sequence, or that have an id outside the vocabulary. Its summary counts each kind.
 *
 * @param inputs.data its split "train" has the prompts
 * @error DataError where no text is left, or the split has fewer prompts than the text asks for
 */
export const writtenStage = (
  spec: WrittenText,
  {
    tokenizer,
    data,
    sizes,
    writer,
    maxLength,
  }: {
    readonly tokenizer: Stage
    readonly data: Stage
    readonly sizes: Sizes
    readonly writer: BeginModel
    readonly maxLength: number
  },
): Stage => {
  const { temperature, seed, prompts } = spec
  const maxNew = Math.min(spec.maxNew ?? maxLength, maxLength)
  const all = spec.keep === "all"
  const sampling = temperature === 0 ? { temperature } : { ...samplingOf(spec), seed }
  const label = describeText(spec)
  const { architecture } = writer
  const count = prompts ?? sizes.examples
  const guess =
    count === undefined ? undefined : { read: count * (sizes.length - sizes.trained), written: count * sizes.trained }
  return stage({
    kind: "text",
    label,
    config: { maxLength, maxNew, sampling, ...(prompts === undefined ? {} : { prompts }), ...(all && { keep: "all" }) },
    inputs: [tokenizer, partOf(data, "train"), writer.stage],
    code: stageCode({ revisions: ["generation"], tensors: true }),
    unit: "prompts",
    work: guess
      ? {
          tokens: Math.round(guess.read + guess.written),
          flops: writingFlops(architecture, guess.read, guess.written, sizes.length),
        }
      : {},
    run: ({ directory, inputs: [words, dataArtifact, writerArtifact], progress, note, warn }) =>
      Effect.gen(function* () {
        const { eosId, vocabularySize, decode } = yield* openTokenizer(words!)
        const train = (yield* readSplit(dataArtifact!, "train")).examples
        if (prompts !== undefined && train.length < prompts) {
          const message = `${label}: the training split has ${train.length} examples within maxLength; ask for fewer prompts`
          return yield* new DataError({ message })
        }
        const asked = train.slice(0, prompts).map(({ ids, promptLength }) => ids.subarray(0, promptLength))
        const model = yield* openDecoder(writerArtifact!, "the writer")
        const rollouts: Array<Rollout> = []
        for (let first = 0; first < asked.length; first += portion) {
          const file = join(directory, `.portion-${String(first).padStart(8, "0")}.json`)
          const there = readPortion(file, warn)
          if (there !== undefined) {
            rollouts.push(...there)
            continue
          }
          const part = yield* decodingStep(label, (signal) =>
            generate(
              model,
              asked.slice(first, first + portion),
              { ...sampling, maxNew, eosId, firstIndex: first },
              {
                signal,
                onProgress: (s) =>
                  progress(first + s.finished, asked.length, `${Math.round(s.tokens / s.seconds)} tokens/s`),
              },
            ),
          )
          writePortion(file, part.rollouts)
          rollouts.push(...part.rollouts)
        }
        const left = { empty: 0, unended: 0, long: 0, outside: 0 }
        const examples: Array<EncodedExample> = []
        const source: Array<number> = []
        for (const [i, { prompt, tokens, ...rest }] of rollouts.entries()) {
          const rollout = { ...rest, prompt, tokens: all ? tokens.slice(0, maxLength - prompt.length) : tokens }
          const fault = faultOf(rollout, { maxLength, vocabularySize, all })
          if (fault !== undefined) {
            left[fault]++
            continue
          }
          examples.push({
            ids: Int32Array.from([...rollout.prompt, ...rollout.tokens]),
            promptLength: rollout.prompt.length,
          })
          source.push(i)
        }
        const counts =
          `of ${rollouts.length} texts ${left.empty} are empty, ${left.unended} did not end within ${maxNew} tokens, ` +
          `${left.long} are longer than ${maxLength} tokens with their prompt, ${left.outside} hold ids that are no tokens`
        if (examples.length === 0) {
          const message = `${label}: none is left to train on: ${counts}; let another model write, or raise maxNew`
          return yield* new DataError({ message })
        }
        const dropped = rollouts.length - examples.length
        if (dropped > 0) note(`${label}: ${counts}; these are left out`)
        const encoded: EncodedTask = {
          examples,
          source: Int32Array.from(source),
          dropped,
          maxLength,
          ...tokensOf(examples),
          spelled: [],
          specialTokens: "text",
        }
        writeSplit(directory, "train", encoded)
        const read = rollouts.reduce((total, { prompt }) => total + prompt.length, 0)
        const written = rollouts.reduce((total, { tokens }) => total + tokens.length, 0)
        const { tokens, trained } = encoded
        return {
          train: { examples: examples.length, dropped, tokens, trained },
          prompts: rollouts.length,
          left,
          tokens: read + written,
          flops: writingFlops(architecture, read, written, (read + written) / rollouts.length),
          sample: {
            prompt: decode(examples[0]!.ids.subarray(0, examples[0]!.promptLength)),
            text: textsOf([rollouts[source[0]!]!], { decode })[0]!,
          },
        }
      }).pipe(Effect.scoped),
  })
}
