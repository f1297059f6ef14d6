/**
 * Chat templates: a conversation as the text that a chat model reads, with the parts that the model writes.
 *
 * A template is Jinja, as `transformers` renders it: blocks take the blanks before them and the end of line behind them.
 */

import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja"
import { DataError } from "@winnow/core"

/** One turn; the template may read its further fields. */
export interface ChatMessage {
  readonly role: string
  readonly [field: string]: unknown
}

/** A conversation, with the tools that its template may describe to the model. */
export interface Conversation {
  readonly messages: ReadonlyArray<ChatMessage>
  readonly tools?: unknown
}

/** A part of a text, in UTF-16 units: [from, to). */
export type Span = readonly [from: number, to: number]

/** A template, ready to render. */
export interface ChatTemplate {
  /** True if the template marks the model's part by `{% generation %}`. */
  readonly marks: boolean
  /**
   * @param generationPrompt true to end at the beginning of the model's next turn
   * @error DataError (thrown) where the template refuses the conversation, or reads a field that is missing
   */
  readonly render: (conversation: Conversation, generationPrompt?: boolean) => string
  /** The text without the next turn's beginning, and the parts between the template's marks. @error as `render` */
  readonly spans: (conversation: Conversation) => { readonly text: string; readonly spans: ReadonlyArray<Span> }
}

// Private letters of Unicode: no text of a conversation may have them.
const [opens, closes] = ["\uF8F0", "\uF8F1"]
const generation = /\{%(-?)\s*generation\s*(-?)%\}/g
const endgeneration = /\{%(-?)\s*endgeneration\s*(-?)%\}/g

const range = (...numbers: ReadonlyArray<number>): ReadonlyArray<number> => {
  const [from, to, step] = numbers.length === 1 ? [0, numbers[0]!, 1] : [numbers[0]!, numbers[1]!, numbers[2] ?? 1]
  return Array.from({ length: Math.max(0, Math.ceil((to - from) / step)) }, (_, i) => from + i * step)
}

/**
 * Reads a template.
 *
 * A template gets no date of today. It prints its default date, because the same data must give the same text.
 *
 * @param source the template
 * @param tokens special tokens by the names that templates have for them, such as eos_token
 * @param called in messages about its form
 * @error DataError (thrown) for a text that is no Jinja
 */
export const chatTemplate = (
  source: string,
  tokens: Readonly<Record<string, string>>,
  called = "the chat template",
): ChatTemplate => {
  const program = (text: string) => {
    try {
      return parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }))
    } catch (cause) {
      throw new DataError({ message: `${called} is no Jinja that can be read: ${String(cause)}`, cause })
    }
  }
  const plain = program(source)
  const marks = generation.test(source)
  generation.lastIndex = 0
  // A block replaces a block, so the renderer removes the blanks around it as in the source.
  const block = (mark: string) => (_: string, before: string, behind: string) =>
    `{%${before} if true %}{{ "${mark}" }}{% endif ${behind}%}`
  const marked = marks
    ? program(source.replaceAll(generation, block(opens)).replaceAll(endgeneration, block(closes)))
    : plain

  const rendered = (of: typeof plain, { messages, tools }: Conversation, generationPrompt: boolean): string => {
    const environment = new Environment()
    const names: Readonly<Record<string, unknown>> = {
      ...{ true: true, True: true, false: false, False: false, none: null, None: null },
      range,
      raise_exception: (message: unknown) => {
        throw new Error(String(message))
      },
      ...tokens,
      messages,
      ...(tools !== undefined && tools !== null && { tools }),
      add_generation_prompt: generationPrompt,
    }
    try {
      for (const [name, value] of Object.entries(names)) environment.set(name, value)
      return String(new Interpreter(environment).run(of).value)
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new DataError({ message: `the chat template refuses the conversation: ${why}`, cause })
    }
  }

  return {
    marks,
    render: (conversation, generationPrompt = false) => rendered(plain, conversation, generationPrompt),
    spans: (conversation) => {
      let text = ""
      let from: number | undefined
      const spans: Array<Span> = []
      for (const part of rendered(marked, conversation, false).split(/([\uF8F0\uF8F1])/)) {
        if (part === opens) from = text.length
        else if (part === closes && from !== undefined) spans.push([from, text.length])
        else text += part
      }
      return { text, spans }
    },
  }
}
