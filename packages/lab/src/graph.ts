/** The stages of an experiment: tokenizer, data, target, its rollouts; for each seed start, references, arms, measures. */
import {
  type Architecture,
  type Attends,
  attendsBefore,
  type DataError,
  type HeadUse,
  InvalidInput,
  isShuffled,
  type MeasureInstance,
  type MeasureUse,
} from "@winnow/core"
import { canTurn, parameterCount } from "@winnow/models"
import { Effect } from "effect"
import type { Architectures } from "./architectures.ts"
import { type Arm, cellStages, startOf } from "./cells.ts"
import { chooseStart } from "./choices.ts"
import type { Resolved } from "./experiment/resolved.ts"
import { Families } from "./families.ts"
import type { Judge } from "./judge.ts"
import { type Settled, settle } from "./settle.ts"
import { otherTexts, rowsOf, sharedStages, withProbe } from "./shared.ts"
import { SharedRows } from "./shared-rows.ts"
import { inOrder, type Stage } from "./stage.ts"
import { keptStage } from "./stages/kept.ts"
import { measureStage } from "./stages/measure.ts"
import { modelMeasureStage } from "./stages/model-measure.ts"
import type { ProbeText } from "./stages/probe.ts"
import { proposerStage } from "./stages/proposer.ts"
import { rolloutsStage } from "./stages/rollouts.ts"
import { scoreStage } from "./stages/score.ts"
import type { BeginModel } from "./stages/start.ts"
import type { Sizes } from "./stages/training.ts"
import { treeStage } from "./stages/tree.ts"
import { turnedStage } from "./stages/turned.ts"
import { type PlannedReading, type PlannedStudy, planReading, planStudy } from "./study/plan.ts"
import { type Texts, taskKey } from "./texts.ts"

/** A draft of the run, and its measurements. */
export interface Measured {
  /** The arm's name; "start", "reference" and "capacity" stand beside the arms for comparison. */
  readonly name: string
  readonly role: "start" | "reference" | "arm" | "capacity"
  readonly seed: number
  readonly trained: Stage
  /** Of a head that of the target. */
  readonly architecture: Architecture<Attends>
  /** The head that `trained` has, where it has no model. */
  readonly head?: HeadUse | undefined
  /** True if a copy of the target is trained with the head. */
  readonly movesTrunk?: boolean | undefined
  /** The model that an arm begins with. */
  readonly start?: Stage
  /** The frozen reference that the arm's filter used, or that the arm began with. */
  readonly reference?: Stage | undefined
  /** Caches that the arm reads instead of running frozen models. */
  readonly signals: ReadonlyArray<Stage>
  /** Its acceptance; undefined where the run measures none. */
  readonly measure?: Stage | undefined
  /** The figures of each measure that is a plugin, in the order of the measures. */
  readonly more: ReadonlyArray<Stage>
  /** The tokens of the target's greedy texts that the arm's filter keeps, with the draft's starting weights. */
  readonly kept?: Stage
}

export interface Graph {
  readonly tokenizer: Stage
  readonly data: Stage
  /** Encoded texts of other tasks, which trainings read. */
  readonly texts: ReadonlyArray<Stage>
  readonly target: Stage
  /** The target's texts and their accuracy; undefined where the run measures no acceptance. */
  readonly rollouts: { readonly greedy: Stage; readonly sampled: Stage; readonly score: Stage } | undefined
  readonly measured: ReadonlyArray<Measured>
  /** The tokens among which the choices of the arms' filters are recorded; undefined for none. */
  readonly probe: ProbeText | undefined
  /** Measures that are plugins. */
  readonly measures: ReadonlyArray<MeasureInstance>
  /** The study's own stages; undefined of a distillation. */
  readonly study: PlannedStudy | undefined
  /** The study of the run's measures; undefined where a target judges, or without one. */
  readonly reading: PlannedReading | undefined
  /** The stages that a run asks for; `runStages` adds their inputs. */
  readonly leaves: ReadonlyArray<Stage>
  readonly architectures: Architectures
  /** The experiment with a number for each setting under search, as far as the store has the scores of its trials. */
  readonly settled: Settled
  /** The trials: trainings whose scores choose the settings. */
  readonly trials: ReadonlyArray<Stage>
}

/** The name of the measured split, as every figure carries it. */
export const datasetName = ({ task, measure }: Pick<Resolved, "task" | "measure">): string =>
  `${task.name}/${measure.split}`

/**
 * True if a filter's choice on a text depends on the text's tokens. A filter that reads no statistic keeps all tokens or
 * random ones. A placebo keeps arbitrary tokens. The rows of an arm's own objective are not the next tokens of that text,
 * and a target of the arm's own did not write it.
 */
const divides = ({ filter, objective, target }: Arm): boolean =>
  objective === undefined && target === undefined && filter.needs.statistics.length > 0 && !isShuffled(filter)

/** The stages that measure a draft. */
export const measuring = ({ measure, more }: Measured): ReadonlyArray<Stage> => [...(measure ? [measure] : []), ...more]

/** The model that a measure asks: a draft, turned if the measure needs the other attention and the family has it. */
const askedBy = (
  { attends }: MeasureUse,
  { name, seed, trained, architecture, head }: Omit<Measured, "more">,
): Stage =>
  head === undefined && attends !== undefined && attends !== architecture.attends && canTurn(architecture)
    ? turnedStage(`${name} turned, seed ${seed}`, trained, parameterCount(architecture))
    : trained

/** A judge that knows no score. */
const unknown: Judge = {
  scores: (trials) => Effect.succeed(trials.map(() => undefined)),
  secondsOf: () => undefined,
}

/** The target's texts on the measured split, and their accuracy. */
const rolloutsOf = (
  { task, measure }: Pick<Resolved, "task" | "measure">,
  inputs: { readonly tokenizer: Stage; readonly data: Stage; readonly target: Stage },
) => {
  const greedy = rolloutsStage(measure, "greedy", inputs)
  const sampled = rolloutsStage(measure, "sampled", inputs)
  return Effect.map(scoreStage(task, measure, { ...inputs, greedy, sampled }), (score) => ({ greedy, sampled, score }))
}

/**
 * Builds the graph. It runs no stage itself; only `judge` may run trials.
 *
 * @param texts the examples of the experiment's tasks
 * @param sizesOf mean lengths of the encoded data if it is there: for estimates, and for steps that cost what an arm costs
 * @param judge gives the scores of trials; where it does not know one, the middle of the grid stands in
 * @error InvalidInput for vocabularies that preflight would refuse; DataError for a target folder that cannot be read
 */
export const buildGraph = <E = never, R = never>(
  resolved: Resolved,
  texts: Texts,
  sizesOf: (data: Stage) => Sizes | undefined = () => undefined,
  judge: Judge<E, R> = unknown,
): Effect.Effect<Graph, InvalidInput | DataError | E, R> =>
  Effect.gen(function* () {
    const rows = yield* rowsOf(resolved)
    return yield* Effect.provideService(graphOf(resolved, texts, sizesOf, judge), SharedRows, rows)
  }).pipe(Effect.provideService(Families, resolved.families))

/** @error InvalidInput for a head that proposes no tokens, where the run measures acceptance */
const requireProposals = (
  drafts: ReadonlyArray<Pick<Measured, "name" | "head">>,
  target: Architecture<Attends>,
): Effect.Effect<void, InvalidInput> =>
  Effect.forEach(
    drafts,
    ({ name, head }) =>
      Effect.gen(function* () {
        if (head === undefined || (yield* head.instance).on(target).proposing) return
        return yield* new InvalidInput({
          what: name,
          problems: [
            `head ${head.name} proposes no tokens, so it has no acceptance; list measures without "acceptance"`,
          ],
        })
      }),
    { discard: true },
  )

/** The experiment with the drafts' start that its scores choose, and its shared stages. */
const withStart = <E, R>(
  resolved: Resolved,
  texts: Texts,
  sizesOf: (data: Stage) => Sizes | undefined,
  judge: Judge<E, R>,
) =>
  Effect.gen(function* () {
    const planned = yield* sharedStages(resolved, texts, sizesOf)
    const { draft, choice } = yield* chooseStart(resolved, planned, judge)
    if (draft.start === resolved.draft.start) return { chosen: resolved, shared: planned, choice }
    const chosen = { ...resolved, draft }
    return { chosen, shared: yield* sharedStages(chosen, texts, sizesOf), choice }
  })

/** The graph over models whose rows of the vocabulary are settled. */
const graphOf = <E, R>(
  resolved: Resolved,
  texts: Texts,
  sizesOf: (data: Stage) => Sizes | undefined,
  judge: Judge<E, R>,
): Effect.Effect<Graph, InvalidInput | DataError | E, R> =>
  Effect.gen(function* () {
    const trials: Array<Stage> = []
    const judged: Judge<E, R> = {
      ...judge,
      scores: (all) => {
        trials.push(...all.map(({ judged }) => judged))
        return judge.scores(all)
      },
    }
    const { chosen, shared, choice } = yield* withStart(resolved, texts, sizesOf, judged)
    const settling = yield* settle(chosen, shared, judged)
    const settled = choice ? { ...settling, choices: [choice, ...settling.choices] } : settling
    const { measure } = settled
    const { tokenizer, data, target } = shared
    const inputs = { tokenizer, data, target }
    const rollouts = settled.acceptance ? yield* rolloutsOf(settled, inputs) : undefined
    const common = rollouts && { target, tokenizer, ...rollouts, measure, dataset: datasetName(settled) }
    const drafts: Array<Omit<Measured, "more">> = []
    const add = (
      name: string,
      role: Measured["role"],
      seed: number,
      { stage: trained, architecture, head, movesTrunk }: BeginModel,
      more: Partial<Measured> = {},
    ) => {
      const label = `measure ${name}, seed ${seed}`
      const of = common && measureStage({ ...common, label, draft: trained, head, timed: role === "arm" })
      drafts.push({ name, role, seed, trained, architecture, head, movesTrunk, signals: [], ...more, measure: of })
    }
    const probing = withProbe(shared, settled.stability)
    const byName = new Map(settled.arms.map((arm) => [arm.name, arm]))
    for (const seed of settled.seeds) {
      const start = yield* startOf(settled, shared, seed)
      add("start", "start", seed, start)
      const references = new Map<string, BeginModel>()
      const armKeys = new Set<string>()
      for (const arm of settled.arms) {
        const cell = yield* cellStages(arm, probing, start, seed, byName)
        const { trained, reference } = cell
        if (reference) references.set(reference.stage.key, reference)
        armKeys.add(trained.key)
        const { target, reference: compared, states } = cell.signals
        const signals = [target, compared, states].filter((stage) => stage !== undefined)
        const kept =
          rollouts && divides(arm)
            ? yield* keptStage(arm, {
                ...shared,
                start: cell.start,
                head: cell.startHead,
                seed,
                reference: reference?.stage,
                greedy: rollouts.greedy,
              })
            : undefined
        const { start: began, architecture, head, movesTrunk } = cell
        add(
          arm.name,
          "arm",
          seed,
          { stage: trained, architecture, head, movesTrunk },
          { start: began, reference: reference?.stage, signals, ...(kept && { kept }) },
        )
      }
      // A reference that is one of the arms, or the start, is measured as that.
      // Acceptance of a reference that attends both ways cannot be measured.
      const others = [...references.values()].filter(
        ({ stage: { key }, architecture }) =>
          !armKeys.has(key) && key !== start.stage.key && (common === undefined || attendsBefore(architecture)),
      )
      for (const [i, reference] of others.entries())
        add(`reference${i === 0 ? "" : ` ${i + 1}`}`, "reference", seed, reference)
    }
    if (settled.capacity) {
      const [seed] = settled.seeds as readonly [number]
      const start = yield* startOf(settled, shared, seed)
      for (const part of [2, 1]) {
        const steps = Math.round(settled.capacity.steps / part)
        const name = part === 1 ? "capacity" : "capacity, half"
        const cell = yield* cellStages({ ...settled.capacity, name, steps }, shared, start, seed)
        add(name, "capacity", seed, { ...cell, stage: cell.trained })
      }
    }
    if (common) yield* requireProposals(drafts, shared.architectures.target)
    const measures = yield* Effect.forEach(settled.measures, ({ instance }) => instance)
    const dataOf = ({ task }: MeasureUse) => (task === undefined ? data : shared.texts.ofTasks.get(taskKey(task))!.data)
    const { split, prompts, seed: drawn } = measure
    const measured = yield* Effect.forEach(drafts, (one) =>
      Effect.map(
        Effect.forEach(settled.measures, (use) =>
          modelMeasureStage({
            label: `${use.name} of ${one.name}, seed ${one.seed}`,
            ...{ measure: use, model: askedBy(use, one), head: one.head, target, tokenizer, data: dataOf(use) },
            ...{ split, prompts, seed: drawn },
          }),
        ),
        (more): Measured => ({ ...one, more }),
      ),
    )
    // `resolve` refuses a run with a study that measures no acceptance.
    const study =
      common &&
      (yield* planStudy(settled.study, {
        ...inputs,
        ...common,
        drafts: measured.flatMap(({ name, seed, start, trained, head }) =>
          start && head === undefined ? [{ name, seed, start, trained }] : [],
        ),
        measureOf: (label, draft) => measureStage({ ...common, label, draft, timed: false }),
        measureBy: (label, use, draft) =>
          modelMeasureStage({
            label,
            measure: use,
            model: draft,
            target,
            tokenizer,
            data,
            split,
            prompts,
            seed: drawn,
          }),
        measureTree: (label, tree, draft) => treeStage({ ...common, label, tree, draft }),
        measureProposer: (label, proposer) => proposerStage({ ...common, label, proposer }),
      }))
    const reading = settled.acceptance
      ? undefined
      : yield* planReading(settled.study, {
          ...inputs,
          targetArchitecture: shared.architectures.target,
          measured: { split, prompts },
          drafts: measured.flatMap(({ name, seed, start, trained, head, movesTrunk }) =>
            start ? [{ name, seed, start, trained, head, movesTrunk }] : [],
          ),
          measureBy: (label, use, { trained, head }) =>
            modelMeasureStage({
              ...{ label, measure: use, model: trained, head, target, tokenizer, data },
              ...{ split, prompts, seed: drawn },
            }),
        })
    const leaves = [
      ...(rollouts ? [rollouts.greedy, rollouts.sampled, rollouts.score] : []),
      ...measured.flatMap(({ measure, kept }) => [...(measure ? [measure] : []), ...(kept ? [kept] : [])]),
      ...measured.flatMap(({ more }) => more),
      ...[...(study?.stages ?? []), ...(reading?.stages ?? [])].map(({ stage }) => stage),
    ]
    return {
      ...inputs,
      texts: otherTexts(shared),
      rollouts,
      measured,
      probe: probing.probe,
      measures,
      study,
      reading,
      leaves,
      architectures: shared.architectures,
      settled,
      trials,
    }
  })

/**
 * The stages of an experiment that the store's content determines, by key: its trials, and the part of the main graph that
 * their scores determine. More stages may follow after a run of these.
 *
 * @param judge looks up the scores of trials
 */
export const stagesOf = <E, R>(
  resolved: Resolved,
  texts: Texts,
  sizesOf: (data: Stage) => Sizes | undefined,
  judge: Judge<E, R>,
): Effect.Effect<ReadonlyMap<string, Stage>, InvalidInput | DataError | E, R> =>
  Effect.map(
    buildGraph(resolved, texts, sizesOf, judge),
    ({ trials, leaves }) => new Map(inOrder([...trials, ...leaves]).map((stage) => [stage.key, stage])),
  )
