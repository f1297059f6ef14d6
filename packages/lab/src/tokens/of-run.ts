/** The token page's data of a finished run: the stages of its arms' readings, run on the artifacts that the store has. */
import { existsSync } from "node:fs"
import { DataError, type Datasets, didYouMean, InvalidInput } from "@winnow/core"
import { Effect, Layer } from "effect"
import { resolveConfig } from "../experiment/from-config.ts"
import type { ExperimentFile } from "../experiments.ts"
import { type ModelRun, modelRunOf } from "../export/chosen-model.ts"
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
import { hasRecordedBytes, judgedInRecord, recordedStages } from "./recorded-stages.ts"
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

/** An artifact that the store lacks, and the reason. */
interface Missing {
  readonly label: string
  readonly why: string
}

/** The stages of the readings over the artifacts of a store, or the first artifact that it lacks. */
const plannedIn = (
  store: StoreService,
  run: ModelRun,
  resolved: Parameters<typeof buildGraph>[0],
  texts: Texts,
  request: TokensRequest,
) =>
  Effect.gen(function* () {
    const sizes = (data: Stage) => sizesFrom(store.find(data.kind, data.key))
    const graph = yield* buildGraph(resolved, texts, sizes, judgedInRecord(run, judgedBefore(store)))
    const drafts = yield* chosen(graph, request)
    const recorded = recordedStages(run, graph)
    let missing: Missing | undefined
    /** The run's own stage in the place of today's. */
    const own = (today: Stage) => {
      const then = recorded(today)
      if (then !== undefined && store.find(then.kind, then.key) !== undefined) return then
      const why = then === undefined ? "the record has no such stage" : whyOf(then, store, store.manifests(today.kind))
      missing ??= { label: today.label, why }
      return today
    }
    const orNot = (today: Stage | undefined) => today && own(today)
    const changed = drafts.flatMap(({ name, trained }) => (recorded(trained)?.key === trained.key ? [] : [name]))
    const probe = graph.probe && { ...graph.probe, data: own(graph.probe.data) }
    const common = {
      target: own(graph.target),
      tokenizer: own(graph.tokenizer),
      greedy: orNot(graph.rollouts?.greedy),
      probe,
    }
    const stages = yield* Effect.forEach(drafts, ({ name, seed, trained, start, reference, head }) => {
      const ofRun = own(trained)
      if (missing === undefined && !hasRecordedBytes(run, { name, seed }, store, ofRun))
        missing = { label: trained.label, why: "the store has it computed again with other bytes than the record's" }
      return tokensStage({
        arm: graph.settled.arms.find((arm) => arm.name === name)!,
        ...{ seed, head, prompts: request.prompts, ...common },
        ...{ trained: ofRun, start: own(start!), reference: orNot(reference) }, // an arm has a start
        services: Object.values(graph.settled.services),
        measure: graph.settled.measure,
      })
    })
    return { store, graph, drafts, stages, changed, missing: missing as Missing | undefined }
  })

/** A note, where the code of arms is another today. */
const notesOn = (changed: ReadonlyArray<string>): ReadonlyArray<string> =>
  changed.length === 0
    ? []
    : [
        `The code or the settings behind ${changed.join(", ")} changed since the run. Models, texts and recorded choices are the run's own; choices and statistics that are not recorded are computed by today's code.`,
      ]

/**
 * Reads the run's arms token by token. It computes no stage of the run itself.
 *
 * @error InvalidInput for a record that another version wrote, arms or a seed that it does not have, or a run without texts
 * @error DataError where the store lacks an artifact of the run: says how to get it back
 */
export const tokensOf = (request: TokensRequest): Effect.Effect<TokensDocument, StageError, Datasets | Progress> =>
  Effect.gen(function* () {
    const { directory, home, found, loaded } = request
    const file = yield* readRun(directory)
    const { record, written } = file
    const what = `run ${written.run}`
    if (record === undefined) {
      const problems = [
        `has a record of schema ${written.schema}, which an earlier version wrote; run the experiment again`,
      ]
      return yield* new InvalidInput({ what, problems })
    }
    const run = yield* modelRunOf(file)
    const { registry, plugins } = yield* pluginsOfRun(record, found, loaded)
    const resolved = yield* resolveConfig(record.config, registry, plugins)
    return yield* Effect.gen(function* () {
      const texts = yield* readTexts(resolved)
      let planned: Effect.Success<ReturnType<typeof plannedIn>> | undefined
      // The store of a repeat is only there after one.
      for (const store of storesOf(home, run.run).filter((one, i) => i === 0 || existsSync(one.home))) {
        const here = yield* plannedIn(store, run, resolved, texts, request)
        if (here.missing === undefined || planned === undefined) planned = here
        if (here.missing === undefined) break
      }
      const { store, graph, drafts, stages, changed, missing } = planned! // there are stores
      if (graph.rollouts === undefined && graph.probe === undefined) {
        const problems = [
          "measures no acceptance and records no kept tokens, so it has no texts to show; set stability in the experiment",
        ]
        return yield* new InvalidInput({ what, problems })
      }
      if (missing !== undefined) {
        const again = `\`bun run experiment --repeat ${run.run}\` computes it again: then ask again`
        return yield* new DataError({
          message: `${what}: ${missing.label} is not in the store ${home}: ${missing.why}; ${again}`,
        })
      }
      const ran = yield* runStages(stages, { versions: { ...versions(), commit: commit() } }).pipe(
        Effect.provide(Layer.merge(Store.layer(store.home), sharedModels())),
      )
      const tokenizerStage = stages[0]!.inputs.find(({ kind }) => kind === graph.tokenizer.kind)!
      const readings = yield* Effect.forEach(stages, ({ key }) => readTokens(ran.get(key)!))
      const tokenizer = yield* openTokenizer(ran.get(tokenizerStage.key)!)
      return yield* assembled(run, graph, drafts, readings, tokenizer, notesOn(changed))
    }).pipe(Effect.provideService(Families, resolved.families))
  })
