/** Opening the engine: once, with checked options, quietly. */
import { expect, test } from "bun:test"
import { join } from "node:path"
import { encodeConfig } from "./binding/config.ts"
import { getEnvironment, setEnvironment } from "./binding/libc.ts"
import { engineInfo, openEngine } from "./engine.ts"
import { tf } from "./tf.ts"

test("a second call gives the same engine", async () => {
  expect(await openEngine()).toBe(await openEngine())
  expect(engineInfo()).toBe(await openEngine({}))
  expect(tf.getBackend()).toBe("tensorflow")
  expect(engineInfo().version).toMatch(/^2\.\d+/)
  expect(engineInfo().devices.some(({ type }) => type === "CPU")).toBe(true)
})

test("options that it was not opened with are refused", async () => {
  expect(openEngine({ threads: 1 })).rejects.toThrow(
    "was opened with threads = its default and cannot be reopened with 1",
  )
})

test("options of the wrong form are refused", async () => {
  for (const wrong of [{ thread: 1 }, { threads: 0 }, { threads: 1.5 }, { gpu: "no" }, { products: "fp8" }])
    expect(openEngine(wrong as never)).rejects.toThrow(TypeError)
})

test("the environment that libraries see is set, which process.env does not do", () => {
  setEnvironment("WINNOW_TEST_VARIABLE", "1", true)
  expect(getEnvironment("WINNOW_TEST_VARIABLE")).toBe("1")
  setEnvironment("WINNOW_TEST_VARIABLE", "2", false)
  expect(getEnvironment("WINNOW_TEST_VARIABLE")).toBe("1")
  process.env["WINNOW_TEST_OTHER"] = "1"
  expect(getEnvironment("WINNOW_TEST_OTHER")).toBeUndefined()
})

test("the configuration's bytes", () => {
  const bytes = (...args: Parameters<typeof encodeConfig>) => Buffer.from(encodeConfig(...args)).toString("hex")
  expect(bytes({ gpu: true, gpuMemoryGrowth: true })).toBe("32022001")
  expect(bytes({ gpu: true, gpuMemoryGrowth: false, threads: 3, interOpThreads: 300 })).toBe("100328ac02")
  expect(bytes({ gpu: false, gpuMemoryGrowth: false })).toBe("0a070a034750551000")
})

/** Opens the engine in a process of its own. */
const open = async (options: string, env: Record<string, string> = {}) => {
  const code = `
    const { openEngine, tf } = await import(${JSON.stringify(join(import.meta.dir, "index.ts"))})
    const { readdirSync, readFileSync } = await import("node:fs")
    await openEngine(${options})
    tf.matMul(tf.ones([512, 512]), tf.ones([512, 512])).dataSync()
    const names = process.platform === "linux"
      ? readdirSync("/proc/self/task").map((id) => readFileSync("/proc/self/task/" + id + "/comm", "utf8").trim())
      : []
    // the threads of an op inherit the name of the one that made them
    console.log(names.filter((name) => name === readFileSync("/proc/self/comm", "utf8").trim()).length)`
  const { TF_CPP_MIN_LOG_LEVEL: _, ...rest } = process.env
  const child = Bun.spawn([process.execPath, "-e", code], { env: { ...rest, ...env }, stdout: "pipe", stderr: "pipe" })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  expect(await child.exited).toBe(0)
  return { threads: Number(out), err }
}

test("it opens and works without a word on stderr", async () => {
  expect((await open("{}")).err).toBe("")
}, 60_000)

test("messages are shown when asked for, and threads are as many as asked for", async () => {
  const [one, five] = [await open("{ threads: 1, messages: true }"), await open("{ threads: 5 }")]
  expect(one.err).toContain("TensorFlow")
  if (process.platform === "linux") expect(five.threads - one.threads).toBe(4)
}, 60_000)
