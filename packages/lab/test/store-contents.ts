/** Contents of a store and a run that must not depend on who made them, on the number of stops, or on time. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { type } from "arktype"
import { runRecord } from "../src/record/schema.ts"
import { readMetrics } from "../src/stage.ts"
import { makeStore } from "../src/store/store.ts"

/** Fields of JSON that a clock or the place of a run wrote. */
const timed = new Set([
  "seconds",
  "created",
  "speedup",
  "timing",
  "speedupRange",
  "commit",
  "command",
  "directory",
  "reused",
])

/** JSON without them. */
const withoutTimes = (text: string): string =>
  JSON.stringify(JSON.parse(text), (field, value: unknown) => (timed.has(field) ? undefined : value))

/**
 * Every file of every artifact by `stage/key/path`: its hash; of training events the losses step by step.
 *
 * @error Error (thrown) for a damaged artifact, and for a name that is none
 */
export const storeContents = (home: string): ReadonlyMap<string, string> => {
  const store = makeStore(home)
  const contents = new Map<string, string>()
  for (const stage of readdirSync(store.root)) {
    for (const key of readdirSync(join(store.root, stage))) {
      const artifact = store.find(stage, key)
      if (artifact === undefined) throw new Error(`${stage}/${key} is no whole artifact`)
      const { directory, manifest } = artifact
      const listed = new Set(["manifest.json", ...manifest.files.map(({ path }) => path)])
      const stray = readdirSync(directory, { recursive: true }).filter((path) => !listed.has(String(path)))
      if (stray.length > 0) throw new Error(`${stage}/${key} holds ${stray.join(", ")} beside its files`)
      for (const { path, sha256: hash } of manifest.files) {
        const read = () => readFileSync(join(directory, path), "utf8")
        const steps = () =>
          JSON.stringify(readMetrics(directory).flatMap((e) => (e["_tag"] === "step" ? [[e["step"], e["loss"]]] : [])))
        const content =
          path === "metrics.jsonl" ? steps() : path === "figures.json" ? sha256(withoutTimes(read())) : hash
        contents.set(`${stage}/${key}/${path}`, content)
      }
      contents.set(`${stage}/${key} summary`, withoutTimes(JSON.stringify(manifest.summary)))
    }
  }
  return contents
}

/** The record of a run, whole by its schema, without what a clock wrote. */
export const recordContents = (directory: string): unknown => {
  const text = readFileSync(join(directory, "run.json"), "utf8")
  const record = runRecord(JSON.parse(text))
  if (record instanceof type.errors) throw new Error(`${directory}/run.json: ${record.summary}`)
  if (!existsSync(join(directory, "report.html"))) throw new Error(`${directory} has no report`)
  return JSON.parse(withoutTimes(text))
}

/** Checkpoints of a stopped store by `stage/key`: the newest one, and how often its stage was resumed. */
export const checkpointsIn = (
  home: string,
): ReadonlyMap<string, { readonly step: number; readonly resumed: number }> => {
  const { root } = makeStore(home)
  const checkpoints = new Map<string, { step: number; resumed: number }>()
  for (const stage of existsSync(root) ? readdirSync(root) : [])
    for (const name of readdirSync(join(root, stage)).filter((name) => name.endsWith(".partial"))) {
      const folder = join(root, stage, name, "checkpoints")
      const steps = (existsSync(folder) ? readdirSync(folder) : []).flatMap((s) => /^step-(\d+)$/.exec(s)?.[1] ?? [])
      if (steps.length > 0)
        checkpoints.set(`${stage}/${name.slice(0, -".partial".length)}`, {
          step: Math.max(...steps.map(Number)),
          resumed: resumesOf(join(root, stage, name)).length,
        })
    }
  return checkpoints
}

/** The steps that a stage was resumed from, one an attempt that was. */
export const resumesOf = (directory: string): ReadonlyArray<number> =>
  readMetrics(directory).flatMap((e) => (e["_tag"] === "resumed" ? [e["step"] as number] : []))
