/**
 * Damages artifacts of the store: their bytes and manifests, their places, the remains of stopped attempts. A run over
 * the store must give the same record.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { recordContents } from "@winnow/lab/testing"
import type { Rng } from "@winnow/numerics"
import { openEngine } from "@winnow/tensor"
import { Effect } from "effect"
import { ended, messageProblem, triedBy } from "../judge.ts"
import type { Kind } from "../kind.ts"
import { jsonOf, pick, spoilField, spoilFile } from "../random.ts"
import { tinyRun } from "../tiny-run.ts"

const exchanged = (a: string, b: string) => {
  if (a === b) return
  renameSync(a, `${a}.x`)
  renameSync(b, a)
  renameSync(`${a}.x`, b)
}

/** Damages something in a store and returns a description of the damage. */
const spoilStore = (rng: Rng, home: string): string => {
  const root = join(home, "artifacts")
  const kindsThere = readdirSync(root)
  const kind = pick(rng, kindsThere)
  const keys = readdirSync(join(root, kind))
  const key = pick(rng, keys)
  const at = join(root, kind, key)
  const files = readdirSync(at, { recursive: true })
    .map(String)
    .filter((name) => statSync(join(at, name)).isFile())
  const damages: ReadonlyArray<() => string> = [
    ...Array.from({ length: 5 }, () => () => spoilFile(rng, at, pick(rng, files))),
    ...Array.from({ length: 3 }, () => () => {
      const file = join(at, "manifest.json")
      const { document, damage } = spoilField(rng, JSON.parse(readFileSync(file, "utf8")))
      writeFileSync(file, jsonOf(document))
      return `manifest ${damage}`
    }),
    () => {
      const other = pick(rng, keys)
      if (other !== key) exchanged(at, join(root, kind, other))
      return `exchanged with ${other.slice(0, 6)}`
    },
    () => {
      const other = pick(rng, kindsThere)
      exchanged(join(root, kind), join(root, other === kind ? pick(rng, kindsThere) : other))
      return `folder exchanged with ${other}`
    },
    () => {
      const other = pick(rng, keys)
      if (other !== key) {
        rmSync(at, { recursive: true })
        cpSync(join(root, kind, other), at, { recursive: true })
      }
      return `a copy of ${other.slice(0, 6)}`
    },
    () => {
      rmSync(at, { recursive: true })
      writeFileSync(at, "a file")
      return "a file in its place"
    },
    () => {
      renameSync(at, `${at}.partial`)
      if (rng.below(2) === 0) spoilFile(rng, `${at}.partial`, pick(rng, files))
      return "as a stopped attempt left it"
    },
    () => {
      writeFileSync(join(at, pick(rng, ["stray", ".seconds", "checkpoints", "x.tmp", "__proto__"])), "stray")
      return "a stray file"
    },
    () => {
      const { inputs } = JSON.parse(readFileSync(join(at, "manifest.json"), "utf8")) as { inputs: unknown }
      mkdirSync(`${at}.partial/checkpoints/step-00000003`, { recursive: true })
      writeFileSync(join(`${at}.partial`, ".inputs"), JSON.stringify(inputs)) // the inputs are those of this stage
      writeFileSync(join(`${at}.partial`, ".seconds"), "NaN")
      writeFileSync(join(`${at}.partial/checkpoints/step-00000003`, "state.json"), "{")
      rmSync(at, { recursive: true })
      return "gone, with a damaged checkpoint"
    },
    () => {
      const lock = join(home, "locks", `${kind}-${key}.lock`)
      if (existsSync(lock)) writeFileSync(lock, "no lock at all".repeat(99))
      rmSync(at, { recursive: true })
      return "gone, with a damaged lock"
    },
  ]
  return `${kind}/${key.slice(0, 6)} ${pick(rng, damages)()}`
}

/** Damage of artifacts. */
export const artifacts: Kind = {
  name: "artifacts",
  of: "artifacts of a store, and a run over them",
  whole: 1000,
  seconds: 120,
  setUp: async (folder) => {
    await openEngine()
    const base = join(folder, "base")
    const first = await Effect.runPromise(tinyRun(base, join(folder, "results")))
    const expected = JSON.stringify(recordContents(first.directory))
    let place = 0
    return async (rng, _, tell) => {
      const home = join(folder, `home-${place++}`)
      const results = join(home, "results")
      try {
        cpSync(base, home, { recursive: true })
        let damage = spoilStore(rng, home)
        for (; rng.below(4) === 0; ) {
          try {
            damage += `; ${spoilStore(rng, home)}`
          } catch {
            break
          }
        }
        tell(damage)
        const end = await ended(tinyRun(home, results))
        if (end._tag !== "done") return triedBy(damage, end)
        // A stage that refuses drops its arm: the command names it and ends with 6.
        const [missingArm] = end.value.record.missing
        if (missingArm !== undefined) {
          const problem = messageProblem(missingArm.message)
          if (problem !== undefined) return { outcome: "wrong", damage, detail: problem }
          return { outcome: "refused", damage, detail: missingArm.message }
        }
        const record = JSON.stringify(recordContents(end.value.directory))
        return record === expected
          ? { outcome: "same", damage, detail: "" }
          : { outcome: "wrong", damage, detail: `another record: ${firstDifference(record, expected)}` }
      } finally {
        rmSync(home, { recursive: true, force: true })
      }
    }
  },
}

const firstDifference = (a: string, b: string): string => {
  let i = 0
  while (i < a.length && a[i] === b[i]) i++
  return `...${a.slice(Math.max(0, i - 60), i + 60)} for ...${b.slice(Math.max(0, i - 60), i + 60)}`
}
