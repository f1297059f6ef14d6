/** Flags that several commands have. */
import { join } from "node:path"
import { houseRoot } from "@winnow/lab/outside"
import { Option } from "effect"
import { Flag } from "effect/cli"

/** A flag with its words in `--help`. */
export const described = <A>(flag: Flag.Flag<A>, text: string): Flag.Flag<A> => flag.pipe(Flag.withDescription(text))

/** A field with the value of an optional flag, or none. */
export const optional = <K extends string, A>(key: K, value: Option.Option<A>) =>
  Option.match(value, { onNone: () => ({}), onSome: (value) => ({ [key]: value }) as { readonly [_ in K]: A } })

/** `--results`: the folder of the results, that of this checkout if left out. */
export const resultsFlag = Flag.Directory("results").pipe(
  Flag.withDefault(join(houseRoot, "results")),
  Flag.withDescription("folder of the results"),
)

/** `--json` of a command whose stdout is then one JSON document. */
export const jsonFlag = Flag.Boolean("json").pipe(
  Flag.withDefault(false),
  Flag.withDescription("JSON on stdout, nothing else there"),
)

/** Flags of commands that train a draft on texts of a target. */
export const trainingFlags = {
  maxLength: described(Flag.Int("max-length").pipe(Flag.withDefault(512)), "most tokens of a prompt with its text"),
  batchSize: described(Flag.Int("batch-size").pipe(Flag.withDefault(16)), "texts a step"),
  loss: described(Flag.String("loss").pipe(Flag.withDefault("kl")), "a plugin, from the target's distribution"),
  eos: described(Flag.String("eos").pipe(Flag.optional), "text of the token that ends a text, if no file names it"),
  verbose: described(Flag.Boolean("verbose").pipe(Flag.withDefault(false)), "each stage as it runs"),
}

/** `--tensorboard` of a command that makes runs. */
export const tensorboardFlag = Flag.String("tensorboard").pipe(
  Flag.optional,
  Flag.withMetavar("DIR"),
  Flag.withDescription("TensorBoard logs in this folder, by arm and seed: loss, kept fraction, rates, acceptance"),
)

/** `--watch` of a command that makes runs. */
export const watchFlag = Flag.Boolean("watch").pipe(
  Flag.withDefault(false),
  Flag.withDescription(
    "a live page on this machine: its address is printed; `winnow watch` shows runs of other processes",
  ),
)
