/** The time of a stage by the stages of its kind in the store. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { datasetsLayer } from "@winnow/data"
import { Effect, Layer } from "effect"
import { secondsLike } from "./pace.ts"
import { Progress, type ProgressEvent } from "./progress.ts"
import { runStages } from "./schedule/run-all.ts"
import { type Stage, stage, type Work } from "./stage.ts"
import { keyOf } from "./store/key.ts"
import { sealed } from "./store/manifest.ts"
import { Store } from "./store/store.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-pace-"))
afterAll(() => rmSync(home, { recursive: true, force: true }))

const named = (kind: string, name: string, config: object = {}, inputs: ReadonlyArray<Stage> = [], work: Work = {}) =>
  stage({
    ...{ kind, label: name, inputs, code: null, work },
    config: { ...config },
    run: ({ progress }) =>
      Effect.sync(() => {
        progress(1, 1)
        return { ...work }
      }),
  })
let minute = 0
/** The manifest of a stage that took some seconds; each is newer than the one before. */
const took = (of: Stage, seconds: number) =>
  sealed({
    ...{
      schema: 2,
      stage: of.kind,
      key: of.key,
      made: of.made,
      inputs: [],
      versions: {},
      summary: { ...of.work },
      files: [],
    },
    created: new Date(2026, 1, 1, 0, minute++).toISOString(),
    seconds,
  })

const [draft, other, target, large] = ["draft", "other", "target", "large"].map((name) =>
  named("arm", name, { name }),
) as [Stage, Stage, Stage, Stage]

test("a measurement takes the time of those with its settings on the same target; then of its settings; then of its kind", () => {
  const wanted = named("measure", "m", { gammas: [4] }, [draft, target])
  const sameTarget = took(named("measure", "1", { gammas: [4] }, [other, target]), 3)
  const otherTarget = took(named("measure", "2", { gammas: [4] }, [other, large]), 60)
  const otherSettings = took(named("measure", "3", { gammas: [1, 2] }, [other, large]), 90)
  expect(secondsLike(wanted, [otherSettings, otherTarget, sameTarget])).toBe(3)
  expect(secondsLike(wanted, [otherSettings, otherTarget])).toBe(60)
  expect(secondsLike(wanted, [otherSettings])).toBe(90)
  expect(secondsLike(wanted, [])).toBeUndefined()
})

test("times beside other programs do not make the estimate, as long as a quarter of the newest are without them", () => {
  const wanted = named("measure", "m", {}, [draft, target])
  const times = [3, 9, 3.2, 12, 8, 11, 10].map((seconds, i) =>
    took(named("measure", `${i}`, {}, [other, target]), seconds),
  )
  expect(secondsLike(wanted, times)).toBe(3.2)
  // Older than the seven newest: code was slower then.
  expect(secondsLike(wanted, [...times, ...times.map((of) => ({ ...of, created: "2020", seconds: 0.1 }))])).toBe(3.2)
})

test("a training takes the time of its work at the pace of trainings of its size", () => {
  const sized = (name: string, flops: number) => named("arm", name, { name }, [], { flops, tokens: 1 })
  const wanted = sized("wanted", 1000)
  expect(secondsLike(wanted, [took(sized("a", 100), 5)])).toBe(50)
  expect(secondsLike(wanted, [took(sized("tiny", 10), 5)])).toBeUndefined()
})

test("a run tells the estimate of each stage with its plan, from the stages that the store has", async () => {
  const events: Array<ProgressEvent> = []
  const layer = Layer.mergeAll(
    Store.layer(home),
    datasetsLayer(),
    Layer.succeed(Progress, { report: (event) => void events.push(event) }),
  )
  const run = (of: Stage) => Effect.runPromise(runStages([of]).pipe(Effect.provide(layer)))
  const plannedSeconds = () =>
    events.flatMap((event) => (event._tag === "planned" ? [event.stages.map(({ expected }) => expected)] : [])).at(-1)
  await run(named("measure", "first", { gammas: [4] }, [draft]))
  expect(plannedSeconds()).toEqual([null, null])
  await run(named("measure", "second", { gammas: [4] }, [other]))
  const [ofDraft, ofMeasure] = plannedSeconds()!
  expect(ofDraft).toBeGreaterThan(0)
  expect(ofMeasure).toBeGreaterThan(0)
  const store = Effect.runSync(Effect.provide(Store, Store.layer(home)))
  expect(store.manifests("measure").length).toBe(2)
  expect(store.manifests("measure", 1).map(({ key }) => key)).toEqual([
    named("measure", "second", { gammas: [4] }, [other]).key,
  ])
  expect(keyOf(draft.made)).toBe(draft.key)
})
