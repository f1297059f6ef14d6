/** The record of attacks: counts of a kind over all goes that were written into one file. */
import { existsSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import { parseJson, readRegularText, writeWhole } from "@winnow/files"
import { commit } from "@winnow/lab"
import { type } from "arktype"
import type { Counts, Failure } from "./run.ts"

const outcomes = { refused: "number", same: "number", faithful: "number", read: "number", wrong: "number" } as const

const record = type({
  schema: "1",
  created: "string",
  machine: { processor: "string", cores: "number", memory: "number" },
  /** One a go: what was asked for, at which commit. */
  goes: type({
    created: "string",
    commit: "object | null",
    seed: "number",
    minutes: "number",
    kinds: "string[]",
  }).array(),
  kinds: type({
    kind: "string",
    of: "string",
    tried: "number",
    outcomes,
    seconds: "number",
    longest: "number",
    failures: "unknown[]",
  }).array(),
})

/** Failures of a kind that a record keeps. */
const kept = 20

const summed = (a: Counts, b: Counts | undefined): Counts => {
  if (b === undefined) return a
  const names = Object.keys(outcomes) as ReadonlyArray<keyof typeof outcomes>
  const sums = Object.fromEntries(names.map((name) => [name, a.outcomes[name] + b.outcomes[name]]))
  return {
    ...a,
    tried: a.tried + b.tried,
    outcomes: sums as unknown as Counts["outcomes"],
    seconds: a.seconds + b.seconds,
    longest: Math.max(a.longest, b.longest),
    failures: [...b.failures, ...a.failures].slice(0, kept),
  }
}

/**
 * Writes a go into a record; the counts of a record that is there are added to.
 *
 * @error Error (thrown) when the file is there and is no such record
 */
export const addToRecord = (
  file: string,
  go: { readonly seed: number; readonly minutes: number },
  counts: ReadonlyArray<Counts>,
): void => {
  const before = existsSync(file) ? record(parseJson(readRegularText(file, { most: 1 << 24 }))) : undefined
  if (before instanceof type.errors) throw new Error(`${file} is no record of attacks: ${before.summary}`)
  const created = new Date().toISOString()
  const known = new Map(before?.kinds.map((k) => [k.kind, { ...k, failures: k.failures as ReadonlyArray<Failure> }]))
  const now = counts.map((c) => summed({ ...c, failures: c.failures.slice(0, kept) }, known.get(c.kind)))
  const others = [...known.values()].filter(({ kind }) => !counts.some((c) => c.kind === kind))
  const written: typeof record.infer = {
    schema: 1,
    created,
    machine: { processor: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory: totalmem() },
    goes: [...(before?.goes ?? []), { created, commit: commit(), ...go, kinds: counts.map(({ kind }) => kind) }],
    kinds: [...others, ...now].map((k) => ({ ...k, failures: [...k.failures] })),
  }
  writeWhole(file, `${JSON.stringify(written, null, 2)}\n`)
}
