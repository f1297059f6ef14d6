/**
 * `bun run bench start`: seconds from the start of `winnow generate` to its first token, and of `winnow evaluate` with one
 * prompt and one token to its end; and the phases before a first token.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import { begin, type Header } from "../side-by-side/header.ts"
import { type Quietness, quietLine, runRounds } from "../side-by-side/rounds.ts"
import { runScript } from "../side-by-side/run-child.ts"
import { environmentOf, WorkerEnded } from "../side-by-side/worker-process.ts"
import { parseStart, type StartOptions, startUsage } from "./options.ts"

const kinds = ["generate", "evaluate", "phases"] as const
type Kind = (typeof kinds)[number]

const phases = ["runtime", "modules", "engine", "tokenizer", "weights", "token"] as const
type Phase = (typeof phases)[number]

interface Times {
  readonly seconds: ReadonlyArray<number>
  readonly median: number
}

/** The report that `--json` prints; seconds. */
export interface StartReport extends Header, Quietness {
  readonly sizes: Pick<StartOptions, "target" | "draft" | "vocab" | "precision" | "threads">
  readonly rounds: number
  /** To the first byte of the text. */
  readonly generate: Times
  /** To the end of the process. */
  readonly evaluate: Times
  /** Medians of a process that does one phase after another; `modules` without those of the command line. */
  readonly phases: Readonly<Record<Phase, number>>
}

type StartResult = Omit<StartReport, keyof Header>

const main = join(import.meta.dir, "../../../cli/src/main.ts")

/** Seconds until a command prints its first byte, or until it ends. @error WorkerEnded when it fails */
const timed = async (args: ReadonlyArray<string>, until: "first" | "end"): Promise<number> => {
  const start = performance.now()
  const env = environmentOf({})
  const child = Bun.spawn([process.execPath, main, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe", env })
  const reader = child.stdout.getReader()
  await reader.read()
  const first = (performance.now() - start) / 1000
  while (!(await reader.read()).done);
  const [stderr, code] = await Promise.all([new Response(child.stderr).text(), child.exited])
  if (code !== 0) throw new WorkerEnded(`winnow ${args[0]} ended with exit code ${code}:\n${stderr.slice(-2000)}`)
  return until === "first" ? first : (performance.now() - start) / 1000
}

const run = async (o: StartOptions, folder: string, say: (line: string) => void): Promise<StartResult> => {
  const { target, draft, vocab, precision, threads } = o
  await runScript(join(import.meta.dir, "make-folders.ts"), [folder, String(target), String(draft), String(vocab)])
  const models = ["--target", join(folder, "target"), "--precision", precision, "--max-new", "1"]
  const works: Readonly<
    Record<Kind, () => Promise<{ readonly seconds: number; readonly phases?: StartReport["phases"] }>>
  > = {
    generate: async () => ({
      seconds: await timed(["generate", ...models, "--prompt", "The quick brown fox"], "first"),
    }),
    evaluate: async () => {
      const others = ["--draft", join(folder, "draft"), "--prompts", join(folder, "prompts.jsonl"), "--rounds", "0"]
      return { seconds: await timed(["evaluate", ...models, ...others], "end") }
    },
    phases: async () => {
      const started = performance.timeOrigin + performance.now()
      const args = [folder, precision, String(started), String(threads)]
      const each = JSON.parse(await runScript(join(import.meta.dir, "phases.ts"), args)) as StartReport["phases"]
      return { seconds: phases.reduce((sum, phase) => sum + each[phase], 0), phases: each }
    },
  }
  const worker = { pid: process.pid } // ended children count as its own
  const { answers, ...quietness } = await runRounds(
    {
      sides: kinds.map((kind) => ({ kind, worker })),
      ...{ warmUp: 1, count: o.rounds, patience: o.patience, priority: o.priority, say },
    },
    async ({ kind }) => {
      const answer = await works[kind]()
      return { answer, text: `${kind} ${answer.seconds.toFixed(2)} s` }
    },
  )
  const of = (kind: Kind) => answers.map((round) => round[kinds.indexOf(kind)]!)
  const times = (kind: Kind): Times => {
    const seconds = of(kind).map((answer) => answer.seconds)
    return { seconds, median: median(seconds) }
  }
  const phase = (name: Phase) => median(of("phases").map((answer) => answer.phases![name]))
  return {
    sizes: { target, draft, vocab, precision, threads },
    rounds: o.rounds,
    generate: times("generate"),
    evaluate: times("evaluate"),
    phases: Object.fromEntries(phases.map((name) => [name, phase(name)])) as StartReport["phases"],
    ...quietness,
  }
}

const linesOf = (result: StartResult): ReadonlyArray<string> => [
  `generate   ${result.generate.median.toFixed(2)} s to the first token`,
  `evaluate   ${result.evaluate.median.toFixed(2)} s with one prompt and one token`,
  ...phases.map((phase) => `  ${phase.padEnd(10)} ${(1000 * result.phases[phase]).toFixed(0).padStart(5)} ms`),
  ...quietLine(result),
]

/**
 * Runs the measurement; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments; WorkerEnded when a command fails
 */
export const benchStart = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseStart(args)
  if (options.help) return console.log(startUsage)
  const { progress, finish } = begin("start", args, options)
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const result = await run(options, folder, progress)
    finish(result, linesOf(result))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
