/** 024-regimes: where might AdaSPEC's choice of tokens gain, and what does a gain come from? See README.md. */
import { type FilterUse, shuffledWithin } from "@winnow/core"
import { adaspec } from "@winnow/filter-adaspec"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { rawLoss } from "@winnow/filter-raw-loss"
import { type Arm, arm, controls, defineExperiment, distilled, type Experiment, fresh } from "@winnow/lab"
import { kl } from "@winnow/loss-kl"
import { llama } from "@winnow/model-llama"
import { arithmetic, gsm8kSmall, onText, type Setup } from "@winnow/setups"
import { alpaca } from "@winnow/task-alpaca"
import { codealpaca } from "@winnow/task-codealpaca"
import { dialogsum } from "@winnow/task-dialogsum"
import { gsm8k } from "@winnow/task-gsm8k"

const k = 0.4
const plugins = [none, random, adaspec, rawLoss, kl]
const question = "Does AdaSPEC's choice of tokens gain over chance and over all tokens in this regime?"
const fiveSeeds = [1, 2, 3, 4, 5]

/** Settings of a task's parts: its pair, the steps of an arm, the rates of each search. */
interface Regime {
  readonly setup: Setup
  readonly steps: number
  readonly rates: ReadonlyArray<number>
}
const sums: Regime = { setup: arithmetic, steps: 250, rates: [3e-3, 6e-3, 1.2e-2, 2.4e-2] }
const words: Regime = { setup: gsm8kSmall, steps: 250, rates: [3e-3, 6e-3, 1.2e-2] }

/** Settings of an arm beside its filter, loss and steps. */
type ArmOptions = Partial<Pick<Arm, "batchSize" | "optimizer" | "start" | "reference">>

const warmupOf = (steps: number) => Math.round(steps / 16)
const signals = { target: "hidden" } as const
const withReference = { ...signals, reference: "cached" } as const

/** The published recipe: batches of 40 for selective arms, 16 for the reference; as many steps. */
const selective = <R>(filter: FilterUse<R>, steps: number, of: ArmOptions = {}) =>
  arm({
    filter,
    loss: kl(),
    batchSize: 40,
    steps,
    optimizer: { warmup: warmupOf(steps) },
    signals: filter.needs.statistics.some((name) => name.startsWith("reference")) ? withReference : signals,
    ...of,
  })
const referenceOf = (steps: number, optimizer: Arm["optimizer"] = { warmup: warmupOf(steps) }) =>
  distilled({ filter: none(), loss: kl(), batchSize: 16, steps, optimizer, signals })
const searched = (rates: ReadonlyArray<number>): NonNullable<Experiment["sweep"]> => ({
  over: { "optimizer.learningRate": [...rates], "optimizer.schedule": ["constant", "cosine"] },
  prompts: 160,
})

/** The settings that all parts have. */
const shared = (name: string, { setup, steps, rates }: Regime) => ({
  name: `regimes, ${name}`,
  question,
  ...setup,
  reference: referenceOf(steps),
  about: "adaspec",
  primary: "greedy" as const,
  seeds: fiveSeeds,
  sweep: searched(rates),
  plugins,
})

/** Clip at norm 1 or none, loss divided by kept or by valid tokens, with the raw loss and the clean placebo beside. */
const clip = (name: string, regime: Regime) => {
  const { steps } = regime
  const free = { optimizer: { warmup: warmupOf(steps), clip: null } }
  const placebo = shuffledWithin(adaspec({ k }))
  return defineExperiment({
    ...shared(`clip and normaliser, ${name}`, regime),
    arms: {
      random: selective(random({ k }), steps),
      "random-free": selective(random({ k }), steps, free),
      adaspec: selective(adaspec({ k }), steps),
      "adaspec-valid": selective(adaspec({ k, divideBy: "valid" }), steps),
      "adaspec-free": selective(adaspec({ k }), steps, free),
      "raw-loss": selective(rawLoss({ k }), steps),
      "raw-loss-valid": selective(rawLoss({ k, divideBy: "valid" }), steps),
      "raw-loss-free": selective(rawLoss({ k }), steps, free),
      placebo: selective(placebo, steps),
      "placebo-free": selective(placebo, steps, free),
      all: selective(none(), steps),
      "all-free": selective(none(), steps, free),
    },
  })
}

/** The four arms that every other part compares. */
const four = (steps: number, of: ArmOptions = {}) => ({
  random: selective(random({ k }), steps, of),
  all: selective(none(), steps, of),
  adaspec: selective(adaspec({ k }), steps, of),
  "raw-loss": selective(rawLoss({ k }), steps, of),
})
const ofFour = (name: string, regime: Regime) => defineExperiment({ ...shared(name, regime), arms: four(regime.steps) })

/** A draft of 16 numbers a state: too small for its target however long it trains. */
const floor = (name: string, vocab_size: number, regime: Regime, seeds: ReadonlyArray<number>) => {
  const { steps, rates } = regime
  const narrow = llama({
    vocab_size,
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    max_position_embeddings: 768,
  })
  const of = { batchSize: 16, optimizer: { warmup: 100, schedule: "cosine" } } as const
  return defineExperiment({
    ...shared(`a draft at its floor, ${name}`, regime),
    draft: {
      start: fresh(narrow, { steps: 200, batchSize: 16, optimizer: { learningRate: 3e-3, warmup: 20 } }),
    },
    reference: referenceOf(steps, of.optimizer),
    arms: { ...four(steps, of), "all-double": selective(none(), 2 * steps, of) },
    seeds: [...seeds],
    sweep: { over: { "optimizer.learningRate": [...rates] }, prompts: 160 },
  })
}

/** The published passes: three for the reference, seven and a half for the selective draft. */
const passes = () => {
  const steps = 1307
  const optimizer = { warmup: warmupOf(steps), schedule: "cosine" } as const
  const recipe = selective(adaspec({ k }), steps, { optimizer })
  return defineExperiment({
    ...shared("the published passes, GSM8K", words),
    reference: referenceOf(steps, optimizer),
    arms: {
      adaspec: recipe,
      "raw-loss": selective(rawLoss({ k }), steps, { optimizer }),
      ...controls(
        "adaspec",
        recipe,
        { all: none(), random: random({ k }) },
        { only: ["random", "all-equal-steps", "all-equal-passes", "all-equal-compute"] },
      ),
    },
    sweep: { over: { "optimizer.learningRate": [...words.rates] }, prompts: 160 },
  })
}

/** References of more and more steps under one budget of the draft. */
const strength = ({ setup, steps, rates }: Regime, ofReference: ReadonlyArray<number>) => {
  const by = (n: number) => [`adaspec-${n}`, selective(adaspec({ k }), steps, { reference: referenceOf(n) })] as const
  return defineExperiment({
    ...shared("the reference's strength", { setup, steps, rates }),
    arms: {
      random: selective(random({ k }), steps),
      all: selective(none(), steps),
      ...Object.fromEntries(ofReference.map(by)),
    },
    about: `adaspec-${ofReference.at(-1)}`,
  })
}

/**
 * The confirmation of `reference`: one reference of four times the draft's steps, under targets and seeds that no part
 * before has seen, with the clean placebo and all tokens at the same total compute.
 */
const strong = (name: string, regime: Regime) => {
  const { steps } = regime
  return defineExperiment({
    ...shared(name, regime),
    reference: referenceOf(4 * steps),
    arms: {
      ...four(steps),
      placebo: selective(shuffledWithin(adaspec({ k })), steps),
      "all-same-cost": arm({
        filter: none(),
        loss: kl(),
        batchSize: 40,
        steps: { computeOf: "adaspec" },
        optimizer: { warmup: warmupOf(steps) },
        signals,
      }),
    },
    seeds: [21, 22, 23, 24, 25],
  })
}

const dashed = (x: number) => String(x).replace(".", "-")

/** Each arm at each rate, with none chosen: is selection a step size? */
const rates = ({ setup, steps, rates: searchedRates }: Regime) => {
  const at = (learningRate: number) =>
    Object.entries(four(steps, { optimizer: { warmup: warmupOf(steps), schedule: "cosine", learningRate } })).map(
      ([name, of]) => [`${name}-${dashed(learningRate * 1000)}`, of] as const,
    )
  const tried = [1.5e-3, ...searchedRates, 4.8e-2]
  const { sweep: _, ...of } = shared("rates", { setup, steps, rates: searchedRates })
  return defineExperiment({
    ...of,
    reference: referenceOf(steps, { warmup: warmupOf(steps), schedule: "cosine", learningRate: 1.2e-2 }),
    arms: Object.fromEntries(tried.flatMap(at)),
    about: "adaspec-12",
  })
}

/** Each share of tokens by AdaSPEC and by chance. */
const shares = ({ setup, steps, rates: tried }: Regime) => {
  const at = (share: number) => [
    [`random-${dashed(share)}`, selective(random({ k: share }), steps)] as const,
    [`adaspec-${dashed(share)}`, selective(adaspec({ k: share }), steps)] as const,
  ]
  return defineExperiment({
    ...shared("shares", { setup, steps, rates: tried }),
    arms: { all: selective(none(), steps), ...Object.fromEntries([0.1, 0.2, 0.4, 0.6, 0.8].flatMap(at)) },
    about: "adaspec-0-2",
  })
}

/** Drafts of several widths under one target, each from a start of its width. */
const sizes = (regime: Regime, widths: ReadonlyArray<number>) => {
  const { setup, steps } = regime
  const ofWidth = (width: number) => {
    const start = fresh(
      llama({
        vocab_size: 768,
        hidden_size: width,
        num_hidden_layers: 1,
        num_attention_heads: 2,
        max_position_embeddings: 256,
      }),
      { steps: 100, batchSize: 16, optimizer: { learningRate: 3e-3, warmup: 20 } },
    )
    return Object.entries(four(steps, { start })).map(([name, of]) => {
      const reads = of.filter.name === "adaspec" ? { reference: { ...referenceOf(steps), start } } : {}
      return [`${name}-${width}`, { ...of, ...reads }] as const
    })
  }
  return defineExperiment({
    ...shared("sizes", { ...regime, setup }),
    arms: Object.fromEntries(widths.flatMap(ofWidth)),
    about: `adaspec-${widths[0]}`,
  })
}

type Fresh = Extract<Setup["target"], { readonly kind: "fresh" }>
/** The same pair under a target of another initialisation and order of the data. */
const underTarget = (regime: Regime, seed: number): Regime => ({
  ...regime,
  setup: { ...regime.setup, target: { ...(regime.setup.target as Fresh), seed } },
})
const strongTargets = (regime: Regime, seeds: ReadonlyArray<number>) =>
  Object.fromEntries(
    seeds.map((seed) => {
      const name = `strong-target-${seed}`
      return [name, strong(`a strong reference, target ${seed}`, underTarget(regime, seed))] as const
    }),
  )
const targets = (prefix: string, regime: Regime, seeds: ReadonlyArray<number>) =>
  Object.fromEntries(
    seeds.map((seed) => [`${prefix}-${seed}`, ofFour(`${prefix} ${seed}`, underTarget(regime, seed))] as const),
  )

export default {
  "clip-arithmetic": clip("arithmetic", sums),
  "clip-gsm8k": clip("GSM8K", words),
  "floor-arithmetic": floor("arithmetic", 768, { ...sums, steps: 4000, rates: [3e-3, 6e-3, 1.2e-2] }, fiveSeeds),
  "floor-gsm8k": floor("GSM8K", 1024, { ...words, steps: 8000, rates: [6e-3, 1.2e-2] }, [1, 2, 3]),
  passes: passes(),
  reference: strength(sums, [60, 250, 1000, 4000]),
  rates: rates(sums),
  shares: shares(sums),
  sizes: sizes(sums, [48, 16, 32, 96]),
  ...targets("target", sums, [11, 12, 13, 14, 15]),
  ...strongTargets(sums, [21, 22, 23]),
  "strong-gsm8k": strong("a strong reference, GSM8K", words),
  ...targets("gsm8k-target", words, [11, 12, 13]),
  alpaca: ofFour("Alpaca", { ...words, setup: onText(alpaca({}), 1000, 128) }),
  code: ofFour("CodeAlpaca", { ...words, setup: onText(codealpaca({}), 1000, 128) }),
  dialogsum: ofFour("DialogSum", { ...words, setup: onText(dialogsum({}), 1000, 128) }),
  "vocabulary-4096": ofFour("GSM8K, 4096 ids", { ...words, setup: onText(gsm8k({}), 1000, 128, 4096) }),
}
