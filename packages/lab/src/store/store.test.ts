import { expect, test } from "bun:test"
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError } from "@winnow/core"
import { Effect, Fiber } from "effect"
import { canonicalJson, keyOf } from "./key.ts"
import { sealed } from "./manifest.ts"
import { type Artifact, checkpoints, type Making, makeStore } from "./store.ts"

const home = () => mkdtempSync(join(tmpdir(), "winnow-store-"))
const made = { text: "hello" }
const key = keyOf(made)

/** A stage that counts its runs and writes `text`. */
const making = (text: string, runs: Array<string>, more: Partial<Making<never, never>> = {}): Making<never, never> => ({
  stage: "fake",
  key,
  made,
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
  expect(store.partial("fake", key)).toBe(false) // There is a partial folder, but no checkpoint.
  const going = making("", [], {
    run: (directory) => Effect.sync(() => ({ seen: readFileSync(join(directory, "half"), "utf8") })),
  })
  expect((await Effect.runPromise(store.obtain(going))).manifest.summary).toEqual({ seen: "half" })
  expect(store.partial("fake", key)).toBe(false)
})

test("a stopped stage resumes only from a checkpoint", async () => {
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
  await stop(checkpoints, join(checkpoints, ".step-00000004.1.tmp")) // The process was killed while it wrote its first checkpoint.
  expect(store.partial("fake", key)).toBe(false)
  await stop(join(checkpoints, "step-00000004"))
  expect(store.partial("fake", key)).toBe(true)
})

test("results of a stopped attempt from other bytes of its inputs are not reused", async () => {
  const store = makeStore(home())
  const input = async (text: string) => await Effect.runPromise(makeStore(home()).obtain(making(text, [])))
  const [one, other] = [await input("one"), await input("other")]
  const notes: Array<string> = []
  /** Stops at once and leaves a checkpoint; reports the files that it found. */
  const attempt = async (inputs: ReadonlyArray<Artifact>) => {
    let left: ReadonlyArray<string> = []
    const stopped = store.obtain<DataError, never>({
      ...making("", []),
      inputs,
      onNote: (text) => notes.push(text),
      run: (directory) => {
        left = readdirSync(directory).filter((name) => !name.startsWith("."))
        mkdirSync(join(directory, checkpoints, "step-00000004"), { recursive: true })
        return Effect.fail(new DataError({ message: "stopped" }))
      },
    })
    await Effect.runPromise(Effect.flip(stopped))
    return left
  }
  expect(await attempt([one])).toEqual([])
  expect(await attempt([one])).toEqual([checkpoints])
  expect(notes).toEqual([])
  expect(await attempt([other])).toEqual([])
  expect(notes).toEqual([expect.stringContaining("begins again: a stopped attempt read other bytes")])
  expect(await attempt([other])).toEqual([checkpoints])
  expect(notes.length).toBe(1)
})

test("a damaged artifact is computed again, and so is one with `fresh`", async () => {
  const store = makeStore(home())
  const runs: Array<string> = []
  const { directory } = await Effect.runPromise(store.obtain(making("hello", runs)))
  writeFileSync(join(directory, "text"), "hellO") // The same size, another content.
  await Effect.runPromise(store.obtain(making("hello", runs)))
  expect(runs.length).toBe(2)
  expect(readFileSync(join(directory, "text"), "utf8")).toBe("hello")
  await Effect.runPromise(store.obtain(making("hello", runs, { fresh: true })))
  expect(runs.length).toBe(3)
  const manifest = join(directory, "manifest.json")
  const deep = `{"a":${"[".repeat(100_000)}${"]".repeat(100_000)}}`
  writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"versions": {}', `"versions": ${deep}`))
  expect(store.damage("fake", key)).toContain("manifest.json: is no usable JSON (lists and objects are nested deeper")
  await Effect.runPromise(store.obtain(making("hello", runs)))
  expect(runs.length).toBe(4)
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

/** Runs test/process.ts as a separate process. */
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
})

test("a killed process holds no lock: the next one continues its folder at once", async () => {
  const folder = home()
  const killed = spawn(folder, "60000")
  while (!existsSync(join(folder, "runs")) || readFileSync(join(folder, "runs")).length === 0) await Bun.sleep(20)
  killed.kill("SIGKILL")
  await killed.exited
  const answer = JSON.parse(await new Response(spawn(folder, "0").stdout).text()) as { reused: boolean; text: string }
  expect(answer.reused).toBe(false)
  expect(readFileSync(join(folder, "runs"), "utf8").trim().split("\n").length).toBe(2)
})

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

test("leftovers of killed attempts and discards are neither in the artifact nor beside it", async () => {
  const store = makeStore(home())
  const runs: Array<string> = []
  const place = join(store.root, "fake", key)
  for (const folder of [`${place}.discarded-7-7`, `${place}.partial.discarded-7-7`, `${place}.partial/deep`])
    mkdirSync(folder, { recursive: true })
  for (const file of ["text.77.tmp", "deep/more.tmp", ".seconds.77.tmp", ".events.jsonl"])
    writeFileSync(join(`${place}.partial`, file), "half")
  writeFileSync(join(`${place}.partial`, ".seconds"), "1e") // The file is cut short.
  writeFileSync(join(`${place}.partial`, ".inputs"), "[]")
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
    run: () => Effect.andThen(Effect.sleep(310), Effect.fail(new DataError({ message: "stopped" }))),
  }
  await Effect.runPromise(Effect.flip(store.obtain<DataError, never>(stopped)))
  const { manifest } = await Effect.runPromise(store.obtain(making("hello", [])))
  expect(manifest.seconds).toBeGreaterThanOrEqual(0.3)
})

/** A second artifact of the same kind beside the first. */
const another = (text: string): Making<never, never> => ({
  ...making(text, []),
  made: { text },
  key: keyOf({ text }),
})

test("artifacts whose folders were exchanged are computed again, with a note", async () => {
  const store = makeStore(home())
  const [one, two] = [
    await Effect.runPromise(store.obtain(another("one"))),
    await Effect.runPromise(store.obtain(another("two"))),
  ]
  renameSync(one.directory, `${one.directory}-aside`)
  renameSync(two.directory, one.directory)
  renameSync(`${one.directory}-aside`, two.directory)
  expect(store.find("fake", one.key)).toBeUndefined()
  expect(store.damage("fake", one.key)).toContain(`holds the artifact fake ${two.key.slice(0, 10)}`)
  const notes: Array<string> = []
  const again = await Effect.runPromise(store.obtain({ ...another("one"), onNote: (text) => notes.push(text) }))
  expect([again.reused, readFileSync(join(again.directory, "text"), "utf8")]).toEqual([false, "one"])
  expect(notes).toEqual([expect.stringContaining("is computed again")])
})

test("a manifest that was changed by hand is no manifest", async () => {
  const store = makeStore(home())
  const { directory } = await Effect.runPromise(store.obtain(making("hello", [])))
  const file = join(directory, "manifest.json")
  const text = readFileSync(file, "utf8")
  for (const changed of [
    text.replace('"length": 5', '"length": 6'),
    text.replace(/"bytes": 5/, '"bytes": 4'),
    text.slice(0, -20),
    "[]",
    "",
  ]) {
    writeFileSync(file, changed)
    expect(store.find("fake", key)).toBeUndefined()
    expect(store.damage("fake", key)).toContain("manifest.json")
  }
  writeFileSync(file, text)
  expect(store.find("fake", key)!.manifest.summary).toEqual({ length: 5 })
})

test("an artifact is bound to the bytes of its inputs: computed again where an input has others", async () => {
  const store = makeStore(home())
  const before = await Effect.runPromise(store.obtain(making("hello", [])))
  const runs: Array<string> = []
  const of = (inputs: ReadonlyArray<Artifact>): Making<never, never> => ({
    ...making("from hello", runs, { inputs }),
    made: { text: "from hello" },
    key: keyOf({ text: "from hello" }),
  })
  await Effect.runPromise(store.obtain(of([before])))
  await Effect.runPromise(store.obtain(of([before])))
  expect(runs.length).toBe(1)
  // The same key with other bytes, such as another machine's rounding.
  const after = await Effect.runPromise(store.obtain(making("hallo", [], { fresh: true })))
  expect(await Effect.runPromise(store.seek("fake", of([after]).key, [after]))).toBeUndefined()
  const notes: Array<string> = []
  await Effect.runPromise(store.obtain({ ...of([after]), onNote: (text) => notes.push(text) }))
  expect(runs.length).toBe(2)
  expect(notes).toEqual([expect.stringContaining("it was computed from other bytes of fake")])
})

test("looking at an artifact of a terabyte ends where it is interrupted, its file closed", async () => {
  const store = makeStore(home())
  const { directory, manifest } = await Effect.runPromise(store.obtain(making("hello", [])))
  const [bytes, file] = [2 ** 40, join(directory, "text")]
  truncateSync(file, bytes) // The file has no block on the disk; reading it takes minutes.
  const { self: _, ...rest } = { ...manifest, files: [{ ...manifest.files[0]!, bytes }] }
  writeFileSync(join(directory, "manifest.json"), JSON.stringify(sealed(rest)))
  for (const look of [store.seek("fake", key), store.obtain(making("hello", []))]) {
    const looking = Effect.runFork(look)
    await Bun.sleep(30)
    expect(looking.pollUnsafe()).toBeUndefined()
    await Effect.runPromise(Fiber.interrupt(looking))
    const open = readdirSync("/proc/self/fd").flatMap((fd) => {
      try {
        return [readlinkSync(join("/proc/self/fd", fd))]
      } catch {
        return [] // This process reads the folder.
      }
    })
    expect(open).not.toContain(file)
  }
})

test("bytes are read again only where size or times of a file changed", async () => {
  const folder = home()
  const store = makeStore(folder)
  const { directory } = await Effect.runPromise(store.obtain(making("hello", [])))
  await Bun.sleep(150) // Longer than the resolution of the clock.
  expect(store.find("fake", key)).toBeDefined()
  const memory = join(folder, "hashes", `fake-${key}.json`)
  const stamps = readFileSync(memory, "utf8")
  // A false hash in the memory counts as long as the file's times stay the same.
  writeFileSync(memory, stamps.replace(/"sha256":"../, '"sha256":"zz'))
  expect(store.find("fake", key)).toBeUndefined()
  const { atime, mtime } = statSync(join(directory, "text"))
  writeFileSync(join(directory, "text"), "hello")
  utimesSync(join(directory, "text"), atime, mtime) // The change time cannot be set back.
  expect(store.find("fake", key)).toBeDefined()
  writeFileSync(memory, "{ damaged")
  expect(store.find("fake", key)).toBeDefined()
})

test("a lock leaves no file behind", async () => {
  const folder = home()
  await Effect.runPromise(makeStore(folder).obtain(making("hello", [])))
  expect(readdirSync(join(folder, "locks"))).toEqual([])
})
