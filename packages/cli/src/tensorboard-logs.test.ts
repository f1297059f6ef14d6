import { expect, test } from "bun:test"
import { Effect } from "effect"
import { withTensorBoard } from "./tensorboard-logs.ts"

test("a folder of logs that cannot be made is refused before any work, with its reason", async () => {
  const folder = `${import.meta.path}/logs`
  const refused = withTensorBoard({ report: () => {}, end: () => {} }, folder).pipe(Effect.scoped, Effect.flip)
  const { message } = await Effect.runPromise(refused)
  expect(message).toStartWith(`--tensorboard ${folder}: expected a folder that can be written: `)
})
