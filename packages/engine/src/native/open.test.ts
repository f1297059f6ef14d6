/** Building and opening: real compilers on tiny sources, in separate caches. */
import { describe, expect, test } from "bun:test"
import { readdirSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { thisOwner } from "@winnow/files"
import { temporaryFolder } from "../library/fixtures.ts"
import { answering, processors, realCompiler, setUp, type table } from "./fixtures.ts"
import type { MissingNative, OpenedNative } from "./open.ts"

const x64 = process.arch === "x64"
const opened = (found: OpenedNative<typeof table> | MissingNative): OpenedNative<typeof table> => {
  if ("missing" in found) throw new Error(found.missing)
  return found
}

/** All files except objects: builds, and any leftovers. */
const buildsIn = (cache: string) => readdirSync(cache).filter((name) => name !== "objects")

const contend = async (root: string) => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "contender.fixture.ts"), root], {
    stderr: "inherit",
  })
  const text = await new Response(child.stdout).text()
  expect(await child.exited).toBe(0)
  return JSON.parse(text) as { said: Array<string>; answer: number | string }
}

describe.skipIf(realCompiler === null)("with a compiler", () => {
  test("builds, says so once, loads, and is there for the next time", async () => {
    using folder = temporaryFolder()
    const { open, said, calls, cache } = setUp(folder.path)
    const first = opened(await open())
    expect(first.C.winnow_answer(1)).toBe(42)
    expect(first.variant).toBe("portable")
    expect(said).toEqual([expect.stringMatching(/^winnow: compiling its native library for portable with /)])
    expect(calls()).toBe(3)
    const second = opened(await open())
    expect([second.path, second.notes, calls(), said.length]).toEqual([first.path, [], 3, 1])
    expect(readdirSync(cache).toSorted()).toEqual(["objects", first.path.split("/").at(-2)!])
  })

  test("other sources, another compiler or another variant give another build", async () => {
    using folder = temporaryFolder()
    const { open, sources, env } = setUp(folder.path)
    const paths = [opened(await open()).path]
    writeFileSync(join(sources, "api.h"), `${answering["api.h"]}// changed\n`)
    paths.push(opened(await open()).path)
    env["CXX"] = `${env["CXX"]} -DOTHER`
    paths.push(opened(await open()).path)
    if (x64) paths.push(opened(await open({ processor: processors.avx2 })).path)
    expect(new Set(paths).size).toBe(paths.length)
  })

  test.skipIf(!x64)(
    "the best variant that the processor runs is taken, or the one that WINNOW_NATIVE names",
    async () => {
      using folder = temporaryFolder()
      const { open, env, said } = setUp(folder.path)
      const best = opened(await open({ processor: processors.avx2 }))
      expect([best.variant, best.C.winnow_answer(0)]).toEqual(["avx2", 1041])
      env["WINNOW_NATIVE"] = "portable"
      const chosen = opened(await open({ processor: processors.avx2 }))
      expect([chosen.variant, chosen.C.winnow_answer(0)]).toEqual(["portable", 41])
      env["WINNOW_NATIVE"] = "off"
      expect(await open({ processor: processors.avx2 })).toEqual({ missing: "switched off by WINNOW_NATIVE=off" })
      env["WINNOW_NATIVE"] = "avx512"
      await expect(open({ processor: processors.avx2 })).rejects.toThrow(
        'WINNOW_NATIVE is "avx512", and this processor lacks avx512f, avx512bw, avx512dq, avx512vl. This processor can run avx2, portable',
      )
      expect(said.length).toBe(2) // The two builds.
    },
  )

  test.skipIf(!x64)("a compiler too old for the best variant builds the next one, with a message", async () => {
    using folder = temporaryFolder()
    const refusing = `case "$*" in *-mavx2*) echo "error: unrecognized option '-mavx2'" >&2; exit 1 ;; esac`
    const { open, said } = setUp(folder.path, answering, refusing)
    const found = opened(await open({ processor: processors.avx2 }))
    expect([found.variant, found.C.winnow_answer(0)]).toEqual(["portable", 41])
    expect(found.notes).toEqual([
      expect.stringMatching(/^compiling (answer|offset).cpp for avx2 with .* failed:\nerror: un/),
    ])
    expect(said.at(-1)).toStartWith("winnow: its native library is that for portable, since\n  compiling ")
  })

  test.skipIf(!x64)("a variant that fails its self-check gives way to the next", async () => {
    using folder = temporaryFolder()
    const check = `#include "api.h"
#if defined(WINNOW_AVX2)
constexpr int error = 7;
#else
constexpr int error = 0;
#endif
WINNOW_API int winnow_selfcheck_offset(void) { return error; }
`
    const { open, said } = setUp(folder.path, { ...answering, "check.cpp": check })
    const found = opened(await open({ processor: processors.avx2 }))
    expect(found.variant).toBe("portable")
    expect(found.notes).toEqual([expect.stringMatching(/^the self-check of offset in .*avx2-.* failed with 7/)])
    expect(said.at(-1)).toContain("is that for portable")
  })

  test("a source that does not compile is reported once, by its name and the first error", async () => {
    using folder = temporaryFolder()
    const { open, said, sources, cache } = setUp(folder.path, { ...answering, "bad.cpp": "int bad = nothing_such;\n" })
    const found = await open()
    expect(found).toMatchObject({
      missing: expect.stringContaining(`${join(sources, "bad.cpp")}:1`),
      remedy: expect.stringContaining("CXX"),
    })
    const words = said.filter((line) => line.startsWith("winnow: there is no native library"))
    expect(words.map((line) => line.includes("nothing_such"))).toEqual([true])
    expect(readdirSync(cache)).toEqual(["objects"]) // There is neither a build, nor a working folder, nor a lock.
  })

  test("a function that nobody defines fails the link; one that the table alone has, the load", async () => {
    using folder = temporaryFolder()
    const lacking = { "api.h": answering["api.h"], "answer.cpp": answering["answer.cpp"] }
    if (process.platform === "linux")
      expect(await setUp(folder.path, lacking).open()).toMatchObject({
        missing: expect.stringMatching(/^linking for portable/),
      })
    using other = temporaryFolder()
    const { open } = setUp(other.path)
    const wanted = { winnow_nothing_such: { args: [], returns: "i32" } } as never
    expect(await open({ table: wanted })).toMatchObject({ missing: expect.stringContaining("winnow_nothing_such") })
  })

  test("a file that was cut short is built again, and not loaded before", async () => {
    using folder = temporaryFolder()
    const { calls, cache } = setUp(folder.path)
    expect((await contend(folder.path)).answer).toBe(42)
    const [build] = buildsIn(cache)
    truncateSync(join(cache, build!, "libwinnow.so"), 3000)
    const again = await contend(folder.path)
    expect([again.answer, again.said.length, calls()]).toEqual([42, 1, 4]) // It is linked again, from the kept objects.
    expect(buildsIn(cache)).toEqual([build!])
    writeFileSync(join(cache, build!, "manifest.json"), "{")
    expect([(await contend(folder.path)).answer, calls()]).toEqual([42, 5])
  })

  test("of three processes that start at once one builds, and all load it", async () => {
    using folder = temporaryFolder()
    const { calls, cache } = setUp(folder.path, answering, "sleep 0.2")
    const all = await Promise.all([contend(folder.path), contend(folder.path), contend(folder.path)])
    expect(all.map(({ answer }) => answer)).toEqual([42, 42, 42])
    expect(calls()).toBe(3)
    expect(all.filter(({ said }) => said.some((line) => line.startsWith("winnow: compiling"))).length).toBe(1)
    expect(buildsIn(cache).length).toBe(1)
  })

  test("leftovers of a killed process are removed", async () => {
    using folder = temporaryFolder()
    const { open, cache } = setUp(folder.path)
    const build = opened(await open())
      .path.split("/")
      .at(-2)!
    const gone = Bun.spawn(["true"])
    await gone.exited
    const owner = { ...thisOwner(), pid: gone.pid }
    await Bun.write(join(cache, `.work-${owner.token}`, "owner.json"), JSON.stringify(owner))
    await Bun.write(join(cache, `${build}.lock`), JSON.stringify(owner))
    rmSync(join(cache, build, "manifest.json")) // Not the library: it is loaded, and truncating it would end this process.
    expect(opened(await open()).C.winnow_answer(1)).toBe(42)
    expect(buildsIn(cache)).toEqual([build])
  })
})

test("without a compiler it says so once, with what to do", async () => {
  using folder = temporaryFolder()
  const { open, env, said } = setUp(folder.path)
  env["CXX"] = "/nonexistent"
  expect(await open()).toMatchObject({
    missing: 'CXX is "/nonexistent", which cannot be run',
    remedy: expect.stringContaining("nstall a C++ compiler"),
  })
  expect(said).toEqual([
    expect.stringMatching(/no native library.*\n.*nonexistent/),
    expect.stringContaining("Set CXX"),
  ])
  delete env["CXX"]
  env["PATH"] = ""
  expect(await open()).toMatchObject({ missing: expect.stringContaining("no C++ compiler was found") })
})

test("a cache that cannot be written, and sources that are not there, are reasons too", async () => {
  using folder = temporaryFolder()
  const { open } = setUp(folder.path)
  writeFileSync(join(folder.path, "file"), "")
  if (realCompiler !== null)
    expect(await open({ cache: join(folder.path, "file", "native") })).toMatchObject({
      missing: expect.stringContaining("ENOTDIR"),
    })
  expect(await open({ sources: "/nowhere" })).toMatchObject({ missing: "/nowhere has no C++ sources" })
})
