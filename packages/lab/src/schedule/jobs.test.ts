import { expect, test } from "bun:test"
import { medusa } from "@winnow/head-medusa"
import { accuracy } from "@winnow/measure-accuracy"
import { parameterCount } from "@winnow/models"
import { nextToken } from "@winnow/objective-next-token"
import { Effect } from "effect"
import quickstart from "../../../../experiments/001-quickstart/experiment.ts"
import { tiny, tinyModel } from "../../test/tiny.ts"
import { headParameters } from "../budget.ts"
import { resolve } from "../experiment/resolve.ts"
import { head } from "../experiment/start.ts"
import { checkMemory, leastLength } from "../preflight/memory.ts"
import { stage } from "../stage.ts"
import { allowedJobs, askedJobs, emptyWorker, thisMachine, workerBytes } from "./jobs.ts"
import { restWaitsFor } from "./order.ts"

const GB = 1e9

test("the default is the number of cores; --jobs is capped by cores and by memory, and a note says by which", () => {
  const machine = { cores: 4, memory: 16 * GB }
  expect(allowedJobs(undefined, GB, machine)).toEqual({ jobs: 4 })
  expect(allowedJobs(2, GB, machine)).toEqual({ jobs: 2 })
  expect(allowedJobs(999, GB, machine)).toEqual({
    jobs: 4,
    note: "--jobs 999, 4 stages run at once: there are 4 cores",
  })
  expect(allowedJobs(999, 5 * GB, machine)).toEqual({
    jobs: 2,
    note: "--jobs 999, 2 stages run at once: a worker takes about 5.0 GB of memory, and 16.0 GB are free",
  })
  expect(allowedJobs(undefined, 5 * GB, machine).note).toStartWith("there are 4 cores, 2 stages run at once: a worker")
  expect(allowedJobs(undefined, 5 * GB, { cores: 2, memory: GB })).toMatchObject({ jobs: 1 })
  expect(allowedJobs(3, GB, { cores: 1, memory: 16 * GB })).toEqual({
    jobs: 1,
    note: "--jobs 3, 1 stage runs at once: there is 1 core",
  })
})

test("a value that is no number of jobs is refused", async () => {
  for (const jobs of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 60]) {
    const error = await Effect.runPromise(Effect.flip(askedJobs(jobs)))
    expect(error.message).toContain(`--jobs ${jobs}: expected a whole number from 1 on`)
  }
  expect(await Effect.runPromise(askedJobs(3))).toBe(3)
  expect(await Effect.runPromise(askedJobs(undefined))).toBeUndefined()
})

test("a training far beyond the memory of the machine is refused with both sizes; one near it may be tried", async () => {
  const resolved = await Effect.runPromise(resolve(quickstart))
  const of = (hidden: number) => Effect.runSync(tinyModel(hidden).instance)
  const small = { draft: of(8), target: of(8) }
  const problem = (placed: typeof resolved.placed, models = small) =>
    Effect.runSync(
      checkMemory({ ...resolved, placed }, models, 30, { memory: 16 * GB }).pipe(
        Effect.as(undefined),
        Effect.catch(({ problems }) => Effect.succeed(problems.join())),
      ),
    )
  expect(problem(resolved.placed)).toBeUndefined()
  const placed = resolved.placed.map(({ at, arm }) => ({ at, arm: { ...arm, batchSize: 1e9 } }))
  expect(problem(placed)).toMatch(/^its largest training takes about [\d,]+ GB of memory, 16 GB are free; set smaller/)
  expect(problem(resolved.placed, { ...small, target: { ...of(8), trunkFlops: () => 1e18 } })).toContain("GB are free")
})

test("the estimated length of examples before encoding is never too long, for any tokenizer", () => {
  const of = (characters: number) => ({ prompt: "x".repeat(characters), answer: "" })
  expect(leastLength([of(1600), of(3200)], 512)).toBe(150)
  expect(leastLength([of(1600), of(16 * 513)], 512)).toBe(100) // the second is left out when data is encoded
  expect(leastLength([of(1)], 512)).toBe(2)
  expect(leastLength([], 512)).toBe(2)
})

test("a worker's memory: the measured 0.6 GB of the quickstart, more with larger models and batches", async () => {
  const resolved = await Effect.runPromise(resolve(quickstart))
  const of = (hidden: number) => Effect.runSync(tinyModel(hidden).instance)
  const own = resolved.target.kind === "fresh" ? await Effect.runPromise(resolved.target.model.instance) : of(8)
  const small = { draft: of(8), target: own }
  const bytes = workerBytes(resolved, small)
  expect(bytes).toBeGreaterThan(0.6 * GB)
  expect(bytes).toBeLessThan(0.9 * GB)
  expect(workerBytes(resolved, { ...small, target: of(1024) })).toBeGreaterThan(bytes)
  const placed = resolved.placed.map(({ at, arm }) => ({ at, arm: { ...arm, batchSize: 4000 } }))
  expect(workerBytes({ ...resolved, placed }, small)).toBeGreaterThan(bytes)
  expect(thisMachine().cores).toBeGreaterThanOrEqual(1)
})

test("a worker's memory for a head: its own parameters beside the frozen target, or a copy of the target that is trained", async () => {
  const target = Effect.runSync(tinyModel(512).instance)
  const use = medusa({ heads: 2 })
  const draftHead = Effect.runSync(use.instance).on(target)
  const bytesOf = async (trunk?: "trained") => {
    const { reference: _, ...rest } = tiny
    const resolved = await Effect.runPromise(
      resolve({
        ...rest,
        draft: { start: head(use, trunk && { trunk }) },
        arms: { all: tiny.arms["all"]! },
        measures: [accuracy({ objective: nextToken() })],
        measure: { prompts: 2 },
      }),
    )
    const { pretraining: __, ...given } = resolved.target
    return workerBytes({ ...resolved, target: given as typeof resolved.target }, { draft: target, draftHead, target })
  }
  const [frozen, trained] = [await bytesOf(), await bytesOf("trained")]
  const size = parameterCount(target)
  expect(frozen - emptyWorker).toBeWithin(4 * size + 16 * headParameters(draftHead), 16 * size)
  expect(trained - frozen).toBeGreaterThan(16 * size)
})

test("the rest of a run waits for its target, and for nothing that others can be run beside", () => {
  const make = (label: string, flops: number, inputs: ReadonlyArray<ReturnType<typeof stage>> = []) =>
    stage({
      ...{ kind: "x", label, config: { label }, inputs, code: null, work: { flops } },
      run: () => Effect.succeed({}),
    })
  const target = make("target", 100)
  const starts = [make("start 1", 2), make("start 2", 2)]
  const arms = starts.map((start, i) => make(`arm ${i}`, 10, [target, start]))
  const measures = arms.map((arm, i) => make(`measure ${i}`, 0, [arm]))
  const all = [target, ...starts, ...arms, ...measures]
  expect(restWaitsFor(target, all)).toBe(true)
  expect(restWaitsFor(starts[0]!, all)).toBe(false)
  expect(restWaitsFor(arms[0]!, [...arms, ...measures])).toBe(false)
  // the last arm: nothing but its measurement comes after it
  expect(restWaitsFor(arms[1]!, [arms[1]!, ...measures])).toBe(false)
})
