/**
 * `bun run bench decode` times the target alone and with a draft, against transformers on the same pair of folders, or
 * against llama.cpp and its fork on the same pair converted.
 */
import { begin, type Header } from "../side-by-side/header.ts"
import { shownRatio } from "../side-by-side/peer-sides.ts"
import { quietLine } from "../side-by-side/rounds.ts"
import { checkPeer } from "../side-by-side/worker-process.ts"
import { engineLines } from "./engines/lines.ts"
import { type EnginesResult, runEngines } from "./engines/run-engines.ts"
import { decodeUsage, parseDecode } from "./options.ts"
import { type DecodeResult, type DecodeSide, modes, runDecode } from "./run-decode.ts"

/** The report that `--json` prints beside llama.cpp. */
export type EnginesReport = Header & EnginesResult

/** The report that `--json` prints. */
export type DecodeReport = Header & DecodeResult

const sideLine = ({ name, plain, assisted, gain, peakMegabytes }: DecodeSide): string =>
  `${name.padEnd(44)} plain ${plain.tokensPerSecond.toFixed(1).padStart(6)} tokens/s  with draft ${assisted.tokensPerSecond.toFixed(1).padStart(6)} (${gain.toFixed(2)} x, ${assisted.tokensPerCall.toFixed(2)} a call)  ${peakMegabytes.toFixed(0).padStart(5)} MB`

/** The table of a comparison. */
export const decodeLines = (result: DecodeResult): ReadonlyArray<string> => {
  const { ours, also = [], peers, against, bandwidth, floor, rounds } = result
  const identity = [ours, ...also, ...peers].flatMap((side) =>
    modes
      .filter((mode) => side[mode].identical < rounds)
      .map(
        (mode) => `${side.name}, ${mode}: ${rounds - side[mode].identical} of ${rounds} texts are not the target's own`,
      ),
  )
  return [
    ...[ours, ...also, ...peers].map(sideLine),
    ...also.map(
      ({ name, speed }) =>
        `${ours.name} over ${name}: ${modes.map((mode) => `${mode} ${shownRatio(speed[mode])}`).join(", ")}`,
    ),
    ...(against === undefined
      ? []
      : modes.map(
          (mode) => `${mode}: ${shownRatio(against[mode].speed)} times the tokens a second of ${against[mode].name}`,
        )),
    `acceptance ${result.greedyAcceptance.toFixed(3)} (agreement ${result.agreement}); ${identity.length === 0 ? "all texts identical" : identity.join("; ")}; margins ${result.margins}: median ${result.medianMargin.toPrecision(3)}, smallest ${result.smallestMargin.toPrecision(3)}`,
    ...modes.map(
      (mode) =>
        `floor ${mode}: ${floor[mode].float32.toFixed(0)} tokens/s of float32 weights, ${floor[mode].bfloat16.toFixed(0)} of bfloat16, read at ${(bandwidth / 1e9).toFixed(1)} GB/s`,
    ),
    ...quietLine(result),
  ]
}

/**
 * Runs the comparison; a table on stdout, or JSON.
 *
 * @error UsageError for impossible arguments, or a peer without PyTorch; WorkerEnded when one side fails during the run
 */
export const benchDecode = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseDecode(args)
  if (options.help) return console.log(decodeUsage)
  if (options.peer !== undefined) await checkPeer(options.peer)
  const { progress, finish } = begin("decode", args, options)
  if (options.engines.length > 0) {
    const result = await runEngines(options, progress)
    return finish(result satisfies EnginesResult, engineLines(result))
  }
  const result = await runDecode(options, progress)
  finish(result satisfies DecodeResult, decodeLines(result))
}
