/** The schema of a distillation's run.json. A change that old files do not satisfy gets the next number. */
import { type } from "arktype"
import { studyTable } from "../study/table.ts"
import { recordHeader } from "./header.ts"

const figure = "number | null"
const use = type({ name: "string", options: "Record<string, unknown>" })

/**
 * Standard errors of an interval, from which an interval of another level can be computed: of seeds, of prompts (their
 * own part), and of the interaction of prompts and seeds.
 */
const errors = type({ seeds: "number", prompts: "number", noise: "number" })

/** Fields about the computation of an interval. */
const making = {
  /** Null: one prompt, or no tested token. All 0: no spread at all, so there is no interval. */
  errors: errors.or("null"),
  /** The prompts' own part was below 0 and is set to 0. */
  cut: "boolean",
  /** The interval has the width of prompts alone: the estimate for seeds and prompts together was narrower. */
  floor: "boolean",
} as const

/** A figure with its 95 % interval over that many seeds (and all prompts). Null ends: no interval can be made. */
const interval = type({ value: figure, low: figure, high: figure, seeds: "number", ...making })
export type IntervalRecord = typeof interval.infer

/** The cost of one training stage. */
const budget = type({
  /** Optimizer steps. */
  steps: "number",
  /** Tokens through the trunk, without padding; of these, counted by the mask; of these, in the loss. */
  tokensSeen: "number",
  /** Positions through the trunk, with padding; earlier versions did not count them. */
  "positions?": "number",
  tokensValid: "number",
  tokensTrained: "number",
  /** Tokens that the draft wrote between its steps, if it wrote any: their cost is in `flops` and `seconds`. */
  "tokensWritten?": "number",
  /**
   * Passes over the training split: valid tokens over those that it has; with an objective of the stage's own, examples over
   * those that it has. Null of another text, and where it was not written.
   */
  passes: figure,
  flops: "number",
  /** Seconds of steps, for this stage alone. */
  seconds: "number",
  /** Numbers that the optimizer changed, if only a part of the model was trained: frozen parameters, adapters. */
  "trainedParameters?": "number",
})
export type Budget = typeof budget.infer

/**
 * The cost of an arm run alone: its steps, its reference and the whole of every cache and written text that either reads;
 * the training of their starts, where arms of the run begin with different models.
 */
const totalBudget = type({
  steps: "number",
  /** Includes the tokens of caches: a frozen model read them for the cache. */
  tokensSeen: "number",
  tokensTrained: "number",
  flops: "number",
  seconds: "number",
})
export type TotalBudget = typeof totalBudget.infer

/** A cache of frozen models' signals for the training data; arms and seeds may share one. */
const signalCache = type({
  label: "string",
  key: "string",
  tokens: "number",
  bytes: "number",
  flops: "number",
  /** Seconds of its computation, once. */
  seconds: "number",
})

const seedFigures = type({
  seed: "number",
  greedyAcceptance: figure,
  sampledAcceptance: figure,
  expectedAcceptance: figure,
  draftKl: figure,
  byGamma: type({
    gamma: "number",
    greedyAcceptance: figure,
    greedyTau: figure,
    sampledTau: figure,
    testedTokens: "number",
  }).array(),
  speedup: figure,
  /**
   * Of a draft that can propose some ids only: their number, and the shares of the target's own tokens that are others.
   * Its `draftKl` compares with the target's distribution over these ids.
   */
  "vocabulary?": { ids: "number", greedyOutside: "number", sampledOutside: "number" },
  timing: type({
    /** The prompts that were timed: texts of one block have no call to time. */
    prompts: "number",
    /** Processes that wanted a core in the minute before. */
    load: "number",
    /** Each timed round's median over prompts; `speedup` is their median. */
    speedupByRound: "number[]",
    /**
     * [round][prompt]: seconds a token of the target alone over those with the draft. Empty if they were not written.
     */
    ratios: "number[][]",
    tokensPerSecond: { alone: "number", withDraft: "number" },
    /** One call: the target on one token, the target on a block, the draft on one token. */
    secondsPerCall: { target: "number", verify: "number", draft: "number" },
    /** tau of the timed runs, and the speed-up by T = (gamma T_draft + T) / tau, with T of one token and of a block. */
    blockEfficiency: "number",
    predicted: "number",
    predictedFromVerify: "number",
    /** Prompts for which both ways gave the same text in every round; for the others, the margin of the tie. */
    identical: figure,
    differences: type({ margin: "number | null" }).array().or("null"),
  }).or("null"),
})
export type SeedFigures = typeof seedFigures.infer

/** The training of a draft, independent of its measures. */
const trained = {
  name: "string",
  role: "'start' | 'reference' | 'arm' | 'capacity'",
  filter: use.or("null"),
  loss: use.or("null"),
  /** Kind of the reference that the filter reads, or that the arm begins with. */
  reference: "string | null",
  /** The model that the arm begins with: "start" is the drafts'. */
  from: "string | null",
  learningRate: figure,
  /** The budget of each measured seed. */
  budget: type({
    seed: "number",
    arm: budget,
    reference: budget.or("null"),
    /** The training of the model that it begins with; left out where all arms begin with one, which no total has then. */
    "start?": budget,
    /** Caches that the arm's steps, or its reference's, read in place of frozen models. */
    signals: signalCache.array(),
    total: totalBudget,
  }).array(),
} as const
export const trainedRow = type(trained)
export type TrainedRow = typeof trainedRow.infer

const row = type({
  ...trained,
  seeds: seedFigures.array(),
  greedyAcceptance: interval,
  expectedAcceptance: interval,
  /** Greedy, and sampled (an expectation over texts that the target sampled). */
  tau: interval,
  sampledTau: interval,
  /** The draft's parameters over the target's; left out by earlier versions, whose rows all have the drafts' size. */
  "parameterRatio?": "number",
  mbsu: interval,
  /** Of the sampled tau; left out by earlier versions. */
  "sampledMbsu?": interval,
  /** KL(p || q) of raw distributions on the target's own samples, nats a token. */
  draftKl: interval,
  speedup: interval,
  /** The mean of the prompts' own ratios, where the figures above divide sums over all prompts. */
  perPrompt: { greedyAcceptance: interval, tau: interval },
  /** Greedy acceptance of the first, second, ... token of a block. */
  byPosition: type({ position: "number", tested: "number", acceptance: interval }).array(),
  /**
   * Greedy agreement with the target on its own greedy texts, at the tokens that the arm's filter keeps (with the draft
   * at its start) and at those that it drops: the arm's, and the baseline's at the same tokens.
   */
  kept: type({
    share: interval,
    kept: interval,
    dropped: interval,
    baselineKept: interval,
    baselineDropped: interval,
  }).or("null"),
})
export type RowRecord = typeof row.infer

/** Measures with differences. */
const measure = type("'greedyAcceptance' | 'expectedAcceptance' | 'tau' | 'draftKl'")
export type DifferenceMeasure = typeof measure.infer

/** Fields of a - b, paired by seed and prompt; a stands before b in the experiment. */
const paired = {
  a: "string",
  b: "string",
  /** The common seeds. */
  seeds: "number[]",
  value: figure,
  low: figure,
  high: figure,
  ...making,
} as const
/** The same in any measure, by its column's name. */
export const measureDifference = type({ ...paired, measure: "string" })
const difference = type({ ...paired, measure })
export type DifferenceRecord = typeof difference.infer

/** The settings of a point of the search, by path. */
const settings = "Record<string, unknown>"

/** The cost of a search, all of it, shared caches and texts included. */
const searchCost = type({
  /** Trainings: one for each seed of each point, of each rung. */
  trials: "number",
  /** As estimated before they ran. A training that goes on from a shorter one counts the steps that it adds. */
  flops: "number",
  /** Of trainings, caches, written texts and scores, in whichever process they were made. */
  seconds: "number",
})
export type SearchCost = typeof searchCost.infer

/** The values that were tried: a list, or the range that they were drawn from. */
const domain = type("unknown[]").or({ from: "number", to: "number", "scale?": "'linear' | 'log'", "whole?": "boolean" })

export const sweepRecord = type({
  seed: "number",
  /** The seeds of every point, where there are several; `seed` is then not used. */
  "seeds?": "number[]",
  dataset: "string",
  prompts: "number",
  gamma: "number",
  /** The measure on the validation split that chose. */
  by: "string",
  /** Its better end. */
  better: "'higher' | 'lower'",
  /** The values that were tried, by path inside an arm. */
  over: type({ "[string]": domain }),
  /** How points came about; a grid of all combinations if left out. */
  "method?": type({ kind: "'random'", draws: "number", seed: "number" }).or({
    kind: "'halving'",
    draws: "number",
    factor: "number",
    "rungs?": "number",
    seed: "number",
  }),
  /** The most that the search of each arm and reference could cost. */
  "budget?": { "trials?": "number", "flops?": "number", "seconds?": "number" },
  /** Of all trainings of the search together, as estimated before they ran: in no other figure. */
  flops: "number",
  /** Trainings, and the seconds of all that they needed; earlier versions did not count them. */
  "trials?": "number",
  "seconds?": "number",
  /** The references first. */
  arms: type({
    name: "string",
    /** Every point, by its words and its settings; null: training stopped itself there. None where the grid has no setting of it. */
    tried: type({
      name: "string",
      set: settings,
      score: figure,
      "scores?": "(number | null)[]",
      "rung?": "number",
      "steps?": "number",
    }).array(),
    chosen: settings,
    /** Paths whose chosen number was the smallest or the largest that was tried. */
    edges: "string[]",
    /** Standard error of the difference between two points, by how differently the seeds see the points. */
    "noise?": figure,
    /** Of this search, as if no other had its caches and texts. */
    "cost?": searchCost,
  }).array(),
})
export type SweepRecord = typeof sweepRecord.infer

/** The draft of this size, trained long on all tokens under one seed: how low its KL comes. */
const capacity = type({
  seed: "number",
  /** Of half the steps, and of all: whether it still falls. */
  points: type({ name: "string", steps: "number", draftKl: interval, greedyAcceptance: interval }).array(),
})
export type CapacityRecord = typeof capacity.infer

/** Measures that a verdict can be of. */
export const primaryMeasure = type("'greedy' | 'expected'")

/** The form that is written now; `earlier.ts` brings records of the one before into it. */
export const currentSchema = 3

export const runRecord = type({
  schema: "3",
  ...recordHeader,
  conditions: {
    dataset: "string",
    prompts: "number",
    /** Examples longer than maxLength, left out whole: of the training split, and of the one that is measured on. */
    dropped: { train: "number", measured: "number" },
    gamma: "number",
    gammas: "number[]",
    temperature: "number",
    topK: figure,
    topP: figure,
    greedyTokens: "number",
    sampledTokens: "number",
    timedPrompts: "number",
    interval: "string",
  },
  target: {
    parameters: "number",
    score: figure,
    sampledScore: figure,
    seconds: "number",
    sample: { prompt: "string", text: "string" },
  },
  draftParameters: "number",
  /** The first arm. */
  baseline: "string",
  /** The arm that the run is about; null where none is named and none chooses tokens. */
  about: "string | null",
  /** The measure that the verdict is of. */
  primary: primaryMeasure,
  rows: row.array(),
  /** Of all pairs of arms. */
  differences: difference.array(),
  /** The search for settings; null where none was made. */
  sweep: sweepRecord.or("null"),
  capacity: capacity.or("null"),
  /** Of measures beside acceptance; left out where the run has none. */
  "tables?": studyTable.array(),
}).narrow(({ conditions: { gamma }, rows }, ctx) => {
  // tables and captions quote each draft at the run's draft length
  const lacks = rows.find(({ seeds }) => seeds.some(({ byGamma }) => !byGamma.some((at) => at.gamma === gamma)))
  return lacks === undefined || ctx.reject({ path: ["rows", lacks.name], expected: `figures at gamma ${gamma}` })
})
export type RunRecord = typeof runRecord.infer
