/**
 * One comparison of ours with llama.cpp and its fork: writes the pair, has it converted, alternates all sides. A turn is
 * a process on each side, so that its memory is that of one model, or of one pair.
 */
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import type { PairName } from "../../shapes/shapes.ts"
import { type RoundRatios, speedRatio } from "../../side-by-side/peer-sides.ts"
import { type Quietness, runRounds } from "../../side-by-side/rounds.ts"
import { runChild } from "../../side-by-side/run-child.ts"
import { runMeasured } from "../../side-by-side/run-measured.ts"
import { decodeFloor, pairReads } from "../floor.ts"
import type { DecodeOptions, Margins, OurPrecision } from "../options.ts"
import { writePair } from "../write-pair.ts"
import {
  type Alone,
  aloneCommand,
  type Engine,
  type EngineName,
  engineNames,
  type Paired,
  pairCommand,
  readAlone,
  readPaired,
  type Turn,
} from "./engines.ts"

/** Weights of an engine's file that stand beside each precision of ours. */
export const ggufTypes = { float32: "f32", bfloat16: "bf16", q8: "q8_0" } as const

/** The work that is timed: a prompt is read, tokens are written after one token, a prompt is continued with the draft. */
export const works = ["prompt", "plain", "assisted"] as const
export type Work = (typeof works)[number]

/** Figures of one kind of work of one side. */
interface Times {
  /** Of a token, in each round. */
  readonly secondsPerToken: ReadonlyArray<number>
  readonly tokensPerSecond: number
}

export interface EngineSide {
  readonly engine: "Winnow" | EngineName
  readonly precision: OurPrecision
  /** The commit that an engine names. */
  readonly commit?: string
  readonly prompt: Times
  readonly plain: Times
  readonly assisted: Times & {
    /** Tokens proposed and accepted, over all rounds. */
    readonly proposed: number
    readonly accepted: number
    /** Rounds whose text is the target's own. */
    readonly identical: number
  }
  /** Of the weights as stored: the target's, and of target and draft. */
  readonly fileMegabytes: { readonly target: number; readonly pair: number }
  /** The highest of all rounds, with the target alone and with the draft. */
  readonly peakMegabytes: { readonly plain: number; readonly assisted: number }
}

/** Speed of one of our sides over an engine's: above 1 ours is faster. */
export interface EngineRatio {
  readonly ours: OurPrecision
  readonly engine: EngineName
  readonly precision: OurPrecision
  readonly speed: Readonly<Record<Work, RoundRatios>>
}

export interface EnginesResult extends Quietness {
  readonly sizes: Pick<DecodeOptions, "draft" | "target" | "vocab" | "gamma" | "prompt" | "new" | "threads">
  readonly shape?: PairName
  readonly margins: Margins
  readonly agreement: number
  readonly rounds: number
  readonly sides: ReadonlyArray<EngineSide>
  readonly ratios: ReadonlyArray<EngineRatio>
  /** Bytes a second that two threads read from memory; tokens a second of the target alone that it allows. */
  readonly bandwidth: number
  readonly floor: Readonly<Record<OurPrecision, number>>
}

interface Side {
  readonly engine: Engine | undefined
  readonly precision: OurPrecision
  /** Turns are processes of this one, whose ended children count as its own. */
  readonly worker: { readonly pid: number }
}

interface Done {
  readonly alone: Alone & { readonly commit?: string }
  readonly pair: Paired
  readonly peaks: { readonly plain: number; readonly assisted: number }
}

/** Each turn is a process that runs untimed first. */
const WARM_UP = 0

const nameOf = ({ engine, precision }: Side): string =>
  engine === undefined ? precision : `${engine.name} ${ggufTypes[precision]}`

const fileOf = (folder: string, which: string, precision: OurPrecision): string =>
  join(folder, `${which}-${ggufTypes[precision]}.gguf`)

/** Has both models converted in each precision, by the user's converter. @param texts have no token that ends them */
const convert = async (
  o: DecodeOptions,
  folder: string,
  texts: ReadonlyArray<ReadonlyArray<number>>,
  say: (line: string) => void,
): Promise<void> => {
  const [python, script] = o.ggufConverter! as [string, string]
  const used = new Set(texts.flat())
  let end = 0
  while (used.has(end)) end++
  const ours = join(import.meta.dir, "../../../peers/gguf_convert.py")
  for (const precision of precisionsOf(o))
    for (const which of ["target", "draft"]) {
      const file = fileOf(folder, which, precision)
      await runChild([python, ours, script, join(folder, which), file, ggufTypes[precision], String(end)])
      say(`converted ${which} to ${ggufTypes[precision]}`)
    }
}

/** Our precisions, each once. */
const precisionsOf = (o: Pick<DecodeOptions, "precision" | "also">): ReadonlyArray<OurPrecision> => [
  ...new Set([o.precision, ...(o.also ?? [])]),
]

const sidesOf = (o: DecodeOptions): ReadonlyArray<Side> => {
  const worker = { pid: process.pid }
  const engines = engineNames.flatMap((name) => o.engines.filter((engine) => engine.name === name))
  return [undefined, ...engines].flatMap((engine) =>
    precisionsOf(o).map((precision) => ({ engine, precision, worker })),
  )
}

/** An engine ends now and then before its log is written out: then the turn is run again. */
const RUNS = 5
const isWhole = ({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): boolean =>
  /n_accept|#acc tokens/.test(`${stdout}${stderr}`)

/** One turn of a side: the target alone, then the pair. */
const ask = async (side: Side, o: DecodeOptions, folder: string, turn: Turn, round: number): Promise<Done> => {
  const { engine, precision } = side
  if (engine === undefined) {
    const settings = { folder, precision, round, new: o.new, gamma: o.gamma, threads: o.threads }
    const words = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)])
    const run = (kind: string) =>
      runMeasured([process.execPath, join(import.meta.dir, "ours-once.ts"), "--kind", kind, ...words])
    const [alone, pair] = [await run("alone"), await run("pair")]
    return {
      alone: JSON.parse(alone.stdout),
      pair: JSON.parse(pair.stdout),
      peaks: { plain: alone.peakMegabytes, assisted: pair.peakMegabytes },
    }
  }
  const models = { target: fileOf(folder, "target", precision), draft: fileOf(folder, "draft", precision) }
  const alone = await runMeasured(aloneCommand(engine, models.target, turn))
  let pair = await runMeasured(pairCommand(engine, models, turn))
  for (let again = 1; again < RUNS && !isWhole(pair); again++)
    pair = await runMeasured(pairCommand(engine, models, turn))
  return {
    alone: readAlone(engine, alone.stdout),
    pair: readPaired(engine, turn, pair.stdout, pair.stderr),
    peaks: { plain: alone.peakMegabytes, assisted: pair.peakMegabytes },
  }
}

const timesOf = (secondsPerToken: ReadonlyArray<number>): Times => ({
  secondsPerToken,
  tokensPerSecond: 1 / median(secondsPerToken),
})

const sum = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a + b, 0)

/** Bytes of a weight as stored; blocks of q8 have a scale in 16 bits for each 32 numbers. */
const bytesPerWeight = { float32: 4, bfloat16: 2, q8: 34 / 32 } as const

const sideOf = (
  { engine, precision }: Side,
  done: ReadonlyArray<Done>,
  o: DecodeOptions,
  folder: string,
  texts: ReadonlyArray<ReadonlyArray<number>>,
): EngineSide => {
  const commit = done[0]!.alone.commit
  const size = (which: string) => statSync(fileOf(folder, which, precision)).size / 2 ** 20
  const highest = (of: keyof Done["peaks"]) => Math.max(...done.map(({ peaks }) => peaks[of]))
  return {
    engine: engine?.name ?? "Winnow",
    precision,
    ...(commit !== undefined && { commit }),
    prompt: timesOf(done.map(({ alone }) => alone.promptSeconds / o.prompt)),
    plain: timesOf(done.map(({ alone }) => alone.tokensSeconds / o.new)),
    assisted: {
      ...timesOf(done.map(({ pair }) => pair.seconds / pair.written)),
      proposed: sum(done.map(({ pair }) => pair.proposed)),
      accepted: sum(done.map(({ pair }) => pair.accepted)),
      identical: done.filter(({ pair }, r) => pair.tokens.join() === texts[r]!.join()).length,
    },
    fileMegabytes: { target: size("target"), pair: size("target") + size("draft") },
    peakMegabytes: { plain: highest("plain"), assisted: highest("assisted") },
  }
}

const ratioOf = (ours: EngineSide, theirs: EngineSide): EngineRatio => {
  const speed = (work: Work) => speedRatio(ours[work].secondsPerToken, theirs[work].secondsPerToken)
  return {
    ours: ours.precision,
    engine: theirs.engine as EngineName, // ours are not compared with one another
    precision: theirs.precision,
    speed: { prompt: speed("prompt"), plain: speed("plain"), assisted: speed("assisted") },
  }
}

/**
 * Runs the comparison. Removes the pair at the end.
 *
 * @param say receives a line for each round, for a terminal
 * @error WorkerEnded when a side or the converter fails
 */
export const runEngines = async (o: DecodeOptions, say: (line: string) => void): Promise<EnginesResult> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const { texts, bandwidth } = await writePair(o, folder, WARM_UP)
    const prompts = JSON.parse(readFileSync(join(folder, "prompts.json"), "utf8")) as ReadonlyArray<Array<number>>
    await convert(o, folder, [...prompts, ...texts], say)
    const sides = sidesOf(o)
    const { answers, ...quietness } = await runRounds(
      { sides, warmUp: WARM_UP, count: o.rounds, patience: o.patience, priority: o.priority, say },
      async (side, round) => {
        const turn = { prompt: prompts[round]!, new: o.new, gamma: o.gamma, threads: o.threads }
        const answer = await ask(side, o, folder, turn, round)
        const seconds = `${answer.alone.tokensSeconds.toFixed(2)} s, ${answer.pair.seconds.toFixed(2)} s`
        return { answer, text: `${nameOf(side)} ${seconds}` }
      },
    )
    const all = sides.map((side, i) => {
      const done = answers.map((round) => round[i]!)
      return sideOf(side, done, o, folder, texts)
    })
    const [ours, theirs] = [true, false].map((own) => all.filter(({ engine }) => (engine === "Winnow") === own))
    const { draft, target, vocab, gamma, prompt, new: fresh, threads } = o
    const { plain } = decodeFloor(pairReads(o), gamma, bandwidth, 1)
    const floor = (precision: OurPrecision) => (plain.float32 * 4) / bytesPerWeight[precision]
    return {
      ...(o.shape && { shape: o.shape }),
      sizes: { draft, target, vocab, gamma, prompt, new: fresh, threads },
      ...{ margins: o.margins, agreement: o.agreement, rounds: o.rounds, sides: all },
      ratios: ours!.flatMap((own) => theirs!.map((other) => ratioOf(own, other))),
      bandwidth,
      floor: { float32: floor("float32"), bfloat16: floor("bfloat16"), q8: floor("q8") },
      ...quietness,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
