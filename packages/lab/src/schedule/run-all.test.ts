import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError, Datasets, TrainingStopped } from "@winnow/core"
import { datasetsOf } from "@winnow/testing"
import { Cause, Effect, Exit, Fiber, Layer } from "effect"
import { Progress, type ProgressEvent } from "../progress.ts"
import { inOrder, type Stage, stage } from "../stage.ts"
import { checkpoints, Store } from "../store/store.ts"
import { failureOf } from "./outcome.ts"
import { runAll, runStages } from "./run-all.ts"

/** a -> b -> d, a -> c: each writes its inputs' texts and its own option. */
const graph = (options: { a: number; b: number; c: number; d: number }, ran: Array<string>) => {
  const make = (name: keyof typeof options, inputs: ReadonlyArray<Stage>) =>
    stage({
      kind: name,
      label: name,
      config: { option: options[name] },
      inputs,
      code: null,
      run: ({ directory, inputs, progress, metric }) =>
        Effect.sync(() => {
          ran.push(name)
          progress(1, 2, "half")
          metric({ name })
          const before = inputs.map((i) => readFileSync(join(i.directory, "text"), "utf8")).join("+")
          writeFileSync(join(directory, "text"), `${name}${options[name]}(${before})`)
          return {}
        }),
    })
  const a = make("a", [])
  const b = make("b", [a])
  return { c: make("c", [a]), d: make("d", [b]) }
}

const runner = () => {
  const store = Store.layer(mkdtempSync(join(tmpdir(), "winnow-stages-")))
  return async (options: Parameters<typeof graph>[0], fresh = false) => {
    const ran: Array<string> = []
    const events: Array<ProgressEvent> = []
    const { c, d } = graph(options, ran)
    const progress = Layer.succeed(Progress, { report: (e) => void events.push(e) })
    const noData = Layer.succeed(Datasets, datasetsOf({}))
    const artifacts = await Effect.runPromise(
      runStages([c, d], { fresh }).pipe(Effect.provide(Layer.mergeAll(store, progress, noData))),
    )
    const text = readFileSync(join(artifacts.get(d.key)!.directory, "text"), "utf8")
    return {
      ran: ran.join(""),
      text,
      events,
      order: inOrder([c, d])
        .map(({ label }) => label)
        .join(""),
    }
  }
}

test("a second identical run runs nothing; a changed option runs what depends on it and no more", async () => {
  const run = runner()
  const options = { a: 1, b: 1, c: 1, d: 1 }
  const first = await run(options)
  expect([first.order, first.ran, first.text]).toEqual(["acbd", "acbd", "d1(b1(a1()))"])
  expect((await run(options)).ran).toBe("")
  expect((await run({ ...options, c: 2 })).ran).toBe("c")
  const changed = await run({ ...options, b: 2 })
  expect([changed.ran, changed.text]).toEqual(["bd", "d1(b2(a1()))"])
  expect((await run({ ...options, a: 2 })).ran).toBe("acbd")
  expect((await run(options)).ran).toBe("") // The earlier artifacts are still there.
  expect((await run(options, true)).ran).toBe("acbd")
})

test("a stopped stage is reported as resumed only if it left a checkpoint", async () => {
  const store = Store.layer(mkdtempSync(join(tmpdir(), "winnow-stages-")))
  const noData = Layer.succeed(Datasets, datasetsOf({}))
  const attempt = async (leave: string | undefined) => {
    const resuming: Array<boolean> = []
    const report = (e: ProgressEvent) => void (e._tag === "started" && resuming.push(e.resuming))
    const training = stage({
      kind: "a",
      label: "a",
      config: {},
      inputs: [],
      code: null,
      run: ({ directory, metric }) => {
        metric({ step: 1 })
        if (leave !== undefined) mkdirSync(join(directory, leave), { recursive: true })
        return Effect.fail(new DataError({ message: "stopped" }))
      },
    })
    const layers = Layer.mergeAll(store, Layer.succeed(Progress, { report }), noData)
    await Effect.runPromise(Effect.flip(runStages([training]).pipe(Effect.provide(layers))))
    return resuming
  }
  expect(await attempt(undefined)).toEqual([false])
  expect(await attempt(join(checkpoints, "step-00000001"))).toEqual([false]) // There are metrics, but no checkpoint.
  expect(await attempt(undefined)).toEqual([true])
})

test("a run tells what starts, how far it is and what was there", async () => {
  const run = runner()
  const options = { a: 1, b: 1, c: 1, d: 1 }
  const tags = ({ events }: Awaited<ReturnType<typeof run>>) => events.map(({ _tag }) => _tag).join(" ")
  const first = await run(options)
  expect(tags(first)).toBe(`planned ${Array(4).fill("started progress done").join(" ")}`)
  expect(first.events[0]).toMatchObject({ beginning: true, stages: [..."acbd"].map((stage) => ({ stage, flops: 0 })) })
  const { events } = await run(options)
  expect(events.slice(1).every((e) => e._tag === "done" && e.reused)).toBe(true)
})

/** target -> a1 -> m1, target -> a2 -> m2, start; each stage runs its effect in `does`, or writes its name. */
const cells = (does: Partial<Record<string, Stage["run"]>>, ran: Array<string>) => {
  const make = (name: string, ...inputs: ReadonlyArray<Stage>) =>
    stage({
      kind: "cell",
      label: name,
      config: { name },
      inputs,
      code: null,
      run: (context) => {
        ran.push(name)
        return does[name]?.(context) ?? Effect.sync(() => ({ name }))
      },
    })
  const target = make("target")
  const arms = [make("a1", target), make("a2", target)] as const
  const measures = [make("m1", arms[0]), make("m2", arms[1]), make("m1 again", arms[0])] as const
  return { target, arms, measures, start: make("start") }
}

const silent = () => {
  const noData = Layer.succeed(Datasets, datasetsOf({}))
  return Layer.mergeAll(Store.layer(mkdtempSync(join(tmpdir(), "winnow-stages-"))), Progress.silent, noData)
}

test("a stage that fails stops only what depends on it, and is tried once", async () => {
  const layers = silent()
  const ran: Array<string> = []
  const stop = () => Effect.fail(new TrainingStopped({ message: "loss is NaN", step: 3 }))
  const { measures, arms, start, target } = cells({ a1: stop }, ran)
  const outcome = await Effect.runPromise(runAll([...measures, start], {}).pipe(Effect.provide(layers)))
  expect(ran).toEqual(["target", "a1", "a2", "m2", "start"])
  expect([...outcome.artifacts.keys()].toSorted()).toEqual(
    [target, arms[1], measures[1], start].map(({ key }) => key).toSorted(),
  )
  expect([...outcome.failed.keys()]).toEqual([arms[0].key])
  expect(failureOf(measures[2], outcome)).toMatchObject({ stage: { label: "a1" }, error: { message: "loss is NaN" } })
  expect(failureOf(measures[1], outcome)).toBeUndefined()

  // A later call with this outcome tries nothing again; a later run does.
  ran.length = 0
  const later = await Effect.runPromise(runAll(measures, { have: outcome }).pipe(Effect.provide(layers)))
  expect([ran, later.failed.size, later.artifacts.size]).toEqual([[], 1, 4])
  const mended = cells({}, ran)
  const again = await Effect.runPromise(runAll(mended.measures, {}).pipe(Effect.provide(layers)))
  expect([ran, again.failed.size]).toEqual([["a1", "m1", "m1 again"], 0])
})

test("a bug in a stage is its failure, with the text of what was thrown", async () => {
  const ran: Array<string> = []
  /** An error as Winnow's own code throws it, without user code on the stack. */
  const ours = (error: Error) => {
    const frame = join(import.meta.dir, "run-stage.ts")
    return Object.defineProperty(error, "stack", { value: `${error}\n    at run (${frame}:1:1)` })
  }
  const thrown = () =>
    Effect.sync(() => {
      throw ours(new TypeError("x is undefined"))
    })
  const { measures } = cells(
    {
      a2: thrown,
      m1: () => {
        throw ours(new RangeError("before it began"))
      },
    },
    ran,
  )
  const { artifacts, failed } = await Effect.runPromise(runAll(measures, {}).pipe(Effect.provide(silent())))
  const said = [...failed.values()].map(({ stage, error }) => [stage.label, error._tag, error.message])
  expect(said.map(([label, tag]) => [label, tag])).toEqual([
    ["m1", "StageCrashed"],
    ["a2", "StageCrashed"],
  ])
  expect(said[0]![2]).toContain("RangeError: before it began")
  expect(said[1]![2]).toContain("TypeError: x is undefined")
  expect(artifacts.size).toBe(3)
})

test("an exception of code that is not Winnow's is a fault of that file, with its line", async () => {
  const thrown = () => Effect.sync(() => (undefined as unknown as { readonly score: number }).score)
  const { measures } = cells({ a2: thrown as never }, [])
  const { failed } = await Effect.runPromise(runAll(measures, {}).pipe(Effect.provide(silent())))
  const [failure] = [...failed.values()]
  expect(failure!.error._tag).toBe("InvalidInput")
  expect(failure!.error.message).toMatch(
    /^packages\/lab\/src\/schedule\/run-all\.test\.ts:\d+: TypeError: undefined is not an object/,
  )
})

test("stages that must all succeed end with the first failure, unchanged", async () => {
  const ran: Array<string> = []
  const { measures } = cells({ a1: () => Effect.fail(new DataError({ message: "no disk" })) }, ran)
  const error = await Effect.runPromise(Effect.flip(runStages(measures)).pipe(Effect.provide(silent())))
  expect([error._tag, error.message, ran]).toEqual(["DataError", "no disk", ["target", "a1"]])
  const bug = cells({ target: () => Effect.die(new TypeError("a bug")) }, ran)
  const exit = await Effect.runPromiseExit(runStages(bug.measures).pipe(Effect.provide(silent())))
  expect(Exit.isFailure(exit) && Cause.hasDies(exit.cause)).toBe(true)
})

test("an interruption stops the stage that runs, waits for it, and starts no other", async () => {
  const ran: Array<string> = []
  let closed = false
  const long = () =>
    Effect.never.pipe(
      Effect.ensuring(
        Effect.andThen(
          Effect.sleep(50),
          Effect.sync(() => {
            closed = true
          }),
        ),
      ),
    )
  const { measures } = cells({ a1: long }, ran)
  const fiber = Effect.runFork(runAll(measures, {}).pipe(Effect.provide(silent())))
  while (!ran.includes("a1")) await Bun.sleep(5)
  fiber.interruptUnsafe()
  const exit = await Effect.runPromise(Fiber.await(fiber))
  expect(Exit.isFailure(exit) && Cause.hasInterruptsOnly(exit.cause)).toBe(true)
  expect([closed, ran]).toEqual([true, ["target", "a1"]])
})
