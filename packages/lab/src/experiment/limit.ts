/** A smoke run of any experiment: every training, text and measurement cut to a few steps, so that it ends in seconds. */
import type { Experiment } from "./define.ts"
import { isRange } from "./domain.ts"
import { hasAcceptance } from "./measures.ts"
import { isNode } from "./registry.ts"
import type { SweepSpec } from "./sweep.ts"

/** Tokens that the target may write in a smoke run. */
const mostTokens = 32

const least = (value: unknown, most: number): unknown => (typeof value === "number" ? Math.min(value, most) : value)

/** Settings that a limit cuts, by name, at any place. */
const cuts: Readonly<Record<string, (value: unknown, n: number) => unknown>> = {
  // `computeOf` steps become a number too: the smoke run compares nothing.
  steps: (value, n) => (isNode(value) ? n : least(value, n)),
  warmup: (value, n) => least(value, Math.floor(n / 2)),
  prompts: (value, n) => least(value, Math.max(2, n)),
  timedPrompts: (value) => least(value, 1),
  maxNew: (value) => least(value, mostTokens),
  every: (value, n) => least(value, n),
  step: (value, n) => least(value, n),
}

/** Prompts for written texts: so few that every task has them. */
const fewPrompts = 2

const shortened = (value: unknown, n: number): unknown => {
  if (Array.isArray(value)) return value.map((inner) => shortened(inner, n))
  if (!isNode(value)) return value
  // A model of a few steps seldom ends a text, or ends it at once.
  if (value["kind"] === "written") {
    const { prompts = fewPrompts, maxNew = mostTokens } = value
    if (value["by"] === "draft") return { ...value, maxNew: least(maxNew, mostTokens) }
    return { ...value, prompts: least(prompts, fewPrompts), maxNew: least(maxNew, mostTokens), keep: "all" }
  }
  // A training without an explicit warm-up has one of the default length, which is longer than this run.
  const optimizer = isNode(value["optimizer"]) ? value["optimizer"] : {}
  const warmed = Object.hasOwn(value, "steps") ? { ...value, optimizer: { warmup: n, ...optimizer } } : value
  // A choice from few examples may have only one.
  const training = Object.hasOwn(warmed, "examples") ? { ...warmed, batchSize: 1 } : warmed
  return Object.fromEntries(
    Object.entries(training).map(([key, inner]) => [
      key,
      Object.hasOwn(cuts, key) ? cuts[key]!(inner, n) : shortened(inner, n),
    ]),
  )
}

/** Draws of a smoke run: a rung of so many, and one of a single point, show all that a halving does. */
const fewDraws = 2

/** A domain cut like the setting itself; undefined if no two values are left. */
const shortenedDomain = (path: string, domain: SweepSpec["over"][string], n: number) => {
  const cut = cuts[path.split(".").at(-1)!]
  if (isRange(domain)) {
    const ends = cut ? { ...domain, from: Number(cut(domain.from, n)), to: Number(cut(domain.to, n)) } : domain
    return ends.from < ends.to ? ends : undefined
  }
  const short = domain.map((value) => (cut ? cut(value, n) : shortened(value, n)))
  const different = [...new Map(short.map((value) => [JSON.stringify(value), value])).values()]
  return different.length < 2 ? undefined : different
}

/** The search with its values and draws cut; undefined if no path keeps two values. */
const shortenedSearch = (sweep: SweepSpec, n: number): SweepSpec | undefined => {
  const over = Object.entries(sweep.over).flatMap(([path, values]) => {
    const short = shortenedDomain(path, values, n)
    return short === undefined ? [] : [[path, short] as const]
  })
  const { seeds, method, budget, ...rest } = sweep
  const few = method && {
    ...method,
    draws: Math.min(method.draws, fewDraws),
    ...(method.kind === "halving" && { factor: 2, rungs: 2 }),
  }
  return over.length === 0
    ? undefined
    : {
        ...(shortened(rest, n) as SweepSpec),
        // one of several seeds
        ...(seeds && { seed: seeds[0]! }),
        ...(few && { method: few }),
        // A budget of trials has room for these; those of FLOPs and seconds are of longer trainings.
        ...(budget && few && { budget: { ...budget, trials: Math.max(fewDraws + 1, budget.trials ?? 0) } }),
        over: Object.fromEntries(over),
      }
}

/**
 * The experiment with at most n optimizer steps a training, n measured prompts, texts of 32 tokens and its first seed:
 * the run shows that everything works, and its figures have no meaning. Texts to train on come from two prompts, and
 * need not end. An arm that reads chosen examples has batches of one.
 *
 * @param n at least 1
 */
export const limited = ({ plugins, seeds, measure, sweep, ...rest }: Experiment, n: number): Experiment => ({
  ...(shortened(rest, n) as typeof rest),
  ...(sweep && shortenedSearch(sweep, n) && { sweep: shortenedSearch(sweep, n)! }),
  measure: shortened(
    { prompts: 100, ...(hasAcceptance(rest.measures) && { maxNew: 128, timedPrompts: 12 }), ...measure },
    n,
  ) as NonNullable<typeof measure>,
  seeds: seeds.slice(0, 1),
  ...(plugins && { plugins }),
})
