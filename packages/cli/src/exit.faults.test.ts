/** A fault in a user's file ends like wrong input; a bug in Winnow as a bug. */
import { expect, test } from "bun:test"
import { join } from "node:path"
import { Effect } from "effect"
import { type Exit, withExitCodes } from "./exit.ts"

/** The exit code, and the text on stderr. */
const ended = async (program: Effect.Effect<unknown, unknown>) => {
  const written: Array<string> = []
  const { write } = process.stderr
  process.stderr.write = ((text: string) => written.push(text) > 0) as typeof write
  try {
    const exit = (await Effect.runPromise(Effect.flip(withExitCodes(program)))) as Exit
    return { code: exit.code, text: written.join("") }
  } finally {
    process.stderr.write = write
  }
}

test("an exception of code that is not Winnow's exits 1 with its file and line", async () => {
  const task = { make: (): never => (undefined as never as { examples: never }).examples }
  const { code, text } = await ended(Effect.sync(() => task.make()))
  expect(code).toBe(1)
  expect(text).toMatch(
    /^error: packages\/cli\/src\/exit\.faults\.test\.ts:\d+: TypeError: undefined is not an object .* \[WN-110\]\n$/,
  )
})

test("an exception of Winnow's own code alone is a bug", async () => {
  const error = new TypeError("x is undefined")
  const frame = join(import.meta.dir, "main.ts")
  error.stack = `TypeError: x is undefined\n    at run (${frame}:3:1)\n    at /somewhere/node_modules/effect/dist/index.js:1:1`
  const { code, text } = await ended(Effect.die(error))
  expect([code, text.split("\n")[0]]).toEqual([70, "error: a bug in winnow, please report it: [WN-701]"])
})
