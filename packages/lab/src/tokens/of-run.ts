/** The token page's data of a finished run: the stages of its arms' readings, run on the artifacts that the store has. */
import { DataError, type Datasets, didYouMean, InvalidInput } from "@winnow/core"
import { Effect, Layer } from "effect"
import { resolveConfig } from "../experiment/from-config.ts"
import type { ExperimentFile } from "../experiments.ts"
import { storesOf } from "../export/find-weights.ts"
import { Families } from "../families.ts"
import { buildGraph, type Graph, type Measured } from "../graph.ts"
import type { Loaded } from "../outside/load-plugins.ts"
import type { Progress } from "../progress.ts"
import { commit, versions } from "../record/machine.ts"
import { pluginsOfRun } from "../repeat/repeat.ts"
import { judgedBefore, sizesFrom } from "../run.ts"
import { readRun } from "../runs/read-run.ts"
import { runStages } from "../schedule/run-all.ts"
import type { Stage, StageError } from "../stage.ts"
import { sharedModels } from "../stages/models.ts"
import { openTokenizer } from "../stages/text.ts"
import { Store, type StoreService } from "../store/store.ts"
import { readTexts, type Texts } from "../texts.ts"
import { whyOf } from "../why.ts"
import { assembled } from "./assemble.ts"
import type { TokensDocument } from "./document.ts"
import { readTokens, tokensStage } from "./stage.ts"

/** A page to write. */
export interface TokensRequest {
  /** The run's folder. */
  readonly directory: string
  /** The folder of the store. */
  readonly home: string
  /** Names of arms, in the page's order; all if left out. */
  readonly arms?: ReadonlyArray<string> | undefined
  /** The first if left out. */
  readonly seed?: number | undefined
  /** Texts of the target that the page shows. */
  readonly prompts: number
  /** The experiment's file, where the record's name does not lead to it; and further plugins. */
  readonly found?: ExperimentFile | undefined
  readonly loaded?: Loaded | undefined
}

/** The drafts of these arms under a seed. @error InvalidInput for names or a seed that the run does not have */
const chosen = (
  { measured, settled }: Graph,
  { arms: names, seed = settled.seeds[0]! }: Pick<TokensRequest, "arms" | "seed">,
): Effect.Effect<ReadonlyArray<Measured>, InvalidInput> => {
  const there = settled.arms.map(({ name }) => name)
  const refuse = (what: string, problem: string) => Effect.fail(new InvalidInput({ what, problems: [problem] }))
  const odd = names?.find((name) => !there.includes(name))
  if (odd !== undefined)
    return refuse("--arms", `the run has no arm ${odd}; it has ${there.join(", ")}${didYouMean(odd, there)}`)
  if (!settled.seeds.includes(seed))
    return refuse("--seed", `the run has no seed ${seed}; it has ${settled.seeds.join(", ")}`)
  const ofSeed = measured.filter((one) => one.role === "arm" && one.seed === seed)
  return Effect.succeed((names ?? there).map((name) => ofSeed.find((one) => one.name === name)!))
}

/** The stages of the readings, in the order of the drafts. */
const stagesFor = (graph: Graph, drafts: ReadonlyArray<Measured>, prompts: number) =>
  Effect.forEach(drafts, ({ name, seed, trained, start, reference, head }) =>
    tokensStage({
      arm: graph.settled.arms.find((arm) => arm.name === name)!,
      ...{ seed, trained, reference, head, prompts },
      start: start!, // an arm has one
      ...{ target: graph.target, tokenizer: graph.tokenizer, greedy: graph.rollouts?.greedy, probe: graph.probe },
      services: Object.values(graph.settled.services),
      measure: graph.settled.measure,
    }),
  )

/** The first input of the stages that the store does not have, and the reason. */
const missingIn = (store: StoreService, stages: ReadonlyArray<Stage>) =>
  Effect.gen(function* () {
    for (const input of new Set(stages.flatMap(({ inputs }) => inputs)))
      if ((yield* store.seek(input.kind, input.key)) === undefined)
        return { input, why: whyOf(input, store, store.manifests(input.kind)) }
    return undefined
  })

/** The stages over the artifacts of a store. */
const plannedIn = (
  store: StoreService,
  resolved: Parameters<typeof buildGraph>[0],
  texts: Texts,
  request: TokensRequest,
) =>
  Effect.gen(function* () {
    const sizes = (data: Stage) => sizesFrom(store.find(data.kind, data.key))
    const graph = yield* buildGraph(resolved, texts, sizes, judgedBefore(store))
    const drafts = yield* chosen(graph, request)
    const stages = yield* stagesFor(graph, drafts, request.prompts)
    return { store, graph, drafts, stages, missing: yield* missingIn(store, stages) }
  })

/**
 * Reads the run's arms token by token. It computes no stage of the run itself.
 *
 * @error InvalidInput for a record that another version wrote, arms or a seed that it does not have, or a run without texts
 * @error DataError where the store lacks an artifact of the run: says how to get it back
 */
export const tokensOf = (request: TokensRequest): Effect.Effect<TokensDocument, StageError, Datasets | Progress> =>
  Effect.gen(function* () {
    const { directory, home, found, loaded } = request
    const { record, written } = yield* readRun(directory)
    const what = `run ${written.run}`
    if (record === undefined) {
      const problems = [
        `has a record of schema ${written.schema}, which an earlier version wrote; run the experiment again`,
      ]
      return yield* new InvalidInput({ what, problems })
    }
    const { registry, plugins } = yield* pluginsOfRun(record, found, loaded)
    const resolved = yield* resolveConfig(record.config, registry, plugins)
    return yield* Effect.gen(function* () {
      const texts = yield* readTexts(resolved)
      let planned: Effect.Success<ReturnType<typeof plannedIn>> | undefined
      for (const store of storesOf(home, record.run)) {
        const here = yield* plannedIn(store, resolved, texts, request)
        if (here.missing === undefined || planned === undefined) planned = here
        if (here.missing === undefined) break
      }
      const { store, graph, drafts, stages, missing } = planned! // there are stores
      if (graph.rollouts === undefined && graph.probe === undefined) {
        const problems = [
          "measures no acceptance and records no kept tokens, so it has no texts to show; set stability in the experiment",
        ]
        return yield* new InvalidInput({ what, problems })
      }
      if (missing !== undefined) {
        const { input, why } = missing
        const again = `\`bun run experiment --repeat ${record.run}\` computes it again`
        return yield* new DataError({
          message: `${what}: ${input.label} is not in the store ${home}: ${why}; ${again}, then ask again`,
        })
      }
      const ran = yield* runStages(stages, { versions: { ...versions(), commit: commit() } }).pipe(
        Effect.provide(Layer.merge(Store.layer(store.home), sharedModels())),
      )
      const readings = yield* Effect.forEach(stages, ({ key }) => readTokens(ran.get(key)!))
      const tokenizer = yield* openTokenizer(ran.get(graph.tokenizer.key)!)
      return yield* assembled(record, graph, drafts, readings, tokenizer)
    }).pipe(Effect.provideService(Families, resolved.families))
  })
