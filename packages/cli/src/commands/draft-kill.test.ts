/**
 * `winnow draft` stopped in each of its steps, by a kill and by Ctrl-C: the same command goes on, and ends with the draft,
 * the figures and the stages of an undisturbed one.
 */
import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { sha256 } from "@winnow/files"
import { recordContents, storeContents } from "@winnow/lab/testing"
import { writeTarget } from "./draft.fixture.ts"
import { endOf, runCli, startCli } from "./run-cli.fixture.ts"

const root = mkdtempSync(join(tmpdir(), "winnow-draft-kill-"))
const at = (...parts: ReadonlyArray<string>) => join(root, ...parts)
beforeAll(() => writeTarget(root))
afterAll(() => rmSync(root, { recursive: true }))

/**
 * A command whose plan no clock decides: the size is named, and the minutes have time for all texts and for the most
 * passes over them.
 */
const commandOf = (name: string): Parameters<typeof startCli> => [
  [
    ...["draft", "--target", at("target"), "--prompts", at("prompts.jsonl"), "--to", at(name, "out")],
    ...["--size", "half-2", "--minutes", "60", "--max-new", "8", "--batch-size", "8", "--verbose"],
  ],
  { WINNOW_HOME: at(name, "home"), WINNOW_CHECKPOINT_SECONDS: "0.05" },
]

/** The folder of the run, once it is there. */
const runIn = (name: string): string | undefined => {
  const folder = at(name, "out", "run", "draft")
  const runs = existsSync(folder) ? readdirSync(folder).filter((run) => !run.startsWith(".")) : []
  return runs[0] === undefined ? undefined : join(folder, runs[0])
}

/** A step of the command: true of what it told so far, and of its files, once it is in it. */
interface Step {
  readonly name: string
  readonly isIn: (told: string, name: string) => boolean
  /** Milliseconds from then to the signal. */
  readonly after: number
  /** True for a step that only writes files: Ctrl-C is heard after it. */
  readonly writes?: true
}
const steps: ReadonlyArray<Step> = [
  { name: "the costs", isIn: (told) => told.includes("measuring the target's speed"), after: 60 },
  { name: "the target's text", isIn: (told) => /\] +text by the target.*\n/.test(told), after: 30 },
  { name: "the cache", isIn: (told) => /\] +target signals.*\n/.test(told), after: 30 },
  { name: "the trial of steps", isIn: (told) => /\/7\] +arm draft, seed 0.*\n/.test(told), after: 30 },
  { name: "the training", isIn: (told) => /\/12\] +arm draft, seed 0.*\n/.test(told), after: 150 },
  { name: "the figures", isIn: (told) => /measure draft, seed 0.*\n/.test(told), after: 5 },
  { name: "the results", isIn: (_, name) => runIn(name) !== undefined, after: 20, writes: true },
  {
    name: "the export",
    isIn: (_, name) => readdirSync(at(name, "out")).some((file) => file.includes("draft")),
    after: 0,
    writes: true,
  },
]

/** Starts the command, and stops it in a step by a signal; true if it was stopped there. */
const stopped = async (name: string, { isIn, after }: Step, signal: "SIGKILL" | "SIGINT"): Promise<boolean> => {
  const child = startCli(...commandOf(name))
  let told = ""
  const reading = (async () => {
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) told += text
  })()
  while (child.exitCode === null && child.signalCode === null && !isIn(told, name)) await Bun.sleep(3)
  await Bun.sleep(after)
  child.kill(signal)
  await Promise.all([child.exited, reading])
  if (child.signalCode === null && child.exitCode !== 0 && child.exitCode !== 130) throw new Error(told)
  return child.signalCode === "SIGKILL" || child.exitCode === 130
}

/** All that no clock and no place wrote. */
const contentsOf = (name: string) => {
  const page = readFileSync(at(name, "out", "README.md"), "utf8")
  const draft = at(name, "out", "draft")
  return {
    store: storeContents(at(name, "home")),
    record: recordContents(runIn(name)!),
    draft: Object.fromEntries(
      readdirSync(draft)
        .filter((file) => file !== "README.md")
        .map((file) => [file, sha256(readFileSync(join(draft, file)))]),
    ),
    accepted: /The target accepts [^,]+, [\d.]+ tokens/s.exec(page)?.[0],
  }
}

test("stopped in each step, the same command ends as if it had not been", async () => {
  const signals = { killed: "SIGKILL", interrupted: "SIGINT" } as const
  const passes = Object.entries(signals).map(async ([name, signal]) => {
    const missed: Array<string> = []
    for (const step of steps.filter(({ writes }) => signal === "SIGKILL" || !writes))
      if (!(await stopped(name, step, signal))) missed.push(step.name)
    return { name, missed, end: await endOf(startCli(...commandOf(name))) }
  })
  const [undisturbed, ...ends] = await Promise.all([runCli(...commandOf("undisturbed")), ...passes])
  if (undisturbed.code !== 0) throw new Error(undisturbed.err)
  const expected = contentsOf("undisturbed")
  expect(expected.accepted).toBeDefined()
  for (const { name, missed, end } of ends) {
    if (end.code !== 0) throw new Error(end.err)
    // The export takes milliseconds: a signal may come after it.
    expect([name, missed.filter((step) => step !== "the export")]).toEqual([name, []])
    expect(contentsOf(name)).toEqual(expected)
    expect(readdirSync(at(name, "out")).filter((file) => !file.startsWith("."))).toEqual(
      readdirSync(at("undisturbed", "out")),
    )
    // Nothing was computed twice: after the last stop nothing was left, or the figures alone.
    expect(end.out).toMatch(name === "killed" ? / 0 stages computed/ : / 1 stage computed/)
  }
})
