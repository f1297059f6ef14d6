/**
 * Runs every filter, loss and objective of an experiment once on a small random problem, to find faults before any
 * work.
 */
import {
  type DataError,
  type ExamplesInstance,
  type ExamplesUse,
  type FilterInstance,
  type FilterUse,
  InvalidInput,
  isFlat,
  type LossInstance,
  type LossUse,
  type Needing,
  type ObjectiveUse,
  tryExamples,
  tryFilter,
  tryLoss,
  tryObjective,
  trySparse,
  type Use,
  usesIn,
} from "@winnow/core"
import { type SignalsOptions, tryFused } from "@winnow/training"
import { Effect } from "effect"
import { trainingsOf } from "../experiment/places.ts"
import { plain } from "../experiment/plain-json.ts"
import type { Resolved, ResolvedArm } from "../experiment/resolved.ts"
import { ownLossesOf, type ResolvedText } from "../experiment/text.ts"
import { Families } from "../families.ts"
import { architectureOfStart } from "../stages/start.ts"

/** A filter and a loss of a training, with their place in the experiment. */
interface Place {
  readonly at: string
  readonly filter: FilterUse<unknown>
  readonly loss: LossUse<unknown>
  readonly examples?: ExamplesUse | undefined
  readonly steps: number
  readonly signals: SignalsOptions
}

/** Steps of the trial of a plugin; they may follow from another arm's cost. */
const stepsOf = (steps: ResolvedArm["steps"]): number => (typeof steps === "number" ? steps : 100)

const placesOf = ({ placed }: Resolved): ReadonlyArray<Place> =>
  placed.flatMap(({ at, arm }): ReadonlyArray<Place> => {
    const { filter, loss, examples, signals } = arm
    const own = { at, filter, loss, examples, steps: stepsOf(arm.steps), signals }
    const { reference } = arm
    const places: ReadonlyArray<Place & { readonly text?: ResolvedText | undefined }> = [
      { ...own, text: arm.text },
      ...(reference?.kind === "distilled" ? [{ ...reference, at: `the reference of ${at}` }] : []),
    ]
    return places.flatMap(({ text, ...place }) => [
      place,
      ...Object.entries(ownLossesOf(text)).map(([part, loss]) => ({
        ...place,
        at: `${place.at}, part ${part} of its text`,
        loss,
      })),
    ])
  })

/**
 * The most entries of a row of logits, as a loss treats rows of any length alike. A loss that fails here is tried again
 * with the experiment's own vocabulary, which it may require.
 */
const mostEntries = 128

/** Makes and runs one filter or loss. Returns a note by `run`, the reason why it could not be tried, or undefined. */
const tried = <I>(
  use: Use<"examples" | "filter" | "loss", I> & Needing,
  run: (fresh: () => I) => string | undefined,
): Effect.Effect<string | undefined, InvalidInput> =>
  Effect.flatMap(use.instance, () =>
    Effect.suspend(() => {
      const own = Object.values(use.needs.own).map(({ key }) => key)
      if (own.length > 0)
        return Effect.succeed(`${use.kind} ${use.name} needs ${own.join(", ")} and was not tried before the run`)
      try {
        return Effect.succeed(run(() => Effect.runSync(use.instance)))
      } catch (cause) {
        return cause instanceof InvalidInput ? Effect.fail(cause) : Effect.die(cause)
      }
    }),
  )

/** Tries a loss in the forms that its arm uses. Returns a note if its gradient is 0 everywhere. */
const runLoss = (loss: LossInstance, { signals }: Place, V: number): string | undefined => {
  const flat = V > 1 && isFlat(tryLoss(loss, V))
  tryFused(loss, V)
  const form = signals.target
  if (typeof form === "object") trySparse(loss, V, "topK" in form ? "top-k" : "samples")
  return flat
    ? `the gradient of loss ${loss.name} is 0 on a random batch whose draft is not the target: unless it is meant to be flat there, nothing is trained`
    : undefined
}

const runLossAtSizes = (loss: LossInstance, place: Place, V: number): string | undefined => {
  const small = Math.min(V, mostEntries)
  try {
    return runLoss(loss, place, small)
  } catch (cause) {
    if (small === V) throw cause
    return runLoss(loss, place, V)
  }
}

/**
 * Tries the filters, losses and objectives of all arms, references, measures and the capacity run. It draws from
 * separate generators, and leaves no tensor.
 *
 * @returns notes on plugins that could not be tried and on losses without a gradient in the trial
 * @error InvalidInput with a line for each plugin that broke a rule: its place, kind and name, the returned value and
 * the expected one; DataError for a folder that cannot be read
 */
export const tryPlugins = (resolved: Resolved): Effect.Effect<ReadonlyArray<string>, InvalidInput | DataError> =>
  Effect.gen(function* () {
    const { target, draft } = resolved
    const ofTarget = yield* architectureOfStart(target, "target", undefined)
    const ofDraft = yield* architectureOfStart(draft.start, "draft", ofTarget)
    const V = ofDraft.vocabularySize
    const seen = new Map<string, string | undefined>()
    const problems: Array<string> = []
    const notes: Array<string> = []
    const trial = Effect.fnUntraced(function* <I>(
      at: string,
      use: Use<"examples" | "filter" | "loss", I> & Needing,
      more: unknown,
      run: (fresh: () => I) => string | undefined,
    ) {
      const key = JSON.stringify([use.kind, yield* plain(use), more])
      if (seen.has(key)) return
      seen.set(key, at)
      const note = yield* tried(use, run).pipe(
        Effect.catch((error) => {
          problems.push(`${at}: ${error.message}`)
          return Effect.succeed(undefined)
        }),
      )
      if (note !== undefined) notes.push(note)
    })
    for (const place of placesOf(resolved)) {
      const { at, filter, loss, examples, steps, signals } = place
      yield* trial<FilterInstance>(at, filter, steps, (fresh) => {
        tryFilter(fresh, steps)
        return undefined
      })
      if (examples !== undefined)
        yield* trial<ExamplesInstance>(at, examples, null, (fresh) => {
          tryExamples(fresh(), 48, 1)
          return undefined
        })
      yield* trial<LossInstance>(at, loss, signals, (fresh) => runLossAtSizes(fresh(), place, V))
    }
    const tryMaking = (at: string, objective: ObjectiveUse, V: number, steps: number) =>
      Effect.andThen(
        objective.instance,
        Effect.try({
          try: () => tryObjective(() => Effect.runSync(objective.instance), V, steps),
          catch: (cause) => {
            if (cause instanceof InvalidInput) return cause
            throw cause
          },
        }),
      ).pipe(Effect.catch((error) => Effect.sync(() => problems.push(`${at}: ${error.message}`))))
    for (const { at, training, from, turned } of trainingsOf(resolved)) {
      const { objective, steps } = training
      if (objective === undefined) continue
      const model = yield* architectureOfStart(from, at, ofTarget)
      if (objective.traits.reads === "both" && (model.attends === "before") !== turned)
        notes.push(
          `${at}: objective ${objective.name} has tokens predicted from those behind them too, and ${model.type} attends to what ` +
            "is before alone; take a model that attends both ways, or expect a draft that guesses",
        )
      yield* tryMaking(at, objective, model.vocabularySize, stepsOf(steps))
    }
    for (const measure of resolved.measures)
      for (const use of usesIn(measure.options))
        if (use.kind === "objective") yield* tryMaking(`measures, ${measure.name}`, use as ObjectiveUse, V, 1)
    const study = resolved.study && (yield* resolved.study.instance)
    try {
      if (study?.judged === "acceptance") study.trial?.()
      else if (study !== undefined) {
        const faults = study.problems(resolved.arms.map(({ name }) => name))
        problems.push(...faults.map((fault) => `study ${study.name}: ${fault}`))
      }
    } catch (cause) {
      if (!(cause instanceof InvalidInput)) throw cause
      problems.push(`study: ${cause.message}`)
    }
    if (problems.length > 0)
      return yield* new InvalidInput({
        what: `experiment ${resolved.name}, tried on a small random batch`,
        problems,
      })
    return notes
  }).pipe(Effect.provideService(Families, resolved.families))
