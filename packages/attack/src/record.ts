/** The record of attacks: counts by kind over all goes of one file; every trial counts once. */
import { existsSync } from "node:fs"
import { cpus, homedir, totalmem } from "node:os"
import { join } from "node:path"
import { parseJson, readRegularText, writeWhole } from "@winnow/files"
import { commit } from "@winnow/lab"
import { type } from "arktype"
import type { Counts, Failure } from "./run.ts"

const outcomes = { refused: "number", same: "number", faithful: "number", read: "number", wrong: "number" } as const

const record = type({
  schema: "2",
  created: "string",
  machine: { processor: "string", cores: "number", memory: "number" },
  /** An entry for each go: its request and its commit. */
  goes: type({
    created: "string",
    commit: "object | null",
    seed: "number",
    minutes: "number",
    kinds: type({ kind: "string", first: "number", tried: "number" }).array(),
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

type Record = typeof record.infer

/** Failures that a record keeps of a kind. */
const mostFailures = 20

type Sums = Omit<Counts, "first">

const summed = (a: Sums, b: Sums | undefined): Sums => {
  if (b === undefined) return a
  const names = Object.keys(outcomes) as ReadonlyArray<keyof typeof outcomes>
  const sums = Object.fromEntries(names.map((name) => [name, a.outcomes[name] + b.outcomes[name]]))
  return {
    ...a,
    tried: a.tried + b.tried,
    outcomes: sums as unknown as Counts["outcomes"],
    seconds: a.seconds + b.seconds,
    longest: Math.max(a.longest, b.longest),
    failures: [...b.failures, ...a.failures].slice(0, mostFailures),
  }
}

/** A record; undefined where there is no file. @error Error (thrown) when the file is not a record of attacks */
export const readAttacks = (file: string): Record | undefined => {
  if (!existsSync(file)) return undefined
  const attacks = record(parseJson(readRegularText(file, { most: 1 << 24 })))
  if (attacks instanceof type.errors) throw new Error(`${file} is no record of attacks: ${attacks.summary}`)
  return attacks
}

/** The first trial of a kind and a seed that no go of a record has tried. */
export const nextTrial = (before: Record | undefined, seed: number, kind: string): number =>
  Math.max(
    0,
    ...(before?.goes ?? [])
      .filter((go) => go.seed === seed)
      .flatMap((go) => go.kinds.flatMap((k) => (k.kind === kind ? [k.first + k.tried] : []))),
  )

/** A failure without paths of this machine. */
const withoutPlaces = ({ damage, detail, ...rest }: Failure): Failure => {
  const root = join(import.meta.dir, "../../..")
  const clean = (text: string) =>
    text
      .replaceAll(root, ".")
      .replaceAll(homedir(), "~")
      .replace(/\S*\/winnow-attack-[^/\s]*/g, "<folder>")
  return { ...rest, damage: clean(damage), detail: clean(detail) }
}

/** Adds a go to a record, or begins one. @error Error (thrown) when the file is not a record of attacks */
export const addToRecord = (
  file: string,
  go: { readonly seed: number; readonly minutes: number },
  counts: ReadonlyArray<Counts>,
): void => {
  const before = readAttacks(file)
  const created = new Date().toISOString()
  const countsByKind = new Map(
    before?.kinds.map((k) => [k.kind, { ...k, failures: k.failures as ReadonlyArray<Failure> }]),
  )
  const now = counts.map(({ first: _, ...c }) =>
    summed({ ...c, failures: c.failures.slice(0, mostFailures).map(withoutPlaces) }, countsByKind.get(c.kind)),
  )
  const others = [...countsByKind.values()].filter(({ kind }) => !counts.some((c) => c.kind === kind))
  const kinds = counts.map(({ kind, first, tried }) => ({ kind, first, tried }))
  const written: Record = {
    schema: 2,
    created,
    machine: { processor: cpus()[0]?.model ?? "unknown", cores: cpus().length, memory: totalmem() },
    goes: [...(before?.goes ?? []), { created, commit: commit(), ...go, kinds }],
    kinds: [...others, ...now].map((k) => ({ ...k, failures: [...k.failures] })),
  }
  writeWhole(file, `${JSON.stringify(written, null, 2)}\n`)
}
