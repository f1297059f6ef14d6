/**
 * One comparison of decoding: writes the pair, starts all sides, alternates them by prompt; the result is plain data.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { median } from "@winnow/numerics"
import type { PairName } from "../shapes/shapes.ts"
import {
  type Environment,
  fastest,
  keepFreedMemory,
  type PeerPrecision,
  type RoundRatios,
  speedRatio,
} from "../side-by-side/peer-sides.ts"
import { type Quietness, runRounds } from "../side-by-side/rounds.ts"
import { type Answer, startWorker, type Worker } from "../side-by-side/worker-process.ts"
import { type DecodeFloor, decodeFloor, pairReads } from "./floor.ts"
import type { DecodeOptions, Margins, OurPrecision } from "./options.ts"
import { writePair } from "./write-pair.ts"

/** Decoding by the target alone, and with the draft. */
export const modes = ["plain", "assisted"] as const
export type Mode = (typeof modes)[number]

/** A side's answer to one prompt. */
interface Decoded extends Answer {
  readonly tokens: ReadonlyArray<number>
  readonly targetCalls: number
  /** Our side's accepted tokens, in assisted mode. */
  readonly accepted?: number
  readonly rejected?: number
  readonly margins?: ReadonlyArray<number>
}

/** Figures of one side in one mode. */
export interface DecodeTimes {
  /** Seconds of each timed prompt, including the time to read the prompt. */
  readonly seconds: ReadonlyArray<number>
  /** New tokens of a prompt over the median of `seconds`. */
  readonly tokensPerSecond: number
  /** tau: new tokens for each target call, over all timed prompts. */
  readonly tokensPerCall: number
  /** Timed prompts whose tokens are the target's: its chain, or with small margins its float32 text. */
  readonly identical: number
}

export interface DecodeSide {
  readonly name: string
  readonly plain: DecodeTimes
  readonly assisted: DecodeTimes
  /** Assisted over plain speed, within rounds: above 1 the draft pays. */
  readonly gain: number
  /** Timed prompts whose text with the draft is the side's own without it. */
  readonly lossless: number
  readonly peakMegabytes: number
}

/** A peer, and our speed relative to it. */
export interface DecodePeer extends DecodeSide {
  readonly precision: PeerPrecision
  /** Environment variables of the peer beyond ours. */
  readonly environment: Environment
  readonly versions: Readonly<Record<string, string>>
  /** Our tokens a second over the peer's: above 1 ours is faster. */
  readonly speed: Readonly<Record<Mode, RoundRatios>>
}

/** Our decoding in a further precision, and the speed of `ours` relative to it. */
export interface OtherPrecision extends DecodeSide {
  readonly precision: OurPrecision
  readonly speed: Readonly<Record<Mode, RoundRatios>>
}

/** The faster peer in a mode. */
export interface Against {
  readonly name: string
  readonly speed: RoundRatios
}

export interface DecodeResult extends Quietness {
  readonly sizes: Pick<DecodeOptions, "draft" | "target" | "vocab" | "gamma" | "prompt" | "new" | "threads">
  /** The pair of published shapes, if it is one. */
  readonly shape?: PairName
  readonly margins: Margins
  /** The requested agreement of the pair; then the measured one: accepted / (accepted + rejected) in timed rounds. */
  readonly agreement: number
  readonly greedyAcceptance: number
  /** Distance of the target's two largest logits, over all tokens of our timed rounds with the draft. */
  readonly medianMargin: number
  /** The smallest distance: near 0 there are near ties. */
  readonly smallestMargin: number
  readonly rounds: number
  readonly ours: DecodeSide
  /** Ours in further precisions. */
  readonly also?: ReadonlyArray<OtherPrecision>
  readonly peers: ReadonlyArray<DecodePeer>
  /** Each mode against its faster peer. */
  readonly against?: Readonly<Record<Mode, Against>>
  /** Bytes a second that two threads read from memory, and the tokens a second that this allows. */
  readonly bandwidth: number
  readonly floor: Readonly<Record<Mode, DecodeFloor>>
}

interface Side {
  readonly key: "ours" | PeerPrecision | { readonly also: OurPrecision }
  readonly worker: Worker
}

/** The results of each timed prompt, by mode. */
type Done = Readonly<Record<Mode, ReadonlyArray<Decoded>>>

const WARM_UP = 1

/** The flags of our worker. */
const ofPrecision = (precision: string, draft: string = precision): ReadonlyArray<string> => [
  ...["--precision", precision],
  ...["--draft-precision", draft],
]

const start = async (o: DecodeOptions, folder: string, say: (line: string) => void): Promise<ReadonlyArray<Side>> => {
  const args = ["--folder", folder, ...(["gamma", "new", "threads"] as const).flatMap((n) => [`--${n}`, String(o[n])])]
  const script = join(import.meta.dir, "../../peers/hf_decode.py")
  const sides: Array<Side> = []
  const add = async (key: Side["key"], command: ReadonlyArray<string>, environment: Environment = {}) => {
    const worker = await startWorker([...command, ...args], environment)
    sides.push({ key, worker })
    say(`started ${sides.at(-1)!.worker.name}`)
  }
  await add("ours", [
    process.execPath,
    join(import.meta.dir, "worker.ts"),
    ...ofPrecision(o.precision, o.draftPrecision),
  ])
  for (const also of o.also ?? [])
    await add({ also }, [process.execPath, join(import.meta.dir, "worker.ts"), ...ofPrecision(also)])
  if (o.peer !== undefined)
    for (const peer of o.peers)
      await add(peer, [o.peer, script, ...(peer === "bf16" ? ["--bf16"] : [])], keepFreedMemory)
  return sides
}

const sum = (xs: ReadonlyArray<number>): number => xs.reduce((a, b) => a + b, 0)

const timesOf = (done: ReadonlyArray<Decoded>, texts: ReadonlyArray<ReadonlyArray<number>>): DecodeTimes => {
  const seconds = done.map((d) => d.seconds)
  return {
    seconds,
    tokensPerSecond: texts[0]!.length / median(seconds),
    tokensPerCall: sum(done.map((d) => d.tokens.length)) / sum(done.map((d) => d.targetCalls)),
    identical: done.filter(({ tokens }, i) => tokens.join() === texts[i]!.join()).length,
  }
}

/** The figures of all sides; `texts` belong to the timed rounds. */
const summarise = async (
  sides: ReadonlyArray<Side>,
  done: ReadonlyArray<Done>,
  texts: ReadonlyArray<ReadonlyArray<number>>,
): Promise<Pick<DecodeResult, "ours" | "also" | "peers">> => {
  const all: Array<DecodeSide> = []
  for (const [i, { worker }] of sides.entries()) {
    const [plain, assisted] = [timesOf(done[i]!.plain, texts), timesOf(done[i]!.assisted, texts)]
    const gain = speedRatio(assisted.seconds, plain.seconds).value
    const lossless = done[i]!.plain.filter(
      ({ tokens }, r) => tokens.join() === done[i]!.assisted[r]!.tokens.join(),
    ).length
    all.push({ name: worker.name, plain, assisted, gain, lossless, peakMegabytes: await worker.end() })
  }
  const [ours, ...others] = all as [DecodeSide, ...Array<DecodeSide>]
  const also: Array<OtherPrecision> = []
  const peers: Array<DecodePeer> = []
  for (const [i, side] of others.entries()) {
    const { key, worker } = sides[i + 1]!
    const [plain, assisted] = modes.map((mode) => speedRatio(ours[mode].seconds, side[mode].seconds))
    const speed = { plain: plain!, assisted: assisted! }
    if (typeof key === "object") also.push({ ...side, precision: key.also, speed })
    else
      peers.push({
        ...side,
        precision: key as PeerPrecision, // ours is the first side
        environment: keepFreedMemory,
        versions: worker.versions,
        speed,
      })
  }
  return { ours, ...(also.length > 0 && { also }), peers }
}

/**
 * Runs the comparison; the peer must have passed `checkPeer`. Removes the pair at the end.
 *
 * @param say receives a line for each round, for a terminal
 * @error WorkerEnded when a side fails during the run
 */
export const runDecode = async (o: DecodeOptions, say: (line: string) => void): Promise<DecodeResult> => {
  const folder = mkdtempSync(join(tmpdir(), "winnow-bench-"))
  try {
    const files = await writePair(o, folder, WARM_UP)
    const texts = files.texts.slice(WARM_UP)
    const sides = await start(o, folder, say)
    const { answers, ...quietness } = await runRounds(
      { sides, warmUp: WARM_UP, count: o.rounds, patience: o.patience, priority: o.priority, say },
      async ({ key, worker }, round) => {
        const ask = (mode: Mode) => worker.ask<Decoded>(`${mode} ${round}`)
        const answer = { plain: await ask("plain"), assisted: await ask("assisted") }
        const seconds = modes.map((mode) => `${mode} ${answer[mode].seconds.toFixed(2)} s`)
        const name = typeof key === "object" ? key.also : key
        return { answer, text: `${name} ${seconds.join(", ")}` }
      },
    )
    const done = sides.map((_, i): Done => {
      const of = (mode: Mode) => answers.map((round) => round[i]![mode])
      return { plain: of("plain"), assisted: of("assisted") }
    })
    const own = done[0]!.assisted
    const [accepted, rejected] = [sum(own.map((d) => d.accepted!)), sum(own.map((d) => d.rejected!))]
    const { ours, also, peers } = await summarise(sides, done, texts)
    const best = (mode: Mode): Against => {
      const { name, speed } = fastest(peers.map((peer) => ({ ...peer, seconds: peer[mode].seconds })))!
      return { name, speed: speed[mode] }
    }
    const margins = own.flatMap((d) => d.margins!)
    const { draft, target, vocab, gamma, prompt, new: fresh, threads } = o
    return {
      ...(o.shape && { shape: o.shape }),
      sizes: { draft, target, vocab, gamma, prompt, new: fresh, threads },
      margins: o.margins,
      agreement: o.agreement,
      greedyAcceptance: accepted / (accepted + rejected),
      medianMargin: median(margins),
      smallestMargin: Math.min(...margins),
      rounds: o.rounds,
      ours,
      ...(also && { also }),
      peers,
      ...(peers.length > 0 && { against: { plain: best("plain"), assisted: best("assisted") } }),
      bandwidth: files.bandwidth,
      floor: decodeFloor(pairReads(o), o.gamma, files.bandwidth, ours.assisted.tokensPerCall),
      ...quietness,
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
