/** Records of runs for tests of what is said of them: figures that are invented, gathered as a real run's are. */
import { type Evidence, estimateAcceptance, estimatedCounts } from "@winnow/decoding"
import type { Rollout } from "@winnow/generation"
import { type Rng, seeded } from "@winnow/numerics"
import { conclusions, verdict } from "../src/record/conclusions.ts"
import { differencesOf, keptFigures, rowFigures } from "../src/record/rows.ts"
import { type KeptTexts, samplesOf } from "../src/record/samples.ts"
import type { RowRecord, RunRecord } from "../src/record/schema.ts"
import type { Figures } from "../src/stages/measure.ts"
import { intervalText } from "../src/statistics/interval-text.ts"

type Timing = NonNullable<RunRecord["rows"][number]["seeds"][number]["timing"]>

/** The invented figures of a row. */
interface Invented {
  readonly name: string
  readonly role?: RowRecord["role"]
  /** Mean chance that a token agrees. */
  readonly chance: number
  readonly filter?: RowRecord["filter"]
  readonly reference?: string
  readonly from?: "start" | "reference"
  readonly steps?: number
  /** Of valid tokens, how many are trained. */
  readonly share?: number
  /** Seeds of which there is nothing. */
  readonly without?: ReadonlyArray<number>
}

const gammas = [1, 2, 4, 8]
const gamma = 4
const logistic = (x: number) => 1 / (1 + Math.exp(-x))

/** One draft under one seed: every token's chance is of its place in a text, the text, the draft, and the seed. */
const figuresOf = (
  { name, role = "arm", chance }: Invented,
  seed: number,
  prompts: number,
  timing: Partial<Timing>,
): { readonly figures: Figures; readonly kept: KeptTexts } => {
  const ofSeed = 0.06 * seeded(seed, "draft", name).normal()
  const draws: Rng = seeded(seed, "tokens", name)
  const texts = seeded(0, "texts")
  const logits = Array.from({ length: prompts }, () => {
    const ofText = 0.5 * texts.normal()
    return Float64Array.from(
      { length: 12 + texts.below(24) },
      () => Math.log(chance / (1 - chance)) + ofText + texts.normal(),
    )
  })
  const rollouts = logits.map(
    (l_T): Rollout => ({
      prompt: new Int32Array(1),
      tokens: new Int32Array(l_T.length),
      finish: "eos",
      limit: l_T.length,
    }),
  )
  const chances = logits.map((l_T) => l_T.map((l) => logistic(l + ofSeed)))
  const agreed = chances.map((p_T) => p_T.map((p) => (draws.uniform() < p ? 1 : 0)))
  const readable = rollouts.map(({ tokens }) => tokens.length)
  const pass = { kind: "pass", rollouts, readable } as const
  const greedy: Evidence = { ...pass, sampling: { temperature: 0 }, chance: agreed, overlap: null, kl: null }
  const kl = chances.map((p_T) => p_T.map((p) => -0.6 * Math.log(p)))
  const sampled: Evidence = { ...pass, sampling: { temperature: 1 }, chance: chances, overlap: chances, kl }
  const sums = (values: ReadonlyArray<Float64Array>) =>
    values.map((x_T) => [x_T.reduce((a, b) => a + b, 0), x_T.length] as const)
  const ratio = () => 0.75 + chance + 0.1 * draws.normal()
  const ratios = Array.from({ length: 3 }, () => Array.from({ length: 8 }, ratio))
  const { speedupByRound: byRound = ratios.map((r) => r.toSorted((a, b) => a - b)[4]!), ...timed } = timing
  const differences = (timed.differences ?? []).map(({ margin }, prompt) => ({
    prompt,
    position: 0,
    a: 0,
    b: 1,
    margin,
  }))
  return {
    figures: {
      lengths: gammas.map((g) => ({
        gamma: g,
        greedy: estimateAcceptance(greedy, g, "arithmetic/test"),
        sampled: estimateAcceptance(sampled, g, "arithmetic/test"),
        greedyCounts: estimatedCounts(greedy, g),
        sampledCounts: estimatedCounts(sampled, g),
      })),
      overlap: sums(chances),
      kl: sums(kl),
      agreement: agreed.map((a_T) => a_T.join("")),
      parameterRatio: 0.11,
      speedup:
        role === "arm"
          ? ({
              prompts: timed.prompts ?? 8,
              load: timed.load ?? 0.4,
              speedup: byRound.toSorted((a, b) => a - b)[1]!,
              byRound,
              ratios,
              tokensPerSecond: timed.tokensPerSecond ?? { alone: 100, withDraft: 150 },
              seconds: timed.secondsPerCall ?? { target: 0.01, verify: 0.012, draft: 0.001 },
              blockEfficiency: timed.blockEfficiency ?? 2.1,
              predicted: timed.predicted ?? 1.6,
              predictedFromVerify: timed.predictedFromVerify ?? 1.4,
              identity: { prompts: 8, identical: timed.identical ?? 8, differences, smallestMargin: null },
            } as unknown as Figures["speedup"])
          : null,
    },
    kept: chances.map((p_T) => Array.from(p_T, (p) => (p < 0.6 ? "1" : "0")).join("")),
  }
}

const rowOf = (invented: Invented, seeds: ReadonlyArray<number>, prompts: number, timing: Partial<Timing>) => {
  const {
    name,
    role = "arm",
    filter = null,
    reference,
    from = "start",
    steps = 400,
    share = 1,
    without = [],
  } = invented
  const present = seeds.filter((seed) => !without.includes(seed))
  const all = new Map(present.map((seed) => [seed, figuresOf(invented, seed, prompts, timing)]))
  const figures = new Map([...all].map(([seed, f]) => [seed, f.figures]))
  const kept = new Map(share < 1 && reference ? [...all].map(([seed, f]) => [seed, f.kept] as const) : [])
  const samples = samplesOf(figures, gamma)
  const cost = (n: number, trained: number) => ({
    steps: n,
    tokensSeen: 1150 * n,
    tokensValid: 690 * n,
    tokensTrained: Math.round(690 * n * trained),
    passes: (690 * n) / 460_000,
    flops: 5.2e8 * n * (0.4 + 0.6 * trained),
    seconds: 0.021 * n * (0.5 + 0.5 * trained),
  })
  const [own, ofReference] = [cost(steps, share), cost(400, 1)]
  const { tokensValid: _, passes: __, ...total } = own
  const isArm = role === "arm"
  const row = {
    name,
    role,
    filter: isArm ? (filter ?? { name: "none", options: {} }) : null,
    loss: isArm ? { name: "kl", options: { temperature: 1 } } : null,
    reference: reference ?? null,
    from: isArm ? from : null,
    learningRate: isArm ? 0.003 : null,
    budget: present.map((seed) => ({
      seed,
      arm: own,
      reference: reference ? ofReference : null,
      signals: [],
      total: reference
        ? {
            steps: total.steps + ofReference.steps,
            tokensSeen: total.tokensSeen + ofReference.tokensSeen,
            tokensTrained: total.tokensTrained + ofReference.tokensTrained,
            flops: total.flops + ofReference.flops,
            seconds: total.seconds + ofReference.seconds,
          }
        : total,
    })),
    ...rowFigures(figures, samples, gamma),
  }
  return { name, row, samples, figures, kept, isArm }
}

const record = (
  invented: ReadonlyArray<Invented>,
  { seeds: count = 2, prompts = 40, timing = {} }: { seeds?: number; prompts?: number; timing?: Partial<Timing> },
  more: Partial<RunRecord> = {},
): RunRecord => {
  const seeds = Array.from({ length: count }, (_, i) => i + 1)
  const rows = invented.map((row) => rowOf(row, row.role === "capacity" ? [1] : seeds, prompts, timing))
  const arms = rows.filter(({ isArm }) => isArm)
  const run: RunRecord = {
    schema: 3,
    experiment: "000-tiny",
    part: null,
    preset: null,
    name: "tiny",
    question: "Does it run?",
    run: "0123456789",
    created: "2026-01-01T00:00:00.000Z",
    config: {},
    seeds,
    commit: null,
    versions: {},
    machine: { cpu: "c", cores: 2, memoryGiB: 8, system: "linux", device: "cpu", products: "float32" },
    conditions: {
      dataset: "arithmetic/test",
      prompts,
      dropped: { train: 0, measured: 0 },
      gamma,
      gammas,
      temperature: 1,
      topK: null,
      topP: null,
      greedyTokens: 1000,
      sampledTokens: 1000,
      timedPrompts: 8,
      interval: intervalText(count),
    },
    target: { parameters: 8e5, score: null, sampledScore: null, seconds: 9, sample: { prompt: "a", text: "b" } },
    draftParameters: 1e5,
    baseline: arms[0]!.name,
    about: arms.find(({ row }) => row.filter?.name === "adaspec")?.name ?? null,
    primary: "greedy",
    verdict: "",
    rows: rows.map(({ row, kept, figures }) => ({ ...row, kept: keptFigures(kept, figures, arms[0]!.figures) })),
    differences: [...differencesOf(arms, { baseline: arms[0]!.name, about: null })],
    sweep: null,
    capacity: null,
    missing: [],
    conclusions: [],
    counts: null,
    weights: [],
    stages: [],
    ...more,
  }
  return { ...run, verdict: verdict(run), conclusions: [...conclusions(run)] }
}

/** A run of one arm, with seeds 1 to `seeds`; `timing` changes what was timed. */
export const aRun = (options: { seeds?: number; timing?: Partial<Timing> } = {}): RunRecord =>
  record([{ name: "all", chance: 0.6 }], options)

const use = (name: string, options: Record<string, unknown>) => ({ name, options })

/** A comparison with its controls, as `experiments/` has them: tuned, its capacity checked, one draft missing. */
export const aComparison = (options: { seeds?: number; prompts?: number } = {}): RunRecord => {
  const rows: ReadonlyArray<Invented> = [
    { name: "start", role: "start", chance: 0.42, steps: 100 },
    { name: "all-equal-steps", chance: 0.6 },
    {
      name: "adaspec",
      chance: 0.63,
      filter: use("adaspec", { k: 0.4, order: "top" }),
      reference: "distilled",
      share: 0.4,
    },
    { name: "all-equal-passes", chance: 0.625, steps: 1000 },
    { name: "all-equal-compute", chance: 0.64, steps: 656 },
    { name: "random", chance: 0.58, filter: use("random", { k: 0.4 }), share: 0.4 },
    {
      name: "bottom",
      chance: 0.5,
      filter: use("adaspec", { k: 0.4, order: "bottom" }),
      reference: "distilled",
      share: 0.4,
      without: [4],
    },
    {
      name: "shuffled-reference",
      chance: 0.585,
      filter: use("adaspec", { k: 0.4, order: "top" }),
      reference: "distilled",
      share: 0.4,
    },
    { name: "from-reference", chance: 0.645, reference: "distilled", from: "reference", steps: 256 },
    { name: "reference", role: "reference", chance: 0.6 },
    { name: "capacity, half", role: "capacity", chance: 0.72, steps: 4000 },
    { name: "capacity", role: "capacity", chance: 0.73, steps: 8000 },
  ]
  const rates = [0.001, 0.003, 0.01]
  const setAt = (learningRate: number | undefined) => ({ "optimizer.learningRate": learningRate })
  const tried = (name: string, best: number, atEdge: boolean) => ({
    name,
    tried: rates.map((learningRate, i) => ({
      name: `rate ${learningRate}`,
      set: setAt(learningRate),
      score: atEdge && i === 2 ? null : 0.6 - 0.03 * Math.abs(i - best),
    })),
    chosen: setAt(rates[best]),
    edges: atEdge ? ["optimizer.learningRate"] : [],
  })
  const names = rows.flatMap(({ name, role }) => (role === undefined ? [name] : []))
  const first = record(rows, { seeds: 5, prompts: 160, ...options })
  const points = first.rows
    .filter(({ role }) => role === "capacity")
    .map(({ name, budget, draftKl, greedyAcceptance }) => ({
      name,
      steps: budget[0]!.arm.steps,
      draftKl,
      greedyAcceptance,
    }))
  const run: RunRecord = {
    ...first,
    experiment: "004-compute-matched",
    part: "arithmetic",
    name: "compute-matched",
    question: "Does choosing tokens help a draft when all arms are given the same compute?",
    sweep: {
      seed: 0,
      by: "greedyAcceptance",
      better: "higher" as const,
      dataset: "arithmetic/validation",
      prompts: 100,
      gamma,
      over: { "optimizer.learningRate": [...rates] },
      flops: 8.1e12,
      arms: [
        tried("reference", 1, false),
        ...names.map((name) => tried(name, name === "bottom" ? 0 : 1, name === "bottom")),
      ],
    },
    capacity: { seed: 1, points },
    missing: [
      {
        name: "bottom",
        seed: 4,
        stage: "arm bottom, seed 4",
        message: "the loss is NaN at step 212, batch 3; the last good checkpoint is of step 200",
      },
    ],
  }
  return { ...run, conclusions: [...conclusions(run)] }
}
