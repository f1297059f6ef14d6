/** Sentences that hold only as long as a record supports them: `<!--? 004/gsm8k:adaspec~random.draftKl below 0 -->`. */
import type { Issue } from "./check.ts"
import { evaluate, type Value } from "./expression.ts"
import { lineAt, type Page } from "./page.ts"
import type { Records } from "./records.ts"

const ends = (value: Value): { readonly low: number; readonly high: number } => {
  if (typeof value === "number") return { low: value, high: value }
  if (typeof value === "string") throw new Error("compares numbers; a text can only be")
  return value
}

/** Relations of a value and a bound in a claim. An interval is above 0 if all of it is, around 0 if it contains 0. */
const relations: ReadonlyMap<string, (value: Value, bound: Value) => boolean> = new Map([
  ["above", (value, bound) => ends(value).low > ends(bound).high],
  ["below", (value, bound) => ends(value).high < ends(bound).low],
  ["around", (value, bound) => ends(value).low <= ends(bound).high && ends(value).high >= ends(bound).low],
  ["is", (value, bound) => value === bound],
])

const textOf = (value: Value): string => {
  if (typeof value !== "object") return String(value)
  return `${value.value} [${value.low}, ${value.high}]`
}

const bound = (text: string, records: Records): Value => {
  if (/^-?\d+(\.\d+)?(e-?\d+)?$/.test(text)) return Number(text)
  return text.includes(":") ? evaluate(text, records)[0]! : text
}

/**
 * The claims of a page that its records do not support. A claim is an expression, one of `above`, `below`, `around`,
 * `is`, and a number, a word or an expression with a source; semicolons separate several.
 */
export const claimsOf = (page: Page, records: Records): ReadonlyArray<Issue> =>
  page.claims.flatMap(({ text, start }) =>
    text.split(";").flatMap((claim) => {
      const issue = (message: string) => [{ file: page.file, line: lineAt(page, start), message }]
      const [, expression, relation, limit] =
        /^\s*([\s\S]+?)\s+(above|below|around|is)\s+([\s\S]+?)\s*$/.exec(claim) ?? []
      if (relation === undefined)
        return issue(
          `claim ${claim.trim()}: write an expression, one of ${[...relations.keys()].join(", ")}, and a bound`,
        )
      try {
        return evaluate(expression!, records).flatMap((value) =>
          relations.get(relation)!(value, bound(limit!, records))
            ? []
            : issue(`the text here holds while ${claim.trim()}; the record has ${textOf(value)}`),
        )
      } catch (error) {
        if (!(error instanceof Error)) throw error
        return issue(`claim ${claim.trim()}: ${error.message}`)
      }
    }),
  )
