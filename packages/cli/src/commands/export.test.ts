/** `winnow export`: its report, and its refusals by exit codes; the folder is tested where it is made, in the lab. */
import { afterAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { exportReport } from "./export.ts"
import { hostedCli } from "./run-cli.fixture.ts"

const home = mkdtempSync(join(tmpdir(), "winnow-cli-export-"))
afterAll(() => rmSync(home, { recursive: true }))

/** The published run of 001-quickstart, whose weights no clone has. */
const run = readdirSync(join(import.meta.dir, "../../../../results/001-quickstart"))[0]!

const hosted = hostedCli()
const winnow = (...args: ReadonlyArray<string>) => hosted(["export", ...args], { WINNOW_HOME: join(home, "store") })

test("a fresh clone has no weights: exit 2 and the command that trains them; a wrong name is exit 1; no folder is left", async () => {
  const to = join(home, "draft")
  const [gone, unknown, both] = await Promise.all([
    winnow(run, "adaspec", "--to", to),
    winnow(run, "adaspek", "--to", to),
    winnow(run, "target", "--seed", "2", "--to", to),
  ])
  expect([gone.code, unknown.code, both.code]).toEqual([2, 1, 1])
  expect([gone.out, unknown.out, both.out]).toEqual(["", "", ""])
  expect(gone.err).toContain(`\`bun run experiment --repeat ${run}\` trains them again`)
  expect(unknown.err).toContain("did you mean adaspec?")
  expect(both.err).toContain("has one target for all seeds; leave out the seed")
  expect(existsSync(to)).toBe(false)
})

test("the report fits 80 columns and says the sizes, the source of the weights, and what to do next", () => {
  const exported = {
    ...{
      directory: join(home, "draft"),
      run: "35b0b503c3",
      name: "adaspec",
      seed: 1,
      parameters: 101_520,
      decodes: true,
    },
    ...{
      dtype: "bfloat16" as const,
      notes: ["Tokenizer: x"],
      sha256: { exported: "a".repeat(64), recorded: "b".repeat(64) },
    },
    files: [
      { file: "model.safetensors", bytes: 407_300 },
      { file: "config.json", bytes: 680 },
    ],
  } as const
  const lines = exportReport({ ...exported, directory: "out/draft" }).split("\n")
  expect(lines).toEqual([
    "adaspec, seed 1 of run 35b0b503c3: 101 520 parameters in bfloat16, out/draft",
    "  model.safetensors  407.3 kB",
    "  config.json           680 B",
    "weights: converted from float32, SHA-256 aaaaaaaaaaaaaaaa...",
    "note: Tokenizer: x",
    'try it: bun run winnow generate --target DIR --draft out/draft --prompt "..."',
  ])
  for (const line of lines) expect(Bun.stringWidth(line)).toBeLessThanOrEqual(80)
  const target = exportReport({ ...exported, name: "target", seed: null, directory: "out/target" })
  expect(target).toContain("target of run 35b0b503c3: ")
  expect(target).toContain("--target out/target --prompt")
  const encoder = exportReport({ ...exported, decodes: false, directory: "out/encoder" })
  expect(encoder.split("\n").at(-1)).toBe("look at it: bun run winnow model out/encoder")
})
