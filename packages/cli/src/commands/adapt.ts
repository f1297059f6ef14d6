/** `winnow adapt`: the private part of a draft for a new target, from a file of prompts. */
import { resolve } from "node:path"
import type { ExamplesUse, HeadUse, LossUse } from "@winnow/core"
import { type Adapted, adapt, prompts, Store } from "@winnow/lab"
import { loadPlugins, pluginFile, pluginFrom } from "@winnow/lab/outside"
import { readHeadSettings } from "@winnow/models"
import { Console, Effect, Layer, Option } from "effect"
import { Command, Flag } from "effect/cli"
import { engine } from "../engine.ts"
import { launcherOf, oneByOneFlags } from "../launchers.ts"
import { aModel, familyFlag, namedFolder, withFamilies } from "../model.ts"
import { nearby } from "../nearby.ts"
import { viewed } from "../run-view.ts"
import { described, jsonFlag, tensorboardFlag, trainingFlags, watchFlag } from "../shared-flags.ts"

const whole = (n: number) => n.toLocaleString("en").replaceAll(",", " ")

/** The folders, the sizes, the texts and the next command. */
export const adaptReport = (
  { directory, shared, name, parameters, texts, training }: Adapted,
  target: string,
): string => {
  const share = (100 * parameters.private) / parameters.whole
  const { steps, seconds, finalLoss } = training
  return [
    `${name}: a private part of ${whole(parameters.private)} parameters, ${share.toFixed(1)} % of the draft`,
    `  private  ${nearby(directory)}`,
    `  shared   ${nearby(shared)}`,
    `text: the target wrote ${whole(texts.written)}, of which ${whole(texts.leftOut)} were left out; ${whole(texts.read)} were read`,
    `training: ${whole(steps)} steps in ${seconds.toFixed(0)} s, loss ${finalLoss.toFixed(3)} at the end`,
    `try it: bun run winnow evaluate --target ${target} --draft ${nearby(directory)} --prompts FILE`,
  ].join("\n")
}

/** The choice of examples beside a file of general text. */
const choiceOf = (general: string, keep: number) =>
  Effect.map(
    pluginFrom("examples", "--general", "mahalanobis"),
    // The kind is checked, and a plugin of this kind has no other type.
    (use) => use.withOptions({ general: prompts({ file: resolve(general) }), k: keep }) as ExamplesUse,
  )

/** The head of a folder, which its head.json names; undefined for a model. @error InvalidInput for a head that is no plugin here */
const headOf = (folder: string) =>
  Effect.gen(function* () {
    const settings = yield* readHeadSettings(folder)
    if (settings === undefined) return undefined
    const where = `--draft ${folder}`
    // The kind is checked, and a plugin of this kind has no other type.
    const use = (yield* pluginFrom("head", where, JSON.stringify(settings))) as HeadUse
    return { use, file: yield* pluginFile("head", where, JSON.stringify(settings)) }
  })

/** The command; `--json` prints the `Adapted`. */
export const adaptCommand = Command.make(
  "adapt",
  {
    draft: described(Flag.String("draft"), `the draft that all targets share, or a head such as eagle: ${aModel}`),
    target: described(Flag.String("target"), "the new target, which writes the text; a folder or hf:owner/name"),
    prompts: described(
      Flag.String("prompts").pipe(Flag.withMetavar("FILE")),
      'prompts of its domain, one JSON object a line: {"prompt": "..."}',
    ),
    to: described(
      Flag.String("to").pipe(Flag.withMetavar("DIR")),
      "gets DIR/shared and DIR/NAME; may have the private parts of other targets",
    ),
    name: described(Flag.String("name").pipe(Flag.withDefault("private")), "of the private part"),
    size: described(Flag.Int("size").pipe(Flag.withDefault(64)), "columns of the private feed-forward of each layer"),
    gate: described(
      Flag.Literals("gate", ["joint", "none"]).pipe(Flag.withDefault("joint" as const)),
      "between shared and private; none: a sum, which merges into a plain model",
    ),
    steps: described(Flag.Int("steps").pipe(Flag.withDefault(500)), "of the training"),
    batchSize: trainingFlags.batchSize,
    learningRate: described(Flag.Finite("learning-rate").pipe(Flag.withDefault(3e-3)), "at its height"),
    loss: trainingFlags.loss,
    general: described(
      Flag.String("general").pipe(Flag.optional, Flag.withMetavar("FILE")),
      'general text, {"text": "..."} a line: then the examples furthest from it are read',
    ),
    keep: described(Flag.Finite("keep").pipe(Flag.withDefault(0.5)), "share of the examples beside --general"),
    temperature: described(Flag.Finite("temperature").pipe(Flag.withDefault(0)), "of the target's text; 0 is greedy"),
    maxNew: described(Flag.Int("max-new").pipe(Flag.withDefault(256)), "most tokens of a text"),
    maxLength: trainingFlags.maxLength,
    seed: described(Flag.Int("seed").pipe(Flag.withDefault(0)), "of the private weights and the order of texts"),
    eos: trainingFlags.eos,
    plugin: familyFlag,
    ...oneByOneFlags,
    verbose: trainingFlags.verbose,
    watch: watchFlag,
    tensorboard: tensorboardFlag,
    json: jsonFlag,
  },
  Effect.fn("adapt")(function* ({ plugin, json, general, keep, size, gate, eos, loss, ...given }) {
    const { verbose, watch, tensorboard, ...flags } = given
    const [draft, target] = [(yield* namedFolder(flags.draft)).folder, (yield* namedFolder(flags.target)).folder]
    const launcher = yield* launcherOf(flags)
    const head = yield* headOf(draft)
    const files = [
      ...(yield* loadPlugins(plugin)).files,
      ...(head ? [head.file] : []),
      yield* pluginFile("loss", `--loss ${loss}`, loss),
      ...(Option.isSome(general) ? [yield* pluginFile("examples", "--general", "mahalanobis")] : []),
    ]
    const request = {
      ...flags,
      ...{ draft, target, prompts: resolve(flags.prompts), to: resolve(flags.to), form: { size, gate } },
      plugins: files,
      ...(head && { head: head.use }),
      // The kind is checked, and a plugin of this kind has no other type.
      loss: (yield* pluginFrom("loss", `--loss ${loss}`, loss)) as LossUse<unknown>,
      ...(Option.isSome(eos) && { eos: eos.value }),
      ...(Option.isSome(general) && { examples: yield* choiceOf(general.value, keep) }),
    }
    yield* engine
    const adapted = yield* withFamilies(
      plugin,
      viewed(adapt(request).pipe(Effect.provide(Layer.merge(Store.layer(), launcher))), {
        ...{ verbose, watch, tensorboard: Option.getOrUndefined(tensorboard) },
      }),
    )
    yield* Console.log(json ? JSON.stringify(adapted) : adaptReport(adapted, nearby(target)))
  }),
).pipe(Command.withDescription("A private part for a new target beside a frozen draft, trained on text that it writes"))
