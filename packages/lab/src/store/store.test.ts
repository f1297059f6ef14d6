import { expect, test } from "bun:test"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { Effect } from "effect"
import { canonicalJson, keyOf } from "./key.ts"
import { checkpoints, type Making, makeStore } from "./store.ts"

const home = () => mkdtempSync(join(tmpdir(), "winnow-store-"))
const key = keyOf("one")

/** A stage that counts how often it ran and writes `text`. */
const making = (text: string, runs: Array<string>, more: Partial<Making<never, never>> = {}): Making<never, never> => ({
  stage: "fake",
  key,
  made: { text },
  versions: {},
  run: (directory) =>
    Effect.sync(() => {
      runs.push(directory)
      writeFileSync(join(directory, "text"), text)
      return { length: text.length }
    }),
  ...more,
})

test("keys do not depend on the order of fields, and refuse what JSON would lose", () => {
  expect(canonicalJson({ b: [1, { d: 2, c: null }], a: "x", no: undefined })).toBe('{"a":"x","b":[1,{"c":null,"d":2}]}')
  expect(keyOf({ a: 1, b: 2 })).toBe(keyOf({ b: 2, a: 1 }))
  expect(keyOf({ a: 1 })).not.toBe(keyOf({ a: 2 }))
  expect(() => canonicalJson({ rate: Number.NaN })).toThrow("$.rate is NaN")
  expect(() => canonicalJson([() => 0])).toThrow("$[0]")
})

test("an artifact is made once, then found, with its files listed", async () => {
  const store = makeStore(home())
  const runs: Array<string> = []
  const first = await Effect.runPromise(store.obtain(making("hello", runs)))
  const second = await Effect.runPromise(store.obtain(making("hello", runs)))
  expect(runs.length).toBe(1)
  expect([first.reused, second.reused]).toEqual([false, true])
  expect(second.manifest.files.map(({ path, bytes }) => [path, bytes])).toEqual([["text", 5]])
  expect(second.manifest.summary).toEqual({ length: 5 })
})

test("a stage that fails leaves nothing under its key, and what it had written is there for the next attempt", async () => {
  const store = makeStore(home())
  const failing: Making<DataError, never> = {
    ...making("", []),
    run: (directory) => {
      writeFileSync(join(directory, "half"), "half")
      return Effect.fail(new DataError({ message: "stopped" }))
    },
  }
  const error = await Effect.runPromise(Effect.flip(store.obtain(failing)))
  expect(error.message).toBe("stopped")
  expect(store.find("fake", key)).toBeUndefined()
  expect(store.partial("fake", key)).toBe(false) // there, but no checkpoint to go on from
  const going = making("", [], {
    run: (directory) => Effect.sync(() => ({ seen: readFileSync(join(directory, "half"), "utf8") })),
  })
  expect((await Effect.runPromise(store.obtain(going))).manifest.summary).toEqual({ seen: "half" })
  expect(store.partial("fake", key)).toBe(false)
})

test("a stopped stage goes on only where it left a checkpoint", async () => {
  const store = makeStore(home())
  const stop = (...folders: ReadonlyArray<string>) =>
    Effect.runPromise(
      Effect.flip(
        store.obtain<DataError, never>({
          ...making("", []),
          run: (directory) => {
            for (const folder of folders) mkdirSync(join(directory, folder), { recursive: true })
            return Effect.fail(new DataError({ message: "stopped" }))
          },
        }),
      ),
    )
  await stop(checkpoints, join(checkpoints, ".step-00000004.1.tmp")) // killed while it wrote its first
  expect(store.partial("fake", key)).toBe(false)
  await stop(join(checkpoints, "step-00000004"))
  expect(store.partial("fake", key)).toBe(true)
})

test("a damaged artifact is made anew, and so is one when asked for afresh", async () => {
  const store = makeStore(home())
  const runs: Array<string> = []
  const { directory } = await Effect.runPromise(store.obtain(making("hello", runs)))
  writeFileSync(join(directory, "text"), "hellO") // the same size, another content
  await Effect.runPromise(store.obtain(making("hello", runs)))
  expect(runs.length).toBe(2)
  expect(readFileSync(join(directory, "text"), "utf8")).toBe("hello")
  await Effect.runPromise(store.obtain(making("hello", runs, { fresh: true })))
  expect(runs.length).toBe(3)
  rmSync(join(directory, "text"))
  expect(store.find("fake", key)).toBeUndefined()
})

test("checkpoints are left out of the whole artifact", async () => {
  const store = makeStore(home())
  const { directory, manifest } = await Effect.runPromise(
    store.obtain({
      ...making("", []),
      run: (at) =>
        Effect.promise(async () => {
          await Bun.write(join(at, "checkpoints", "step-1", "state"), "x")
          await Bun.write(join(at, "weights"), "w")
          return {}
        }),
    }),
  )
  expect(readdirSync(directory).toSorted()).toEqual(["manifest.json", "weights"])
  expect(manifest.files.map(({ path }) => path)).toEqual(["weights"])
})

/** Runs test/process.ts as a process of its own. */
const spawn = (folder: string, ...args: ReadonlyArray<string>) =>
  Bun.spawn(["bun", join(import.meta.dir, "../../test/process.ts"), folder, ...args], {
    stdout: "pipe",
    stderr: "inherit",
  })

test("four processes that want one artifact: one makes it, the others wait and find it", async () => {
  const folder = home()
  const outputs = await Promise.all(Array.from({ length: 4 }, () => new Response(spawn(folder, "300").stdout).text()))
  const answers = outputs.map((o) => JSON.parse(o) as { reused: boolean; text: string })
  expect(answers.filter(({ reused }) => !reused).length).toBe(1)
  expect(new Set(answers.map(({ text }) => text)).size).toBe(1)
  expect(readFileSync(join(folder, "runs"), "utf8").trim().split("\n").length).toBe(1)
}, 60_000)

test("a killed process holds no lock: the next goes on at once in what it left", async () => {
  const folder = home()
  const killed = spawn(folder, "60000")
  while (!existsSync(join(folder, "runs"))) await Bun.sleep(20)
  killed.kill("SIGKILL")
  await killed.exited
  const answer = JSON.parse(await new Response(spawn(folder, "0").stdout).text()) as { reused: boolean; text: string }
  expect(answer.reused).toBe(false)
  expect(readFileSync(join(folder, "runs"), "utf8").trim().split("\n").length).toBe(2)
}, 60_000)

test("an attempt that was killed between its manifest and its place is put there, and not run again", async () => {
  const store = makeStore(home())
  const runs: Array<string> = []
  const { directory } = await Effect.runPromise(store.obtain(making("hello", runs)))
  renameSync(directory, `${directory}.partial`)
  mkdirSync(join(`${directory}.partial`, checkpoints, "step-00000004"), { recursive: true })
  const found = await Effect.runPromise(store.obtain(making("hello", runs)))
  expect([runs.length, found.reused, found.directory]).toEqual([1, false, directory])
  expect(readdirSync(directory).toSorted()).toEqual(["manifest.json", "text"])
  expect(store.find("fake", key)).toBeDefined()
})

test("what killed attempts and discards left is neither in the artifact nor beside it", async () => {
  const store = makeStore(home())
  const runs: Array<string> = []
  const place = join(store.root, "fake", key)
  for (const folder of [`${place}.discarded-7-7`, `${place}.partial.discarded-7-7`, `${place}.partial/deep`])
    mkdirSync(folder, { recursive: true })
  for (const file of ["text.77.tmp", "deep/more.tmp", ".seconds.77.tmp", ".events.jsonl"])
    writeFileSync(join(`${place}.partial`, file), "half")
  writeFileSync(join(`${place}.partial`, ".seconds"), "1e") // cut short
  const { directory, manifest } = await Effect.runPromise(store.obtain(making("hello", runs)))
  expect(manifest.files.map(({ path }) => path)).toEqual(["text"])
  expect(manifest.seconds).toBeLessThan(60)
  expect(readdirSync(directory).toSorted()).toEqual(["deep", "manifest.json", "text"])
  expect(readdirSync(join(store.root, "fake"))).toEqual([key])
})

test("an artifact that is made afresh is there to others until the new one is whole", async () => {
  const store = makeStore(home())
  await Effect.runPromise(store.obtain(making("hello", [])))
  const afresh = making("hello again", [], {
    fresh: true,
    run: (directory) =>
      Effect.sync(() => {
        expect(store.find("fake", key)!.manifest.summary).toEqual({ length: 5 })
        writeFileSync(join(directory, "text"), "hello again")
        return { length: 11 }
      }),
  })
  await Effect.runPromise(store.obtain(afresh))
  expect(store.find("fake", key)!.manifest.summary).toEqual({ length: 11 })
})

test("the time of an artifact is that of all its attempts", async () => {
  const store = makeStore(home())
  const stopped = {
    ...making("", []),
    run: () => Effect.andThen(Effect.sleep(300), Effect.fail(new DataError({ message: "stopped" }))),
  }
  await Effect.runPromise(Effect.flip(store.obtain<DataError, never>(stopped)))
  const { manifest } = await Effect.runPromise(store.obtain(making("hello", [])))
  expect(manifest.seconds).toBeGreaterThanOrEqual(0.3)
})
