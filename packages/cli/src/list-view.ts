/** The list of experiments for people: a paragraph each, within 80 columns. */
import { type listExperiments, wrap } from "@winnow/lab"
import type { Effect } from "effect"

type Listed = Effect.Success<ReturnType<typeof listExperiments>>[number]

const width = 80

/** Parts that differ only in their name share a paragraph. */
const keyOf = ({ slug, question, arms, seeds, presets }: Listed): string =>
  JSON.stringify([slug, question, arms, seeds, presets])

const paragraph = (parts: ReadonlyArray<Listed>): string => {
  const { slug, question, arms, seeds, presets, fault } = parts[0]!
  const named = parts.flatMap(({ part }) => part ?? [])
  const fields = Object.entries({ parts: named, arms, seeds, presets }).filter(([, values]) => values.length > 0)
  return [
    slug,
    wrap(fault === null ? question : "cannot be read: see below", width, "  "),
    ...fields.map(([name, values]) => wrap(values.join(", "), width, `  ${name.padEnd(8)}`)),
  ].join("\n")
}

/** Every experiment with its question, parts, arms, seeds and presets. */
export const renderList = (rows: ReadonlyArray<Listed>): string =>
  [...Map.groupBy(rows, keyOf).values()].map(paragraph).join("\n\n")
