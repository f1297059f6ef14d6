/** The committed records behind figures, by short names that survive a new run. */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

/** A run's or a benchmark's JSON document, or any part of it. */
export type Json = null | boolean | number | string | ReadonlyArray<Json> | { readonly [key: string]: Json }

/** Records of a repository, each read once. */
export interface Records {
  /**
   * The document that a source names, and its path.
   * @error for a source of another form, no such record, or more than one
   */
  readonly read: (source: string) => { readonly path: string; readonly document: Json }
}

const foldersIn = (folder: string): ReadonlyArray<string> => {
  try {
    return readdirSync(folder).sort()
  } catch {
    return []
  }
}

/** Folders under `results` whose `run.json` git tracks; none if git gives no answer. */
const trackedRuns = (root: string): ReadonlySet<string> => {
  try {
    const { exitCode, stdout } = Bun.spawnSync(["git", "ls-files", "results"], { cwd: root, stderr: "ignore" })
    if (exitCode !== 0) return new Set()
    return new Set([...stdout.toString().matchAll(/^results\/(\S+)\/run\.json$/gm)].map((match) => match[1]!))
  } catch {
    return new Set()
  }
}

/**
 * The records below `root`. A source is one of
 * - `004/gsm8k`, `001`: the one run of an experiment and part, `results/004-compute-matched/gsm8k-<run>/run.json`;
 * - `004/gsm8k#metrics`: the lines of `metrics.jsonl` beside it, as a list;
 * - `over/adaspec`: the figures over several runs, `results/over/adaspec.json` (`winnow runs report RUN ... --to`);
 * - `bench/step-live`: the newest `results/benchmarks/<date>-step-live.json`. If there are several runs of a part, the
 *   one that git tracks counts.
 */
export const recordsOf = (root: string): Records => {
  const documents = new Map<string, { path: string; document: Json }>()
  let tracked: ReadonlySet<string> | undefined

  const pathOfRun = (source: string, number: string, part: string | undefined): string => {
    const slugs = foldersIn(join(root, "results")).filter((name) => name.startsWith(`${number}-`))
    if (slugs.length !== 1) throw new Error(`${source}: ${slugs.length} folders results/${number}-*, expected one`)
    const isRun = new RegExp(part === undefined ? "^[0-9a-f]{6,}$" : `^${part}-[0-9a-f]{6,}$`)
    const runs = foldersIn(join(root, "results", slugs[0]!))
      .filter((name) => isRun.test(name))
      .filter((name) => foldersIn(join(root, "results", slugs[0]!, name)).includes("run.json"))
      .map((name) => `${slugs[0]}/${name}`)
    const committed = runs.length > 1 ? runs.filter((run) => (tracked ??= trackedRuns(root)).has(run)) : runs
    if (committed.length !== 1)
      throw new Error(
        `${source}: ${committed.length} runs in results/${slugs[0]}${part === undefined ? "" : ` of ${part}`}, expected one; keep one run of each part in git`,
      )
    return `results/${committed[0]}/run.json`
  }

  const pathOf = (source: string): string => {
    const run = /^(\d{3})(?:\/([a-z0-9.-]+))?(#metrics)?$/.exec(source)
    if (run !== null) {
      const path = pathOfRun(source, run[1]!, run[2])
      return run[3] === undefined ? path : path.replace(/run\.json$/, "metrics.jsonl")
    }
    const over = /^over\/([a-z0-9-]+)$/.exec(source)
    if (over !== null) return `results/over/${over[1]}.json`
    const bench = /^bench\/([a-z0-9-]+)$/.exec(source)
    if (bench === null) throw new Error(`no source "${source}": write 004/gsm8k, 001, over/adaspec or bench/step-live`)
    const files = foldersIn(join(root, "results/benchmarks")).filter((name) =>
      new RegExp(`^\\d{4}-\\d{2}-\\d{2}-${bench[1]}\\.json$`).test(name),
    )
    if (files.length === 0) throw new Error(`${source}: no results/benchmarks/<date>-${bench[1]}.json`)
    return `results/benchmarks/${files.at(-1)}`
  }

  return {
    read: (source) => {
      const document = documents.get(source)
      if (document !== undefined) return document
      const path = pathOf(source)
      const text = readFileSync(join(root, path), "utf8")
      const lines = () =>
        text
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as Json)
      const entry = { path, document: path.endsWith(".jsonl") ? lines() : (JSON.parse(text) as Json) }
      documents.set(source, entry)
      return entry
    },
  }
}
