import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { DataError } from "@winnow/core"
import committed from "../fixtures/chat-golden.json"
import { type Conversation, chatTemplate } from "./chat-template.ts"
import { plainTemplate } from "./read-template.ts"
import { turnsOf } from "./turns.ts"

interface Golden {
  readonly tokens: Readonly<Record<string, string>>
  readonly conversations: ReadonlyArray<Conversation>
  readonly templates: ReadonlyArray<{
    readonly name: string
    readonly source: string
    readonly cases: ReadonlyArray<{
      readonly refused?: boolean
      readonly text?: string
      readonly asked?: string
      /** Each turn of the assistant with the text up to its end; null where prefixes do not tell its part. */
      readonly turns?:
        | ReadonlyArray<{ readonly text: string; readonly from: number; readonly to: number }>
        | "not rendered"
        | null
    }>
  }>
}

/** Further templates, rendered by the script that made the committed ones. */
const more = process.env["WINNOW_CHAT_GOLDEN"]
const all: ReadonlyArray<Golden> = [
  committed as unknown as Golden,
  ...(more === undefined ? [] : [JSON.parse(readFileSync(more, "utf8")) as Golden]),
]

for (const { tokens, conversations, templates } of all)
  for (const { name, source, cases } of templates)
    test(`transformers' texts and parts: ${name}`, () => {
      const template = chatTemplate(source, tokens)
      for (const [i, { refused, text, asked, turns }] of cases.entries()) {
        const conversation = conversations[i]!
        if (refused) {
          expect(() => template.render(conversation)).toThrow(DataError)
          continue
        }
        expect(template.render(conversation)).toBe(text!)
        expect(template.render(conversation, true)).toBe(asked!)
        if (template.marks) expect(template.spans(conversation).text).toBe(text!)
        // Python's Jinja refuses the first message of an empty list, JavaScript's takes it for undefined.
        if (turns === "not rendered") continue
        if (turns === null) {
          expect(() => turnsOf(conversation, template, undefined)).toThrow(DataError)
          continue
        }
        // Blanks and an end token at the end of a turn are not the model's.
        const written = turns!.map(({ text, from, to }) => ({
          prompt: text.slice(0, from),
          answer: text
            .slice(from, to)
            .trimEnd()
            .replace(/<\/s>$/, ""),
        }))
        expect(turnsOf(conversation, template, "</s>")).toEqual(written)
      }
    })

test("plain turns for models without a template", () => {
  const { template, eos } = plainTemplate()
  const messages = [
    { role: "system", content: "Be short." },
    { role: "user", content: "Hello?" },
    { role: "assistant", content: "Hi." },
    { role: "user", content: "And?" },
    { role: "assistant", content: "Bye." },
  ]
  expect(turnsOf({ messages }, template, eos)).toEqual([
    { prompt: "System: Be short.\n\nUser: Hello?\n\nAssistant: ", answer: "Hi." },
    {
      prompt: "System: Be short.\n\nUser: Hello?\n\nAssistant: Hi.\n\nUser: And?\n\nAssistant: ",
      answer: "Bye.",
    },
  ])
  expect(template.render({ messages: messages.slice(0, 2) }, true)).toBe(
    "System: Be short.\n\nUser: Hello?\n\nAssistant: ",
  )
})

test("today's date is not there: a template takes its default", () => {
  const template = chatTemplate(
    "{% if strftime_now is defined %}{{ strftime_now('%Y') }}{% else %}no date{% endif %}",
    {},
  )
  expect(template.render({ messages: [] })).toBe("no date")
})

test("errors: no template, a template that refuses, a turn whose part is not known", () => {
  expect(() => chatTemplate("{% for m in messages %}", {})).toThrow("the chat template is no Jinja that can be read")
  const user = { role: "user", content: "x" }
  const answered = { messages: [user, { role: "assistant", content: "y" }] }
  const refusing = chatTemplate("{{ raise_exception('no ' + messages[0].role) }}", {})
  expect(() => refusing.render(answered)).toThrow("the chat template refuses the conversation: no user")
  const counting = chatTemplate("{{ messages | length }}{% for m in messages %}{{ m.content }}{% endfor %}", {})
  expect(() => turnsOf(answered, counting, undefined)).toThrow("message 2: the template renders what comes before it")
  const unmarked = chatTemplate("{% if false %}{% generation %}{% endgeneration %}{% endif %}", {})
  expect(() => turnsOf(answered, unmarked, undefined)).toThrow("message 2: the template marks no part of it")
})
