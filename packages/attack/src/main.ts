/**
 * `bun run attack [--minutes M] [--seed S] [--kind K] [--first N] [--count N] [--json FILE]`: makes and tries random
 * damage.
 *
 * `--json` adds the counts to an existing file and begins after the last trial of its seed, so that several goes can
 * make up one attack. Ctrl-C and SIGTERM end a go at once; its counts so far are written. Exit code 0: every trial
 * ended in a readable refusal or a right result. 1: at least one did not. 130: a signal ended it.
 */
import { parseArgs } from "node:util"
import type { Kind } from "./kind.ts"
import { kinds } from "./kinds/index.ts"
import { addToRecord, nextTrial, readAttacks } from "./record.ts"
import { type Counts, runKind } from "./run.ts"

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    kind: { type: "string" },
    first: { type: "string" },
    count: { type: "string" },
    json: { type: "string" },
  },
})
const number = (name: "minutes" | "seed" | "first" | "count", standard: number): number => {
  const text = values[name]
  if (text === undefined) return standard
  const amount = Number(text)
  if (Number.isFinite(amount) && amount >= 0) return amount
  process.stderr.write(`--${name} ${text}: expected a number, 0 or more\n`)
  process.exit(1)
}
const [minutes, seed] = [number("minutes", 1), number("seed", 1)]
const count = number("count", Number.POSITIVE_INFINITY)
const chosen = kinds.filter(({ name }) => values.kind === undefined || name === values.kind)
if (chosen.length === 0) {
  process.stderr.write(`--kind ${values.kind}: there are ${kinds.map(({ name }) => name).join(", ")}\n`)
  process.exit(1)
}

const before = values.json === undefined ? undefined : readAttacks(values.json)
const stopping = new AbortController()
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => stopping.abort())

/** Trials of a whole attack that the record lacks; no limit for a kind that `--kind` names. */
const remainingTrials = ({ name, whole }: Kind): number =>
  values.kind === undefined ? whole - (before?.kinds.find(({ kind }) => kind === name)?.tried ?? 0) : 1e9

/** Each kind has an equal share of the time; later kinds share the time that a kind leaves unused. */
const counts: Array<Counts> = []
const until = performance.now() + minutes * 60_000
const toTry = chosen.filter((kind) => remainingTrials(kind) > 0)
for (const [i, kind] of toTry.entries()) {
  if (stopping.signal.aborted) break
  const milliseconds = count === Number.POSITIVE_INFINITY ? (until - performance.now()) / (toTry.length - i) : 3.6e6
  counts.push(await tryKind(kind, milliseconds, Math.min(count, remainingTrials(kind))))
}

async function tryKind(kind: Kind, milliseconds: number, most: number): Promise<Counts> {
  const onTried = most === 1 ? (trial: number, tried: object) => console.log(trial, tried) : () => {}
  const first = number("first", nextTrial(before, seed, kind.name))
  const done = await runKind(kind, { seed, first, count: most, milliseconds, onTried, stop: stopping.signal })
  const { refused, same, faithful, read, wrong } = done.outcomes
  console.log(
    `${kind.name.padEnd(10)} ${String(done.tried).padStart(6)} tried: ${refused} refused, ${same} same, ${faithful} faithful, ` +
      `${read} read, ${wrong} wrong; ${done.seconds.toFixed(0)} s, longest ${done.longest.toFixed(1)} s`,
  )
  for (const { trial, damage, detail } of done.failures.slice(0, 20))
    console.log(`  trial ${trial}: ${damage.slice(0, 200)}\n    ${detail.slice(0, 500).replaceAll("\n", "\n    ")}`)
  return done
}

if (values.json !== undefined) addToRecord(values.json, { seed, minutes }, counts)
if (counts.some(({ outcomes }) => outcomes.wrong > 0)) process.exit(1)
process.exit(stopping.signal.aborted ? 130 : 0)
