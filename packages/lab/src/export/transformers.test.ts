/**
 * Models of a tiny run opened by `transformers`: keys, ids, logits, greedy texts and acceptance beside ours.
 *
 * WINNOW_PYTHON names a Python that has torch and transformers; without it the test is skipped.
 */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { runLayers } from "../../test/run-layers.ts"
import { tiny } from "../../test/tiny.ts"
import { resolve } from "../experiment/resolve.ts"
import { runExperiment } from "../run.ts"
import { exportModel } from "./export-model.ts"

const python = process.env["WINNOW_PYTHON"] ?? ""
if (python === "") console.warn("WINNOW_PYTHON is not set: exported models are not opened by transformers here")
const home = mkdtempSync(join(tmpdir(), "winnow-transformers-"))
afterAll(() => rmSync(home, { recursive: true }))

const interop = join(import.meta.dir, "../../interop")

/** Output of a process. */
const ran = (...command: ReadonlyArray<string>) => {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command])
  return { exitCode, out: stdout.toString(), err: stderr.toString() }
}

test.skipIf(python === "")(
  "transformers opens an exported pair without a missing or unexpected key, and writes and accepts the same",
  async () => {
    const run = Effect.flatMap(resolve(tiny), (r) =>
      runExperiment(r, { slug: "000-tiny", results: join(home, "results") }),
    )
    const { directory } = await Effect.runPromise(Effect.provide(run, runLayers(home)))
    const [target, draft] = [join(home, "target"), join(home, "draft")]
    for (const [name, to] of [
      ["target", target],
      ["all", draft],
    ] as const)
      await Effect.runPromise(exportModel({ directory, name, to, dtype: "float32", home }))
    const prompts = join(home, "prompts.jsonl")
    writeFileSync(prompts, ["a:", "f:", "l: ü"].map((prompt) => JSON.stringify({ prompt })).join("\n"))
    const own = ran(
      ...["bun", join(interop, "ours.ts"), "--target", target, "--draft", draft],
      ...["--prompts", prompts, "--gamma", "2", "--max-new", "12"],
    )
    expect([own.exitCode, own.err]).toEqual([0, ""])
    writeFileSync(join(home, "ours.json"), own.out)
    const theirs = ran(python, join(interop, "transformers_side.py"), join(home, "ours.json"))
    expect([theirs.exitCode, theirs.out]).toEqual([0, expect.stringContaining("all the same")])
    expect(theirs.out.match(/missing or unexpected keys: none/g)).toHaveLength(2)
    expect(theirs.out).toContain("counts: 3 of 3 the same")
  },
)
