/** The result of a bench: times, rate, ratio to another bench; as plain data and as a line of a table. */
import type { Measured } from "./measure.ts"
import type { Bench, Unit, Work } from "./suite.ts"

/** One bench of the JSON document. */
export interface Result extends Measured {
  readonly suite: string
  readonly name: string
  /** The work of a call over the median time. */
  readonly rate: { readonly value: number; readonly unit: Unit }
  /** The rate in the bench's second unit, if it has one. */
  readonly alsoRate?: { readonly value: number; readonly unit: Unit }
  /**
   * Speed relative to the bench `to` of the same suite: the ratio of rates; for equal work, the inverse ratio of
   * medians.
   */
  readonly ratio?: { readonly value: number; readonly to: string }
}

const scale: Readonly<Record<Unit, number>> = {
  "tokens/s": 1,
  "parameters/s": 1,
  "MB/s": 1e6,
  "GB/s": 1e9,
  "GFLOP/s": 1e9,
}

/** The rate of a call of so many ns, in the unit of its work. */
export const rateOf = ({ amount, unit }: Work, ns: number): Result["rate"] => ({
  value: (typeof amount === "number" ? amount : amount()) / (ns / 1e9) / scale[unit],
  unit,
})

/** The result of a bench; `earlier` contains the compared bench. */
export const resultOf = (bench: Bench, measured: Measured, earlier: ReadonlyArray<Result>): Result => {
  const other = earlier.find(({ suite, name }) => suite === bench.suite && name === bench.comparedTo)
  const rate = rateOf(bench.work, measured.medianNs)
  return {
    suite: bench.suite,
    name: bench.name,
    ...measured,
    rate,
    ...(bench.alsoWork && { alsoRate: rateOf(bench.alsoWork, measured.medianNs) }),
    ...(other && { ratio: { value: rate.value / other.rate.value, to: other.name } }),
  }
}

/** Three digits, without an exponent: 0.0123, 1.23, 12.3, 123, 1230000. */
const digits = (x: number): string => {
  if (!(x > 0)) return String(x)
  const places = Math.max(0, 2 - Math.floor(Math.log10(x)))
  return x.toFixed(Math.min(places, 20))
}

const steps = [
  [1e9, "s "],
  [1e6, "ms"],
  [1e3, "us"],
  [1, "ns"],
] as const

/** A time in the unit that leaves at least one digit before the point. */
export const formatTime = (ns: number): string => {
  const [size, unit] = steps.find(([size]) => ns >= size) ?? [1, "ns"]
  return `${digits(ns / size)} ${unit}`
}

/** A rate; large numbers of tokens in thousands or millions. */
export const formatRate = ({ value, unit }: Result["rate"]): string => {
  if (unit !== "tokens/s" && unit !== "parameters/s") return `${digits(value)} ${unit}`
  if (value >= 1e6) return `${digits(value / 1e6)} M ${unit}`
  return value >= 1e4 ? `${digits(value / 1e3)} k ${unit}` : `${digits(value)}   ${unit}`
}

/** The head of a suite's table; `width` fits its longest name. */
export const tableHead = (suite: string, width: number): string =>
  `${suite.padEnd(width)}  ${"median".padStart(9)}  ${"p25".padStart(9)}  ${"p75".padStart(9)}  ${"rate".padStart(19)}`

/** One line of a suite's table. */
export const tableLine = (result: Result, width: number): string => {
  const times = [result.medianNs, result.p25Ns, result.p75Ns].map((ns) => formatTime(ns).padStart(9)).join("  ")
  const ratio = result.ratio ? `  ${digits(result.ratio.value)} x ${result.ratio.to}` : ""
  const also = result.alsoRate ? `  ${formatRate(result.alsoRate)}` : ""
  return `${result.name.padEnd(width)}  ${times}  ${formatRate(result.rate).padStart(19)}${also}${ratio}`
}
