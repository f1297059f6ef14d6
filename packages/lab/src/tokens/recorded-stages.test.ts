import { expect, test } from "bun:test"
import { Datasets } from "@winnow/core"
import { Effect } from "effect"
import { aComparison } from "../../test/record.ts"
import { type Stage, stage } from "../stage.ts"
import { judgedInRecord, recordedStages } from "./recorded-stages.ts"

const made = (kind: string, label: string, k: number, inputs: ReadonlyArray<Stage> = []): Stage =>
  stage({ kind, label, config: { k }, inputs, code: null, run: () => Effect.succeed({}) })

test("a stage has the key of the record, stages of one name by their order, and is never computed", async () => {
  const target = made("target", "target", 1)
  const references = [2, 3].map((k) => made("reference", "reference (distilled), seed 1", k, [target]))
  const arms = references.map((reference, i) => made("arm", `arm ${i}, seed 1`, 4, [reference, target]))
  const key = (n: number) => String(n).repeat(64)
  const stages = [
    { kind: "target", label: "target", key: key(1) },
    { kind: "reference", label: "reference (distilled), seed 1", key: key(2) },
    { kind: "arm", label: "arm 0, seed 1", key: key(4) },
    { kind: "reference", label: "reference (distilled), seed 1", key: key(3) },
  ] as unknown as ReturnType<typeof aComparison>["stages"]
  const recorded = recordedStages({ run: "abc", stages }, { trials: [], leaves: arms })
  expect([target, ...references, arms[0]!].map((one) => recorded(one)?.key)).toEqual([key(1), key(2), key(3), key(4)])
  expect(recorded(arms[1]!)).toBeUndefined()
  expect(recorded(arms[0]!)!.inputs).toEqual([])
  const error = await Effect.runPromise(
    Effect.flip(recorded(target)!.run({} as never)).pipe(Effect.provideService(Datasets, {} as never)),
  )
  expect(error.message).toContain("run abc: target was removed")
})

test("the record's scores settle a search, whatever the store has", async () => {
  const run = aComparison({ prompts: 5 })
  const arm = run.sweep!.arms.find(({ tried }) => tried.length > 1)!
  const trials = [...arm.tried.map(({ set }) => ({ name: arm.name, set })), { name: "other", set: {} }]
  const judge = judgedInRecord(run, {
    scores: (all) => Effect.succeed(all.map(() => 0.5)),
    secondsOf: () => undefined,
  })
  expect(await Effect.runPromise(judge.scores(trials as never))).toEqual([...arm.tried.map(({ score }) => score), 0.5])
})
