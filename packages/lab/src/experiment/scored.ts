/** A start that scores choose among candidates before any training of the run: a value of the drafts' start. */
import { brief, type ScoreUse, scoreUse } from "@winnow/core"
import { type } from "arktype"
import { modelStart, type StartSpec } from "./start.ts"

const nameForm = /^[a-z0-9][a-z0-9-]{0,39}$/

/** Objects of named values: at least so many, all with names that tables and paths can hold. */
const named = (values: object, least: number, of: string): string | undefined => {
  const names = Object.keys(values)
  if (names.length < least) return `${least === 1 ? "one" : "two"} ${of} or more`
  const odd = names.find((name) => !nameForm.test(name))
  return odd === undefined ? undefined : `names of lower-case letters, digits and hyphens, and not ${brief(odd, 60)}`
}

export const scoredStart = type({
  "+": "reject",
  kind: "'scored'",
  // The candidates by name.
  among: type({ "[string]": modelStart }).narrow((values, ctx) => {
    const fault = named(values, 2, "candidates")
    return fault === undefined || ctx.reject({ expected: fault, actual: brief(Object.keys(values)) })
  }),
  // The scores by name: one chooses, the others stand beside it.
  scores: type({ "[string]": scoreUse }).narrow((values, ctx) => {
    const fault = named(values, 1, "scores")
    return fault === undefined || ctx.reject({ expected: fault, actual: brief(Object.keys(values)) })
  }),
  // The name of the score that chooses; the first if left out.
  "by?": "string",
  // The states that are scored, as a ranking has them.
  labels: "'target' | 'gold' | 'answer' = 'target'",
  tokens: "number.integer >= 2 = 4096",
  classes: "number.integer >= 2 = 64",
  perClass: type("number.integer >= 2").or("'all'").default(16),
}).narrow(({ scores, by }, ctx) => {
  const names = Object.keys(scores)
  return (
    by === undefined ||
    names.includes(by) ||
    ctx.reject({ path: ["by"], expected: `one of the scores ${names.join(", ")}`, actual: brief(by) })
  )
})
export type Scored = typeof scoredStart.infer

/** A scored start as its author writes it. */
export interface ScoredSpec {
  readonly kind: "scored"
  readonly among: Readonly<Record<string, StartSpec>>
  readonly scores: Readonly<Record<string, ScoreUse>>
  /** The score that chooses, at its better end; the first if left out. */
  readonly by?: string
  /** The class of a state: the target's most probable next token if left out. */
  readonly labels?: "target" | "gold" | "answer"
  /** Least number of trained tokens of the validation split that are read; 4096 if left out. */
  readonly tokens?: number
  /** Classes at the most, and states of each; 64 and 16 if left out. */
  readonly classes?: number
  readonly perClass?: number | "all"
}

/**
 * The candidate with the best score on the validation split, by the experiment's target, before any training of the run.
 *
 * Each candidate is scored under the seeds of the search, which no measured draft has, and the mean counts. The choice is
 * recorded with the scores of all candidates. Every stage after it has the key that it has with the chosen start alone.
 */
export const scored = (spec: Omit<ScoredSpec, "kind">): ScoredSpec => ({ kind: "scored", ...spec })

/** The candidate of plans, until the scores are known: the one in the middle. */
export const assumed = ({ among }: Pick<Scored, "among">): string => {
  const names = Object.keys(among)
  return names[names.length >> 1]!
}

/** The name of the score that chooses. */
export const scoredBy = ({ scores, by }: Pick<Scored, "scores" | "by">): string => by ?? Object.keys(scores)[0]!
