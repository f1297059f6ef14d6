/**
 * Measures a proposer without training beside the drafts of a run: is a trained draft worth more than, say, prompt
 * look-up?
 *
 * Both are measured on the same texts of the same target at the run's gamma. The proposer has no seed; the drafts have
 * seeds.
 */
import { type ProposerUse, proposerUse } from "@winnow/core"
import { mbsu } from "@winnow/decoding"
import { type } from "arktype"
import { Effect } from "effect"
import { armsOf } from "../record/comparisons.ts"
import type { IntervalRecord, RowRecord, RunRecord } from "../record/schema.ts"
import type { ProposerFigure, ProposerSummary } from "../stages/proposer.ts"
import { defineStudy, type StudyFinding, type StudyReport } from "./study.ts"
import { column, type StudyTable, type TableFigure } from "./table.ts"

const ofArm = ({ value, low, high, seeds }: IntervalRecord): TableFigure => ({ value, low, high, seeds })
const ofProposer = (figure: ProposerFigure | null, factor = 1): TableFigure | null =>
  figure && {
    value: figure.value === null ? null : figure.value * factor,
    low: figure.low === null ? null : figure.low * factor,
    high: figure.high === null ? null : figure.high * factor,
  }

const written = ({ value, low, high }: ProposerFigure): string =>
  value === null
    ? "undefined"
    : low === null || high === null
      ? value.toFixed(2)
      : `${value.toFixed(2)} [${low.toFixed(2)}, ${high.toFixed(2)}]`

const reportOf = (use: ProposerUse, run: RunRecord, findings: ReadonlyArray<StudyFinding>): StudyReport => {
  const arms = armsOf(run)
  const { gamma } = run.conditions
  const summary = findings.find(({ of }) => of === "proposer")?.summary as ProposerSummary | undefined
  const proposerRows = summary
    ? [
        {
          name: use.name,
          context: false,
          cells: {
            tau: ofProposer(summary.blockEfficiency),
            acceptance: ofProposer(summary.greedyAcceptance),
            expected: ofProposer(summary.expectedAcceptance),
            sampledTau: ofProposer(summary.sampledBlockEfficiency),
            mbsu: ofProposer(summary.blockEfficiency, mbsu(1, gamma, summary.parameterRatio)),
            speedup: ofProposer(summary.speedup),
          },
        },
      ]
    : []
  const table: StudyTable = {
    name: "proposers",
    title: `Proposers at gamma ${gamma}`,
    of: "proposer",
    notes: [
      "tau: tokens a target call on the target's greedy texts, and in brackets on its samples. Acceptance is of the tokens that were proposed: where little is proposed, compare tau.",
      `${use.name} is not trained and has no seed: its intervals are of prompts alone, those of the drafts of seeds and prompts.`,
    ],
    columns: [
      column("tau", "tau", { direction: "higher", name: "block efficiency" }),
      column("sampledTau", "(sampled)", { direction: "higher", name: "block efficiency, sampled" }),
      column("acceptance", "greedy %", { style: "percent", unit: "%", direction: "higher", name: "greedy acceptance" }),
      column("expected", "expected %", {
        ...{ style: "percent", unit: "%", direction: "higher" },
        name: "expected acceptance",
      }),
      column("mbsu", "MBSU", { direction: "higher", name: "memory-bound speed-up" }),
      column("speedup", "speed-up", { direction: "higher", clock: true, name: "speed-up by wall time" }),
    ],
    rows: [
      ...proposerRows,
      ...arms.map(({ name, greedyAcceptance, expectedAcceptance, tau, sampledTau, mbsu, speedup }) => ({
        name,
        context: false,
        cells: {
          tau: ofArm(tau),
          sampledTau: ofArm(sampledTau),
          acceptance: ofArm(greedyAcceptance),
          expected: ofArm(expectedAcceptance),
          mbsu: ofArm(mbsu),
          speedup: ofArm(speedup),
        },
      })),
    ],
  }
  const best = arms.toSorted((a, b) => (b.tau.value ?? 0) - (a.tau.value ?? 0))[0]
  const trained = (of: (row: RowRecord) => ProposerFigure) =>
    best === undefined ? "no draft was trained" : `${best.name} ${written(of(best))}`
  const verdict =
    summary === undefined
      ? `${use.name} was not measured.`
      : `${use.name} gives ${written(summary.blockEfficiency)} tokens a target call at gamma ${gamma}, ${trained(({ tau }) => tau)}, on this target's greedy texts.`
  const conclusions =
    summary === undefined
      ? []
      : [
          `Against the clock ${summary.speedup ? written(summary.speedup) : "undefined"} times the target alone, ${trained(({ speedup }) => speedup)}.`,
          `${summary.identical} of ${summary.timed} timed texts of ${use.name} are the target's own.`,
        ]
  return { verdict, conclusions, tables: [table] }
}

/**
 * The study `proposing`: measures an untrained proposer beside the drafts.
 *
 * @param options.proposer a plugin of kind `proposer`
 */
export const proposing = defineStudy({
  name: "proposing",
  from: import.meta.url,
  options: type({ "+": "reject", proposer: proposerUse }),
  make: ({ proposer }) =>
    Effect.succeed({
      stages: ({ drafts, measureProposer }) =>
        Effect.map(measureProposer(`measure ${proposer.name}`, proposer), (stage) => [
          { row: proposer.name, seed: drafts[0]!.seed, of: "proposer", stage },
        ]),
      report: (run, findings) => reportOf(proposer, run, findings),
    }),
})
