/** Caches in shards: the entries, weights and figures of one stage; a killed shard goes on alone; the disk is asked before. */
import { expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { Effect } from "effect"
import { runDistillation } from "../test/run-distillation.ts"
import { runLayers } from "../test/run-layers.ts"
import { inShards } from "../test/shards-experiment.ts"
import { plan } from "./estimate.ts"
import { resolve } from "./experiment/resolve.ts"
import { checkDisk } from "./preflight/disk.ts"
import type { ProgressEvent } from "./progress.ts"
import { stage } from "./stage.ts"
import { makeStore, Store } from "./store/store.ts"

const newHome = () => mkdtempSync(join(tmpdir(), "winnow-shards-"))
const run = (shards: number, home: string, report: (event: ProgressEvent) => void = () => {}) =>
  Effect.runPromise(
    Effect.flatMap(resolve(inShards(shards)), (resolved) =>
      runDistillation(resolved, { slug: "000-shards", results: join(home, "results") }),
    ).pipe(Effect.provide(runLayers(home, { report }))),
  )

/** Every piece and table by the model that it is of, and the weights of the trained models, as hashes. */
const bytesOf = (home: string): ReadonlyMap<string, string> => {
  const { root, find } = makeStore(home)
  const bytes = new Map<string, string>()
  for (const kind of ["signals", "arm", "reference"])
    for (const key of existsSync(join(root, kind)) ? readdirSync(join(root, kind)) : []) {
      const { directory, manifest } = find(kind, key)!
      const of = kind === "signals" ? (manifest.made as { config: { of: string } }).config.of : manifest.seconds >= 0
      for (const { path } of manifest.files)
        if (/\.(bin|safetensors)$/.test(path)) {
          const name = kind === "signals" ? `${of} ${path}` : sha256(readFileSync(join(directory, path)))
          if (bytes.has(name) && kind === "signals") throw new Error(`${name} is there twice`)
          bytes.set(name, kind === "signals" ? sha256(readFileSync(join(directory, path))) : kind)
        }
    }
  return bytes
}

/** Fields that a clock, a place or the number of shards decides. */
const other = new Set(["key", "seconds", "speedup", "speedupRange", "timing"])
const figuresOf = (rows: unknown): unknown =>
  JSON.parse(JSON.stringify(rows, (field, value: unknown) => (other.has(field) ? undefined : value)))

let one: { readonly home: string; readonly rows: unknown }

test("caches in three shards have the entries of one, and give the same weights and figures", async () => {
  const homes = [newHome(), newHome()] as const
  const whole = await run(1, homes[0])
  const { record } = await run(3, homes[1])
  one = { home: homes[0], rows: figuresOf(whole.record.rows) }
  const bytes = bytesOf(homes[0])
  expect([...bytes.keys()].filter((name) => /^(target|reference) /.test(name)).toSorted()).toEqual([
    ...[0, 1, 2, 3].map((i) => `reference piece-0000${i}.bin`),
    ...[0, 1, 2, 3].map((i) => `target piece-0000${i}.bin`),
    "target table.bin",
  ])
  expect(bytesOf(homes[1])).toEqual(bytes)
  expect(figuresOf(record.rows)).toEqual(one.rows)

  // The costs are those of whole caches, whose time is that of their shards.
  const kinds = (kind: string, of: typeof record) => of.stages.filter((stage) => stage.kind === kind)
  expect([kinds("signals", whole.record).length, kinds("sharded-signals", whole.record).length]).toEqual([2, 0])
  expect([kinds("signals", record).length, kinds("sharded-signals", record).length]).toEqual([6, 2])
  const { signals } = record.rows.find(({ name }) => name === "behind")!.budget[0]!
  const seconds = kinds("signals", record).reduce((sum, stage) => sum + stage.seconds, 0)
  expect(signals!.reduce((sum, cache) => sum + cache.seconds, 0)).toBeCloseTo(seconds, 9)
})

test.skipIf(process.platform === "win32")(
  "a process killed in the third shard leaves two, and a piece of the third: the next run computes the rest alone",
  async () => {
    const home = newHome()
    const child = Bun.spawn([process.execPath, join(import.meta.dir, "../test/shards-child.ts"), home], {
      stdout: "pipe",
      stderr: "inherit",
    })
    const third = "target signals, hidden, shard 3 of 3"
    let text = ""
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      text += part
      const lines = text.split("\n").slice(0, -1)
      const events = lines.map((line) => JSON.parse(line) as ProgressEvent)
      // Its first piece ends with 32 768 tokens or a little more.
      if (events.some((e) => e._tag === "progress" && e.stage === third && e.done > 32_800)) break
    }
    child.kill("SIGKILL")
    await child.exited
    const events: Array<ProgressEvent> = []
    const { record } = await run(3, home, (event) => void events.push(event))
    const ended = (label: string) => events.find((e) => e._tag === "done" && e.stage === label)
    for (const label of ["target signals, hidden, shard 1 of 3", "target signals, hidden, shard 2 of 3"])
      expect(ended(label)).toMatchObject({ reused: true })
    expect(ended(third)).toMatchObject({ reused: false })
    expect(events.find((e) => e._tag === "started" && e.stage === third)).toMatchObject({ resuming: true })
    const first = events.find((e) => e._tag === "progress" && e.stage === third)
    expect((first as { done: number }).done).toBeGreaterThanOrEqual(32_768)
    expect(bytesOf(home)).toEqual(bytesOf(one.home))
    expect(figuresOf(record.rows)).toEqual(one.rows)
  },
)

test("a plan tells the bytes of the caches and the free space; too little space is refused before any stage", async () => {
  const home = newHome()
  const planned = (shards: number, of: string) =>
    Effect.runPromise(Effect.flatMap(resolve(inShards(shards)), plan).pipe(Effect.provide(runLayers(of))))
  expect((await planned(3, home)).disk).toBeUndefined() // The data is not encoded yet.
  const there = await planned(4, one.home)
  const [tokens, perToken, table] = [5200 * 25, 2 * 16 + 4, 4 * 257 * 16]
  expect(there.disk).toMatchObject({ stages: 8, bytes: tokens * perToken + table, free: expect.any(Number) })
  expect((await planned(1, one.home)).disk).toBeUndefined() // They are in the store.

  const cache = stage({
    kind: "signals",
    label: "a cache",
    config: {},
    inputs: [],
    code: null,
    work: { bytes: 3e12 },
    run: () => Effect.succeed({}),
  })
  const check = (free: number) => checkDisk([cache], () => free).pipe(Effect.provide(Store.layer(home)))
  expect(await Effect.runPromise(check(4e12))).toEqual({
    of: ["caches of signals"],
    ...{ stages: 1, bytes: 3e12, free: 4e12 },
  })
  const refused = await Effect.runPromise(Effect.flip(check(2e12)))
  expect(refused).toMatchObject({ _tag: "DataError" })
  expect(refused.message).toContain(
    `caches of signals: 2794.0 GiB to write in 1 stage; 1862.6 GiB are free on the disk of ${home}: free some`,
  )
})
