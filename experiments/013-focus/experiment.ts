/**
 * 013-focus: does a reference choose the tokens that are worth a fine-tuning, with a larger model and without one?
 * README.md has the question and the prediction.
 */
import { shuffled } from "@winnow/core"
import { adaspec } from "@winnow/filter-adaspec"
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import { rawLoss } from "@winnow/filter-raw-loss"
import { arm, checkpoint, defineExperiment, distilled, earlier, ema, type taskText, trained } from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { heldOutLoss } from "@winnow/measure-held-out-loss"
import { nextToken } from "@winnow/objective-next-token"
import { type Domain, domainOf, large as largeShape, type Shape, small } from "./domains.ts"

/** The best share of Rho-1's sweep at its smallest model; it is the share of answers that are not corrupted, too. */
const k = 0.6
const seeds = [1, 2, 3, 4, 5]
const plugins = [none, random, rawLoss, focusFinetune, adaspec, crossEntropy, kl]
const heldOut = heldOutLoss({ objective: nextToken() })

/** Choices among tokens of the noisy training text, so that the tables tell how much of the noise a filter keeps. */
const stabilityOf = (text: ReturnType<typeof taskText>) => ({ tokens: 1024, split: "train", text }) as const

/** The values of a search: every arm has its own rate and schedule, the references too. */
type Rates = Readonly<Record<string, Array<number> | Array<string>>>

/** Fine-tuning without a larger model: cross-entropy, judged by the loss on held-out text. */
const alone = (domain: Domain, shape: Shape, rates: Rates) => {
  const { setup, startSteps, budget, searchPrompts, noisy, clean, cleanPart, otherFamily } = domainOf(domain, shape)
  const loss = crossEntropy()
  const focus = { filter: focusFinetune({ k }), loss, ...budget } as const
  const ofCleanPart = trained({ ...budget, text: cleanPart })
  const onNoise = { text: noisy } as const
  return defineExperiment({
    name: `FocusFinetune, ${domain}`,
    question: "Does a reference tell which tokens of noisy text are worth learning, without a larger model?",
    ...setup,
    measure: { prompts: setup.measure.prompts! },
    measures: [heldOut],
    arms: {
      all: arm({ filter: none(), loss, ...budget, ...onNoise }),
      random: arm({ filter: random({ k }), loss, ...budget, ...onNoise }),
      "raw-loss": arm({ filter: rawLoss({ k }), loss, ...budget, ...onNoise }),
      clean: arm({ ...focus, ...onNoise, reference: ofCleanPart }),
      shuffled: arm({ ...focus, filter: shuffled(focus.filter), ...onNoise, reference: ofCleanPart }),
      oracle: arm({ ...focus, ...onNoise, reference: trained({ ...budget, text: clean }) }),
      same: arm({ ...focus, ...onNoise, reference: trained({ ...budget, ...onNoise }) }),
      earlier: arm({ ...focus, ...onNoise, reference: earlier({ step: startSteps / 2 }) }),
      checkpoint: arm({ ...focus, ...onNoise, reference: checkpoint({ every: Math.round(budget.steps / 6) }) }),
      average: arm({ ...focus, ...onNoise, reference: ema({ decay: 0.98 }) }),
      family: arm({ ...focus, ...onNoise, reference: trained({ ...budget, start: otherFamily, text: cleanPart }) }),
      "part-all": arm({ filter: none(), loss, ...budget, text: cleanPart }),
      "clean-all": arm({ filter: none(), loss, ...budget, text: clean }),
      "clean-random": arm({ filter: random({ k }), loss, ...budget, text: clean }),
      "clean-same": arm({ ...focus, text: clean, reference: trained({ ...budget, text: clean }) }),
    },
    about: "clean",
    seeds,
    stability: stabilityOf(noisy),
    sweep: { over: rates, prompts: searchPrompts, by: "loss" },
    plugins,
  })
}

/** The same with a larger model to imitate: KL, judged by its acceptance. */
const withTarget = (domain: Domain, shape: Shape, rates: Rates) => {
  const { setup, searchPrompts, noisy, clean, cleanPart, ...of } = domainOf(domain, shape)
  const loss = kl()
  const budget = { ...of.budget, signals: { target: "hidden" } } as const
  const focus = { filter: focusFinetune({ k }), loss, ...budget } as const
  const onNoise = { text: noisy } as const
  return defineExperiment({
    name: `FocusFinetune, ${domain}, with a target`,
    question: "Does a reference tell which tokens of noisy text are worth learning from a larger model?",
    ...setup,
    measures: ["acceptance", heldOut],
    arms: {
      all: arm({ filter: none(), loss, ...budget, ...onNoise }),
      random: arm({ filter: random({ k }), loss, ...budget, ...onNoise }),
      clean: arm({ ...focus, ...onNoise, reference: trained({ ...of.budget, text: cleanPart }) }),
      oracle: arm({ ...focus, ...onNoise, reference: trained({ ...of.budget, text: clean }) }),
      same: arm({ ...focus, ...onNoise, reference: trained({ ...of.budget, ...onNoise }) }),
      adaspec: arm({
        filter: adaspec({ k }),
        ...{ loss, ...budget, ...onNoise },
        reference: distilled({ filter: none(), loss, ...budget, ...onNoise }),
      }),
      text: arm({ ...focus, ...onNoise, loss: crossEntropy(), reference: trained({ ...of.budget, text: cleanPart }) }),
      "clean-all": arm({ filter: none(), loss, ...budget, text: clean }),
    },
    about: "clean",
    primary: "greedy",
    seeds,
    stability: stabilityOf(noisy),
    sweep: { over: rates, prompts: searchPrompts },
    plugins,
  })
}

/**
 * All tokens, chance and the clean reference for drafts of several widths under one target, on noisy code.
 *
 * @param widths the usual one first: the verdict is of that
 */
const ratio = (shape: Shape, widths: ReadonlyArray<number>, rates: Rates) => {
  const { setup, startOf, searchPrompts, noisy, cleanPart, ...of } = domainOf("coding", shape)
  const loss = kl()
  // Three sizes are three times the trainings: fewer steps.
  const steps = Math.round((2 * of.budget.steps) / 3)
  const budget = { ...of.budget, steps, optimizer: { ...of.budget.optimizer, warmup: Math.round(steps / 16) } }
  const ofWidth = (width: number) => {
    const start = startOf({ ...shape.draft, width })
    const common = { loss, ...budget, signals: { target: "hidden" }, text: noisy, start } as const
    return {
      [`all-${width}`]: arm({ filter: none(), ...common }),
      [`random-${width}`]: arm({ filter: random({ k }), ...common }),
      [`clean-${width}`]: arm({
        filter: focusFinetune({ k }),
        ...common,
        reference: trained({ ...budget, start, text: cleanPart }),
      }),
    }
  }
  return defineExperiment({
    name: "FocusFinetune, size ratio",
    question: "Does the worth of a reference change with the size of the draft under one target?",
    ...setup,
    measures: ["acceptance", heldOut],
    arms: Object.assign({}, ...widths.map(ofWidth)) as ReturnType<typeof ofWidth>,
    about: `clean-${widths[0]}`,
    primary: "greedy",
    seeds,
    sweep: { over: rates, prompts: searchPrompts / 2 },
    plugins,
  })
}

/** On code each arm takes the cosine, a budget's own, at the highest of these rates: two doublings more are searched. */
const forCode = (rates: ReadonlyArray<number>) => [...rates.slice(2), 2 * rates.at(-1)!, 4 * rates.at(-1)!]

/** Widths differ in their best rate: one doubling more at either end. */
const forWidths = (rates: ReadonlyArray<number>) => [rates[0]! / 2, ...rates, 2 * rates.at(-1)!]

const parts = (shape: Shape, widths: ReadonlyArray<number>, learningRates: ReadonlyArray<number>) => {
  const codeRates = forCode(learningRates)
  const code: Rates = { "optimizer.learningRate": codeRates }
  const rates: Rates = {
    "optimizer.learningRate": [...learningRates],
    "optimizer.schedule": ["constant", "cosine"],
  }
  return {
    coding: alone("coding", shape, code),
    legal: alone("legal", shape, rates),
    medical: alone("medical", shape, rates),
    "coding-target": withTarget("coding", shape, code),
    "legal-target": withTarget("legal", shape, rates),
    "medical-target": withTarget("medical", shape, rates),
    ratio: ratio(shape, widths, { "optimizer.learningRate": forWidths(codeRates) }),
  }
}

export default parts(small, [48, 16, 128], [1.5e-3, 3e-3, 6e-3, 1.2e-2])

/** For a machine with a GPU or many cores. */
export const large = parts(largeShape, [192, 96, 384], [5e-4, 1e-3, 2e-3, 4e-3])
