/** The stages before any model: a tokenizer, and the task's splits as token ids. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { DataError, type Example, InvalidInput, type Split, type TaskUse } from "@winnow/core"
import {
  byteTokenizer,
  type EncodedExample,
  type EncodedTask,
  type EncodeOptions,
  encodeTask,
  loadTokenizer,
  type Tokenizer,
  tokenizerFiles,
  tokenizerPath,
  trainBpe,
} from "@winnow/data"
import { Effect } from "effect"
import { plain, type Tokenizing } from "../experiment/resolve.ts"
import { type Stage, type StageError, stage } from "../stage.ts"
import { codeVersion, pluginCode } from "../store/code-version.ts"
import { sha256 } from "../store/key.ts"
import type { Artifact } from "../store/store.ts"

const splits: ReadonlyArray<Split> = ["train", "validation", "test"]
const code = () => codeVersion(["numerics", "core", "data", "lab/src/stages/text.ts"])

/** Settings that name a file count by what the file holds, not by where it is. */
const fileHash = (path: string): Effect.Effect<string, DataError> =>
  Effect.try({
    try: () => sha256(readFileSync(path)),
    catch: (error) => new DataError({ message: `${path} cannot be read: ${String(error)}`, cause: error }),
  })

/** The tokenizer: read, or trained on the task's training text. */
export const tokenizerStage = (task: TaskUse, spec: Tokenizing): Effect.Effect<Stage, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const common = { kind: "tokenizer", inputs: [], code: [code()] }
    const write = (directory: string, tokenizer: Tokenizer) => {
      for (const [name, text] of Object.entries(tokenizerFiles(tokenizer))) writeFileSync(join(directory, name), text)
      return { vocabulary: tokenizer.vocabularySize, fingerprint: tokenizer.fingerprint }
    }
    if (spec.kind === "file") {
      const file = tokenizerPath(spec.path)
      const beside = join(dirname(file), "tokenizer_config.json")
      return stage({
        ...common,
        label: "tokenizer from a file",
        config: {
          kind: "file",
          sha256: yield* fileHash(file),
          // Says which token ends a text, so it counts as much.
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
      config: { kind: "bpe", vocabulary: spec.vocabulary, splitDigits: spec.splitDigits, task: yield* plain(task) },
      code: [code(), pluginCode(task)],
      run: ({ directory }) =>
        Effect.gen(function* () {
          const { examples } = yield* task.instance
          const texts = examples("train").flatMap(({ prompt, answer }) => [prompt, answer])
          const { vocabulary: vocabularySize, splitDigits } = spec
          const trained = yield* Effect.sync(() => attempt(() => trainBpe(texts, { vocabularySize, splitDigits })))
          if (trained instanceof InvalidInput || trained instanceof DataError) return yield* trained
          return write(directory, trained)
        }),
    })
  })

/** A value, or the error that says why there is none; another error is thrown on. */
const attempt = <A>(make: () => A): A | InvalidInput | DataError => {
  try {
    return make()
  } catch (error) {
    if (error instanceof InvalidInput || error instanceof DataError) return error
    throw error
  }
}

/**
 * The splits as token ids, and the examples that were kept, in that order.
 *
 * @param options.specialTokens how text that spells a special token is encoded
 */
export const dataStage = (
  task: TaskUse,
  tokenizer: Stage,
  maxLength: number,
  { specialTokens = "text" }: EncodeOptions = {},
): Effect.Effect<Stage, InvalidInput> =>
  Effect.map(plain(task), (config) =>
    stage({
      kind: "data",
      label: `data, ${task.name}`,
      config: { task: config, maxLength, ...(specialTokens === "ids" && { specialTokens }) },
      inputs: [tokenizer],
      code: [code(), pluginCode(task)],
      unit: "splits",
      run: ({ directory, inputs, progress }) =>
        Effect.gen(function* () {
          const encoder = yield* openTokenizer(inputs[0]!)
          const { examples } = yield* task.instance
          const summary: Record<string, unknown> = {}
          for (const [i, split] of splits.entries()) {
            const source = examples(split)
            const encoded = yield* encodeTask(source, encoder, { maxLength, specialTokens })
            writeSplit(directory, split, encoded, source)
            const { dropped, tokens, trained } = encoded
            summary[split] = { examples: encoded.examples.length, dropped, tokens, trained }
            progress(i + 1, splits.length, split)
          }
          return summary
        }),
    }),
  )

/** The tokenizer of an artifact. */
export const openTokenizer = (artifact: Artifact): Effect.Effect<Tokenizer, StageError> =>
  artifact.manifest.summary["vocabulary"] === byteTokenizer.vocabularySize &&
  artifact.manifest.summary["fingerprint"] === byteTokenizer.fingerprint
    ? Effect.succeed(byteTokenizer)
    : loadTokenizer(artifact.directory)

const writeSplit = (directory: string, split: Split, encoded: EncodedTask, source: ReadonlyArray<Example>) => {
  const { examples, dropped, maxLength, tokens, trained, spelled, specialTokens } = encoded
  const ids = new Int32Array(tokens)
  let at = 0
  for (const example of examples) {
    ids.set(example.ids, at)
    at += example.ids.length
  }
  writeFileSync(join(directory, `${split}.ids.i32`), ids)
  const index = {
    lengths: examples.map(({ ids }) => ids.length),
    promptLengths: examples.map(({ promptLength }) => promptLength),
    source: Array.from(encoded.source),
    dropped,
    maxLength,
    trained,
    spelled,
    specialTokens,
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
    const ids = yield* readAs(artifact, `${split}.ids.i32`, (b) => new Int32Array(new Uint8Array(b).buffer))
    const index = yield* readAs(
      artifact,
      `${split}.json`,
      (b) => JSON.parse(b.toString()) as { lengths: number[]; promptLengths: number[]; source: number[] } & EncodedTask,
    )
    let at = 0
    const examples = index.lengths.map((length, i): EncodedExample => {
      const example = { ids: ids.subarray(at, at + length), promptLength: index.promptLengths[i]! }
      at += length
      return example
    })
    const { dropped, maxLength, trained, spelled, specialTokens } = index
    const source = Int32Array.from(index.source)
    return { examples, source, dropped, maxLength, tokens: ids.length, trained, spelled, specialTokens }
  })

/** The examples of an evaluation split as text, in the order of its ids. */
export const readExamples = (
  artifact: Artifact,
  split: "validation" | "test",
): Effect.Effect<ReadonlyArray<Example>, DataError> =>
  readAs(artifact, `${split}.examples.json`, (b) => JSON.parse(b.toString()) as ReadonlyArray<Example>)
