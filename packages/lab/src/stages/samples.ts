/**
 * The states on which scores judge starts: places in texts with a class each, as many of one class as of another. They
 * are the same for all starts.
 *
 * Letters: N samples, C classes, R rows of a chunk.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  classOf,
  DataError,
  type EncodedExample,
  type Encoder,
  InvalidInput,
  mostProbable,
  type PieceOf,
  type VariableInstance,
  type VariableUse,
} from "@winnow/core"
import { collate } from "@winnow/data"
import { driven, type Pieces } from "@winnow/generation"
import { permutation, seeded } from "@winnow/numerics"
import { tf } from "@winnow/tensor"
import { modelRows } from "@winnow/training"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import { openModel, piecesOf } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { targetLosses } from "./target-losses.ts"
import { readSplit } from "./text.ts"

/** Texts that go through a model at once. */
export const textsAtOnce = 8

/** The settings of the samples. */
export interface Sampling {
  /**
   * The class of a state: the token that the target finds most probable next; the gold token; the answer of the whole text,
   * for the state at the end of its prompt; or the variable's class of the next token, a number in so many bins.
   */
  readonly labels: "target" | "gold" | "answer" | { readonly variable: VariableUse; readonly bins: number }
  readonly split: "train" | "validation"
  /** Least number of trained tokens in the texts that are read, from the split's beginning; of answers all texts are read. */
  readonly tokens: number
  /** Classes at the most: those that most texts have. */
  readonly classes: number
  /** States of each class, each from another text; a class of fewer is left out. */
  readonly perClass: number | "all"
}

/** Places with a class each. */
export interface Samples {
  readonly C: number
  /** Index of the text, and the position whose state it is; ascending. */
  readonly text_N: ReadonlyArray<number>
  readonly position_N: ReadonlyArray<number>
  readonly class_N: ReadonlyArray<number>
}

/** The first texts that together have this many trained tokens; all where there are fewer. */
export const firstTexts = (examples: ReadonlyArray<EncodedExample>, tokens: number): ReadonlyArray<EncodedExample> => {
  let sum = 0
  const needed = examples.findIndex(({ ids, promptLength }) => {
    sum += ids.length - Math.max(1, promptLength)
    return sum >= tokens
  })
  return needed < 0 ? examples : examples.slice(0, needed + 1)
}

/** A state with its label: a token's id, or the text of an answer's ids. */
interface Place {
  readonly text: number
  readonly position: number
  readonly label: number | string
}

/** The state that predicts each trained token, with the token as its label. */
export const goldPlaces = (examples: ReadonlyArray<EncodedExample>): ReadonlyArray<Place> =>
  examples.flatMap(({ ids, promptLength }, text) =>
    Array.from(ids.subarray(Math.max(1, promptLength)), (label, i) => ({
      text,
      position: Math.max(1, promptLength) - 1 + i,
      label,
    })),
  )

/** The state at the end of each prompt, with the answer as its label; a text without a prompt has none. */
export const answerPlaces = (examples: ReadonlyArray<EncodedExample>): ReadonlyArray<Place> =>
  examples.flatMap(({ ids, promptLength }, text) =>
    promptLength < 1 ? [] : [{ text, position: promptLength - 1, label: ids.subarray(promptLength).join(" ") }],
  )

/**
 * The state before each token that has a value of the variable, prompts included, with its class.
 *
 * @param losses the target's of each text, for a variable that reads them
 */
export const variablePlaces = (
  { scale, values }: VariableInstance,
  bins: number,
  examples: ReadonlyArray<EncodedExample>,
  pieceOf: PieceOf,
  losses?: ReadonlyArray<Float32Array>,
): ReadonlyArray<Place> =>
  examples.flatMap(({ ids }, text) => {
    const targetLoss = losses?.[text]
    const value_L = values({ ids, pieces: Array.from(ids, pieceOf), ...(targetLoss && { targetLoss }) })
    return Array.from(value_L.subarray(1), (value, position) => ({ text, position, value }))
      .filter(({ value }) => !Number.isNaN(value))
      .map(({ value, ...place }) => ({ ...place, label: classOf(scale, bins, value) }))
  })

/** The places of gold tokens with the target's most probable tokens as labels. */
export function* targetPlaces(target: Encoder, examples: ReadonlyArray<EncodedExample>): Pieces<ReadonlyArray<Place>> {
  const places = goldPlaces(examples)
  const labels: Array<number> = []
  for (let from = 0; from < examples.length; from += textsAtOnce) {
    const batch = collate(examples.slice(from, from + textsAtOnce))
    tf.tidy(() => labels.push(...mostProbable(modelRows(target, batch))))
    yield
  }
  return places.map((place, n) => ({ ...place, label: labels[n]! }))
}

/**
 * Chooses among places: of each text at most one state of a class, of each class as many states as of another, all at
 * random.
 *
 * @error InvalidInput where no class has so many texts
 */
export const chooseSamples = (
  places: ReadonlyArray<Place>,
  { classes, perClass }: Pick<Sampling, "classes" | "perClass">,
): Effect.Effect<Samples, InvalidInput> => {
  const byLabel = new Map<number | string, Map<number, Array<Place>>>()
  for (const place of places) {
    const texts = byLabel.get(place.label) ?? new Map<number, Array<Place>>()
    byLabel.set(place.label, texts)
    const ofText = texts.get(place.text)
    if (ofText === undefined) texts.set(place.text, [place])
    else ofText.push(place)
  }
  const least = perClass === "all" ? 1 : perClass
  const counts = [...byLabel].map(([label, texts]) => [label, texts.size] as const)
  const chosen = counts
    .filter(([, count]) => count >= least)
    .toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
    .slice(0, classes)
  if (chosen.length === 0) {
    const most = Math.max(0, ...counts.map(([, count]) => count))
    const problems = [
      `none of ${counts.length} classes has ${least} texts, the largest one has ${most}; lower perClass, or raise tokens`,
    ]
    return Effect.fail(new InvalidInput({ what: "samples of the scores", problems }))
  }
  const samples = chosen.flatMap(([label], c) => {
    const rng = seeded(0, "samples", String(label))
    const ofTexts = [...byLabel.get(label)!.values()]
    const order = permutation(ofTexts.length, rng).slice(0, perClass === "all" ? ofTexts.length : perClass)
    return Array.from(order, (i) => ({ ...ofTexts[i]![rng.below(ofTexts[i]!.length)]!, c }))
  })
  const sorted = samples.toSorted((a, b) => a.text - b.text || a.position - b.position)
  return Effect.succeed({
    C: chosen.length,
    text_N: sorted.map(({ text }) => text),
    position_N: sorted.map(({ position }) => position),
    class_N: sorted.map(({ c }) => c),
  })
}

const file = "samples.json"

/** The stage of the samples; its summary is `{ states, classes }`. */
export const samplesStage = (
  sampling: Sampling,
  { data, target, tokenizer }: { readonly data: Stage; readonly target: Stage; readonly tokenizer: Stage },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { labels, split, tokens, classes, perClass } = sampling
    const ofVariable = typeof labels === "object" ? labels : undefined
    const readsTarget = ofVariable?.variable.readsTarget === true
    return stage({
      kind: "samples",
      label: `samples of the scores${ofVariable ? `, ${ofVariable.variable.name}` : ""}`,
      config: {
        ...{ labels: ofVariable ? { variable: yield* plain(ofVariable.variable), bins: ofVariable.bins } : labels },
        ...{ split, classes, perClass, ...(labels !== "answer" && { tokens }) },
      },
      inputs: [
        partOf(data, split),
        ...(labels === "target" ? [target] : []),
        ...(ofVariable ? [tokenizer] : []),
        ...(readsTarget ? [target] : []),
      ],
      code: stageCode({
        ...{ revisions: ["measuring"], tensors: labels === "target" || readsTarget },
        ...(ofVariable && { plugins: [ofVariable.variable] }),
      }),
      run: ({ directory, warn, inputs: [dataArtifact, further, ofTarget] }) =>
        Effect.gen(function* () {
          const { examples } = yield* readSplit(dataArtifact!, split)
          const texts = firstTexts(examples, tokens)
          const placed = Effect.gen(function* () {
            const model = ofTarget && (yield* openModel(ofTarget))
            const losses =
              model && (yield* decodingStep("losses", (signal) => driven(targetLosses(model, texts), signal)))
            if (ofVariable)
              return variablePlaces(
                yield* ofVariable.variable.instance,
                ofVariable.bins,
                texts,
                yield* piecesOf(further!),
                losses,
              )
            if (labels !== "target") return labels === "answer" ? answerPlaces(examples) : goldPlaces(texts)
            const labelling = yield* openModel(further!)
            return yield* decodingStep("samples", (signal) => driven(targetPlaces(labelling, texts), signal))
          })
          const samples = yield* chooseSamples(yield* placed, sampling)
          if (samples.C === 1)
            warn(
              "all samples of the scores are of one class, so scores of states say nothing; lower perClass, or raise tokens",
            )
          writeFileSync(join(directory, file), JSON.stringify(samples))
          return { states: samples.class_N.length, classes: samples.C }
        }).pipe(Effect.scoped),
    })
  })

/** The samples of an artifact. */
export const readSamples = (artifact: Artifact): Effect.Effect<Samples, DataError> =>
  Effect.try({
    try: () => JSON.parse(readFileSync(join(artifact.directory, file), "utf8")) as Samples,
    catch: (cause) =>
      new DataError({ message: `${artifact.directory}/${file}: ${String(cause)}; run with --fresh`, cause }),
  })
