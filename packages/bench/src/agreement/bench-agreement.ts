/**
 * `bun run bench agreement` compares our speculative decoding with transformers' assisted generation, by tokens and
 * counts.
 */
import { begin, type Header } from "../side-by-side/header.ts"
import { checkPeer } from "../side-by-side/worker-process.ts"
import { agreementUsage, parseAgreement, readIds } from "./options.ts"
import { type PairAgreement, runAgreement, type SideFigures } from "./run-agreement.ts"

/** The report that `--json` prints. */
export interface AgreementReport extends Header {
  readonly pairs: ReadonlyArray<PairAgreement>
  /** True if everything is the same in every pair. */
  readonly equal: boolean
}

const acceptance = ({ greedyAcceptance, accepted, rejected }: SideFigures): string =>
  greedyAcceptance === null ? "-" : `${greedyAcceptance.toFixed(4)} (${accepted}/${accepted + rejected})`

/** The table of one pair. */
export const agreementLines = ({ target, draft, prompts, new: fresh, eos, peer, lengths }: PairAgreement) => {
  const n = prompts.count
  const rows = [
    ["gamma", "same texts", "tokens a call", "transformers", "acceptance", "transformers", "same counts", "verdict"],
    ...lengths.map(({ gamma, identical, sameCounts, ours, peer, equal }) => [
      String(gamma),
      `${identical} of ${n}`,
      ours.tokensPerCall.toFixed(4),
      peer.tokensPerCall.toFixed(4),
      acceptance(ours),
      acceptance(peer),
      `${sameCounts} of ${n}`,
      equal ? "equal" : "NOT EQUAL",
    ]),
  ]
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
  const differences = lengths.flatMap(({ gamma, differences }) =>
    differences.map(
      ({ prompt, position, ours, peer, margin }) =>
        `gamma ${gamma}, prompt ${prompt + 1}: token ${position + 1} is ${ours}, transformers' is ${peer}, at a margin of ${margin?.toExponential(1)}`,
    ),
  )
  return [
    `${target.folder} (${target.parameters} parameters), ${draft.folder} (${draft.parameters})`,
    `greedy, ${prompts.file}, ${n} prompts of ${prompts.tokens} tokens, at most ${fresh} new tokens, ${eos === null ? "no end token" : `end token ${eos}`}; ${peer}`,
    ...rows.map((row) => row.map((cell, column) => cell.padStart(widths[column]!)).join("  ")),
    `smallest margin ${Math.min(...lengths.map(({ smallestMargin }) => smallestMargin)).toPrecision(3)}`,
    ...differences,
  ]
}

/**
 * Runs the comparison; prints a table for each pair, or JSON. Exit code 1 if anything differs.
 *
 * @error UsageError for impossible arguments, or a peer without PyTorch; WorkerEnded when the peer fails during the run
 */
export const benchAgreement = async (args: ReadonlyArray<string>): Promise<void> => {
  const options = parseAgreement(args)
  if (options.help) return console.log(agreementUsage)
  for (const { prompts } of options.pairs) readIds(prompts)
  await checkPeer(options.peer)
  const { say, progress, finish } = begin("agreement", args, options)
  const pairs: Array<PairAgreement> = []
  for (const pair of options.pairs) {
    pairs.push(await runAgreement(options, pair, progress))
    for (const line of ["", ...agreementLines(pairs.at(-1)!)]) say(line)
  }
  const equal = pairs.every((pair) => pair.equal)
  finish({ pairs, equal } satisfies Omit<AgreementReport, keyof Header>)
  if (!equal) process.exitCode = 1
}
