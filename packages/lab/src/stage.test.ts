import { expect, test } from "bun:test"
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DataError, Datasets } from "@winnow/core"
import { Effect, Layer } from "effect"
import { Progress, type ProgressEvent } from "./progress.ts"
import { inOrder, runStages, type Stage, stage } from "./stage.ts"
import { checkpoints, Store } from "./store/store.ts"

/** a -> b -> d, a -> c: each writes its inputs' texts and its own option. */
const graph = (options: { a: number; b: number; c: number; d: number }, ran: Array<string>) => {
  const make = (name: keyof typeof options, inputs: ReadonlyArray<Stage>) =>
    stage({
      kind: name,
      label: name,
      config: { option: options[name] },
      inputs,
      code: [],
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
    const noData = Layer.succeed(Datasets, { locate: () => Effect.die("no data"), lines: () => Effect.die("no data") })
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
  expect((await run(options)).ran).toBe("") // what was there before is still there
  expect((await run(options, true)).ran).toBe("acbd")
})

test("a stage that was stopped is said to go on only if it left a checkpoint", async () => {
  const store = Store.layer(mkdtempSync(join(tmpdir(), "winnow-stages-")))
  const noData = Layer.succeed(Datasets, { locate: () => Effect.die("no data"), lines: () => Effect.die("no data") })
  const attempt = async (leave: string | undefined) => {
    const resuming: Array<boolean> = []
    const report = (e: ProgressEvent) => void (e._tag === "started" && resuming.push(e.resuming))
    const training = stage({
      kind: "a",
      label: "a",
      config: {},
      inputs: [],
      code: [],
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
  expect(await attempt(join(checkpoints, "step-00000001"))).toEqual([false]) // metrics, but nothing to go on from
  expect(await attempt(undefined)).toEqual([true])
})

test("a run tells what starts, how far it is and what was there", async () => {
  const run = runner()
  const options = { a: 1, b: 1, c: 1, d: 1 }
  const tags = ({ events }: Awaited<ReturnType<typeof run>>) => events.map(({ _tag }) => _tag).join(" ")
  expect(tags(await run(options))).toBe(Array(4).fill("started progress done").join(" "))
  const again = await run(options)
  expect(again.events.every((e) => e._tag === "done" && e.reused)).toBe(true)
})
