/** Several processes and killed ones: real processes, since the lock and the renames exist for them. */
import { expect, test } from "bun:test"
import { mkdirSync, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { makeWheel, temporaryFolder } from "./fixtures.ts"

const setUp = async (folder: string) => {
  const [cache, wheel] = [join(folder, "cache"), join(folder, "a.whl")]
  mkdirSync(cache)
  await Bun.write(wheel, makeWheel("linux-x86-64"))
  const start = (stop: "space" | "fetch" | "unpack" | "never") =>
    Bun.spawn([process.execPath, join(import.meta.dir, "contender.fixture.ts"), cache, wheel, stop], {
      stdout: "pipe",
      stderr: "pipe",
    })
  const fetches = () => readFileSync(join(folder, "fetches"), "utf8").trim().split("\n").length
  return { cache, start, fetches }
}

const firstLine = async (stream: ReadableStream<Uint8Array>): Promise<string> => {
  for await (const chunk of stream) return new TextDecoder().decode(chunk).trim()
  return ""
}

test("of three processes that start at once one gets the library and the others use it", async () => {
  using folder = temporaryFolder()
  const { cache, start, fetches } = await setUp(folder.path)
  const contenders = [start("never"), start("never"), start("never")]
  const sources = await Promise.all(contenders.map(async ({ stdout }) => (await new Response(stdout).text()).trim()))
  expect(sources.toSorted()).toEqual(["cache", "cache", "download"])
  expect(fetches()).toBe(1)
  expect(readdirSync(cache)).toEqual(["9.9.9-linux-x86-64-cpu"])
})

test.each(["space", "fetch", "unpack"] as const)(
  "a process killed at '%s' leaves nothing that the next one stumbles over",
  async (moment) => {
    using folder = temporaryFolder()
    const { cache, start } = await setUp(folder.path)
    const first = start(moment)
    expect(await firstLine(first.stdout)).toBe("frozen")
    first.kill("SIGKILL")
    await first.exited
    expect(readdirSync(cache)).toContain("9.9.9-linux-x86-64-cpu.lock")
    expect(readdirSync(cache)).not.toContain("9.9.9-linux-x86-64-cpu")
    const second = start("never")
    expect((await new Response(second.stdout).text()).trim()).toBe("download")
    expect(readdirSync(cache)).toEqual(["9.9.9-linux-x86-64-cpu"])
  },
)

test("a process that waits says for whom, and takes over when that one is killed", async () => {
  using folder = temporaryFolder()
  const { start } = await setUp(folder.path)
  const first = start("fetch")
  expect(await firstLine(first.stdout)).toBe("frozen")
  const second = start("never")
  expect(await firstLine(second.stderr)).toContain(`Waiting for process ${first.pid} on `)
  first.kill("SIGKILL")
  await first.exited
  expect((await new Response(second.stdout).text()).trim()).toBe("download")
})
