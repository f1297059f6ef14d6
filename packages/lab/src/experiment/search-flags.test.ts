import { expect, test } from "bun:test"
import { Effect } from "effect"
import { tiny } from "../../test/tiny.ts"
import { withSearch } from "./search-flags.ts"

const of = (...texts: ReadonlyArray<string>) =>
  Effect.runSync(withSearch({ ...tiny, sweep: { over: { "filter.k": [0.5, 1] }, prompts: 7, seed: 9 } }, texts)).sweep
const refused = (...texts: ReadonlyArray<string>) => Effect.runSync(Effect.flip(withSearch(tiny, texts))).message

test("short texts are domains, a method and a budget; measure, seed and prompts stay the experiment's", () => {
  expect(of()).toEqual({ over: { "filter.k": [0.5, 1] }, prompts: 7, seed: 9 })
  expect(
    of(
      "optimizer.learningRate=log:1e-3..3e-2",
      "batchSize=int-log:8..64",
      "filter.k=0.1..1",
      "text=x,2",
      "halving=9/2",
      "draw=4",
      "trials=20",
      "seconds=60",
    ),
  ).toEqual({
    prompts: 7,
    seed: 9,
    over: {
      "optimizer.learningRate": { from: 1e-3, to: 3e-2, scale: "log" },
      batchSize: { from: 8, to: 64, whole: true, scale: "log" },
      "filter.k": { from: 0.1, to: 1 },
      text: ["x", 2],
    },
    method: { kind: "halving", draws: 9, factor: 2, seed: 4 },
    budget: { trials: 20, seconds: 60 },
  })
  // Own domains stay where none is named.
  expect(of("random=3")).toMatchObject({ over: { "filter.k": [0.5, 1] }, method: { kind: "random", draws: 3 } })
  expect(of('frozen=[["embedding"],["head"]]')!.over).toEqual({ frozen: [["embedding"], ["head"]] })
})

test("other texts are refused with the forms", () => {
  for (const text of [
    "filter.k",
    "filter.k=",
    "filter.k=cubic:1..2",
    "filter.k=a..b",
    "random=x",
    "random=9/3",
    "halving=9/x",
    "trials=many",
  ])
    expect([text, refused(text)]).toEqual([text, expect.stringContaining(`--search ${text}: expected PATH=DOMAIN`)])
  expect(refused("filter.k=0.1,1", "draw=3")).toContain("nothing is drawn without random=DRAWS or halving=DRAWS")
  expect(refused("randon=8")).toContain("--search randon=8: did you mean random=8? expected PATH=DOMAIN")
  expect(refused("halvin=9/3")).toContain("did you mean halving=9/3?")
  expect(of("steps=20,40")!.over).toEqual({ steps: [20, 40] })
})
