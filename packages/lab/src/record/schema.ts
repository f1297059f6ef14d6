/** The schema of run.json. A change that old files do not satisfy gets the next number. */
import { type } from "arktype"

const figure = "number | null"
const interval = type({ value: figure, low: figure, high: figure })
const use = type({ name: "string", options: "Record<string, unknown>" })

const budget = type({
  /** Optimizer steps. */
  steps: "number",
  /** Tokens through the trunk, padding left out; of these, counted by the mask; of these, in the loss. */
  tokensSeen: "number",
  tokensValid: "number",
  tokensTrained: "number",
  flops: "number",
  /** Of steps, this stage alone. */
  seconds: "number",
})
export type Budget = typeof budget.infer

/** A cache of what frozen models say of the training data; arms and seeds may share one. */
const signalCache = type({
  label: "string",
  key: "string",
  tokens: "number",
  bytes: "number",
  flops: "number",
  /** Of making it, once. */
  seconds: "number",
})

const seedFigures = type({
  seed: "number",
  greedyAcceptance: figure,
  sampledAcceptance: figure,
  expectedAcceptance: figure,
  byGamma: type({
    gamma: "number",
    greedyAcceptance: figure,
    greedyTau: figure,
    sampledTau: figure,
    testedTokens: "number",
  }).array(),
  speedup: figure,
  timing: type({
    /** Those really timed: texts of one block have no call to time. */
    prompts: "number",
    /** Each timed round's median over prompts; `speedup` is their median. */
    "speedupByRound?": "number[]",
    tokensPerSecond: { alone: "number", withDraft: "number" },
    /** One call: the target on one token, the target on a block, the draft on one token. */
    secondsPerCall: { target: "number", verify: "number", draft: "number" },
    predicted: "number",
    /** Prompts of which both ways gave the same text in every round; where they differ, how near the tie was. */
    identical: figure,
    differences: type({ margin: "number | null" }).array().or("null"),
  }).or("null"),
})
export type SeedFigures = typeof seedFigures.infer

const row = type({
  name: "string",
  role: "'start' | 'reference' | 'arm'",
  filter: use.or("null"),
  loss: use.or("null"),
  reference: "string | null",
  budget: type({
    seed: "number",
    arm: budget,
    reference: budget.or("null"),
    /** What the arm's steps read and did not compute: in no other figure. Left out where there is none. */
    "signals?": signalCache.array(),
  }).array(),
  seeds: seedFigures.array(),
  greedyAcceptance: interval,
  expectedAcceptance: interval,
  tau: interval,
  mbsu: "number",
  speedup: figure,
  /** The lowest and the highest of all seeds' rounds: what the clock alone changes. */
  "speedupRange?": type({ low: "number", high: "number" }).or("null"),
  /** Greedy acceptance minus the baseline's, paired by seed and prompt. */
  differenceFromBaseline: interval.or("null"),
})
export type RowRecord = typeof row.infer

export const runRecord = type({
  schema: "1",
  experiment: "string",
  name: "string",
  question: "string",
  run: "string",
  created: "string",
  config: "Record<string, unknown>",
  seeds: "number[]",
  commit: type({ hash: "string", dirty: "boolean" }).or("null"),
  versions: "Record<string, unknown>",
  machine: {
    cpu: "string",
    cores: "number",
    memoryGiB: "number",
    system: "string",
    device: "string",
    products: "string",
    // left out in runs from before there was a native library
    "native?": "string",
  },
  conditions: {
    dataset: "string",
    prompts: "number",
    /** Examples longer than maxLength, left out whole: of the training split, and of the one that is measured on. */
    "dropped?": { train: "number", measured: "number" },
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
  baseline: "string",
  rows: row.array(),
  stages: type({
    kind: "string",
    label: "string",
    key: "string",
    created: "string",
    seconds: "number",
    reused: "boolean",
  }).array(),
})
export type RunRecord = typeof runRecord.infer
