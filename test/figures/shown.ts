/** Figures in the form of a page: finds them in a text, and writes another value in the same form. */
import type { Value } from "./expression.ts"

/** A figure in a text: from `start` to `end`. */
export interface FigureText {
  readonly text: string
  readonly start: number
  readonly end: number
}

const number = String.raw`(?:\d{1,3}(?: \d{3})+|\d+)(?:\.\d+)?`
const signed = `[+-]?${number}`

/** `5`, `-0.7`, `54.2 ± 2.0`, `+2.4 [+1.4, +3.4]`, `50 304`; not a digit inside a name or a version. */
const figure = new RegExp(
  String.raw`(?<![\w.])${signed}(?:\s±\s${number}|\s\[${signed},\s${signed}\])?(?!\.\d|\d)`,
  "g",
)

/** The figures of a text, from its beginning. */
export const figuresIn = (text: string): ReadonlyArray<FigureText> =>
  [...text.matchAll(figure)].map((match) => ({
    text: match[0],
    start: match.index,
    end: match.index + match[0].length,
  }))

const decimals = (text: string) => /\.(\d+)/.exec(text)?.[1]?.length ?? 0

const written = (value: number, like: string, plus: boolean): string => {
  const [whole, fraction] = Math.abs(value).toFixed(decimals(like)).split(".") as [string, string | undefined]
  const grouped = /\d \d/.test(like) ? whole.replace(/\B(?=(\d{3})+$)/g, " ") : whole
  const sign = value < 0 ? "-" : plus ? "+" : ""
  return `${sign}${grouped}${fraction === undefined ? "" : `.${fraction}`}`
}

/**
 * The text for `value` in the form of `shown`: the same decimals, groups of three digits, a plus sign if `shown` has a
 * sign, and the interval as ends or as ± its larger half.
 * @error if `shown` has an interval and the record has none
 */
export const shownAs = (value: Value, form: string): string => {
  if (typeof value === "string") return value
  const plus = form.includes("+") || form.startsWith("-")
  if (typeof value === "number") {
    if (/[±[]/.test(form)) throw new Error(`"${form}" has an interval, and the record has none there`)
    return written(value, form, plus)
  }
  const [main, ...ends] = form.match(new RegExp(signed, "g"))!
  const first = written(value.value, main!, plus)
  if (form.includes("±"))
    return `${first} ± ${written(Math.max(value.high - value.value, value.value - value.low), ends[0]!, false)}`
  if (form.includes("["))
    return `${first} [${written(value.low, ends[0]!, plus)}, ${written(value.high, ends[1]!, plus)}]`
  return first
}
