/** Every filter, loss and objective of an experiment, run once on a small random problem: a fault is found before any work. */
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
  randomExamplesInput,
  tryFilter,
  tryLoss,
  tryObjective,
  trySparse,
  type Use,
} from "@winnow/core"
import { type SignalsOptions, tryFused } from "@winnow/training"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import type { Resolved } from "../experiment/resolved.ts"
import { Families } from "../families.ts"
import { architectureOfStart } from "../stages/start.ts"

/** A filter and a loss that are trained with, and where they stand in the experiment. */
interface Place {
  readonly at: string
  readonly filter: FilterUse<unknown>
  readonly loss: LossUse<unknown>
  readonly examples?: ExamplesUse | undefined
  readonly steps: number
  readonly signals: SignalsOptions
}

const placesOf = ({ arms, capacity }: Resolved): ReadonlyArray<Place> =>
  [
    ...arms.map((arm) => ({ at: `arms.${arm.name}`, arm })),
    ...(capacity ? [{ at: "capacity", arm: capacity }] : []),
  ].flatMap(({ at, arm }): ReadonlyArray<Place> => {
    const steps = typeof arm.steps === "number" ? arm.steps : 100
    const own = { at, filter: arm.filter, loss: arm.loss, examples: arm.examples, steps, signals: arm.signals }
    const { reference } = arm
    return reference?.kind === "distilled" ? [own, { ...reference, at: `the reference of ${at}` }] : [own]
  })

/** An objective of a training, and where it stands in the experiment. */
interface ObjectivePlace {
  readonly at: string
  readonly objective: ObjectiveUse
  readonly steps: number
}

/** The trainings of a start and the further trainings of its model, with their objectives. */
const objectivePlaces = ({ target, draft, arms, capacity }: Resolved): ReadonlyArray<ObjectivePlace> => {
  const trainings: Array<readonly [at: string, training: unknown]> = [
    ["target.pretraining", target.pretraining],
    ["draft.start.pretraining", draft.start.pretraining],
    ...arms.flatMap((arm) => [
      [`arms.${arm.name}`, arm] as const,
      [`the reference of arms.${arm.name}`, arm.reference] as const,
    ]),
    ["capacity", capacity],
  ]
  return trainings.flatMap(([at, training]) => {
    const { objective, steps } = (training ?? {}) as { readonly objective?: ObjectiveUse; readonly steps?: unknown }
    return objective === undefined ? [] : [{ at, objective, steps: typeof steps === "number" ? steps : 100 }]
  })
}

/**
 * The most entries of a row of logits: a loss treats a row alike whatever its length. A loss that fails here is tried again with
 * the experiment's own vocabulary, which it may require.
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
 * Tries the filters, losses and objectives of all arms, references and the capacity run. Draws from separate generators, and leaves no
 * tensor behind.
 *
 * @returns notes on plugins that could not be tried and on losses without a gradient in the trial
 * @error InvalidInput with a line for each plugin that broke a rule: where it stands, its kind and name, what it returned, what
 * was expected; DataError for a folder that cannot be read
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
          fresh().choose(randomExamplesInput(48, 1))
          return undefined
        })
      yield* trial<LossInstance>(at, loss, signals, (fresh) => runLossAtSizes(fresh(), place, V))
    }
    for (const { at, objective, steps } of objectivePlaces(resolved)) {
      const model = at.startsWith("target") ? ofTarget : ofDraft
      if (objective.traits.reads === "both" && model.attends === "before")
        notes.push(
          `${at}: objective ${objective.name} has tokens predicted from those behind them too, and ${model.type} attends to what ` +
            "is before alone; take a model that attends both ways, or expect a draft that guesses",
        )
      const tried = Effect.andThen(
        objective.instance,
        Effect.try({
          try: () => tryObjective(() => Effect.runSync(objective.instance), model.vocabularySize, steps),
          catch: (cause) => {
            if (cause instanceof InvalidInput) return cause
            throw cause
          },
        }),
      )
      yield* Effect.catch(tried, (error) => Effect.sync(() => problems.push(`${at}: ${error.message}`)))
    }
    const study = resolved.study && (yield* resolved.study.instance)
    try {
      study?.trial?.()
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
