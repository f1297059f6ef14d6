/**
 * The stage `selection`: a filter of examples chooses once the examples that an arm's training reads.
 *
 * Statistics are means over an example's valid tokens, by the draft at the start of the arm and by the arm's own loss. A
 * score of states comes from a stage before this one, which all seeds share.
 *
 * Letters: E examples of the training split, N valid tokens of a batch.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import {
  byExample,
  DataError,
  type ExamplesUse,
  type FilterInstance,
  firstTrained,
  type InvalidInput,
  Loss,
  type LossUse,
  lossLayer,
  modelsRead,
  nextToken,
  provideNeeds,
  type Statistic,
  Target,
  type TaskUse,
} from "@winnow/core"
import { collate, type EncodedTask, passSize } from "@winnow/data"
import { driven, type Pieces } from "@winnow/generation"
import { seeded } from "@winnow/numerics"
import { headFor, keptWeights } from "@winnow/training"
import { Context, Effect, Layer } from "effect"
import { forwardFlops } from "../budget.ts"
import { plain, plainSpec } from "../experiment/plain-json.ts"
import { layersOf, usedServices } from "../experiment/services.ts"
import { partOf, type Stage, stage } from "../stage.ts"
import { stageCode } from "../store/code/stage-code.ts"
import type { Artifact } from "../store/store.ts"
import type { Distilling } from "./distilling.ts"
import { openModel } from "./models.ts"
import { decodingStep } from "./rollouts.ts"
import { readStateScores, stateScoresStage } from "./state-scores.ts"
import { readSplit } from "./text.ts"
import type { Sizes } from "./training.ts"

const file = "examples.json"

/** Examples of a batch of the pass: a token's statistics depend on its own sequence only. */
const batchSize = 16

/** True if one of the statistics uses the arm's loss. */
const readsLoss = (needs: ReadonlyArray<Statistic>) =>
  needs.includes("draftLoss_N") || needs.includes("referenceLoss_N")

/** Sums the statistics of tokens by example, and keeps every token. */
const collector = (needs: ReadonlyArray<Statistic>, E: number) => {
  const sums = new Map(needs.map((name) => [name, new Float64Array(E)]))
  /** Tokens that the draft predicts: fewer than the example has where the head has some of the ids only. */
  const predicted_E = new Int32Array(E)
  let examples: ReadonlyArray<number> = []
  const filter: FilterInstance = {
    name: "examples",
    needs,
    select: (input) => {
      for (const b of input.sequence_N) predicted_E[examples[b]!]!++
      for (const [name, sum_E] of sums)
        for (let n = 0; n < input.N; n++) sum_E[examples[input.sequence_N[n]!]!]! += input[name][n]!
      return new Uint8Array(input.N).fill(1)
    },
    save: () => null,
    restore: () => {},
  }
  const of = (batch: ReadonlyArray<number>) => {
    examples = batch
  }
  return { sums, predicted_E, filter, of }
}

const tokensOf = ({ examples }: EncodedTask): Int32Array =>
  Int32Array.from(examples, ({ ids, promptLength }) => ids.length - firstTrained(promptLength))

/** FLOPs of the pass: a forward pass of trunk and head for each model that is read. */
const choosingFlops = (
  needs: ReadonlyArray<Statistic>,
  withTarget: boolean,
  sizes: Sizes,
  of: Distilling["architectures"],
) => {
  const { length, trained, examples = 0 } = sizes
  const models = modelsRead(needs, { target: withTarget })
  const each = { draft: of.draft, target: of.target, reference: of.reference ?? of.draft }
  return [...models].reduce((sum, name) => {
    return sum + examples * forwardFlops(each[name], { trunk: length - 1, head: trained, length })
  }, 0)
}

/**
 * The stage of an arm's choice of examples under a seed. A filter without statistics, and without a score of states, reads
 * no model.
 *
 * @param textOf the training text of a task: of the general one
 */
export const selectionStage = (
  examples: ExamplesUse,
  loss: LossUse<unknown>,
  reference: Stage | undefined,
  { data, target, start, seed, sizes, architectures, services }: Distilling,
  textOf: (task: TaskUse) => { readonly data: Stage },
): Effect.Effect<Stage, InvalidInput> =>
  Effect.gen(function* () {
    const { states } = yield* examples.instance
    const needs = examples.needs.statistics
    const ofLoss = readsLoss(needs)
    const used: LossUse<unknown> = ofLoss ? loss : nextToken()
    const asked = ofLoss ? usedServices([loss], services) : []
    const { target: comparesToTarget } = yield* used.instance
    const models = modelsRead(needs, { target: comparesToTarget })
    const inputs = {
      data: partOf(data, "train"),
      start: needs.length > 0 ? start : undefined,
      target: models.has("target") ? target : undefined,
      reference: models.has("reference") ? reference : undefined,
      scores: states && (yield* stateScoresStage(examples, states, { data, target, sizes, architectures }, textOf)),
    }
    const sources = Object.entries(inputs).flatMap(([name, input]) => (input ? [{ name, input }] : []))
    return stage({
      kind: "selection",
      label: `examples by ${examples.name}, seed ${seed}`,
      config: {
        examples: yield* plain(examples),
        ...(ofLoss ? { loss: yield* plain(loss) } : {}),
        ...(asked.length > 0 ? yield* plainSpec({ services: asked }) : {}),
      },
      inputs: sources.map(({ input }) => input),
      code: stageCode({
        revisions: ["training"],
        tensors: needs.length > 0,
        plugins: [examples, ...(ofLoss ? [loss, ...asked] : [])],
      }),
      seed,
      unit: "examples",
      work: { flops: choosingFlops(needs, comparesToTarget, sizes, architectures) },
      run: (context) =>
        Effect.gen(function* () {
          const artifact = (name: keyof typeof inputs) => context.inputs[sources.findIndex((g) => g.name === name)]
          const text = yield* readSplit(artifact("data")!, "train")
          const E = text.examples.length
          const { sums, predicted_E, filter, of } = collector(needs, E)
          const [ofStart, ofTarget, ofReference] = [artifact("start"), artifact("target"), artifact("reference")]
          if (ofStart) {
            const opened = {
              draft: yield* openModel(ofStart),
              ...(ofTarget && { target: yield* openModel(ofTarget) }),
              ...(ofReference && { reference: yield* openModel(ofReference) }),
            }
            const targetLayer = Layer.succeed(Target, { architecture: architectures.target, model: opened.target })
            const layers = layersOf({ target: targetLayer }, asked)
            const built = yield* Layer.build(provideNeeds(lossLayer(used), [used], layers))
            const head = headFor({ filter, loss: Context.get(built, Loss) })
            function* passed(): Pieces<void> {
              // Examples by length, so that batches have little padding.
              const order = Array.from(text.examples.keys()).toSorted(
                (a, b) => text.examples[a]!.ids.length - text.examples[b]!.ids.length,
              )
              for (let from = 0, micro = 0; from < E; from += batchSize, micro++) {
                const numbers = order.slice(from, from + batchSize)
                of(numbers)
                const batch = collate(numbers.map((e) => text.examples[e]!))
                keptWeights({ ...opened, batch, filter, head, step: 0, steps: 1, seed, micro })
                context.progress(Math.min(E, from + batchSize), E)
                yield
              }
            }
            yield* decodingStep(`examples by ${examples.name}`, (signal) => driven(passed(), signal))
          }
          const tokens_E = tokensOf(text)
          const ofScores = artifact("scores")
          const scores = ofScores && { score_E: yield* readStateScores(ofScores) }
          const means = Object.fromEntries(
            Array.from(sums, ([name, sum_E]) => [
              byExample(name),
              Float32Array.from(sum_E, (sum, e) => sum / Math.max(1, predicted_E[e]!)),
            ]),
          )
          const { choose } = yield* examples.instance
          const chosen = choose({
            ...means,
            ...scores,
            E,
            tokens_E,
            rng: seeded(seed, "examples", examples.name),
          })
          const numbers = Array.from(chosen.keys()).filter((e) => chosen[e] === 1)
          writeFileSync(join(context.directory, file), JSON.stringify(numbers))
          const whole = passSize(text)
          const read = passSize({ ...text, pass: passOf(text, numbers) })
          const flops = choosingFlops(
            needs,
            comparesToTarget,
            { length: text.tokens / E, trained: text.trained / E, examples: E },
            architectures,
          )
          return {
            tokens: models.size > 0 ? text.tokens - E : 0,
            flops,
            examples: numbers.length,
            of: E,
            sequences: read.examples,
            trained: read.trained,
            ofTrained: whole.trained,
          }
        }).pipe(Effect.scoped),
    })
  })

/** The pass of a text over the chosen examples only. */
export const passOf = ({ examples, pass }: EncodedTask, numbers: ReadonlyArray<number>): Int32Array => {
  const chosen = new Set(numbers)
  return Int32Array.from(pass ?? examples.keys()).filter((e) => chosen.has(e))
}

/** The indices of the chosen examples, ascending. */
export const readChosen = (artifact: Artifact): Effect.Effect<ReadonlyArray<number>, DataError> =>
  Effect.try({
    try: () => JSON.parse(readFileSync(join(artifact.directory, file), "utf8")) as ReadonlyArray<number>,
    catch: (error) =>
      new DataError({ message: `${artifact.directory}/${file}: ${String(error)}; run with --fresh`, cause: error }),
  })
