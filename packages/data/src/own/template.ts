/** A text from the columns of a row: one column by its name, or a template such as "Question: {question}\nAnswer:\n". */
import { cut, didYouMean, kindOf } from "@winnow/core"

/** The text, or the fault of the row. */
export type Filled = { readonly text: string } | { readonly problem: string }

/** A field in braces; the names of fields have neither braces nor ends of lines. */
const field = /\{\{|\}\}|\{([^{}\n]+)\}/g

/** A column by its name, else by a path of names and numbers with dots between them. */
const columnOf = (columns: Readonly<Record<string, unknown>>, name: string): unknown => {
  if (Object.hasOwn(columns, name)) return columns[name]
  let found: unknown = columns
  for (const key of name.split(".")) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, key)) return undefined
    found = (found as Readonly<Record<string, unknown>>)[key]
  }
  return found
}

const missing = (columns: Readonly<Record<string, unknown>>, name: string): string => {
  const names = Object.keys(columns)
  return `has no column ${cut(name, 60)}${didYouMean(name, names) || `; it has ${cut(names.join(", "), 200) || "none"}`}`
}

/**
 * Fills a template. A name without braces is the whole text of that column. A field in braces writes numbers and truth
 * values as JSON; `{{` and `}}` are braces.
 */
export const filled = (template: string, columns: Readonly<Record<string, unknown>>): Filled => {
  field.lastIndex = 0
  if (!field.test(template)) {
    const value = columnOf(columns, template)
    if (value === undefined) return { problem: missing(columns, template) }
    if (typeof value === "string") return { text: value }
    const how = ["number", "bigint", "boolean"].includes(typeof value) ? `; "{${template}}" writes it as one` : ""
    return { problem: `${cut(template, 60)} is ${kindOf(value)}; expected a text${how}` }
  }
  let problem: string | undefined
  const text = template.replaceAll(field, (found, name?: string) => {
    if (name === undefined) return found[0]!
    const value = columnOf(columns, name)
    if (typeof value === "string") return value
    if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value)
    problem ??=
      value === undefined ? missing(columns, name) : `${cut(name, 60)} is ${kindOf(value)}; expected a text or a number`
    return ""
  })
  return problem === undefined ? { text } : { problem }
}

/** The names of the columns that a template reads; a path appears as a whole. */
export const columnsIn = (template: string): ReadonlyArray<string> => {
  const names = [...template.matchAll(field)].flatMap(([, name]) => name ?? [])
  return names.length > 0 || /\{\{|\}\}/.test(template) ? names : [template]
}
