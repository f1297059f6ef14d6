/**
 * The start of a training: one kind of value for targets, drafts, references and arms.
 *
 * Its JSON is an object with a `kind`. `--set` takes a short text too, such as "hf:owner/name" or "folder:DIR".
 */
import { type Attends, brief, type HeadUse, headUse, later, type ModelUse, modelUse } from "@winnow/core"
import { isHubReference, shortReference } from "@winnow/hub"
import { type } from "arktype"
import { natural, seed } from "./numbers.ts"
import { hubForm, pathForm, type ShortForms } from "./short-forms.ts"
import { describeText } from "./text.ts"
import { type TrainingSpec, trainingSpec } from "./training-spec.ts"

const ascending = type("number.integer >= 0")
  .array()
  .atLeastLength(1)
  .narrow(
    (layers, ctx) =>
      layers.every((layer, i) => i === 0 || layer > layers[i - 1]!) ||
      ctx.reject({ expected: "numbers of layers in ascending order, the first layer is 0", actual: brief(layers) }),
  )

/**
 * Changes of a model without training. `turned`: the same weights with the other attention. `vocabulary`: the number of ids
 * that a head predicts, where it predicts some of them only: the most frequent ones among the tokens that the experiment's
 * text trains on.
 */
const changes = { "turned?": "true", "vocabulary?": natural } as const

/**
 * The pretraining by cross-entropy, the seed of initialisation and data order (the run's own if left out), and the changes
 * of the model after it.
 */
const begin = { "pretraining?": trainingSpec, "seed?": seed, ...changes } as const

const ofFresh = type({ "+": "reject", kind: "'fresh'", model: modelUse, ...begin })
const ofFolder = type({ "+": "reject", kind: "'folder'", path: "string >= 1", ...begin })
const ofLayers = type({ "+": "reject", kind: "'layers'", of: "'target'", layers: ascending, ...begin })
const widths = type({ "[string]": "number.integer >= 1" }).narrow(
  (values, ctx) =>
    Object.keys(values).length > 0 || ctx.reject({ expected: "widths by their keys in config.json", actual: "none" }),
)
const ofResized = type({
  "+": "reject",
  kind: "'resized'",
  of: type("'target'").or({ "+": "reject", kind: "'folder'", path: "string >= 1" }),
  widths,
  /** The units that narrower widths keep. */
  "keep?": "'first' | 'largest'",
  /** Layers of the model, before its widths change; all by default. */
  "layers?": ascending,
  ...begin,
})
const ofTuned = type({
  "+": "reject",
  kind: "'tuned'",
  of: later(() =>
    ofFresh
      .or(ofFolder)
      .narrow(
        ({ vocabulary, turned }, ctx) =>
          (vocabulary === undefined && turned === undefined) ||
          ctx.reject({ expected: "a model without changes of its own: make them to the tuned one", actual: "one" }),
      ),
  ),
  /** The training that tunes it; `of` may have a pretraining of its own. */
  pretraining: trainingSpec,
  "seed?": seed,
  ...changes,
})
const ofHead = type({
  "+": "reject",
  kind: "'head'",
  head: headUse,
  // The folder of a saved head with these options, whose weights it has; fresh ones if left out.
  "path?": "string >= 1",
  // "trained": a copy of the target is trained with the head, as full fine-tuning does; frozen if left out.
  "trunk?": "'trained'",
  "seed?": seed,
  "pretraining?": type("undefined").describe("left out, as a head begins untrained"),
  "vocabulary?": type("undefined").describe("left out, as a head predicts the target's ids"),
  "turned?": type("undefined").describe("left out, as a head has no attention of its own"),
}).narrow(
  ({ path, trunk, seed }, ctx) =>
    path === undefined ||
    (trunk === undefined && seed === undefined) ||
    ctx.reject({ path: ["path"], expected: "without trunk and seed: a saved head has its weights", actual: "both" }),
)
const ofDraft = type({ "+": "reject", kind: "'draft'", ...changes })
const ofUntrained = type({ "+": "reject", kind: "'untrained'" })
const ofReference = type({ "+": "reject", kind: "'reference'", ...changes })
const ofArm = type({
  "+": "reject",
  kind: "'arm'",
  arm: "string >= 1",
  // The arms of which the best on the validation split is meant; `arm` is one of them, and the one of plans.
  "among?": type("string[] >= 2").narrow(
    (arms, ctx) =>
      new Set(arms).size === arms.length || ctx.reject({ expected: "different arms", actual: brief(arms) }),
  ),
  ...changes,
}).narrow(
  ({ arm, among }, ctx) =>
    among === undefined ||
    among.includes(arm) ||
    ctx.reject({ path: ["arm"], expected: `one of ${among.join(", ")}`, actual: brief(arm) }),
)

export type FreshStart = typeof ofFresh.infer
export type FolderStart = typeof ofFolder.infer
export type LayersStart = typeof ofLayers.infer
export type ResizedStart = typeof ofResized.infer
export type TunedStart = typeof ofTuned.infer
export type HeadStart = typeof ofHead.infer

/** A model that needs no other training of the run. */
export type ModelStart = FreshStart | FolderStart | LayersStart | ResizedStart | TunedStart

/** A start that needs no other training of the run: a model, or a head on the target. */
export type OwnStart = ModelStart | HeadStart

/** Every start, checked and filled in. */
export type ResolvedStart = OwnStart | typeof ofDraft.infer | typeof ofReference.infer | typeof ofArm.infer

const freshOrFolder = () => ofFresh.or(ofFolder)
/** The start of a target: a fresh model, a folder, or one of both trained further. */
export const targetStart = later(() =>
  freshOrFolder()
    .or(ofTuned)
    .narrow(({ vocabulary, turned }, ctx) => {
      if (turned !== undefined)
        return ctx.reject({ path: ["turned"], expected: "left out, as a target is as it was trained", actual: "true" })
      return (
        vocabulary === undefined ||
        ctx.reject({
          path: ["vocabulary"],
          expected: "left out, as a target predicts every id",
          actual: brief(vocabulary),
        })
      )
    }),
)
/** The forms of a model, for unions with more of them. */
export const modelForms = () => freshOrFolder().or(ofLayers).or(ofResized).or(ofTuned)
/** A model: a reference that no stage trains. */
export const modelStart = later(modelForms)
/** The forms of the drafts' start: a model, or a head on the target. */
export const draftForms = () => modelForms().or(ofHead)
/** The start of a reference that the run trains. */
export const referenceStart = later(() => modelForms().or(ofDraft))
/** The start of an arm: every start. `resolve` puts the drafts' start without its pretraining in the place of "untrained". */
export const armStart = later(() => draftForms().or(ofDraft).or(ofUntrained).or(ofReference).or(ofArm))

const fromFolder = (path: string) => ({ kind: "folder", path })

/** The short texts of `--set` for a model that no other training of the run makes. */
export const shortModels: ShortForms = {
  folder: { form: "folder:DIR", read: fromFolder },
  path: pathForm(fromFolder),
  hf: hubForm(fromFolder),
  layers: {
    form: "layers:0,2,5",
    read: (list) => {
      const layers = list.split(",").map((n) => (/^\d+$/.test(n) ? Number(n) : n))
      return { kind: "layers", of: "target", layers }
    },
  },
  resized: {
    form: "resized:hidden_size=512,intermediate_size=1024",
    read: (list) => {
      const widths = list.split(",").map((one) => {
        const [key = "", value = "", ...more] = one.split("=")
        return [key, /^\d+$/.test(value) && more.length === 0 ? Number(value) : one.slice(key.length + 1)]
      })
      return { kind: "resized", of: "target", widths: Object.fromEntries(widths) }
    },
  },
}

/** The best of several arms on the validation split; plans assume the one in the middle. */
const bestOf = (arms: ReadonlyArray<string>) => ({
  kind: "arm" as const,
  arm: arms[arms.length >> 1] ?? "",
  among: [...arms],
})

/** The short texts of `--set` for a start. */
export const shortStarts: ShortForms = {
  ...shortModels,
  draft: { form: "draft", read: () => ({ kind: "draft" }) },
  untrained: { form: "untrained", read: () => ({ kind: "untrained" }) },
  reference: { form: "reference", read: () => ({ kind: "reference" }) },
  arm: { form: "arm:NAME", read: (arm) => ({ kind: "arm", arm }) },
  best: { form: "best:NAME,NAME", read: (list) => bestOf(list.split(",")) },
}

/** Changes of a model without training, after its pretraining. */
interface Changes {
  /**
   * The same weights with the other attention: an encoder as a decoder, or a decoder as an encoder, of a family that has
   * both.
   */
  readonly turned?: true
  /**
   * The number of ids that the head predicts: the most frequent ones among the tokens that the experiment's text trains
   * on. The model reads every id. All if left out.
   */
  readonly vocabulary?: number
}

interface Begin extends Changes {
  /** Training by cross-entropy on the text before any distillation. */
  readonly pretraining?: TrainingSpec
  /** Seed of the initialisation and of the data's order; the run's own if left out. */
  readonly seed?: number
}

/** A start as an experiment's author writes it. */
export type StartSpec =
  | ({ readonly kind: "fresh"; readonly model: ModelUse<Attends> } & Begin)
  | ({ readonly kind: "folder"; readonly path: string } & Begin)
  | ({ readonly kind: "layers"; readonly of: "target"; readonly layers: ReadonlyArray<number> } & Begin)
  | ({
      readonly kind: "resized"
      readonly of: "target" | { readonly kind: "folder"; readonly path: string }
      readonly widths: Readonly<Record<string, number>>
      readonly keep?: "first" | "largest"
      readonly layers?: ReadonlyArray<number>
    } & Begin)
  | ({
      readonly kind: "tuned"
      readonly of: Extract<StartSpec, { kind: "fresh" | "folder" }>
    } & Omit<Begin, "pretraining"> & { readonly pretraining: TrainingSpec })

/** A head on the target's hidden states: a start for drafts and arms. */
export interface HeadSpec {
  readonly kind: "head"
  readonly head: HeadUse
  /**
   * "trained": a copy of the target is trained together with the head, as full fine-tuning does. Left out: the target stays
   * frozen.
   */
  readonly trunk?: "trained"
  /** Seed of the initialisation; the run's own if left out. */
  readonly seed?: number
  /** The folder of a saved head with these options; fresh if left out. */
  readonly path?: string
}
/** A start of the drafts. */
export type DraftStartSpec = StartSpec | HeadSpec
/** A start of an arm. */
export type ArmStartSpec =
  | DraftStartSpec
  | ({ readonly kind: "draft" } & Changes)
  | { readonly kind: "untrained" }
  | ({ readonly kind: "reference" } & Changes)
  | ({ readonly kind: "arm"; readonly arm: string; readonly among?: ReadonlyArray<string> } & Changes)
/** The start of a target. */
export type TargetSpec = Exclude<StartSpec, { readonly kind: "layers" | "resized" }>

/**
 * A model of random weights, trained on the text by cross-entropy if it has a `pretraining`.
 *
 * @param options.seed of the weights and of the data's order: a target has 0 if it is left out, a draft each seed of the run
 */
export const fresh = (
  model: ModelUse<Attends>,
  pretraining?: TrainingSpec,
  options: { readonly seed?: number } & Changes = {},
): Extract<StartSpec, { kind: "fresh" }> => ({
  kind: "fresh",
  model,
  ...(pretraining && { pretraining }),
  ...options,
})
/**
 * A model from a folder in Hugging Face format (config.json, model.safetensors), or from a repository of a hub.
 *
 * @param path of the folder, or "hf:owner/name", with "@revision" behind it for a branch, a tag or a commit
 */
export const folder = (path: string, options: Begin = {}): Extract<StartSpec, { kind: "folder" }> => ({
  kind: "folder",
  path,
  ...options,
})
/**
 * A model of some layers of the target, with its embedding, final norm and head.
 *
 * @param layers numbers of the layers in ascending order, the first layer is 0
 */
export const layersOf = (
  of: "target",
  layers: ReadonlyArray<number>,
  options: Begin = {},
): Extract<StartSpec, { kind: "layers" }> => ({ kind: "layers", of, layers, ...options })
/**
 * A model of other widths with the weights of the target, or of a folder: wider ones begin as the same function where
 * their norms allow it, narrower ones keep some units (docs/models.md).
 *
 * @param widths new values by their keys in config.json: { hidden_size: 512, num_attention_heads: 8 }
 * @param options.keep of narrower widths the units with the largest weights (the default), or the first ones
 * @param options.layers of the model, before its widths change; all by default
 * @param options.seed of the shares that copies of a unit have, and of fresh columns; the run's own by default
 */
export const resized = (
  of: "target" | { readonly kind: "folder"; readonly path: string },
  widths: Readonly<Record<string, number>>,
  options: Begin & { readonly keep?: "first" | "largest"; readonly layers?: ReadonlyArray<number> } = {},
): Extract<StartSpec, { kind: "resized" }> => ({ kind: "resized", of, widths, ...options })
/**
 * A model trained further by cross-entropy: a target that was fine-tuned to a domain. The model that it begins with is an
 * artifact of its own, and the same one wherever its settings stand.
 *
 * @param of a fresh model or a folder, with or without a pretraining of its own
 * @param training on the experiment's text if it names none
 */
export const tuned = (
  of: Extract<StartSpec, { kind: "fresh" | "folder" }>,
  training: TrainingSpec,
  options: Omit<Begin, "pretraining"> = {},
): Extract<StartSpec, { kind: "tuned" }> => ({ kind: "tuned", of, pretraining: training, ...options })
/**
 * A head on the target's hidden states, such as `medusa`: arms train it, and measures decode with it where it proposes
 * tokens.
 *
 * @param options.path the folder of a saved head with these options, which it begins as; fresh if left out
 */
export const head = (of: HeadUse, options: Pick<HeadSpec, "seed" | "trunk" | "path"> = {}): HeadSpec => ({
  kind: "head",
  head: of,
  ...options,
})
/**
 * Another model of the run: the drafts' start, the same without its pretraining, the arm's trained reference, another arm
 * with its final weights, or the best of several arms.
 *
 * @param of `best`: arms, of which the one that the search's measure puts first on the validation split is meant (greedy
 * acceptance without a search)
 * @param options.turned the same weights with the other attention; "untrained" has that of the drafts' start
 * @param options.vocabulary of the same model with a smaller head; "untrained" has that of the drafts' start
 */
export const artifactOf = (
  of: "draft" | "untrained" | "reference" | { readonly arm: string } | { readonly best: ReadonlyArray<string> },
  options: Changes = {},
): ArmStartSpec => {
  if (typeof of !== "object") return { kind: of, ...options }
  return "best" in of ? { ...bestOf(of.best), ...options } : { kind: "arm", arm: of.arm, ...options }
}

const describePath = (path: string) => (isHubReference(path) ? shortReference(path) : `folder ${path}`)

/** A start in a few words, for tables and messages. */
export const describeStart = (start: ResolvedStart): string => {
  const { turned, vocabulary } = start
  return [describeWhole(start), ...(turned ? ["turned"] : []), ...(vocabulary ? [`${vocabulary} ids`] : [])].join(", ")
}

const describeWhole = (start: ResolvedStart): string => {
  switch (start.kind) {
    case "fresh":
      return `a fresh ${start.model.name}`
    case "folder":
      return describePath(start.path)
    case "layers":
      return `layers ${start.layers.join(", ")} of the ${start.of}`
    case "resized": {
      const { of, layers, widths } = start
      const whole = of === "target" ? "the target" : describePath(of.path)
      const part = layers === undefined ? whole : `layers ${layers.join(", ")} of ${whole}`
      const sizes = Object.entries(widths).map(([key, value]) => `${key} ${value}`)
      return `${part} with ${sizes.join(", ")}`
    }
    case "tuned": {
      const { text } = start.pretraining
      return `${describeWhole(start.of)} tuned on ${text === undefined ? "the task's text" : describeText(text)}`
    }
    case "head":
      return `head ${start.head.name} on ${start.trunk ? "a trained copy of the target" : "the target"}`
    case "draft":
      return "start"
    case "reference":
      return "reference"
    case "arm":
      return start.among === undefined ? `arm ${start.arm}` : `the best of ${start.among.join(", ")}`
  }
}
