/** The values that a search may give a setting: a list of them, or a range to draw from. */
import { seeded } from "@winnow/numerics"
import { type } from "arktype"

/** A range of numbers, both ends included, as plain JSON. */
export const range = type({
  "+": "reject",
  from: "number",
  to: "number",
  // Uniform in the number itself (if left out), or in its logarithm: rates and sizes differ by factors.
  "scale?": "'linear' | 'log'",
  // Integers only.
  "whole?": "boolean",
}).narrow(({ from, to, scale, whole }, ctx) => {
  const actual = `${from} to ${to}`
  if (!(from < to) || !Number.isFinite(to - from)) return ctx.reject({ expected: "from below to, both finite", actual })
  if (scale === "log" && from <= 0) return ctx.reject({ expected: "a range above 0, as its scale is log", actual })
  const odd = whole === true && !(Number.isSafeInteger(from) && Number.isSafeInteger(to))
  return !odd || ctx.reject({ expected: "integers at both ends, as its values are whole", actual })
})
export type Range = typeof range.infer

/** A list of values, or a range. */
export type Domain = ReadonlyArray<unknown> | Range

export const isRange = (domain: unknown): domain is Range => !Array.isArray(domain)

/** Every number from one to another alike. */
export const uniform = (from: number, to: number) => ({ from, to }) as const
/** Every factor alike, for numbers above 0: as many draws from 0.001 to 0.01 as from 0.01 to 0.1. */
export const logUniform = (from: number, to: number) => ({ from, to, scale: "log" }) as const
/** Every integer from one to another alike, or every factor with the scale "log". */
export const integer = (from: number, to: number, scale?: "linear" | "log") =>
  ({ from, to, ...(scale && { scale }), whole: true }) as const

/** Digits of a drawn number: more would say nothing and fill the tables. */
const digits = 3

/** A number of the range, from a uniform one of [0, 1). */
const within = ({ from, to, scale, whole = false }: Range, u: number): number => {
  // Each integer has its share of the line around it.
  const [low, high] = whole ? [from - 0.5, to + 0.5] : [from, to]
  const drawn =
    scale === "log" ? Math.exp(Math.log(low) + u * (Math.log(high) - Math.log(low))) : low + u * (high - low)
  return Math.min(to, Math.max(from, whole ? Math.round(drawn) : Number(drawn.toPrecision(digits))))
}

/**
 * The value of a setting in one draw. A draw depends on the seed, the path and its number alone, so that all arms with
 * the setting are tried at the same values of it.
 */
export const drawValue = (domain: Domain, seed: number, path: string, draw: number): unknown => {
  const u = seeded(seed, "point", path, draw).uniform()
  return isRange(domain) ? within(domain, u) : domain[Math.floor(u * domain.length)]
}

/** The part of a range at each end that counts as its edge. */
const edge = 0.05

/** True of a number at an end of a range: a better one may lie beyond. */
export const isAtEdge = ({ from, to, scale }: Range, value: number): boolean => {
  const at = scale === "log" ? Math.log : (x: number) => x
  const place = (at(value) - at(from)) / (at(to) - at(from))
  return place <= edge || place >= 1 - edge
}

/** Values as they are written in a sentence: numbers in their order. */
const valuesOf = (values: ReadonlyArray<unknown>): string =>
  values
    .toSorted((a, b) => (typeof a === "number" && typeof b === "number" ? a - b : 0))
    .map((value) => (typeof value === "string" ? value : JSON.stringify(value)))
    .join(", ")

/** A domain in words: "0.001, 0.003" or "0.001 to 0.01 (log)". */
export const describeDomain = (domain: Domain): string => {
  if (!isRange(domain)) return valuesOf(domain)
  const { from, to, scale, whole } = domain
  const words = [...(scale === "log" ? ["log"] : []), ...(whole === true ? ["whole"] : [])]
  return `${from} to ${to}${words.length > 0 ? ` (${words.join(", ")})` : ""}`
}
