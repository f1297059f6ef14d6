/** Tasks that break their contract: the error names the task, the found value and the expected one. */
import { describe, expect, test } from "bun:test"
import { Context, Effect } from "effect"
import type { TaskInstance } from "../example.ts"
import { defineTask } from "../task.ts"
import { instance, none, thrown, untyped } from "./contract.fixture.ts"

describe("tasks", () => {
  const task = (effect: unknown) =>
    defineTask({ name: "odd", options: none, make: () => untyped<Effect.Effect<TaskInstance>>(effect) })()
  const refusal = (effect: unknown) =>
    Effect.runPromise(Effect.flip(task(effect).instance as Effect.Effect<unknown, Error>)).then((e) => e.message)
  test("make that gives no task", async () => {
    expect(await refusal({ examples: () => [] })).toContain(
      "task odd: make returned an object; expected an Effect: Effect.succeed(",
    )
    expect(await refusal(Promise.resolve({}))).toContain("make returned a Promise; expected an Effect")
    expect(await refusal(Effect.succeed({ example: () => [] }))).toContain(
      "make gave an object without a function `examples`",
    )
    expect(
      await refusal(
        Effect.sync(() => {
          throw new Error("no file")
        }),
      ),
    ).toMatch(/^task odd: make threw no file \(.*task-contract\.test\.ts:\d+\)$/)
  })

  test("a failure that is none of the lab's errors is a fault of the task", async () => {
    const { readFile } = await import("node:fs/promises")
    expect(await refusal(Effect.tryPromise(() => readFile("/no/such/file")))).toMatch(
      /^task odd: make failed: .*ENOENT: no such file or directory/,
    )
    expect(await refusal(Effect.fail("a text"))).toContain('task odd: make failed: "a text"')
    class Mine extends Context.Service<Mine, { readonly x: number }>()("test/Mine") {}
    expect(await refusal(Mine)).toContain("task odd: make threw Service not found: test/Mine")
  })

  const examples = async (give: () => unknown) => {
    const { examples } = await instance<TaskInstance>(task(Effect.succeed({ examples: give })) as never)
    return thrown(() => examples("train"))
  }
  test("examples that are none", async () => {
    expect(await examples(async () => [])).toContain('examples("train") returned a Promise; expected a list')
    expect(await examples(() => new Set())).toContain('examples("train") returned a Set; expected a list')
    expect(await examples(() => [{ prompt: "a", answer: 3 }])).toContain(
      'examples("train")[0] has the answer 3, the number 3; expected a text',
    )
    expect(await examples(() => [{ question: "a", answer: "b" }])).toContain(
      "[0] has no prompt (it has question, answer); expected a text",
    )
    expect(await examples(() => ["a"])).toContain('[0] is the string "a"; expected { prompt, answer }')
    expect(await examples(() => (undefined as never as string[]).map(String))).toMatch(
      /examples\("train"\) threw TypeError: .*task-contract\.test\.ts:\d+\)$/,
    )
  })

  test("a score that is no yes or no", async () => {
    const { score } = await instance<TaskInstance>(
      task(Effect.succeed({ examples: () => [], score: async () => false })) as never,
    )
    expect(thrown(() => score!({ prompt: "", answer: "" }, ""))).toContain(
      "score returned a Promise; expected true or false, from a plain function",
    )
  })
})
