/** Folders that no text can be written with. */
import { expect, test } from "bun:test"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { namedWriter } from "./writer.ts"

test("a target that is not there, or is no model, is told as such, before a tokenizer is missed in it", async () => {
  const empty = mkdtempSync(join(tmpdir(), "winnow-empty-"))
  const refusal = async (target: string) => {
    const error = await Effect.runPromise(Effect.flip(namedWriter({ target, eos: [], precision: "float32" })))
    return [error._tag, error.message] as const
  }
  const nowhere = join(empty, "nowhere")
  expect(await refusal(nowhere)).toEqual([
    "DataError",
    `${nowhere} is not a directory: there is nothing of this name; a model is a directory with config.json and model.safetensors`,
  ])
  expect((await refusal(empty))[1]).toContain(`${empty} has no config.json, it is empty`)
  rmSync(empty, { recursive: true })
})
