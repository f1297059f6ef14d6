/** A smoke run of any experiment: every training, text and measurement cut to a few steps, so that it ends in seconds. */
import type { Experiment } from "./define.ts"
import { isNode } from "./registry.ts"

/** Tokens that the target may write in a smoke run. */
const mostTokens = 32

const least = (value: unknown, most: number): unknown => (typeof value === "number" ? Math.min(value, most) : value)

/** Settings that a limit cuts, by name wherever they stand. */
const cuts: Readonly<Record<string, (value: unknown, n: number) => unknown>> = {
  // steps that cost what another arm costs are a number too: nothing is compared
  steps: (value, n) => (isNode(value) ? n : least(value, n)),
  warmup: (value, n) => least(value, Math.floor(n / 2)),
  prompts: (value, n) => least(value, Math.max(2, n)),
  timedPrompts: (value) => least(value, 1),
  maxNew: (value) => least(value, mostTokens),
  every: (value, n) => least(value, n),
}

const shortened = (value: unknown, n: number): unknown => {
  if (Array.isArray(value)) return value.map((inner) => shortened(inner, n))
  if (!isNode(value)) return value
  // a training that leaves its warm-up out has one of the default length, which is longer than this run
  const optimizer = isNode(value["optimizer"]) ? value["optimizer"] : {}
  const training = Object.hasOwn(value, "steps") ? { ...value, optimizer: { warmup: n, ...optimizer } } : value
  return Object.fromEntries(
    Object.entries(training).map(([key, inner]) => [
      key,
      Object.hasOwn(cuts, key) ? cuts[key]!(inner, n) : shortened(inner, n),
    ]),
  )
}

/**
 * The experiment with at most n optimizer steps a training, n measured prompts, texts of 32 tokens and its first seed: a
 * run that shows that everything works, and no figure of which means anything.
 *
 * @param n at least 1
 */
export const limited = ({ plugins, seeds, measure, ...rest }: Experiment, n: number): Experiment => ({
  ...(shortened(rest, n) as typeof rest),
  measure: shortened({ prompts: 100, maxNew: 128, timedPrompts: 12, ...measure }, n) as NonNullable<typeof measure>,
  seeds: seeds.slice(0, 1),
  ...(plugins && { plugins }),
})
