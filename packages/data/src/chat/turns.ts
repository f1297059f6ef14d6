/** The turns of a conversation as examples: each turn of the assistant, after all text that the model reads before it. */
import { DataError, type Example } from "@winnow/core"
import type { ChatTemplate, Conversation } from "./chat-template.ts"

/**
 * One example for each turn of the assistant. Its prompt is the conversation up to the turn, as the template renders it.
 * Its answer is the model's part of the turn: the part between the template's marks, else the text that the turn adds to
 * the prompt.
 *
 * Blanks at the end of a turn belong to the template and not to the answer. An end token there is removed, because the
 * encoder adds one.
 *
 * @param eos the token that ends a text
 * @error DataError (thrown) for a template that refuses the conversation, or renders a turn without its prompt as the
 *   beginning
 */
export const turnsOf = (
  { messages, tools }: Conversation,
  template: ChatTemplate,
  eos: string | undefined,
): ReadonlyArray<Example> =>
  messages.flatMap(({ role }, i): ReadonlyArray<Example> => {
    if (role !== "assistant") return []
    const upTo = (end: number): Conversation => ({ messages: messages.slice(0, end), tools })
    let text: string
    let from: number
    let to: number
    if (template.marks) {
      const marked = template.spans(upTo(i + 1))
      const last = marked.spans.at(-1)
      if (last === undefined)
        throw new DataError({ message: `message ${i + 1}: the template marks no part of it as the assistant's` })
      ;[text, from, to] = [marked.text, ...last]
    } else {
      text = template.render(upTo(i + 1))
      const before = template.render(upTo(i), true)
      if (!text.startsWith(before))
        throw new DataError({
          message: `message ${i + 1}: the template renders what comes before it otherwise once it is there, so its part is not known; mark it in the template by {% generation %}`,
        })
      ;[from, to] = [before.length, text.length]
    }
    const written = text.slice(from, to).trimEnd()
    const answer = eos !== undefined && eos !== "" && written.endsWith(eos) ? written.slice(0, -eos.length) : written
    return [{ prompt: text.slice(0, from), answer }]
  })
