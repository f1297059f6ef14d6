/** One comparison of generation: writes the model, starts all sides, alternates them by round; the result is plain data. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median, seeded } from "@winnow/numerics"
import { SEED } from "../decode/seed.ts"
import {
  type Environment,
  fastest,
  keepFreedMemory,
  type PeerPrecision,
  type RoundRatios,
  speedRatio,
} from "../side-by-side/peer-sides.ts"
import { type Quietness, runRounds } from "../side-by-side/rounds.ts"
import { runScript } from "../side-by-side/run-child.ts"
import { type Answer, startWorker, type Worker } from "../side-by-side/worker-process.ts"
import { rateFloor } from "./floor.ts"
import type { GenerateOptions } from "./options.ts"

/** Greedy, and sampled at temperature 1. */
export const modes = ["greedy", "sampled"] as const
export type Mode = (typeof modes)[number]
const ways = ["one", "batch"] as const
type Way = (typeof ways)[number]

type Texts = ReadonlyArray<ReadonlyArray<number>>
interface Written extends Answer {
  readonly texts: Texts
}
/** The answers of one round. */
type Done = Readonly<Record<Mode, Readonly<Record<Way, Written>>>>

/** Figures of one side in one mode; seconds include the time to read the prompts. */
export interface GenerateTimes {
  /** Tokens a second, one prompt at a time and all at once: of each round the median. */
  readonly one: number
  readonly batch: number
  /** Tokens a second of the batch over those of one at a time, within rounds. */
  readonly gain: RoundRatios
  /** Of the texts that were written both ways, the share with the same tokens. */
  readonly same: number
}

export interface GenerateSide extends Readonly<Record<Mode, GenerateTimes>> {
  readonly name: string
  readonly peakMegabytes: number
}

/** A peer, and our speed on the same batch relative to it. */
export interface GeneratePeer extends GenerateSide {
  readonly precision: PeerPrecision
  readonly environment: Environment
  readonly versions: Readonly<Record<string, string>>
  readonly speed: Readonly<Record<Mode, RoundRatios>>
}

export interface GenerateResult extends Quietness {
  readonly sizes: Pick<GenerateOptions, "target" | "vocab" | "batch" | "single" | "prompt" | "new" | "threads">
  readonly rounds: number
  readonly ours: GenerateSide
  readonly peers: ReadonlyArray<GeneratePeer>
  /** Each mode against its faster peer. */
  readonly against?: Readonly<Record<Mode, { readonly name: string; readonly speed: RoundRatios }>>
  /** Tokens a second of our precision that the machine's memory and arithmetic allow a step; null without native code. */
  readonly floor: { readonly one: number; readonly batch: number; readonly gain: number } | null
}

interface Side {
  readonly key: "ours" | PeerPrecision
  readonly worker: Worker
}

const WARM_UP = 1

/** Prompts of random tokens for each round: half to all of the longest length, which one of them has. */
export const promptsOf = (
  { batch, prompt, vocab }: Pick<GenerateOptions, "batch" | "prompt" | "vocab">,
  rounds: number,
): ReadonlyArray<Texts> =>
  Array.from({ length: rounds }, (_, round) => {
    const rng = seeded(SEED, "generate bench", round)
    const half = Math.ceil(prompt / 2)
    return Array.from({ length: batch }, (_, b) =>
      Array.from({ length: b === 0 ? prompt : half + rng.below(prompt - half + 1) }, () => rng.below(vocab)),
    )
  })

const write = async (o: GenerateOptions, folder: string) => {
  const { target, vocab, prompt, new: fresh, threads } = o
  const flags = Object.entries({ target, vocab, prompt, new: fresh, threads })
  writeFileSync(join(folder, "prompts.json"), JSON.stringify(promptsOf(o, WARM_UP + o.rounds)))
  const args = [
    ...flags.flatMap(([name, value]) => [`--${name}`, String(value)]),
    ...(o.priority ? ["--priority"] : []),
  ]
  const stdout = await runScript(join(import.meta.dir, "make-model.ts"), [folder, ...args])
  return JSON.parse(stdout) as { bandwidth: number; float32: number | null; bfloat16: number | null }
}

const start = async (o: GenerateOptions, folder: string, say: (line: string) => void): Promise<ReadonlyArray<Side>> => {
  const args = [
    "--folder",
    folder,
    ...(["new", "single", "threads"] as const).flatMap((name) => [`--${name}`, String(o[name])]),
  ]
  const script = join(import.meta.dir, "../../peers/hf_generate.py")
  const sides: Array<Side> = []
  const add = async (key: Side["key"], command: ReadonlyArray<string>, environment: Environment = {}) => {
    sides.push({ key, worker: await startWorker([...command, ...args], environment) })
    say(`started ${sides.at(-1)!.worker.name}`)
  }
  await add("ours", [process.execPath, join(import.meta.dir, "worker.ts"), "--precision", o.precision])
  if (o.peer !== undefined)
    for (const peer of o.peers)
      await add(peer, [o.peer, script, ...(peer === "bf16" ? ["--bf16"] : [])], keepFreedMemory)
  return sides
}

const tokensIn = (texts: Texts): number => texts.reduce((sum, text) => sum + text.length, 0)
const perToken = ({ seconds, texts }: Written): number => seconds / tokensIn(texts)

const timesOf = (done: ReadonlyArray<Done>, mode: Mode): GenerateTimes => {
  const of = (way: Way) => done.map((round) => perToken(round[mode][way]))
  const both = done.flatMap((round) =>
    round[mode].one.texts.map((text, i) => Number(text.join() === round[mode].batch.texts[i]!.join())),
  )
  return {
    one: 1 / median(of("one")),
    batch: 1 / median(of("batch")),
    gain: speedRatio(of("batch"), of("one")),
    same: both.reduce((a, b) => a + b, 0) / both.length,
  }
}

/**
 * Runs the comparison; the peer must have passed `checkPeer`. Removes the model at the end.
 *
 * @param say receives a line for each round, for a terminal
 * @error WorkerEnded when a side fails during the run
 */
export const runGenerate = async (o: GenerateOptions, say: (line: string) => void): Promise<GenerateResult> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const machine = await write(o, folder)
    const sides = await start(o, folder, say)
    const { answers, ...quietness } = await runRounds(
      { sides, warmUp: WARM_UP, count: o.rounds, patience: o.patience, priority: o.priority, say },
      async ({ key, worker }, round) => {
        const answer: Partial<Record<Mode, Record<Way, Written>>> = {}
        const said: Array<string> = []
        for (const mode of modes) {
          const ask = (way: Way) => worker.ask<Written>(`${mode} ${way} ${round}`)
          const both = { one: await ask("one"), batch: await ask("batch") }
          answer[mode] = both
          said.push(`${mode} ${ways.map((way) => (1 / perToken(both[way])).toFixed(0)).join(" -> ")}`)
        }
        return { answer: answer as Done, text: `${key} ${said.join(", ")} tokens/s` }
      },
    )
    const all: Array<GenerateSide> = []
    for (const [i, { worker }] of sides.entries()) {
      const done = answers.map((round) => round[i]!)
      const [greedy, sampled] = [timesOf(done, "greedy"), timesOf(done, "sampled")]
      all.push({ name: worker.name, greedy, sampled, peakMegabytes: await worker.end() })
    }
    const secondsOf = (i: number, mode: Mode) => answers.map((round) => round[i]![mode].batch.seconds)
    const [ours, ...others] = all as [GenerateSide, ...Array<GenerateSide>]
    const peers = others.map((peer, i): GeneratePeer => {
      const { key, worker } = sides[i + 1]!
      const speed = (mode: Mode) => speedRatio(secondsOf(0, mode), secondsOf(i + 1, mode))
      return {
        ...peer,
        precision: key as PeerPrecision,
        environment: keepFreedMemory,
        versions: worker.versions,
        speed: { greedy: speed("greedy"), sampled: speed("sampled") },
      }
    })
    const best = (mode: Mode) => {
      const { name, speed } = fastest(peers.map((peer, i) => ({ ...peer, seconds: secondsOf(i + 1, mode) })))!
      return { name, speed: speed[mode] }
    }
    const { target, vocab, batch, single, prompt, new: fresh, threads } = o
    const flops = machine[o.precision]
    const rate = (B: number) =>
      rateFloor(target, vocab, B, {
        bandwidth: machine.bandwidth,
        flops: flops!,
        bytes: o.precision === "bfloat16" ? 2 : 4,
      })
    return {
      sizes: { target, vocab, batch, single, prompt, new: fresh, threads },
      rounds: o.rounds,
      ours,
      peers,
      ...(peers.length > 0 && { against: { greedy: best("greedy"), sampled: best("sampled") } }),
      floor: flops === null ? null : { one: rate(1), batch: rate(batch), gain: rate(batch) / rate(1) },
      ...quietness,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
