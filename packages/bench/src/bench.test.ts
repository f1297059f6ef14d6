/** The command as users run it, and its parts: registration, measuring, cleaning up, rates. */
import { describe, expect, test } from "bun:test"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { tf } from "@winnow/tensor"
import { parseRequest } from "./command-line.ts"
import { measureBench } from "./measure.ts"
import { UsageError } from "./options.ts"
import { formatRate, formatTime, rateOf, resultOf } from "./result.ts"
import type { Report } from "./run.ts"
import { type Bench, prepared, registered, type Setup } from "./suite.ts"
import { suites } from "./suites/index.ts"
import { usageLine } from "./usage-line.ts"

const bench = (...args: ReadonlyArray<string>) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([process.execPath, join(import.meta.dir, "main.ts"), ...args], {
    timeout: 120_000,
  })
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() }
}

const pluginsOf = (kind: string) =>
  readdirSync(join(import.meta.dir, "../../../plugins"))
    .filter((folder) => folder.startsWith(`${kind}-`))
    .map((folder) => folder.slice(kind.length + 1))

const sourceOf = (folder: string) =>
  readFileSync(join(import.meta.dir, "../../../plugins", folder, "src/index.ts"), "utf8")

const work = { amount: 1000, unit: "tokens/s" } as const
const aBench = (setup: Setup): Bench => ({ suite: "s", name: "b", work, setup })

describe("the command", () => {
  test("measures the named suites, each filter at both sizes, as one JSON document", () => {
    const { exitCode, stdout, stderr } = bench("filters", "--quick", "--json")
    expect([exitCode, stderr]).toEqual([0, ""])
    const report = JSON.parse(stdout) as Report
    // a filter of examples runs once before training, not in the step
    const ofTokens = pluginsOf("filter").filter((name) => !sourceOf(`filter-${name}`).includes('of: "examples"'))
    const expected = ofTokens.flatMap((name) => [`${name}, N = 1024`, `${name}, N = 16384`])
    expect(report.results.map(({ name }) => name).sort()).toEqual(expected.sort())
    expect(report.sampling).toBe("quick")
    expect(report.machine.tensorflow).toMatch(/^2\./)
    for (const { suite, minNs, p25Ns, medianNs, p75Ns, maxNs, samples, rate } of report.results) {
      expect(suite).toBe("filters")
      expect(samples).toBeGreaterThanOrEqual(3)
      const times = [0, minNs, p25Ns, medianNs, p75Ns, maxNs]
      expect(times).toEqual([...times].sort((a, b) => a - b))
      expect(medianNs).toBeGreaterThan(0)
      expect(rate.value).toBeGreaterThan(0)
    }
  })

  test("prints the machine first, then a table", () => {
    const { exitCode, stdout } = bench("filters", "--quick")
    expect(exitCode).toBe(0)
    const lines = stdout.split("\n")
    expect(lines[0]).toMatch(/^cpu +\S/)
    expect(stdout).toContain(`Bun         ${Bun.version}`)
    expect(stdout).toMatch(/^adaspec, N = 1024 .* (ns|us|ms) .* tokens\/s$/m)
  })

  test("lists every suite, every loss with and without gradient at both sizes, and measures nothing", () => {
    const { exitCode, stdout } = bench("--list", "--json")
    expect(exitCode).toBe(0)
    const listed = JSON.parse(stdout) as ReadonlyArray<{ suite: string; benches: ReadonlyArray<string> }>
    expect(listed.map(({ suite }) => suite)).toEqual([
      "filters",
      "losses",
      "micro-batch",
      "optimizer",
      "kernels",
      "decoding",
      "families",
      "tokenizing",
      "safetensors",
      "vocabulary",
      "signals",
    ])
    const losses = listed.find(({ suite }) => suite === "losses")!.benches
    for (const name of pluginsOf("loss"))
      for (const what of ["value", "value and gradient"])
        for (const size of ["[128, 50304]", "[512, 1024]"]) expect(losses).toContain(`${name}, ${what}, ${size}`)
    expect(listed.every(({ benches }) => benches.length > 0)).toBe(true)
  })

  test.each([
    [["filters", "speed"], "there is no suite speed; there are filters, losses"],
    [["step", "--peeer", "x"], "did you mean --peer? [WN-205]\n"],
  ])("refuses %p with the near name and a code, exit code 2", (args, message) => {
    const { exitCode, stdout, stderr } = bench(...args)
    expect([exitCode, stdout]).toEqual([2, ""])
    expect(stderr).toContain(message)
    expect(stderr.split("\n")[0]).toEndWith(" [WN-205]")
  })

  test.each([
    [["filtres"], "did you mean filters? [WN-205]\n"],
    [["stpe"], "did you mean step? [WN-205]\n"],
    [["filters", "step"], "step is no suite: it is run alone"],
    [["--fast"], "--fast"],
  ])("the line of %p has the near name and a code", async (args, message) => {
    const refused = (): UsageError => {
      try {
        parseRequest(args, Object.keys(suites))
      } catch (error) {
        if (error instanceof UsageError) return error
        throw error
      }
      throw new Error("not refused")
    }
    const line = await usageLine(refused())
    expect(line).toContain(message)
    expect(line).toEndWith(" [WN-205]\n")
    expect(line.split("\n")).toHaveLength(2)
  })
})

describe("measuring", () => {
  test("frees the set-up's values once, after the last call", async () => {
    const before = tf.memory().numTensors
    const log: Array<string> = []
    const setup: Setup = function* () {
      const x = tf.ones([8])
      try {
        yield () => {
          log.push("call")
          return tf.tidy(() => tf.add(x, 1).dataSync())
        }
      } finally {
        x.dispose()
        log.push("clean")
      }
    }
    const { medianNs, samples } = await measureBench(aBench(setup), "quick")
    expect(medianNs).toBeGreaterThan(0)
    expect(samples).toBeGreaterThanOrEqual(3)
    expect(log.indexOf("clean")).toBe(log.length - 1)
    expect(tf.memory().numTensors).toBe(before)
  })

  test("refuses a bench that leaves tensors behind, and cleans up after one that throws", async () => {
    const leaks: Array<tf.Tensor> = []
    const leaking = aBench(function* () {
      yield () => leaks.push(tf.ones([2]))
    })
    await expect(measureBench(leaking, "quick")).rejects.toThrow("bench s, b leaks")
    tf.dispose(leaks)
    let cleaned = false
    const throwing = aBench(function* () {
      try {
        yield () => {
          throw new Error("no such chunk")
        }
      } finally {
        cleaned = true
      }
    })
    await expect(measureBench(throwing, "quick")).rejects.toThrow("no such chunk")
    expect(cleaned).toBe(true)
  })

  test("prepares before each call, even a quick one", async () => {
    let ready = 0
    const setup: Setup = function* () {
      yield prepared(
        () => (ready = 1),
        () => {
          if (ready !== 1) throw new Error("called without being prepared")
          ready = 0
        },
      )
    }
    expect((await measureBench(aBench(setup), "quick")).samples).toBeGreaterThanOrEqual(3)
  })

  test("names are unique, and a comparison names an earlier bench", () => {
    const one = { work, setup: function* () {} as Setup }
    const twice = () =>
      registered("s", (r) => {
        r.bench("b", one)
        r.bench("b", one)
      })
    expect(twice).toThrow("two benches called b")
    expect(() => registered("s", (r) => r.bench("b", { ...one, comparedTo: "a" }))).toThrow("not registered before")
  })
})

describe("results", () => {
  const measured = { medianNs: 2e6, p25Ns: 1e6, p75Ns: 3e6, minNs: 1e6, maxNs: 4e6, samples: 12 }

  test("rates are work over time, in the work's unit", () => {
    expect(rateOf(work, 2e6)).toEqual({ value: 500_000, unit: "tokens/s" })
    expect(rateOf({ amount: () => 3e9, unit: "GB/s" }, 2e9)).toEqual({ value: 1.5, unit: "GB/s" })
    expect(rateOf({ amount: 5e5, unit: "MB/s" }, 1e9)).toEqual({ value: 0.5, unit: "MB/s" })
  })

  test("a ratio above 1 is faster than the compared bench", () => {
    const setup: Setup = function* () {}
    const slow = resultOf({ suite: "s", name: "dense", work, setup }, { ...measured, medianNs: 6e6 }, [])
    const fast = resultOf({ suite: "s", name: "selective", comparedTo: "dense", work, setup }, measured, [slow])
    expect(fast.ratio).toEqual({ value: 3, to: "dense" })
    expect(slow.ratio).toBeUndefined()
  })

  test("benches of unequal work compare their rates", () => {
    const setup: Setup = function* () {}
    const slow = resultOf({ suite: "s", name: "slow", work: { ...work, amount: 100 }, setup }, measured, [])
    const alsoWork = { amount: 4e6, unit: "GB/s" } as const
    const fast = resultOf({ suite: "s", name: "fast", comparedTo: "slow", work, alsoWork, setup }, measured, [slow])
    expect(fast.ratio!.value).toBeCloseTo(10, 9)
    expect(fast.alsoRate).toEqual({ value: 2, unit: "GB/s" })
  })

  test("figures have three digits", () => {
    expect([0.5, 291, 8590, 1.16e6, 2.5e9].map(formatTime)).toEqual([
      "0.500 ns",
      "291 ns",
      "8.59 us",
      "1.16 ms",
      "2.50 s ",
    ])
    expect([20.2, 7827, 183_000, 1.45e7].map((value) => formatRate({ value, unit: "tokens/s" }))).toEqual([
      "20.2   tokens/s",
      "7827   tokens/s",
      "183 k tokens/s",
      "14.5 M tokens/s",
    ])
  })
})
