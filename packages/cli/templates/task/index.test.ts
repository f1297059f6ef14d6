import { expect, test } from "bun:test"
import { checkTask } from "@winnow/testing"
import { Effect } from "effect"
import { myTask } from "./index.ts"

test("keeps the laws", () => checkTask(myTask({ train: 200 }), { wrong: ({ answer }) => `${answer}!` }))

test("the answer is the prompt backwards", async () => {
  const { examples } = await Effect.runPromise(myTask({ train: 20 }).instance)
  for (const { prompt, answer } of examples("test")) expect([...answer].reverse().join("")).toBe(prompt.slice(0, -2))
})
