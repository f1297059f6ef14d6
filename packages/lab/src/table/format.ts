/** Formats of numbers in tables: short, and never a figure without its interval. */
import type { IntervalRecord } from "../record/schema.ts"

/** 1234567 as "1.23M". */
export const short = (n: number): string => {
  const [scale, letter] =
    n >= 1e12 ? [1e12, "T"] : n >= 1e9 ? [1e9, "G"] : n >= 1e6 ? [1e6, "M"] : n >= 1e3 ? [1e3, "k"] : [1, ""]
  return `${(n / scale).toPrecision(n >= 1000 ? 3 : Math.max(1, String(Math.round(n)).length))}${letter}`
}

/** Bytes as "1.5 MiB" or "2.0 GiB". */
export const binary = (bytes: number): string =>
  bytes < 2 ** 30 ? `${(bytes / 2 ** 20).toFixed(1)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`

/** The format of a kind of figure: acceptances in per cent, other figures unscaled. */
export interface Scale {
  readonly factor: number
  readonly digits: number
}
export const percent: Scale = { factor: 100, digits: 1 }
export const plain: Scale = { factor: 1, digits: 2 }
export const nats: Scale = { factor: 1, digits: 3 }

/** A number on a scale; "0.0" instead of "-0.0". */
export const written = (x: number, { factor, digits }: Scale): string => {
  const text = (factor * x).toFixed(digits)
  return Number(text) === 0 ? (0).toFixed(digits) : text
}

/** A number with its sign, unless it is written as 0. */
export const signed = (x: number, scale: Scale): string => {
  const text = written(x, scale)
  return Number(text) > 0 ? `+${text}` : text
}

/**
 * "62.1 ± 1.3", with the larger side if the interval was cut at the figure's bounds; "62.1 ± ?" without an interval,
 * and "62.1" for two seeds, whose interval only shows how few they are.
 */
export const plusMinus = (
  { value, low, high, seeds }: Pick<IntervalRecord, "value" | "low" | "high" | "seeds">,
  scale: Scale,
): string => {
  if (value === null) return "-"
  if (seeds === 2) return written(value, scale)
  const half = low === null || high === null ? "?" : written(Math.max(high - value, value - low), scale)
  return `${written(value, scale)} ± ${half}`
}
