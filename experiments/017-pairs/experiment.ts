/**
 * 017-pairs: an encoder and a decoder from one start. README.md has the question and the prediction.
 */
import { focusFinetune } from "@winnow/filter-focus-finetune"
import { none } from "@winnow/filter-none"
import { random } from "@winnow/filter-random"
import {
  arm,
  artifactOf,
  bpe,
  defineExperiment,
  fresh,
  mixture,
  pair,
  pairedArms,
  plainText,
  taskText,
  trained,
} from "@winnow/lab"
import { crossEntropy } from "@winnow/loss-cross-entropy"
import { kl } from "@winnow/loss-kl"
import { accuracy } from "@winnow/measure-accuracy"
import { fineTuned } from "@winnow/measure-fine-tuned"
import { heldOutLoss } from "@winnow/measure-held-out-loss"
import { probe } from "@winnow/measure-probe"
import { retrieval } from "@winnow/measure-retrieval"
import { llama } from "@winnow/model-llama"
import { modernbert, modernbertDecoder } from "@winnow/model-modernbert"
import { masked } from "@winnow/objective-masked"
import { nextToken } from "@winnow/objective-next-token"
import { alpaca } from "@winnow/task-alpaca"
import { arithmetic } from "@winnow/task-arithmetic"
import { banking77 } from "@winnow/task-banking77"
import { corrupted } from "@winnow/task-corrupted"
import { sst2 } from "@winnow/task-sst2"
import { trec } from "@winnow/task-trec"
import { unlabelled } from "./unlabelled.ts"

/** Ids of the tokenizer; the next one is the mask, and the model's number is rounded up. */
const vocabulary = 2048
const maskId = vocabulary
const maxLength = 128

/** A shape with Ettin's ratio of the feed-forward. */
const shapeOf = (layers: number, width: number, heads: number) => ({
  ...{ vocab_size: vocabulary + 64, max_position_embeddings: maxLength },
  ...{ hidden_size: width, num_hidden_layers: layers, num_attention_heads: heads, intermediate_size: 1.5 * width },
})
const [nano, micro, mini] = [shapeOf(2, 64, 2), shapeOf(4, 96, 3), shapeOf(6, 128, 4)]
const sizes = { nano: modernbert(nano), micro: modernbert(micro), mini: modernbert(mini) }
const decoders = { nano: modernbertDecoder(nano), micro: modernbertDecoder(micro) }

const labelled = [banking77(), trec(), sst2()]
/** A pass has each text about once: 2 476 instructions with their answers, 20 700 texts without their labels. */
const text = mixture({
  instructions: { weight: 1, text: plainText() },
  labelled: { weight: 8, text: plainText(unlabelled({ of: labelled })) },
})

/** Ettin's mask rates by phase: 30 % up to the decay, 15 % in it. */
const decayShare = 0.2
const phases = [
  { until: 1 - decayShare, rate: 0.3 },
  { until: 1, rate: 0.15 },
]
const trainingOf = (steps: number, learningRate: number) => ({
  ...{ steps, batchSize: 32, text },
  optimizer: {
    ...{ learningRate, warmup: Math.round(steps / 20), schedule: "decay" as const, decayShare, finalFraction: 0.02 },
    ...{ beta2: 0.98, weightDecay: 3e-4 },
  },
})
const steps = 1000
const rate = 3e-3

/** A draft of two layers on a target that does arithmetic; its starts saw as many tokens, before the same distillation. */
const drafts = () => {
  const ids = 768
  const common = { vocab_size: ids + 64, max_position_embeddings: 256 }
  const shape = {
    ...common,
    ...{ hidden_size: 64, num_hidden_layers: 2, num_attention_heads: 2, intermediate_size: 96 },
  }
  const of = (steps: number, learningRate: number) => ({
    ...{ steps, batchSize: 16, text: plainText() },
    optimizer: { learningRate, warmup: 20, schedule: "decay" as const },
  })
  const objective = masked({ maskId: ids, rate: { phases } })
  const [own, more] = [400, 100]
  const distilled = { filter: none(), loss: kl(), steps: 150, batchSize: 16, optimizer: { warmup: 15 } }
  return defineExperiment({
    name: "paired models as starts of a draft",
    question: "Is a decoder that was an encoder as good a start for a draft as a decoder?",
    task: arithmetic({ largest: 40 }),
    tokenizer: bpe({ vocabulary: ids, splitDigits: false }),
    maxLength: 128,
    target: fresh(llama({ ...common, hidden_size: 128, num_hidden_layers: 3, num_attention_heads: 4 }), {
      ...{ steps: 1300, batchSize: 16 },
      optimizer: { learningRate: 4e-3, warmup: 40, schedule: "cosine" },
    }),
    draft: { start: fresh(modernbertDecoder(shape)) },
    arms: {
      scratch: arm({ ...distilled }),
      decoder: arm({ ...distilled, start: fresh(modernbertDecoder(shape), of(own + more, rate)) }),
      // The encoder's further training with the next token; its own row says what it reaches before the distillation.
      crossing: arm({
        ...{ filter: none(), loss: crossEntropy(), ...of(more, rate / 2) },
        start: fresh(modernbert(shape), { ...of(own, rate), objective }, { turned: true }),
      }),
      "from-encoder": arm({ ...distilled, start: artifactOf({ arm: "crossing" }) }),
      "raw-encoder": arm({
        ...distilled,
        start: fresh(modernbert(shape), { ...of(own + more, rate), objective }, { turned: true }),
      }),
    },
    about: "from-encoder",
    seeds: [1, 2, 3, 4, 5],
    measure: { prompts: 150, maxNew: 80, gammas: [1, 2, 4, 8], gamma: 4, temperature: 1, timedPrompts: 4 },
    plugins: [modernbert],
  })
}

/** A draft without a larger model, on instructions of which two fifths have a corrupted answer. */
const judges = () => {
  const k = 0.6
  const noisy = taskText(corrupted({ of: alpaca() }))
  const budget = { steps: 300, batchSize: 16, optimizer: { learningRate: rate, warmup: 30 } }
  const loss = crossEntropy()
  const focus = { filter: focusFinetune({ k }), loss, ...budget, text: noisy }
  return defineExperiment({
    name: "paired models as references",
    question: "Does an encoder tell which tokens of noisy text are worth learning as a decoder of its size does?",
    task: alpaca(),
    tokenizer: bpe({ vocabulary }),
    maxLength,
    target: fresh(sizes.nano),
    draft: { start: fresh(decoders.nano, { ...trainingOf(300, rate), text: plainText(unlabelled({ of: labelled })) }) },
    arms: {
      all: arm({ filter: none(), loss, ...budget, text: noisy }),
      random: arm({ filter: random({ k }), loss, ...budget, text: noisy }),
      decoder: arm({ ...focus, reference: trained({ ...budget, start: fresh(decoders.micro) }) }),
      encoder: arm({
        ...focus,
        reference: trained({
          ...{ ...budget, start: fresh(sizes.micro), objective: masked({ maskId, rate: { phases } }) },
          masking: { maskId },
        }),
      }),
    },
    about: "encoder",
    seeds: [1, 2, 3, 4, 5],
    measures: [heldOutLoss({ objective: nextToken() }), accuracy({ objective: nextToken() })],
    measure: { prompts: 150 },
    stability: { tokens: 1024 },
    plugins: [modernbert],
  })
}

export default {
  pairs: defineExperiment({
    name: "paired encoders and decoders",
    question: "How much is a model's objective worth, and does further training with the other one repair it?",
    task: alpaca(),
    tokenizer: bpe({ vocabulary }),
    maxLength,
    target: fresh(sizes.nano),
    draft: { start: fresh(sizes.nano) },
    arms: pairedArms({
      sizes,
      training: trainingOf(steps, rate),
      masked: masked({ maskId, rate: { phases } }),
      // A quarter of the steps more, from the weights alone, at half of the peak.
      further: trainingOf(steps / 4, rate / 2),
      furtherMasked: masked({ maskId, rate: 0.15 }),
      crossedMasked: masked({ maskId, rate: 0.15, by: "before" }),
      predictions: 0.27,
    }),
    about: "mini-decoder-from-encoder",
    seeds: [1, 2, 3],
    study: pair({ sizes: Object.keys(sizes) }),
    measures: [
      ...labelled.map((task) => probe({ task })),
      ...labelled.map((task) => fineTuned({ task, steps: 200, learningRate: 2e-3 })),
      retrieval({ task: banking77() }),
      heldOutLoss({ objective: nextToken() }),
      accuracy({ objective: nextToken() }),
      // Always at 15 %, and masked tokens are the mask alone.
      heldOutLoss({ objective: masked({ maskId, rate: 0.15, mask: 1, random: 0, keep: 0 }) }),
    ],
    measure: { prompts: 150 },
    plugins: [modernbert, masked, probe, fineTuned, retrieval],
  }),
  drafts: drafts(),
  judges: judges(),
}
