/**
 * A training stage: steps from a source of batches, with events, checkpoints and resume.
 *
 * The filter and the loss come as services, with the frozen models that they read: an arm is a layer. A stage that is
 * killed at any moment and started again ends with the same weights, bit by bit, on the same machine.
 */
import {
  attendsBefore,
  DataError,
  type Draft,
  Filter,
  InvalidInput,
  isDraftHead,
  jointState,
  Loss,
  type LossInstance,
  modelsRead,
  PeerLost,
  TrainingStopped,
  variablesState,
} from "@winnow/core"
import type { BatchSource } from "@winnow/data"
import {
  checkLeaks,
  engineMemory,
  type Group,
  GroupBroken,
  type Precision,
  type SumOptions,
  WeightAverage,
  withPrecision,
} from "@winnow/tensor"
import { Effect } from "effect"
import { type States, saveCheckpoint } from "./checkpoint.ts"
import { countersState, noSteps } from "./counters.ts"
import type { TrainEvent } from "./events.ts"
import { headFor } from "./head/head.ts"
import { eventsOf, oneStep, type StageSetting } from "./one-step.ts"
import { averageState, globalNorm, makeOptimizer, optimizerState } from "./optimizer-step.ts"
import { type OwnText, type OwnTextSource, ownText, type WritingCounts } from "./own-text.ts"
import { type Probe, type ProbePoint, probeState } from "./probe.ts"
import type { OptimizerOptions } from "./schedule.ts"
import { resumePoint } from "./sharing/resume-point.ts"
import { share } from "./sharing/sharing.ts"
import type { CachedSignals } from "./signals/cached.ts"
import { statesProblem } from "./signals/states.ts"
import { modelsTogether, type SourceLosses } from "./sources.ts"

export interface TrainOptions {
  /** The name of the stage in events and errors, such as "arm adaspec, seed 2". */
  readonly stage: string
  /** The model or head to train, in place: only its `trained` variables change. */
  readonly model: Draft
  readonly batches: BatchSource
  readonly steps: number
  /** The stage ends after so many of its steps, at most `steps`: the state that a run of all steps has there. */
  readonly until?: number
  /** Batches of the source summed into one optimizer step. */
  readonly microBatches?: number
  /** Text that the draft writes between steps, in the place of answers of the batches; left out: none. */
  readonly ownText?: OwnText | undefined
  /** Losses of the sources of a mixed text; left out: every example has the stage's loss. */
  readonly sources?: SourceLosses | undefined
  readonly optimizer: OptimizerOptions
  readonly seed: number
  /** Signals of the frozen models from caches, for these batches' examples; missing ones are computed in each step. */
  readonly signals?: CachedSignals
  /** The folder to resume from and write to; without it nothing is written and a kill loses the stage. */
  readonly checkpoint?: {
    readonly directory: string
    /** The identity of this run: the artifact's key. */
    readonly identity: string
    /** At least this many seconds between two checkpoints. */
    readonly everySeconds: number
    /** The same training with another `until`: it goes on from that one's checkpoints where it has none of its own. */
    readonly from?: { readonly directory: string; readonly identity: string } | undefined
  }
  readonly onEvent?: (event: TrainEvent) => void
  /**
   * Rounding of the operands of matrix products, in every model that the steps run; sums are float32. float32 by
   * default. "bfloat16" is about twice as fast if the processor multiplies it (AMX, AVX-512-BF16), and changes no
   * weight's precision. It needs the native library: without it products are always float32.
   */
  readonly precision?: Precision
  /** Rows of a chunk of logits; left out: by the vocabulary. */
  readonly chunkRows?: number
  /** Number of events that show the filter's choice. 8 by default, spread over the stage. */
  readonly keptEvents?: number
  /** Records the filter's choice of fixed tokens at some steps; none by default. */
  readonly probe?: Probe | undefined
  /**
   * Processes that train this stage together, all with the same options: at most as many as a step has micro-batches. The
   * weights are those of one process, bit by bit. Rank 0 writes the checkpoints; the others read its folder.
   */
  readonly group?: Group | undefined
}

export interface TrainSummary {
  readonly steps: number
  /** Input tokens that went through the draft's trunk, without padding. */
  readonly tokensSeen: number
  /** Positions that the trunk computed: those tokens, and padding; left out where they were not counted. */
  readonly positions?: number
  /** Tokens that the filter chose from. */
  readonly tokensValid: number
  /** Tokens with a weight above 0 in the loss. */
  readonly tokensTrained: number
  /** Seconds of steps, over all resumes. */
  readonly seconds: number
  readonly finalLoss: number
  /** The draft's own text, over all resumes; left out where it wrote none. */
  readonly writing?: WritingCounts
  /** The points of the probe, where there is one. */
  readonly probed?: ReadonlyArray<ProbePoint>
}

/**
 * Trains to `steps`, or to `until`, from the newest sound checkpoint if there is one.
 *
 * @error TrainingStopped if the loss or the gradient is not finite: names the step, the batch and the last good
 * checkpoint
 * @error PeerLost if a process of the group ended or does not answer: the same stage resumes from its last checkpoint
 * @error InvalidInput if the filter's answer is unusable, a checkpoint belongs to another run, or the model sees the
 * tokens that it must predict
 */
export const trainStage = (
  options: TrainOptions,
): Effect.Effect<TrainSummary, TrainingStopped | PeerLost | DataError | InvalidInput, Filter | Loss> =>
  Effect.scoped(run(options)).pipe(Effect.withSpan("trainStage", { attributes: { stage: options.stage } }))

const run = Effect.fnUntraced(function* (options: TrainOptions) {
  const { stage, model, steps, until = steps, checkpoint } = options
  const [filter, loss] = [yield* Filter, yield* Loss]
  const { sources } = options
  const ofSources = sources?.losses.filter((own) => own !== undefined) ?? []
  const { target, reference } = modelsTogether([...ofSources, loss, filter])
  const emit = options.onEvent ?? (() => {})
  const keptEvery = Math.max(1, Math.floor(steps / (options.keptEvents ?? 8)))
  const { architecture } = isDraftHead(model) ? model.target : model
  if (!attendsBefore(architecture) && options.batches.reads === "before") {
    const fault = `${architecture.type} attends both ways, and each token is to be predicted from those before it`
    const problems = [`${fault}: the model would see it; take an objective that reads both ways, such as masked`]
    return yield* new InvalidInput({ what: stage, problems })
  }

  if (isDraftHead(model) && model.trained.size === 0) {
    const problems = [
      "has no parameters, so nothing can be trained; measure it as a start, or choose options that give it some",
    ]
    return yield* new InvalidInput({ what: `head ${model.name}`, problems })
  }

  const { signals, precision, chunkRows, microBatches = 1, group } = options
  if (isDraftHead(model) && signals?.states !== undefined) {
    const lacking = statesProblem(model, signals.states.form)
    if (lacking !== undefined) return yield* new InvalidInput({ what: `head ${model.name}`, problems: [lacking] })
  }
  if (group !== undefined && group.size > microBatches) {
    const problems = [`${group.size} processes, and a step has ${microBatches} micro-batches; take no more processes`]
    return yield* new InvalidInput({ what: stage, problems })
  }
  const writing = yield* writer(options, microBatches)
  const head = headFor({ filter, loss, signals, precision, chunkRows })
  const headOf = (own: LossInstance) => headFor({ filter: { needs: [] }, loss: own, signals, precision, chunkRows })

  let counters = noSteps
  const onDamage = (text: string) => emit({ _tag: "note", stage, text })
  const resumed = checkpoint && (yield* resumePoint(checkpoint, onDamage, group))
  const weights: States = {
    weights: variablesState(model.trained, { after: () => model.adapters?.compose() }),
    ...(reference?.state && { reference: reference.state }),
  }
  if (resumed !== undefined) {
    yield* resumed.restore(weights)
    model.adapters?.compose()
  }
  // The optimizer may copy the weights, so they must be loaded before it is made.
  const optimizer = yield* Effect.acquireRelease(
    Effect.sync(() => makeOptimizer(model.trained, options.optimizer)),
    (o) => Effect.sync(() => o.dispose()),
  )
  const { average: decay = 0 } = options.optimizer
  const average =
    decay === 0
      ? undefined
      : yield* Effect.acquireRelease(
          Effect.sync(() => new WeightAverage(model.trained, decay)),
          (a) => Effect.sync(() => a.dispose()),
        )
  const others: States = {
    optimizer: optimizerState(optimizer),
    ...(average && { average: averageState(average) }),
    filter,
    counters: countersState(
      () => counters,
      (saved) => {
        counters = saved
      },
    ),
  }
  if (resumed !== undefined) {
    yield* resumed.restore(others)
    if (writing) yield* resumed.restore({ text: writing.state })
    emit({ _tag: "resumed", stage, step: counters.step })
  }
  emit({ _tag: "head", stage, step: counters.step, ...head.choice })
  const readByFilter = modelsRead(filter.needs, loss)
  const probe =
    options.probe &&
    probeState(options.probe, {
      filter,
      head: headFor({ filter, loss, precision, chunkRows }),
      target: readByFilter.has("target") ? target?.model : undefined,
      reference: readByFilter.has("reference") ? reference?.model : undefined,
      steps,
      seed: options.seed,
    })
  if (resumed !== undefined && probe !== undefined) yield* resumed.restore({ probe })
  const states: States = { ...weights, ...others, ...(writing && { text: writing.state }), ...(probe && { probe }) }
  let saved = resumed?.step
  let savedAt = Date.now()
  const isDue = () => checkpoint !== undefined && Date.now() - savedAt >= checkpoint.everySeconds * 1000
  const trained = Array.from(model.trained, ([name, { shape }]) => ({ name, shape }))
  const sharing = group && share(group, filter, trained, isDue, waysOf(model))
  const setting: StageSetting = {
    stage,
    model,
    target: target?.model,
    reference: reference?.model,
    filter,
    head,
    ...(sources && {
      sources: { source_E: sources.source_E, heads: sources.losses.map((own) => own && headOf(own)) },
    }),
    batches: writing?.batches ?? options.batches,
    steps,
    microBatches,
    optimizer,
    settings: options.optimizer,
    seed: options.seed,
    hooks: jointState(states),
    sharing,
  }

  const save = Effect.suspend(() => {
    if (sharing?.leads === false || checkpoint === undefined || saved === counters.step || counters.step === 0)
      return Effect.void
    saved = counters.step
    savedAt = Date.now()
    return saveCheckpoint(checkpoint.directory, checkpoint.identity, counters.step, states)
  })

  /** Nothing is saved: the step may have changed a filter's memory, and the last checkpoint is whole. */
  const lost = ({ detail, patience }: GroupBroken) => {
    const step = counters.step + 1
    const from = saved === undefined || checkpoint === undefined ? "from the start" : `from step ${saved}`
    return new PeerLost({
      step,
      message:
        `${stage}: step ${step} of ${steps}, one of the ${group!.size} processes ended or did not answer for ` +
        `${patience} s (${detail}). The same command goes on ${from}, with as many processes as then take part.`,
    })
  }

  const attempt = (checksLeaks: boolean) =>
    Effect.try({
      try: () => {
        const before = engineMemory()
        const outcome = withPrecision(options.precision ?? "float32", () => oneStep(setting, counters))
        if (checksLeaks && "counters" in outcome) checkLeaks(before, `${stage}, step ${outcome.counters.step}`)
        return outcome
      },
      catch: (cause) => {
        const where = `${stage}, step ${counters.step + 1}`
        if (cause instanceof GroupBroken) return lost(cause)
        if (cause instanceof InvalidInput)
          return new InvalidInput({ what: `${where}: ${cause.what}`, problems: cause.problems })
        return new DataError({ message: `${where}: ${cause instanceof Error ? cause.message : String(cause)}`, cause })
      },
    })

  /** The refused step was not applied, but weights may have been spoilt before, or from outside. */
  const stop = (refused: string) =>
    Effect.gen(function* () {
      if (Number.isFinite(globalNorm([...model.parameters.values()]))) yield* save
      const good = saved === undefined || checkpoint === undefined ? "none" : `step ${saved} in ${checkpoint.directory}`
      return yield* new TrainingStopped({
        step: counters.step + 1,
        message:
          `${stage}: step ${counters.step + 1} of ${steps}, ${refused}. ` +
          `The weights are those of step ${counters.step}; last good checkpoint: ${good}. ` +
          "Try a lower learning rate, a longer warm-up, or a smaller clip.",
      })
    })

  yield* Effect.gen(function* () {
    // The first step of a process may allocate lasting tensors: a filter's memory, a table.
    for (let first = true; counters.step < until; first = false) {
      const outcome = yield* attempt(!first)
      if ("refused" in outcome) return yield* stop(outcome.refused)
      counters = outcome.counters
      for (const event of eventsOf(setting, outcome, keptEvery)) emit(event)
      if (sharing === undefined ? isDue() : sharing.saves()) {
        yield* save
        // The others do not take the time of a large checkpoint for a lost process.
        if (sharing)
          yield* Effect.try({
            try: () => sharing.meet(),
            catch: (cause) => {
              if (cause instanceof GroupBroken) return lost(cause)
              throw cause
            },
          })
      }
      yield* Effect.yieldNow
    }
  }).pipe(Effect.onInterrupt(() => Effect.orDie(save)))
  yield* save
  if (average !== undefined) {
    // The checkpoint has the weights of the last step, so a longer training can go on from it.
    average.take()
    model.adapters?.compose()
  }
  const { step, loss: finalLoss, ...counts } = counters
  const ofText = writing && { writing: writing.counts() }
  if (probe === undefined) return { steps: step, finalLoss, ...counts, ...ofText }
  const probed = probe.points()
  // The steps' clock also ran while the probe was read.
  const seconds = probed.reduce((rest, point) => rest - point.seconds, counts.seconds)
  return { steps: step, finalLoss, ...counts, ...ofText, seconds, probed }
})

/**
 * The parameters of a model whose gradients travel in a way of their own: a head of its own weights is final before the
 * backward pass of the trunk, and the embedding beside it has the rows of the batch's tokens alone.
 */
export const waysOf = (model: Draft): Pick<SumOptions, "early" | "rows"> => {
  if (isDraftHead(model) || model.adapters !== undefined) return {}
  const { head, embedding } = model.architecture
  if (head === embedding) return {}
  const { trained } = model
  return { ...(trained.has(head) && { early: head }), ...(trained.has(embedding) && { rows: embedding }) }
}

/** The source of the draft's own text, if the stage has one. @error InvalidInput where it cannot be */
const writer = (
  { stage, ownText: of, batches, model, seed, sources, signals = {} }: TrainOptions,
  microBatches: number,
): Effect.Effect<OwnTextSource | undefined, InvalidInput> =>
  Effect.gen(function* () {
    if (of === undefined) return undefined
    const cached = Object.keys(signals)
    const problems = [
      ...(isDraftHead(model)
        ? [`the draft writes, and head ${model.name} writes no text by itself; train a model`]
        : []),
      ...(sources
        ? ["the draft writes in the place of examples, so that sources have no losses of their own; leave one out"]
        : []),
      ...(cached.length > 0
        ? [
            `the draft writes between steps, so that a cache of the ${cached.join(" and the ")} has other text; read it live`,
          ]
        : []),
    ]
    if (problems.length > 0) return yield* new InvalidInput({ what: stage, problems })
    return yield* Effect.try({
      try: () => ownText(batches, of, { seed, microBatches }),
      catch: (cause) => {
        if (cause instanceof InvalidInput) return cause
        throw cause
      },
    })
  })
