import { expect, test } from "bun:test"
import { Effect } from "effect"
import { graphOf } from "../../test/graph.ts"
import { tiny } from "../../test/tiny.ts"
import type { Experiment } from "../experiment/define.ts"
import { resolve } from "../experiment/resolve.ts"
import { runName } from "./name.ts"

const nameOf = (experiment: Experiment) =>
  Effect.runPromise(
    Effect.gen(function* () {
      const resolved = yield* resolve(experiment)
      return runName(resolved, yield* graphOf(resolved))
    }),
  )

test("a run's name changes with what its record says, though every stage stays the same", async () => {
  const { all, behind } = tiny.arms as Record<"all" | "behind", Experiment["arms"][string]>
  const others: ReadonlyArray<Experiment> = [
    tiny,
    { ...tiny, arms: { all: behind, behind: all } },
    { ...tiny, arms: { behind, all } },
    { ...tiny, arms: { all, late: behind } },
    { ...tiny, question: "Does it still run?" },
    { ...tiny, name: "small" },
    { ...tiny, seeds: [2, 1] },
  ]
  const names = await Promise.all(others.map(nameOf))
  expect(new Set(names).size).toBe(others.length)
  expect(await nameOf({ ...tiny, arms: { all, behind } })).toBe(names[0]!)
})
