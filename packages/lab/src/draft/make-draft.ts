/**
 * A draft for a target from prompts, in a budget of minutes: a size by its measured cost, text that the target writes, a
 * training on it, figures on prompts that it did not see, and the exported folder. Each step is a stage of the store or a
 * file of the draft's folder, so that a stopped draft goes on.
 */
import { existsSync } from "node:fs"
import { resolve as absolute, basename, join } from "node:path"
import {
  type Architecture,
  type DataError,
  type Datasets,
  everyToken,
  InvalidInput,
  type LossUse,
  ofThese,
  outOfRange,
  type TaskUse,
} from "@winnow/core"
import { freeBytes, readRegularText, sha256 } from "@winnow/files"
import { loadDecoder, parameterCount, readArchitecture } from "@winnow/models"
import { bytesPerToken, tableBytes } from "@winnow/training"
import { Effect } from "effect"
import { checkProcesses, promptsSource } from "../adapt/launched.ts"
import { examplesOf, prompts, splitExamples } from "../adapt/prompts-task.ts"
import { arm, type Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { tokenizerFile } from "../experiment/spec.ts"
import { folder } from "../experiment/start.ts"
import { written } from "../experiment/text.ts"
import { exportModel } from "../export/export-model.ts"
import { io } from "../export/whole-folder.ts"
import { Families, knownFamilies } from "../families.ts"
import { buildGraph } from "../graph.ts"
import { logged } from "../live/logged.ts"
import { Progress } from "../progress.ts"
import { commit, versions } from "../record/machine.ts"
import { runName } from "../record/name.ts"
import type { RunRecord } from "../record/schema.ts"
import { runExperiment, runnerOf } from "../run.ts"
import { runStages } from "../schedule/run-all.ts"
import { inOrder, type StageError } from "../stage.ts"
import { sharedModels } from "../stages/models.ts"
import { Store } from "../store/store.ts"
import { readTexts } from "../texts.ts"
import { gammas, measureSize, recommended, targetCosts, usualGamma } from "./costs.ts"
import { type DraftPlan, keepPlan, keptPlan } from "./draft-plan.ts"
import { type DraftSize, draftSizes } from "./sizes.ts"

/** The request of a draft. */
export interface DraftRequest {
  /** The target's folder. */
  readonly target: string
  /** A file of prompts, one JSON object a line. */
  readonly prompts: string
  /** The folder that gets the plan, the run, the exported draft and the page. */
  readonly to: string
  /** Of text, training and figures together, about. */
  readonly minutes: number
  /** The name of a size; the recommended one if left out. */
  readonly size?: string | undefined
  /** Tokens of a text by the target. */
  readonly maxNew: number
  /** Tokens of a prompt and its text. */
  readonly maxLength: number
  readonly batchSize: number
  /** Batches whose gradients are added in a step, which as many processes can share; 1 if left out. */
  readonly microBatches?: number | undefined
  /** At its height; by the draft's width if left out. */
  readonly learningRate?: number | undefined
  /** The divergence from the target. */
  readonly loss: LossUse<unknown>
  readonly seed: number
  /** The token that ends a text, where the target's folder does not name it. */
  readonly eos?: string | undefined
  /** Files of the loss and of families: other processes load them. */
  readonly plugins?: ReadonlyArray<string> | undefined
}

/** Examples of a step. */
const perStep = ({ batchSize, microBatches = 1 }: DraftRequest): number => batchSize * microBatches

/** A finished draft. */
export interface MadeDraft {
  /** The exported folder. */
  readonly directory: string
  /** The folder of the run, with its report. */
  readonly run: string
  readonly plan: DraftPlan
  readonly record: RunRecord
  /** Stages that this call computed; 0 if all were there. */
  readonly computed: number
}

/** Fewest prompts: with fewer there is nothing to measure on. */
const FEWEST = 20
/** Share of the prompts that are held out for the figures, and the most of them. */
const [HELD_OUT, MOST_HELD_OUT] = [0.1, 100]
/** Shares of the budget that the target's text and the figures may take; the training has the rest. */
const [WRITING, MEASURING] = [0.35, 0.15]
/** Steps of the trial that tells the seconds of one, and fewest of the training. */
const [TRIAL, FEWEST_STEPS] = [6, 20]
/** Most passes over the text of the target: minutes beyond them would teach it by heart. */
const PASSES = 30
/** The learning rate of a width of 256 and less; it falls with the width above it. */
const RATE = { width: 256, rate: 3e-3 }
/** The most of the free disk that the cache of the target's hidden states may take. */
const OF_DISK = 0.5
/** The draft's arm. */
const ARM = "draft"

const refuse = (what: string, problem: string) => new InvalidInput({ what, problems: [problem] })

/** Numbers of prompts. */
interface PromptCounts {
  readonly train: number
  readonly heldOut: number
}

/** The prompts of the file, counted. @error InvalidInput for faults of the request or the file, before any work */
const checkRequest = (request: DraftRequest): Effect.Effect<PromptCounts, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { minutes, maxNew, maxLength, batchSize, microBatches = 1, learningRate, prompts: file } = request
    const odd = outOfRange([
      ["--minutes", minutes, 0.05, 100_000],
      ["--max-new", maxNew, 2, 1_000_000],
      ["--max-length", maxLength, 16, 1_000_000],
      ["--batch-size", batchSize, 1, 4096],
      ["--micro-batches", microBatches, 1, 4096],
      ["--learning-rate", learningRate ?? 1e-3, 1e-8, 10],
    ])
    if (odd !== undefined) return yield* odd
    const content = yield* io(() => readRegularText(file, { most: 2 ** 30, what: "a file of prompts" }))
    const examples = yield* Effect.try({
      try: () => examplesOf(file, content),
      catch: (error) => {
        if (error instanceof InvalidInput) return error
        throw error
      },
    })
    const empty = examples.findIndex(({ prompt }) => prompt === "")
    if (empty >= 0) return yield* refuse(file, `example ${empty + 1} has no prompt; expected {"prompt": "..."}`)
    if (examples.length < FEWEST)
      return yield* refuse(
        file,
        `found ${examples.length} prompts, expected at least ${FEWEST}: some are held out for the figures`,
      )
    const heldOut = Math.min(MOST_HELD_OUT, Math.max(2, Math.round(HELD_OUT * examples.length)))
    const { train } = splitExamples(examples, heldOut)
    const least = perStep(request)
    if (train.length >= least) return { train: train.length, heldOut }
    return yield* refuse(
      file,
      `found ${train.length} prompts for the training beside ${heldOut} others, expected at least ${least}, those of a step; give more, or a smaller --batch-size`,
    )
  })

/** The settings that a plan is measured for. */
const settingsOf = (request: DraftRequest): DraftPlan["request"] => {
  const { target, prompts: file, minutes, size, maxNew, maxLength, batchSize, learningRate, loss, seed, eos } = request
  const { microBatches = 1 } = request
  return {
    ...{
      target: absolute(target),
      prompts: sha256(readRegularText(file, { most: 2 ** 30, what: "a file of prompts" })),
    },
    ...{ minutes, size: size ?? null, maxNew, maxLength, batchSize, learningRate: learningRate ?? null },
    ...(microBatches > 1 && { microBatches }),
    ...{ loss: { name: loss.name, options: loss.options }, seed, eos: eos ?? null },
  }
}

/** The sizes with their costs, and the prompts and the rate that go with the chosen one. */
const measuredPlan = (request: DraftRequest, { train, heldOut }: PromptCounts): Effect.Effect<DraftPlan, StageError> =>
  Effect.gen(function* () {
    const target = yield* Effect.acquireRelease(loadDecoder(request.target, yield* knownFamilies), (model) =>
      Effect.sync(() => model.dispose()),
    )
    const sizes = draftSizes(target.architecture)
    const names = sizes.map(({ name }) => name)
    const { architecture } = target
    if (sizes.length === 0)
      return yield* refuse(
        `--target ${request.target}`,
        `no smaller model can be made of it: ${architecture.type} with ${architecture.layers} layers`,
      )
    if (request.size !== undefined && !names.includes(request.size))
      return yield* refuse(
        `--size ${request.size}`,
        `is no size of this target${ofThese(request.size, names, "there are")}`,
      )
    const costs = yield* Effect.sync(() => targetCosts(target))
    const measured = yield* Effect.forEach(sizes, (size) =>
      // Each on its own turn of the loop, so that Ctrl-C is heard.
      Effect.andThen(
        Effect.yieldNow,
        Effect.sync(() => measureSize(size, costs)),
      ),
    )
    const chosen = request.size ?? recommended(measured).name
    const affordable = Math.floor((WRITING * 60 * request.minutes * costs.writing) / request.maxNew)
    if (affordable < perStep(request)) {
      const least = (perStep(request) * request.maxNew) / (WRITING * 60 * costs.writing)
      return yield* refuse(
        `--minutes ${request.minutes}`,
        `the target writes ${costs.writing.toPrecision(2)} tokens a second, too few for the text of a step; expected at least ${least.toPrecision(2)}, or a smaller --max-new`,
      )
    }
    return {
      request: settingsOf(request),
      target: { parameters: parameterCount(architecture), ...costs },
      sizes: measured.map((one) => ({ ...one, speedups: [...one.speedups] })),
      chosen,
      prompts: Math.min(train, affordable),
      heldOut,
      learningRate:
        request.learningRate ?? RATE.rate * Math.min(1, RATE.width / startOf(sizes, chosen).architecture.hiddenSize),
      steps: null,
    } satisfies DraftPlan
  }).pipe(Effect.scoped)

const startOf = (sizes: ReadonlyArray<DraftSize>, name: string): DraftSize => sizes.find((size) => size.name === name)!

/**
 * The sizes of a draft with their costs, and the recommended one; nothing is written.
 *
 * @error InvalidInput for a request that cannot be; DataError for a folder without a whole model
 */
export const planDraft = (request: DraftRequest): Effect.Effect<DraftPlan, StageError> =>
  Effect.flatMap(checkRequest(request), (counts) => measuredPlan(request, counts))

/** The experiment of a draft: KL on all tokens of text that the target samples (docs/systems/distillspec.md). */
const experimentOf = (
  request: DraftRequest,
  plan: DraftPlan,
  { start, architecture }: DraftSize,
  steps: number,
): Experiment => {
  const { target, maxNew, batchSize, microBatches = 1, loss, seed, eos } = request
  const maxLength = Math.min(request.maxLength, architecture.maxLength)
  return {
    name: `A draft for ${basename(target)}`,
    question: "How much faster does the target write with this draft?",
    task: prompts({ file: absolute(request.prompts), heldOut: plan.heldOut }) as TaskUse,
    tokenizer: tokenizerFile(target, eos === undefined ? {} : { eos }),
    maxLength,
    target: folder(target),
    draft: { start },
    arms: {
      [ARM]: arm({
        ...{ filter: everyToken(), loss, steps, batchSize, microBatches },
        optimizer: { learningRate: plan.learningRate, warmup: Math.ceil(steps / 20), schedule: "cosine" },
        signals: { target: plan.signals ?? "live" },
        // A text that was cut teaches as well as one that ended.
        text: written({ by: "target", maxNew, temperature: 1, seed, prompts: plan.prompts, keep: "all" }),
      }),
    },
    about: ARM,
    seeds: [seed],
    measure: { prompts: plan.heldOut, maxNew, gamma: usualGamma, gammas: [...gammas] },
  }
}

/** The plan with the steps that the rest of the budget has time for: the text is written, and a few steps are tried. */
const withSteps = (request: DraftRequest, plan: DraftPlan, size: DraftSize) =>
  Effect.gen(function* () {
    const resolved = yield* resolve(experimentOf(request, plan, size, TRIAL))
    const artifacts = yield* Effect.gen(function* () {
      const texts = yield* readTexts(resolved)
      const graph = yield* buildGraph(resolved, texts)
      const { trained } = graph.measured.find(({ role }) => role === "arm")!
      const found = yield* logged(
        {
          ...{ experiment: "draft", part: "text", preset: null, question: resolved.question, arms: [ARM] },
          ...{ run: runName(resolved, graph), directory: absolute(request.to), seeds: resolved.seeds },
        },
        runStages([trained], { versions: { ...versions(), commit: commit() } }).pipe(
          Effect.provide(runnerOf(resolved, graph, { slug: "draft", source: promptsSource(request.plugins) }, texts)),
        ),
        () => false,
      )
      return inOrder([trained]).map((stage) => ({ stage, manifest: found.get(stage.key)!.manifest }))
    }).pipe(Effect.provideService(Families, resolved.families), Effect.provide(sharedModels()))
    const trial = artifacts.at(-1)!.manifest
    const secondsEach = Math.max(1e-6, Number(trial.summary["seconds"]) / TRIAL)
    const spent = artifacts.slice(0, -1).reduce((sum, { manifest }) => sum + manifest.seconds, 0)
    const left = (1 - MEASURING) * 60 * request.minutes - spent
    const most = Math.ceil((PASSES * plan.prompts) / perStep(request))
    const count = Math.max(FEWEST_STEPS, Math.min(most, Math.floor(left / secondsEach)))
    const { report } = yield* Progress
    report({
      _tag: "note",
      text: `${count} steps of ${secondsEach.toPrecision(2)} s, on ${plan.prompts} texts of the target`,
    })
    return yield* keepPlan(request.to, { ...plan, steps: { count, secondsEach } })
  })

/**
 * Makes a draft.
 *
 * @error InvalidInput for a request, a file or a target that cannot be; DataError for files that cannot be read or written;
 * TrainingStopped
 */
export const makeDraft = (request: DraftRequest): Effect.Effect<MadeDraft, StageError, Datasets | Store | Progress> =>
  Effect.gen(function* () {
    const { home } = yield* Store
    yield* checkProcesses(request)
    const counts = yield* checkRequest(request)
    const kept = yield* keptPlan(request.to, settingsOf(request))
    const architecture = yield* readArchitecture(request.target, yield* knownFamilies)
    const measured = Effect.gen(function* () {
      const { report } = yield* Progress
      report({ _tag: "note", text: "measuring the target's speed, and that of each size of a draft" })
      const plan = yield* measuredPlan(request, counts)
      // Each text is read in several passes, and one pass of the target is cheap beside the writing of the text.
      const tokens = plan.prompts * Math.min(request.maxNew, request.maxLength)
      const { hiddenSize: D, vocabularySize: V } = architecture
      const bytes = tokens * bytesPerToken("hidden", { D, V }) + tableBytes("hidden", { D, V })
      const signals = bytes < OF_DISK * freeBytes(home) ? "hidden" : "live"
      return yield* keepPlan(request.to, { ...plan, signals })
    })
    const first = kept ?? (yield* measured)
    // The plan was measured on it as a decoder.
    const size = startOf(draftSizes(architecture as Architecture), first.chosen)
    const plan = first.steps === null ? yield* withSteps(request, first, size) : first
    const resolved = yield* resolve(experimentOf(request, plan, size, plan.steps!.count))
    const results = join(request.to, "run")
    const source = promptsSource(request.plugins)
    const { record, directory: run, computed } = yield* runExperiment(resolved, { slug: "draft", results, source })
    const directory = absolute(request.to, "draft")
    if (!existsSync(directory)) yield* exportModel({ directory: run, name: ARM, to: directory, dtype: "float32", home })
    return { directory, run, plan, record: record!, computed }
  })
