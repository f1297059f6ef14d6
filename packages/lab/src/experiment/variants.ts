/** One arm in several variants: `--set arms.adaspec.filter.k=0.2,0.4,0.6` makes an arm of each value. */

import { InvalidInput } from "@winnow/core"
import type { Experiment } from "./define.ts"
import { againstOf } from "./spec.ts"

/** The values of a list without brackets; undefined for a single value, or if a part is not a JSON value by itself. */
const valuesOf = (source: string): ReadonlyArray<string> | undefined => {
  const parts = source.split(",")
  if (parts.length < 2) return undefined
  const isValue = (part: string) => {
    try {
      return typeof JSON.parse(part) !== "object"
    } catch {
      return false
    }
  }
  return parts.every(isValue) ? parts.map((part) => part.trim()) : undefined
}

/** A value as part of an arm's name: "0.2" is "0-2". */
const slug = (value: string): string =>
  value
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "")

/** The variants of an arm that a setting asks for. */
export interface Variants {
  /** The arm that the variants replace. */
  readonly arm: string
  /** The name of each variant, and the setting that makes it. */
  readonly each: ReadonlyArray<{ readonly name: string; readonly text: string }>
}

/**
 * The variants that a setting describes; undefined for a setting of a single value.
 *
 * The name of each is the arm's with the setting's last name and the value: "adaspec-k-0-2".
 *
 * @error InvalidInput (thrown) for values that would give two arms one name
 */
export const variantsOf = (text: string): Variants | undefined => {
  const equals = text.indexOf("=")
  const path = text.slice(0, Math.max(0, equals)).split(".")
  const values = path[0] === "arms" && path.length > 2 ? valuesOf(text.slice(equals + 1)) : undefined
  if (values === undefined) return undefined
  const arm = path[1]!
  const each = values.map((value) => {
    const name = `${arm}-${path.at(-1)!.toLowerCase()}-${slug(value)}`
    return { name, text: `arms.${name}.${path.slice(2).join(".")}=${value}` }
  })
  const twice = each.find(({ name }, i) => each.findIndex((other) => other.name === name) < i)
  if (twice === undefined) return { arm, each }
  const problems = [`would make two arms ${twice.name}; give values that differ`]
  throw new InvalidInput({ what: `--set ${text.slice(0, 200)}`, problems })
}

/**
 * The experiment with copies of an arm under the variants' names in its place.
 *
 * @error InvalidInput (thrown) where another arm has the name of a variant
 */
export const withVariants = (experiment: Experiment, { arm, each }: Variants): Experiment => {
  const taken = each.find(({ name }) => Object.hasOwn(experiment.arms, name))
  if (taken !== undefined) {
    const problems = [`would make an arm ${taken.name}, and there is one; give that one another name`]
    throw new InvalidInput({ what: `--set ${taken.text.slice(0, 200)}`, problems })
  }
  const arms = Object.entries(experiment.arms).flatMap(([name, spec]) =>
    name === arm ? each.map((variant) => [variant.name, spec] as const) : [[name, spec] as const],
  )
  const { about, against, ...rest } = experiment
  const others = againstOf({ ...(against !== undefined && { against }) }).filter((name) => name !== arm)
  return {
    ...rest,
    arms: Object.fromEntries(arms),
    ...(about !== undefined && about !== arm && { about }),
    ...(others.length > 0 && { against: others }),
  }
}
