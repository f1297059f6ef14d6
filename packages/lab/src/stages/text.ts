/** The stages before any model: a tokenizer, and the task's splits as token ids. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DataError, type EncodedExample, type Example, InvalidInput, type Split } from "@winnow/core"
import {
  byteTokenizer,
  type EncodedTask,
  type EncodeOptions,
  encodeTask,
  loadTokenizer,
  type Tokenizer,
  tokenizerFiles,
  tokenizerPath,
  trainingBpe,
} from "@winnow/data"
import { sha256OfFile } from "@winnow/files"
import { localFolder } from "@winnow/hub"
import { Effect } from "effect"
import type { Tokenizing } from "../experiment/resolved.ts"
import { type Stage, type StageError, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import { inPieces } from "../store/in-pieces.ts"
import type { Artifact } from "../store/store.ts"
import { splits, type Text, textHash } from "../texts.ts"

const code = () => stageCode({ revisions: ["text"], tensors: false })

/** Settings that name a file count by what the file holds, not by where it is. */
const fileHash = (path: string): Effect.Effect<string, DataError> =>
  Effect.try({
    try: () => sha256OfFile(path),
    catch: (error) => new DataError({ message: error instanceof Error ? error.message : String(error), cause: error }),
  })

/** The tokenizer: read, or trained on the task's training text. */
export const tokenizerStage = (text: Text, spec: Tokenizing): Effect.Effect<Stage, DataError | InvalidInput> =>
  Effect.gen(function* () {
    const common = { kind: "tokenizer", inputs: [], code: code() }
    const write = (directory: string, tokenizer: Tokenizer) => {
      for (const [name, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(join(directory, name), text)
      return { vocabulary: tokenizer.vocabularySize, fingerprint: tokenizer.fingerprint }
    }
    if (spec.kind === "file") {
      const file = tokenizerPath(yield* localFolder(spec.path, "tokenizer"))
      const beside = join(dirname(file), "tokenizer_config.json")
      return stage({
        ...common,
        label: "tokenizer from a file",
        config: {
          kind: "file",
          sha256: yield* fileHash(file),
          // The file names the token that ends a text, so its bytes count too.
          configSha256: existsSync(beside) ? yield* fileHash(beside) : null,
          ...(spec.eos !== undefined && { eos: spec.eos }),
        },
        run: ({ directory }) =>
          Effect.map(loadTokenizer(file, spec.eos === undefined ? {} : { eos: spec.eos }), (t) => write(directory, t)),
      })
    }
    if (spec.kind === "byte")
      return stage({
        ...common,
        label: "tokenizer, bytes",
        config: { kind: "byte" },
        run: ({ directory }) => Effect.sync(() => write(directory, byteTokenizer)),
      })
    return stage({
      ...common,
      label: `tokenizer, BPE ${spec.vocabulary}`,
      config: {
        kind: "bpe",
        vocabulary: spec.vocabulary,
        splitDigits: spec.splitDigits,
        text: text.hashes.train,
      },
      run: ({ directory }) =>
        Effect.gen(function* () {
          const texts = (yield* text.examples("train")).flatMap(({ prompt, answer }) => [prompt, answer])
          const { vocabulary: vocabularySize, splitDigits } = spec
          const training = () => trainingBpe(texts, { vocabularySize, splitDigits })
          return write(directory, yield* inPieces(training, refusal))
        }),
    })
  })

/** Turns a tokenizer's error into a value; any other error is thrown again. */
const refusal = (error: unknown): InvalidInput | DataError => {
  if (error instanceof InvalidInput || error instanceof DataError) return error
  throw error
}

/**
 * The splits as token ids, and the examples that were kept, in that order.
 *
 * @param options.specialTokens how text that spells a special token is encoded
 */
export const dataStage = (
  label: string,
  text: Text,
  tokenizer: Stage,
  { maxLength, specialTokens = "text" }: EncodeOptions & { readonly maxLength: number },
): Stage => {
  const encoding = { maxLength, ...(specialTokens === "ids" && { specialTokens }) }
  return stage({
    kind: "data",
    label,
    config: { text: textHash(text), ...encoding },
    parts: Object.fromEntries(splits.map((split) => [split, { text: text.hashes[split], ...encoding }])),
    inputs: [tokenizer],
    code: code(),
    unit: "splits",
    run: ({ directory, inputs, progress }) =>
      Effect.gen(function* () {
        const encoder = yield* openTokenizer(inputs[0]!)
        const summary: Record<string, unknown> = {}
        for (const [i, split] of splits.entries()) {
          const source = yield* text.examples(split)
          const encoded = yield* encodeTask(source, encoder, { maxLength, specialTokens })
          writeSplit(directory, split, encoded, source)
          const { dropped, tokens, trained } = encoded
          summary[split] = { examples: encoded.examples.length, dropped, tokens, trained }
          progress(i + 1, splits.length, split)
        }
        return summary
      }),
  })
}

/** The tokenizer of an artifact. */
export const openTokenizer = (artifact: Artifact): Effect.Effect<Tokenizer, StageError> =>
  artifact.manifest.summary["vocabulary"] === byteTokenizer.vocabularySize &&
  artifact.manifest.summary["fingerprint"] === byteTokenizer.fingerprint
    ? Effect.succeed(byteTokenizer)
    : loadTokenizer(artifact.directory)

/**
 * Writes a split of an artifact.
 *
 * @param source the examples that it was encoded from: those of evaluation splits are written beside it
 */
export const writeSplit = (
  directory: string,
  split: Split,
  encoded: EncodedTask,
  source: ReadonlyArray<Example> = [],
): void => {
  const { examples, dropped, maxLength, tokens, trained, spelled, specialTokens } = encoded
  const { changed, corrupted, pass, parts } = encoded
  const ids = new Int32Array(tokens)
  let at = 0
  for (const example of examples) {
    ids.set(example.ids, at)
    at += example.ids.length
  }
  writeFileSync(join(directory, `${split}.ids.i32`), ids)
  if (pass) writeFileSync(join(directory, `${split}.pass.i32`), pass)
  const index = {
    lengths: examples.map(({ ids }) => ids.length),
    promptLengths: examples.map(({ promptLength }) => promptLength),
    source: Array.from(encoded.source),
    dropped,
    maxLength,
    trained,
    spelled,
    specialTokens,
    ...(changed && { changed }),
    ...(corrupted && { corrupted }),
    ...(parts && { parts }),
    ...(pass && { passExamples: pass.length }),
  }
  writeFileSync(join(directory, `${split}.json`), JSON.stringify(index))
  if (split !== "train")
    writeFileSync(join(directory, `${split}.examples.json`), JSON.stringify(index.source.map((i) => source[i])))
}

const readAs = <A>(artifact: Artifact, name: string, read: (content: Buffer) => A): Effect.Effect<A, DataError> =>
  Effect.try({
    try: () => read(readFileSync(join(artifact.directory, name))),
    catch: (error) =>
      new DataError({
        message: `${join(artifact.directory, name)}: ${String(error)}; run again with --fresh`,
        cause: error,
      }),
  })

/** A split of a data artifact. */
export const readSplit = (artifact: Artifact, split: Split): Effect.Effect<EncodedTask, DataError> =>
  Effect.gen(function* () {
    const numbersIn = (name: string) => readAs(artifact, name, (b) => new Int32Array(new Uint8Array(b).buffer))
    const ids = yield* numbersIn(`${split}.ids.i32`)
    const index = yield* readAs(
      artifact,
      `${split}.json`,
      (b) =>
        JSON.parse(b.toString()) as {
          lengths: number[]
          promptLengths: number[]
          source: number[]
          passExamples?: number
        } & EncodedTask,
    )
    let at = 0
    const examples = index.lengths.map((length, i): EncodedExample => {
      const example = { ids: ids.subarray(at, at + length), promptLength: index.promptLengths[i]! }
      at += length
      return example
    })
    const { dropped, maxLength, trained, spelled, specialTokens, changed, corrupted, parts } = index
    const source = Int32Array.from(index.source)
    const counts = { dropped, maxLength, tokens: ids.length, trained, spelled, specialTokens }
    const pass = index.passExamples === undefined ? undefined : yield* numbersIn(`${split}.pass.i32`)
    const facts = { ...(changed && { changed }), ...(corrupted && { corrupted }), ...(pass && { pass }) }
    return { examples, source, ...counts, ...facts, ...(parts && { parts }) }
  })

/** The examples of an evaluation split as text, in the order of its ids. */
export const readExamples = (
  artifact: Artifact,
  split: "validation" | "test",
): Effect.Effect<ReadonlyArray<Example>, DataError> =>
  readAs(artifact, `${split}.examples.json`, (b) => JSON.parse(b.toString()) as ReadonlyArray<Example>)
