/** An experiment from its definition to its results folder. */
import { existsSync } from "node:fs"
import { resolve as absolute, join } from "node:path"
import { type Datasets, InvalidInput } from "@winnow/core"
import { loadCodec, type PreflightModel, preflight } from "@winnow/data"
import { localFolder } from "@winnow/hub"
import { type } from "arktype"
import { Effect, Layer } from "effect"
import { type Architectures, architectureAt } from "./architectures.ts"
import { ownStarts } from "./experiment/places.ts"
import type { Resolved } from "./experiment/resolved.ts"
import { promptsAt, searches, searchingOf } from "./experiment/searching.ts"
import { Families } from "./families.ts"
import { buildGraph, type Graph, measuring } from "./graph.ts"
import type { Judge } from "./judge.ts"
import { Launcher } from "./launch/launcher.ts"
import { here, Runner } from "./launch/runner.ts"
import { logged } from "./live/logged.ts"
import { withMachineErrors } from "./machine-errors.ts"
import { contextProblems, readerProblems } from "./preflight/contexts.ts"
import { checkDevices } from "./preflight/devices.ts"
import { checkDisk, diskText } from "./preflight/disk.ts"
import { checkMemory, leastLength } from "./preflight/memory.ts"
import { batchNotes, settingsNotes } from "./preflight/settings-notes.ts"
import { checkTasks } from "./preflight/task-examples.ts"
import { tryPlugins } from "./preflight/try-plugins.ts"
import { type PlannedRow, Progress } from "./progress.ts"
import { commit, versions } from "./record/machine.ts"
import { runName } from "./record/name.ts"
import type { MadeBy } from "./record/parts.ts"
import { limitOf } from "./record/smoke.ts"
import { documentOf, type Records, writeResults } from "./results.ts"
import { ownFolder } from "./runs/own-folder.ts"
import { entered, type RunName } from "./runs/run-store.ts"
import { workerBytes } from "./schedule/jobs.ts"
import { failed, failureOf, type Outcome } from "./schedule/outcome.ts"
import { runAll, runStages, type ScheduleOptions } from "./schedule/run-all.ts"
import { folderOf } from "./shared-rows.ts"
import { inOrder, type Stage, type StageError } from "./stage.ts"
import { sharedModels } from "./stages/models.ts"
import { openTokenizer, readSplit } from "./stages/text.ts"
import type { Sizes } from "./stages/training.ts"
import { scoreOf } from "./stages/trial.ts"
import { type Artifact, Store, type StoreService } from "./store/store.ts"
import { readTexts, type Texts } from "./texts.ts"
import { untoldPlugins } from "./untold.ts"

/** An experiment whose stages other processes can run. */
export interface Launchable {
  /** NNN-slug: the folder of the experiment and of its results. */
  readonly slug: string
  /** The part and preset of the experiment; null where the experiment has only one. */
  readonly part?: string | null
  readonly preset?: string | null
  /**
   * The file that other processes load the experiment from, and further files whose plugins it names. The `Launcher` runs
   * the stages; without a file this process does.
   */
  readonly source?: { readonly file: string; readonly plugins?: ReadonlyArray<string> } | undefined
}

export interface RunOptions extends Launchable {
  /** Folder of all results. */
  readonly results: string
  readonly fresh?: boolean
}

export interface Finished extends Records {
  readonly directory: string
  /** The number of stages that this call computed; 0 if the store had all of them. */
  readonly computed: number
}

/** A draft of the run without a figure, and the reason. */
export interface Missing {
  readonly name: string
  readonly seed: number
  /** The stage that failed, by its label. */
  readonly stage: string
  readonly message: string
}

/** The drafts with a failed stage, or with a stage that depends on a failed one. */
const missingFrom = ({ measured, study, reading }: Graph, outcome: Outcome): ReadonlyArray<Missing> => {
  const ofStudy = [...(study?.stages ?? []), ...(reading?.stages ?? [])].map(({ row, seed, stage }) => ({
    name: row,
    seed,
    measure: stage,
  }))
  const ofAcceptance = measured.map(({ name, seed, measure }) => ({ name, seed, measure }))
  const further = measured.flatMap(({ name, seed, more }) => more.map((measure) => ({ name, seed, measure })))
  const all = [...ofAcceptance, ...further, ...ofStudy].flatMap(({ name, seed, measure }) => {
    const failure = measure && failureOf(measure, outcome)
    return failure ? [{ name, seed, stage: failure.stage.label, message: failure.error.message }] : []
  })
  // Several measures of a draft report the same failed training.
  return [...new Map(all.map((one) => [JSON.stringify([one.name, one.seed, one.stage]), one])).values()]
}

/** Scores of trials in the store: null for a trial that tested no token, undefined for one that did not run or stopped. */
export const judgedBefore = (store: StoreService): Judge => ({
  scores: (trials) =>
    Effect.succeed(
      trials.map(({ judged, of }) => {
        const found = store.find(judged.kind, judged.key)
        return found && scoreOf(found, of)
      }),
    ),
  secondsOf: ({ kind, key }) => store.find(kind, key)?.manifest.seconds,
})

/** Runs trials. A training that stopped itself is a trial without a score; any other failure ends the run. */
const judgedNow = (
  run: RunMore,
  { secondsOf }: Pick<Judge, "secondsOf">,
): Judge<StageError, Datasets | Store | Progress> => ({
  scores: (trials) =>
    Effect.gen(function* () {
      const outcome = yield* run(trials.map(({ judged }) => judged))
      return yield* Effect.forEach(trials, ({ judged, of }) => {
        const failure = failureOf(judged, outcome)
        if (failure === undefined) return Effect.succeed(scoreOf(outcome.artifacts.get(judged.key)!, of))
        return failure.error._tag === "TrainingStopped" ? Effect.succeed(null) : failed(failure)
      })
    }),
  secondsOf,
})

/** Runs more stages of one run; returns all outcomes so far. */
type RunMore = (
  leaves: ReadonlyArray<Stage>,
  partOf?: ReadonlyArray<Stage>,
) => Effect.Effect<Outcome, StageError, Datasets | Store | Progress>

/** Runs stages in portions: no portion repeats a stage that an earlier one completed or failed, even if `fresh`. */
const runInPortions = (schedule: ScheduleOptions, artifacts: Outcome["artifacts"]): RunMore => {
  let have: Outcome = { artifacts, failed: new Map() }
  return (leaves, partOf = [...(schedule.partOf ?? []), ...leaves]) =>
    Effect.tap(runAll(leaves, { ...schedule, have, partOf }), (outcome) => Effect.sync(() => void (have = outcome)))
}

/** Mean lengths of a data artifact's training split, for estimates. */
export const sizesFrom = (artifact: Artifact | undefined): Sizes | undefined => {
  const train = artifact?.manifest.summary["train"] as { examples: number; tokens: number; trained: number } | undefined
  if (train === undefined) return undefined
  const { examples, tokens, trained } = train
  return { length: tokens / examples, trained: trained / examples, examples }
}

/** The models of an experiment as preflight checks them: those from folders with their tokenizers, and with the ends that they name. */
const preflightModels = (resolved: Resolved, architectures: Architectures) =>
  Effect.forEach(ownStarts(resolved), ({ name, start }) =>
    Effect.gen(function* () {
      const { vocabularySize, maxLength, config } = architectureAt(architectures, name)
      const model: PreflightModel = { name, vocabularySize, maxLength }
      const path = folderOf(start)
      if (path === undefined) return { model, notes: [] }
      const folder = yield* localFolder(path)
      const saved = existsSync(join(folder, "tokenizer.json")) ? yield* loadCodec(folder) : undefined
      const ends = type("number | number[]")(config["eos_token_id"])
      return {
        model: {
          ...model,
          ...(saved && { tokenizer: saved }),
          ...(ends instanceof type.errors ? {} : { ends: [ends].flat() }),
        },
        notes: saved?.notes ?? [],
      }
    }),
  )

/** Checks the text of another task as it checks the experiment's own: masks, cut sequences, lengths past a model's limit. */
export const checkTexts = (resolved: Resolved, graph: Graph, artifacts: ReadonlyMap<string, Artifact>) =>
  Effect.gen(function* () {
    const { report } = yield* Progress
    const tokenizer = yield* openTokenizer(artifacts.get(graph.tokenizer.key)!)
    const models = ownStarts(resolved).map(({ name }) => {
      const { vocabularySize, maxLength } = architectureAt(graph.architectures, name)
      return { name, vocabularySize, maxLength }
    })
    for (const { key, label } of graph.texts) {
      const encoded = yield* readSplit(artifacts.get(key)!, "train")
      const { warnings } = yield* preflight({
        encoded,
        tokenizer,
        models,
      }).pipe(Effect.mapError(({ problems }) => new InvalidInput({ what: `preflight of ${label}`, problems })))
      for (const text of warnings) report({ _tag: "note", text: `${label}: ${text}` })
    }
  })

/**
 * Refuses a run that needs more memory than this machine has, before any stage runs. The estimate reads the lengths of the
 * data where the store has them, else the least lengths of the texts. It also refuses a model that cannot read the texts
 * that another model writes for it.
 */
export const checkModels = (resolved: Resolved, texts: Texts, { data, architectures }: Graph) =>
  Effect.gen(function* () {
    const store = yield* Store
    const known = sizesFrom(store.find(data.kind, data.key))?.length
    const examples = yield* texts.of(resolved.task).examples("train")
    const problems = readerProblems(resolved, architectures)
    if (problems.length > 0) return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    yield* checkMemory(resolved, architectures, Math.ceil(known || leastLength(examples, resolved.maxLength)))
  })

/** Refuses invalid data before any training on it, and shows three examples. */
export const checkData = (resolved: Resolved, graph: Graph, artifacts: ReadonlyMap<string, Artifact>) =>
  Effect.gen(function* () {
    const { report } = yield* Progress
    const tokenizer = yield* openTokenizer(artifacts.get(graph.tokenizer.key)!)
    const data = artifacts.get(graph.data.key)!
    const found = yield* preflightModels(resolved, graph.architectures)
    const models = found.map(({ model }) => model)
    const encoded = yield* readSplit(data, "train")
    if (encoded.examples.length > 0) yield* sayNotes(batchNotes(resolved, encoded.examples.length))
    const length = Math.ceil(encoded.tokens / Math.max(1, encoded.examples.length))
    yield* checkMemory(resolved, graph.architectures, length)
    const { examples, warnings } = yield* preflight({ encoded, tokenizer, models })
    const { target, draft, others = [] } = graph.architectures
    const ofModels = [target, draft, ...others.map(({ architecture }) => architecture)].flatMap((a) => a.notes ?? [])
    // A model's own folder may name more special tokens than the file that encoded the data.
    const ofFolders = found.flatMap(({ notes }) => notes)
    for (const text of new Set([...ofModels, ...warnings, ...ofFolders])) report({ _tag: "note", text })
    const shown = examples.map((e) => `  ${e.replaceAll("\n", "\n  ")}`).join("\n")
    report({ _tag: "note", text: `three examples, the trained part marked:\n${shown}`, detail: true })
    const { examples: kept, dropped } = yield* readSplit(data, resolved.measure.split)
    if (dropped > 0) {
      const of = `${dropped} of ${kept.length + dropped} examples of the ${resolved.measure.split} split`
      const text = `${of} are longer than ${resolved.maxLength} tokens and are not measured on`
      report({ _tag: "note", text })
    }
    const chooses = searches(resolved)
    const searched = chooses ? (yield* readSplit(data, "validation")).examples.length : 0
    const { prompts } = searchingOf(resolved)
    if (chooses && searched < prompts) {
      const problems = [
        `${promptsAt(resolved)} is ${prompts}, the validation split has ${searched} examples within maxLength ${resolved.maxLength}; ask for fewer`,
      ]
      return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    }
    if (kept.length < resolved.measure.prompts) {
      const problems = [
        `measure.prompts is ${resolved.measure.prompts}, the ${resolved.measure.split} split has ${kept.length} examples ` +
          `(${dropped} are longer than maxLength ${resolved.maxLength}); ask for fewer, or raise maxLength`,
      ]
      return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    }
    if (!resolved.acceptance) return
    const longest = Math.max(...kept.slice(0, resolved.measure.prompts).map(({ promptLength }) => promptLength))
    const { problems, notes } = contextProblems(resolved.measure, longest, graph.architectures)
    if (problems.length > 0) return yield* new InvalidInput({ what: `experiment ${resolved.name}`, problems })
    for (const text of notes) report({ _tag: "note", text })
  })

/** The runner of the stages, by the current launcher. */
export const runnerOf = (
  resolved: Resolved,
  { architectures }: Graph,
  { slug, part = null, preset = null, source }: Launchable,
  { hashes: texts }: Texts,
) =>
  Layer.effect(
    Runner,
    Effect.gen(function* () {
      if (source === undefined) return here
      const { file, plugins = [] } = source
      const { config } = resolved
      const experiment = { slug, file, plugins: [...plugins], part, preset, config, texts: [...texts] }
      const launcher = yield* Launcher
      const { report } = yield* Progress
      for (const text of yield* checkDevices(resolved, launcher.devices)) report({ _tag: "note", text })
      return yield* launcher.runner({ experiment, memory: workerBytes(resolved, architectures) })
    }),
  )

/** Runs an experiment: it reads the stages that the store has, computes the missing ones, and writes the results. */
export const runExperiment = (
  resolved: Resolved,
  options: RunOptions,
): Effect.Effect<Finished, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    const store = yield* Store
    const untried = yield* tryPlugins(resolved)
    const madeBy: MadeBy = { commit: commit(), versions: versions() }
    const texts = yield* readTexts(resolved)
    yield* sayUntold(resolved)
    const ofTasks = yield* checkTasks(resolved, texts)
    const planned = yield* buildGraph(resolved, texts, (data) => sizesFrom(store.find(data.kind, data.key)))
    yield* checkModels(resolved, texts, planned)
    yield* sayDisk(planned)
    const { slug: experiment, part = null } = options
    const limit = limitOf(resolved.config)
    const beginning = { experiment, part, limit, seeds: resolved.seeds, arms: resolved.arms.map(({ name }) => name) }
    const named = { ...beginning, ...nameIn(options, resolved, planned) }
    const isIncomplete = (finished: Finished) => documentOf(finished).missing.length > 0
    const making = entered(
      { ...named, commit: madeBy.commit },
      (rename) =>
        Effect.andThen(
          sayNotes([...untried, ...settingsNotes(resolved, planned.architectures), ...ofTasks]),
          runPlanned(resolved, options, texts, planned, madeBy, rename),
        ),
      isIncomplete,
    )
    const { preset = null } = options
    return yield* logged({ ...named, preset, question: resolved.question }, making, isIncomplete)
  }).pipe(Effect.provideService(Families, resolved.families), withMachineErrors(options.results))

/** Notes each plugin whose results do not follow from its key. */
const sayUntold = (resolved: Resolved) =>
  Effect.gen(function* () {
    const { report } = yield* Progress
    for (const text of untoldPlugins(resolved)) report({ _tag: "note", text })
  })

const sayNotes = (notes: ReadonlyArray<string>) =>
  Effect.map(Effect.service(Progress), ({ report }) => {
    for (const text of notes) report({ _tag: "note", text })
  })

/** Says how much the caches of signals take. @error DataError if the disk has too little room */
const sayDisk = ({ trials, leaves }: Graph) =>
  Effect.gen(function* () {
    const { report } = yield* Progress
    const need = yield* checkDisk([...trials, ...leaves])
    if (need) report({ _tag: "note", text: diskText(need), ...(need.bytes < 2 ** 30 && { detail: true }) })
  })

/** A run's name and folder. */
const nameIn = ({ results, slug, part }: RunOptions, resolved: Resolved, graph: Graph): RunName => {
  const run = runName(resolved, graph)
  return { run, directory: ownFolder(absolute(results, slug, part ? `${part}-${run}` : run)) }
}

/** The drafts of a run, and the rows of its study, by the keys of their stages. */
const rowsIn = ({ measured, measures, study, reading }: Graph): ReadonlyArray<PlannedRow> => {
  const drafts = measured.map(({ name, role, seed, trained, measure, more }): PlannedRow => {
    const plugins = more.map(({ key }, i) => ({ key, measure: measures[i]?.name ?? null }))
    return {
      name,
      role,
      seed,
      trained: trained.key,
      figures: [...(measure ? [{ key: measure.key, measure: null }] : []), ...plugins],
    }
  })
  const own = [...(study?.stages ?? []), ...(reading?.stages ?? [])].map(
    ({ row, seed, stage: { key } }): PlannedRow => ({
      ...{ name: row, role: "study", seed, trained: null },
      figures: [{ key, measure: null }],
    }),
  )
  const known = new Set(drafts.flatMap(({ figures }) => figures.map(({ key }) => key)))
  return [...drafts, ...own.filter(({ figures }) => !known.has(figures[0]!.key))]
}

/** The body of a run, after the plan of its stages. Settings that the search has yet to choose may add stages. */
const runPlanned = (
  resolved: Resolved,
  options: RunOptions,
  texts: Texts,
  planned: Graph,
  madeBy: MadeBy,
  rename: (to: RunName) => Effect.Effect<void>,
): Effect.Effect<Finished, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    const schedule = { versions: { ...madeBy.versions, commit: madeBy.commit }, fresh: options.fresh ?? false }
    const all = [...planned.trials, ...planned.leaves]
    const text = yield* runStages([planned.data, ...planned.texts], { ...schedule, partOf: all })
    yield* checkData(resolved, planned, text)
    yield* checkTexts(resolved, planned, text)
    const run = runInPortions({ ...schedule, partOf: all }, text)
    const sizesOf = (data: Stage) => sizesFrom(text.get(data.key))
    // Sizes of caches are known only now where the data was just encoded.
    if (inOrder(all).some(({ kind, work }) => kind === "signals" && work.bytes === undefined))
      yield* sayDisk(yield* buildGraph(resolved, texts, sizesOf))
    const graph = yield* buildGraph(resolved, texts, sizesOf, judgedNow(run, judgedBefore(yield* Store)))
    const named = nameIn(options, resolved, graph)
    yield* rename(named)
    const { report } = yield* Progress
    report({ _tag: "named", ...named })
    report({ _tag: "rows", rows: rowsIn(graph) })
    const { directory } = named
    const outcome = yield* run(graph.leaves, [...graph.trials, ...graph.leaves])
    const { artifacts } = outcome
    const missing = missingFrom(graph, outcome)
    const { greedy, sampled, score } = graph.rollouts ?? {}
    const lost = [greedy, sampled, score].flatMap((s) => (s && failureOf(s, outcome)) ?? [])[0]
    const isLost = (stage: Stage) => failureOf(stage, outcome) !== undefined
    const nothing = graph.measured.every((of) => measuring(of).every(isLost))
      ? [...outcome.failed.values()][0]
      : undefined
    if (lost ?? nothing) return yield* failed((lost ?? nothing)!)
    const computed = [...artifacts.values()].filter(({ reused }) => !reused).length
    const unchanged = computed === 0 && missing.length === 0
    const ended = { of: options, resolved, graph, artifacts, missing, madeBy, directory, unchanged }
    return { ...(yield* writeResults(ended)), directory, computed }
  }).pipe(Effect.provide(Layer.merge(sharedModels(), runnerOf(resolved, planned, options, texts))))
