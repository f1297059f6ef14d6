/**
 * The tokens that a tokenizer adds before and after a text on request: Winnow does not request them, and reports that.
 */
import { type } from "arktype"

/** Texts of tokens before and after a single text. */
export interface Framing {
  readonly before: ReadonlyArray<string>
  readonly after: ReadonlyArray<string>
}

const Pair = type(["string", "number"])
const Template = type({ single: type({ "SpecialToken?": { id: "string" }, "Sequence?": "object" }).array() })
const Ends = type({ cls: Pair, sep: Pair })
const Steps = type({ processors: "object[]" })

const none: Framing = { before: [], after: [] }

/**
 * The tokens that the `post_processor` of a `tokenizer.json` adds; none for one that adds nothing, or that has an
 * unknown form.
 *
 * @source `TemplateProcessing`, `BertProcessing`, `RobertaProcessing` and `Sequence` of the tokenizers library
 */
export const framingOf = (postProcessor: object | undefined): Framing => {
  const steps = Steps(postProcessor)
  if (!(steps instanceof type.errors))
    return steps.processors.map(framingOf).reduce(
      // A later step wraps the result of the earlier ones.
      (inner, { before, after }) => ({ before: [...before, ...inner.before], after: [...inner.after, ...after] }),
      none,
    )
  const ends = Ends(postProcessor)
  if (!(ends instanceof type.errors)) return { before: [ends.cls[0]], after: [ends.sep[0]] }
  const template = Template(postProcessor)
  if (template instanceof type.errors) return none
  const text = template.single.findIndex((piece) => piece.Sequence !== undefined)
  const tokens = (pieces: typeof template.single) => pieces.flatMap(({ SpecialToken }) => SpecialToken?.id ?? [])
  return { before: tokens(template.single.slice(0, Math.max(0, text))), after: tokens(template.single.slice(text + 1)) }
}

const Config = type({
  "add_bos_token?": "unknown",
  "bos_token?": type("string | null").or({ content: "string" }),
})

/** The start token that a `tokenizer_config.json` requests by `add_bos_token`; undefined if it requests none. */
export const startInConfig = (config: object): string | undefined => {
  const checked = Config(config)
  if (checked instanceof type.errors || checked.add_bos_token !== true) return undefined
  const { bos_token: start } = checked
  return typeof start === "object" ? start?.content : start
}
