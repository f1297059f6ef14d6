/** The probe of an arm: the tokens among which its filter's choices are recorded, and the file of the record. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  type Architecture,
  type Attends,
  DataError,
  type EncodedExample,
  firstTrained,
  InvalidInput,
  type LossInstance,
  modelsRead,
  type Statistic,
} from "@winnow/core"
import { type Batch, collate, type EncodedTask } from "@winnow/data"
import { type ProbePoint, readPoints, savePoint } from "@winnow/training"
import { Effect } from "effect"
import { forwardFlops } from "../budget.ts"
import type { SettledArm } from "../experiment/resolved.ts"
import { type Stability, stepsOf } from "../experiment/stability.ts"
import type { Stage } from "../stage.ts"
import type { Artifact } from "../store/store.ts"
import { readSplit } from "./text.ts"

const file = "probe.json"
/** Where the probe has corrupted answers: 1 for each of their tokens. */
const corruptedFile = "probe-corrupted.json"

/** The tokens of the probes of a run. */
export interface ProbeText extends Pick<Stability, "tokens" | "split" | "at"> {
  readonly data: Stage
}

/** The part of a probe that the key of an arm's stage contains. */
export interface ProbeConfig {
  readonly tokens: number
  readonly split: Stability["split"]
  /** Numbers of steps. */
  readonly at: ReadonlyArray<number>
}

/**
 * The probe of an arm; undefined for an arm whose filter keeps all tokens, and for one whose objective asks for other
 * tokens than the next.
 */
export const probeOf = (
  arm: Pick<SettledArm, "filter" | "objective" | "steps">,
  text: ProbeText | undefined,
): Effect.Effect<(ProbeConfig & { readonly data: Stage }) | undefined, InvalidInput> =>
  Effect.map(arm.filter.keeps, (keeps) => {
    const chooses = arm.filter.needs.statistics.length > 0 || keeps < 1
    if (text === undefined || !chooses || arm.objective !== undefined) return undefined
    const { data, tokens, split } = text
    return { data, tokens, split, at: stepsOf(text, arm.steps) }
  })

/** The first texts with this many trained tokens; all where there are fewer. */
export const probeTexts = (examples: ReadonlyArray<EncodedExample>, tokens: number): ReadonlyArray<EncodedExample> => {
  let sum = 0
  const needed = examples.findIndex(({ ids, promptLength }) => {
    sum += ids.length - firstTrained(promptLength)
    return sum >= tokens
  })
  return needed < 0 ? examples : examples.slice(0, needed + 1)
}

/** The texts of a probe in batches as large as the arm's own. */
export const probeBatches = (
  examples: ReadonlyArray<EncodedExample>,
  tokens: number,
  batchSize: number,
): ReadonlyArray<Batch> => {
  const texts = probeTexts(examples, tokens)
  return Array.from({ length: Math.ceil(texts.length / batchSize) }, (_, i) =>
    collate(texts.slice(i * batchSize, (i + 1) * batchSize)),
  )
}

/** 1 for each trained token of a corrupted answer, over the first texts up to N tokens; undefined without any. */
export const corruptedTokens = (
  { examples, corrupted = [] }: Pick<EncodedTask, "examples" | "corrupted">,
  N: number,
): Uint8Array | undefined => {
  const marked_N = new Uint8Array(N)
  const odd = new Set(corrupted)
  let at = 0
  for (const [i, { ids, promptLength }] of examples.entries()) {
    if (at >= N) break
    const end = at + ids.length - firstTrained(promptLength)
    if (odd.has(i)) marked_N.fill(1, at, end)
    at = end
  }
  return marked_N.includes(1) ? marked_N : undefined
}

/** The batches of a probe, and its tokens of corrupted answers. @error InvalidInput for a split without a text */
export const readProbeBatches = (
  label: string,
  artifact: Artifact,
  { split, tokens }: ProbeConfig,
  batchSize: number,
): Effect.Effect<
  { readonly batches: ReadonlyArray<Batch>; readonly corrupted_N: Uint8Array | undefined },
  DataError | InvalidInput
> =>
  Effect.flatMap(readSplit(artifact, split), (encoded) => {
    const { examples } = encoded
    if (examples.length > 0) {
      const batches = probeBatches(examples, tokens, batchSize)
      const N = batches.reduce((sum, { row_N }) => sum + row_N.length, 0)
      return Effect.succeed({ batches, corrupted_N: corruptedTokens(encoded, N) })
    }
    return Effect.fail(
      new InvalidInput({
        what: `${label}, stability`,
        problems: [`the ${split} split has no text within maxLength; set stability.split to another`],
      }),
    )
  })

/** FLOPs of all points: a forward pass of each model that the filter reads, with its head. */
export const probeFlops = (
  batches: ReadonlyArray<Batch>,
  points: number,
  { needs, loss }: { readonly needs: ReadonlyArray<Statistic>; readonly loss: Pick<LossInstance, "target"> },
  models: {
    readonly draft: Architecture<Attends>
    readonly target?: Architecture<Attends> | undefined
    readonly reference?: Architecture<Attends> | undefined
  },
): number => {
  const read = modelsRead(needs, loss)
  const sum = (of: (batch: Batch) => number) => batches.reduce((total, batch) => total + of(batch), 0)
  const [trunk, head, B] = [sum(({ tokens }) => tokens), sum(({ row_N }) => row_N.length), sum(({ B }) => B)]
  const all = [
    models.draft,
    ...(read.has("target") && models.target ? [models.target] : []),
    ...(read.has("reference") && models.reference ? [models.reference] : []),
  ]
  return points * all.reduce((flops, of) => flops + forwardFlops(of, { trunk, head, length: trunk / B }), 0)
}

/** Writes the points of a probe into an artifact; their size and seconds are for its summary. */
export const writeProbe = (directory: string, points: ReadonlyArray<ProbePoint>, corrupted_N?: Uint8Array) => {
  const text = JSON.stringify(points.map(savePoint))
  writeFileSync(join(directory, file), text)
  if (corrupted_N) writeFileSync(join(directory, corruptedFile), JSON.stringify([...corrupted_N]))
  return {
    tokens: points[0]?.kept_N.length ?? 0,
    points: points.length,
    bytes: text.length,
    seconds: points.reduce((sum, { seconds }) => sum + seconds, 0),
  }
}

/** The points of an arm; none where it has no probe. */
export const readProbe = ({ directory }: Artifact): Effect.Effect<ReadonlyArray<ProbePoint>, DataError> =>
  Effect.try({
    try: () => {
      const path = join(directory, file)
      return existsSync(path) ? readPoints(JSON.parse(readFileSync(path, "utf8"))) : []
    },
    catch: (error) =>
      new DataError({ message: `${directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })

/** The probe's tokens of corrupted answers; undefined where it has none. */
export const readCorrupted = ({ directory }: Artifact): Effect.Effect<Uint8Array | undefined, DataError> =>
  Effect.try({
    try: () => {
      const path = join(directory, corruptedFile)
      return existsSync(path) ? Uint8Array.from(JSON.parse(readFileSync(path, "utf8")) as Array<number>) : undefined
    },
    catch: (error) =>
      new DataError({ message: `${directory}/${corruptedFile}: ${String(error)}; run with --fresh`, cause: error }),
  })
