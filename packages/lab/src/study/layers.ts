/**
 * A ranking of the layers of a frozen target: does a score of a layer's states predict what a head on this layer reaches?
 *
 * Each arm is one head on one layer. Arms whose heads differ in nothing but the layer are a group: within it the scores of
 * the layers stand beside what the heads reached. The classes of the states are those of the group's own variable, or
 * tokens.
 */
import {
  type Architecture,
  type Attends,
  type HeadUse,
  InvalidInput,
  isOfLayer,
  measureUse,
  scoreUse,
  tryScore,
  usesIn,
  type VariableUse,
} from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import { plain } from "../experiment/plain-json.ts"
import { type Sampling, samplesStage } from "../stages/samples.ts"
import { type StartScore, startScoresStage } from "../stages/start-scores.ts"
import { type LayerArm, reportLayers, tablesOfLayers } from "./layers-report.ts"
import { nameProblems } from "./ranking.ts"
import type { NamedScore } from "./ranking-report.ts"
import { defineMeasuresStudy, type StudyDraft, type StudyFinding } from "./study.ts"
import type { TableFigure } from "./table.ts"

const options = type({
  "+": "reject",
  // The scores by name; each reads states of a layer.
  scores: type({ "[string]": scoreUse }),
  // The class of a state where the head has no variable of its own: the target's most probable next token, or the gold one.
  labels: "'target' | 'gold' = 'target'",
  // Bins of a variable that is a number, as classes of states.
  bins: "2 <= number.integer <= 256 = 8",
  split: "'train' | 'validation' = 'validation'",
  // Trained tokens of the texts whose states are scored, at least: whole texts from the split's beginning.
  tokens: "number.integer >= 2 = 4096",
  classes: "number.integer >= 2 = 64",
  // States of each class; a variable has few classes, so more of them than in a ranking of starts.
  perClass: type("number.integer >= 2").or("'all'").default(32),
  // The figure that a head reaches.
  reached: measureUse,
  // The score that the verdict is of; the first if left out.
  "about?": "string",
})

/** A head on one layer of the target. */
interface Placed {
  readonly group: string
  readonly layer: number
  /** The variable that the head reads off, if it does. */
  readonly variable: VariableUse | undefined
}

/** The group of a head and the layer that it reads. @error InvalidInput for a head of several layers */
const placeOf = (arm: string, head: HeadUse, target: Architecture<Attends>): Effect.Effect<Placed, InvalidInput> =>
  Effect.gen(function* () {
    const { layers = [] } = (yield* head.instance).on(target)
    if (layers.length > 1) {
      const problems = [`arm ${arm}: head ${head.name} reads the layers ${layers.join(", ")}; expected a head of one`]
      return yield* new InvalidInput({ what: "study layers", problems })
    }
    const variable = usesIn(head.options).find((use) => use.kind === "variable") as VariableUse | undefined
    const { options } = yield* plain(head)
    const { layer: _, ...others } = options as Readonly<Record<string, unknown>>
    return { group: JSON.stringify([head.name, others]), layer: layers[0] ?? target.layers, variable }
  })

/** Groups by short names: the variable's or the head's, with a number where several have it. */
const namesOf = (places: ReadonlyArray<Placed & { readonly head: HeadUse }>): ReadonlyMap<string, string> => {
  const names = new Map<string, string>()
  for (const { group, variable, head } of places) {
    if (names.has(group)) continue
    const name = variable?.name ?? head.name
    const before = [...names.values()].filter((other) => other === name || other.startsWith(`${name} `)).length
    names.set(group, before === 0 ? name : `${name} ${before + 1}`)
  }
  return names
}

/** The heads of the arms with their places. @error InvalidInput for an arm without a head, and for a group of one layer */
const placed = (drafts: ReadonlyArray<StudyDraft>, target: Architecture<Attends>) =>
  Effect.gen(function* () {
    const all = yield* Effect.forEach(drafts, (draft) =>
      Effect.gen(function* () {
        const { head, name } = draft
        if (head === undefined) {
          const problems = [
            `arm ${name} begins with a model; expected a head on the target, such as head(mlp({ layer: 1 }))`,
          ]
          return yield* new InvalidInput({ what: "study layers", problems })
        }
        return { ...draft, head, ...(yield* placeOf(name, head, target)) }
      }),
    )
    const names = namesOf(all)
    const named = all.map((one) => ({ ...one, group: names.get(one.group)! }))
    for (const [group, of] of Map.groupBy(named, (one) => one.group)) {
      const layers = new Set(of.map(({ layer }) => layer))
      if (layers.size >= 2) continue
      const problems = [`${group} is on one layer alone (${[...layers].join()}); give it an arm for each layer to rank`]
      return yield* new InvalidInput({ what: "study layers", problems })
    }
    return named
  })

/** The mean over the seeds of what an arm reached, and their range; null without one. */
const reachedBy = (findings: ReadonlyArray<StudyFinding>, arm: string): TableFigure => {
  const values = findings.flatMap(({ row, of, summary: { value } }) =>
    row === arm && of === "reached" && typeof value === "number" ? [value] : [],
  )
  if (values.length === 0) return { value: null }
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  return { value: mean, low: Math.min(...values), high: Math.max(...values), seeds: values.length }
}

/** The arms with what they reached, and the scores of their layers. */
const armsOf = (findings: ReadonlyArray<StudyFinding>, scores: ReadonlyArray<NamedScore>): ReadonlyArray<LayerArm> => {
  const ofScores = findings.filter(({ of }) => of === "scores")
  return [...Map.groupBy(ofScores, ({ row }) => row)].map(([name, [first]]) => {
    const { summary, facts } = first!
    const { group, layer } = facts as unknown as Pick<Placed, "group" | "layer"> // `stages` wrote them
    const found = summary["scores"] as Readonly<Record<string, StartScore>>
    const values = scores.flatMap((score) => {
      const at = found[score.name]!.byLayer!.find(([l]) => l === layer)
      return at === undefined ? [] : [[score.name, at[1]] as const]
    })
    return { name, group, layer, reached: reachedBy(findings, name), scores: new Map(values) }
  })
}

/**
 * The study `layers`: scores the layers of the target, and compares their order with what heads on them reached.
 *
 * @param options.scores plugins of kind `score` that read states, by name
 * @param options.reached a measure of the heads
 */
export const layers = defineMeasuresStudy({
  name: "layers",
  from: import.meta.url,
  options,
  make: (of) =>
    Effect.gen(function* () {
      const scores = yield* Effect.forEach(Object.entries(of.scores), ([name, use]) =>
        Effect.map(use.instance, (instance): NamedScore => ({ name, instance })),
      )
      const flat = scores.filter(({ instance }) => !instance.needs.some(isOfLayer))
      const problems = [
        ...nameProblems(of, scores),
        ...flat.map(({ name }) => `scores.${name} reads no states of a layer, so that it is the same for all`),
        ...scores.flatMap(({ name }) => (name === "depth" ? ["scores.depth: this name is the control's"] : [])),
      ]
      if (problems.length > 0) return yield* new InvalidInput({ what: "study layers", problems })
      const measure = of.reached
      const { name, unit, better } = yield* measure.instance
      const { labels, bins, split, tokens, classes, perClass } = of
      const each = perClass === "all" ? "all states" : `${perClass} states each`
      const tokensAs = labels === "target" ? "the target's most probable tokens" : "the gold tokens"
      const common = {
        ...{ scores, about: of.about ?? scores[0]!.name },
        samples: `States: the variable's classes, else ${tokensAs}, at most ${classes} of them with ${each}, from the ${split} split.`,
      }
      return {
        problems: () => [],
        before: {
          reads: ({ of }) => of === "scores",
          report: (_, findings) => tablesOfLayers({ ...common, arms: armsOf(findings, scores) }),
        },
        trial: () => {
          for (const { instance } of scores) tryScore(instance)
        },
        stages: ({ drafts, data, target, targetArchitecture, tokenizer, measureBy }) =>
          Effect.gen(function* () {
            const heads = yield* placed(drafts, targetArchitecture)
            const reached = yield* Effect.forEach(heads, (draft) =>
              Effect.map(
                measureBy(`${measure.name} of ${draft.name}, seed ${draft.seed}`, measure, draft),
                (stage) => ({
                  ...{ row: draft.name, seed: draft.seed, of: "reached", stage },
                }),
              ),
            )
            const scored = yield* Effect.forEach([...Map.groupBy(heads, ({ group }) => group)], ([group, arms]) =>
              Effect.gen(function* () {
                const { variable, seed } = arms[0]!
                const sampling: Sampling = {
                  ...{ labels: variable ? { variable, bins } : labels, split, tokens, classes, perClass },
                }
                const samples = yield* samplesStage(sampling, { data, target, tokenizer })
                const stage = yield* startScoresStage({
                  label: `scores of the target's layers, ${group}`,
                  scores: of.scores,
                  ...{ model: target, data, target, samples, sampling, layers: "all" as const, seed },
                })
                return arms.map(({ name, seed, layer }) => ({
                  ...{ row: name, seed, of: "scores", facts: { group, layer }, stage },
                }))
              }),
            )
            return [...reached, ...scored.flat()]
          }),
        report: ({ seeds }, _, findings) => ({
          ...reportLayers({
            ...common,
            ...{ reached: { name, unit, better, kind: "range" as const }, arms: armsOf(findings, scores), seeds },
          }),
          alone: true,
        }),
      }
    }),
})
