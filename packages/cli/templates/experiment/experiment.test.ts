import { expect, test } from "bun:test"
import { resolve } from "@winnow/lab"
import { Effect } from "effect"
import experiment from "./experiment.ts"

test("every setting is valid", async () => {
  const resolved = await Effect.runPromise(resolve(experiment))
  expect(resolved.arms.map(({ name }) => name)).toEqual(Object.keys(experiment.arms))
})
