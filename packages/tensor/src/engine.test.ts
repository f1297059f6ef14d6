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
  // `bun run test` opens it with a number of threads, `bun test` with none.
  const opened = process.env["WINNOW_TEST_THREADS"] ?? "its default"
  await expect(openEngine({ threads: 999 })).rejects.toThrow(
    `was opened with threads = ${opened} and cannot be reopened with 999`,
  )
})

test("options of the wrong form are refused", async () => {
  for (const wrong of [
    { thread: 1 },
    { threads: 0 },
    { threads: 1.5 },
    { gpu: "no" },
    { native: "no" },
    { products: "fp8" },
  ])
    await expect(openEngine(wrong as never)).rejects.toThrow(TypeError)
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

/** Runs code with the engine's exports in a separate process; its last line is JSON. */
const elsewhere = async (code: string, env: Record<string, string> = {}) => {
  const imports = `
    const { openEngine, tf } = await import(${JSON.stringify(join(import.meta.dir, "index.ts"))})
    const { getEnvironment } = await import(${JSON.stringify(join(import.meta.dir, "binding/libc.ts"))})
    const { readdirSync, readFileSync } = await import("node:fs");`
  const { TF_CPP_MIN_LOG_LEVEL: _, ...rest } = process.env
  const child = Bun.spawn([process.execPath, "-e", imports + code], {
    env: { ...rest, ...env },
    stdout: "pipe",
    stderr: "pipe",
  })
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()])
  if ((await child.exited) !== 0) throw new Error(`the process ended with ${child.exitCode}: ${out}${err}`)
  return { said: JSON.parse(out.trim().split("\n").at(-1)!), err }
}

const product = `tf.matMul(tf.ones([512, 512]), tf.ones([512, 512])).dataSync();`

test("it opens and works without a word on stderr", async () => {
  const { said, err } = await elsewhere(`await openEngine(); ${product} console.log(JSON.stringify("worked"))`)
  expect([said, err]).toEqual(["worked", ""])
})

test("messages are shown when asked for, threads are as many as asked for, products as asked for", async () => {
  // The threads of an op inherit the name of their creator.
  const count = `
    const comm = (path) => readFileSync(path, "utf8").trim()
    const threads = process.platform !== "linux" ? 0 : readdirSync("/proc/self/task")
      .filter((id) => comm("/proc/self/task/" + id + "/comm") === comm("/proc/self/comm")).length
    console.log(JSON.stringify({ threads, mode: getEnvironment("ONEDNN_DEFAULT_FPMATH_MODE") }))`
  const one = await elsewhere(`await openEngine({ threads: 1, messages: true }); ${product} ${count}`)
  const five = await elsewhere(`await openEngine({ threads: 5, products: "bfloat16" }); ${product} ${count}`)
  expect(one.err).toContain("TensorFlow")
  expect(five.said.mode).toBe("BF16")
  if (process.platform === "linux") expect(five.said.threads - one.said.threads).toBe(4)
})

test("native code is left aside when asked so, and a variant that does not exist is refused", async () => {
  const off = await elsewhere(
    `const { native } = await openEngine({ native: false }); ${product} console.log(JSON.stringify(native))`,
    { WINNOW_NATIVE: "" },
  )
  expect([off.said, off.err]).toEqual([{ missing: "switched off by the engine's option native: false" }, ""])
  const wrong = await elsewhere(
    "console.log(JSON.stringify(await openEngine().then(() => 'opened', (error) => error.message)))",
    { WINNOW_NATIVE: "best" },
  )
  expect(wrong.said).toStartWith('WINNOW_NATIVE is "best", expected one of off, amx, ')
})

test("after a failure the next call tries again", async () => {
  const { said } = await elsewhere(
    `
    const failed = await openEngine().then(() => "opened", (error) => error.name)
    if (${JSON.stringify(process.env["WINNOW_LIBTENSORFLOW"] ?? "")} === "") delete process.env.WINNOW_LIBTENSORFLOW
    else process.env.WINNOW_LIBTENSORFLOW = ${JSON.stringify(process.env["WINNOW_LIBTENSORFLOW"] ?? "")}
    await openEngine()
    console.log(JSON.stringify([failed, tf.getBackend()]))`,
    { WINNOW_LIBTENSORFLOW: "/nowhere" },
  )
  expect(said).toEqual(["LibraryNotFound", "tensorflow"])
})
