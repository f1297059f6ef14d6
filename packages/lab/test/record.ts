/** A record of a run with one arm, for tests of what is said of it. */
import type { RunRecord } from "../src/record/schema.ts"
import { intervalText } from "../src/statistics.ts"

type Timing = NonNullable<RunRecord["rows"][number]["seeds"][number]["timing"]>

/** With seeds 1 to `seeds`, all with the same figures; `timing` changes what was timed. */
export const aRun = ({ seeds = 2, timing = {} }: { seeds?: number; timing?: Partial<Timing> } = {}): RunRecord => {
  const numbers = Array.from({ length: seeds }, (_, i) => i + 1)
  const cost = { steps: 6, tokensSeen: 500, tokensValid: 300, tokensTrained: 300, flops: 1e6, seconds: 2 }
  const timed: Timing = {
    prompts: 12,
    tokensPerSecond: { alone: 100, withDraft: 150 },
    secondsPerCall: { target: 0.01, verify: 0.012, draft: 0.001 },
    predicted: 1.6,
    identical: 12,
    differences: [],
    ...timing,
  }
  const figures = { greedyAcceptance: 0.6, sampledAcceptance: 0.6, expectedAcceptance: 0.6 }
  const at = { gamma: 4, greedyAcceptance: 0.6, greedyTau: 2.5, sampledTau: 2.4, testedTokens: 800 }
  const interval = { value: 0.6, low: 0.5, high: 0.7 }
  return {
    schema: 1,
    experiment: "000-tiny",
    name: "tiny",
    question: "Does it run?",
    run: "0123456789",
    created: "2026-01-01T00:00:00.000Z",
    config: {},
    seeds: numbers,
    commit: null,
    versions: {},
    machine: { cpu: "c", cores: 2, memoryGiB: 8, system: "linux", device: "cpu", products: "float32" },
    conditions: {
      dataset: "echo/test",
      prompts: 100,
      gamma: 4,
      gammas: [4],
      temperature: 1,
      topK: null,
      topP: null,
      greedyTokens: 1000,
      sampledTokens: 1000,
      timedPrompts: 12,
      interval: intervalText(seeds),
    },
    target: { parameters: 1e6, score: null, sampledScore: null, seconds: 9, sample: { prompt: "a", text: "b" } },
    draftParameters: 1e5,
    baseline: "all",
    rows: [
      {
        name: "all",
        role: "arm",
        filter: null,
        loss: null,
        reference: null,
        budget: numbers.map((seed) => ({ seed, arm: cost, reference: null })),
        seeds: numbers.map((seed) => ({ seed, ...figures, byGamma: [at], speedup: 1.5, timing: timed })),
        greedyAcceptance: interval,
        expectedAcceptance: interval,
        tau: { value: 2.5, low: 2.4, high: 2.6 },
        mbsu: 2,
        speedup: 1.5,
        differenceFromBaseline: null,
      },
    ],
    stages: [],
  }
}
