/** Windows by layer, in the form of Qwen's config.json: some layers read the last positions alone. */
import { type Traversal, type } from "arktype"
import { type Field, used } from "./config-fields.ts"
import { size } from "./sizes.ts"

/** A layer that reads all positions before it, or those of a window. */
export const layerTypes = type("('full_attention' | 'sliding_attention')[]")

/** The options of windows; defaults are those of `transformers`. */
export const windowOptions = type({
  use_sliding_window: "boolean = false",
  /** Positions that a token of a sliding layer reads, its own included. */
  "sliding_window?": size,
  /** Without `layer_types`, the layers from this one on have the window. */
  max_window_layers: "number.integer >= 0 = 28",
  "layer_types?": layerTypes,
})

type WindowOptions = typeof windowOptions.infer & { readonly num_hidden_layers: number }

/** Kind and window of each layer. */
export const windowsOf = ({ num_hidden_layers, layer_types, ...o }: WindowOptions) => {
  const window = o.use_sliding_window ? o.sliding_window : undefined
  const types =
    layer_types ??
    Array.from({ length: num_hidden_layers }, (_, l) =>
      window !== undefined && l >= o.max_window_layers ? "sliding_attention" : "full_attention",
    )
  return { types, windows: types.map((kind) => (kind === "sliding_attention" ? window : undefined)) }
}

/** True if each layer has a kind. */
export const oneKindEach = (types: ReadonlyArray<string>, layers: number, ctx: Traversal): boolean =>
  types.length === layers ||
  ctx.mustBe(`such that layer_types has one entry for each of ${layers} layers (not ${types.length})`)

/** True of options in which each layer has a kind and each sliding layer a window: a condition of a family's options. */
export const windowsFit = (o: WindowOptions, ctx: Traversal): boolean => {
  const { types, windows } = windowsOf(o)
  if (!oneKindEach(types, o.num_hidden_layers, ctx)) return false
  const bare = types.findIndex((kind, l) => kind === "sliding_attention" && windows[l] === undefined)
  return (
    bare < 0 ||
    ctx.mustBe(`such that layer ${bare}, a sliding_attention of layer_types, has use_sliding_window and sliding_window`)
  )
}

/** The part of their fields of config.json. */
export const windowFields: ReadonlyArray<readonly [string, Field]> = [
  ["use_sliding_window", used("false: no layer has a window")],
  ["sliding_window", used("positions that a token reads in layers with a window, its own included")],
  ["max_window_layers", used("without layer_types, the first layer with a window")],
  ["layer_types", used("full_attention or sliding_attention by layer; another kind is refused")],
]
