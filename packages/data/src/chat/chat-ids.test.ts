/** Token ids of rendered conversations: those of `apply_chat_template(tokenize=True)`, of each turn too. */
import { afterAll, expect, test } from "bun:test"
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { encodeAll } from "../../test/encode-one.ts"
import committed from "../fixtures/chat-golden.json"
import { loadTokenizer } from "../tokenizer.ts"
import { type Conversation, chatTemplate } from "./chat-template.ts"
import { turnsOf } from "./turns.ts"

interface Golden {
  readonly tokens: Readonly<Record<string, string>>
  readonly tokenizer: object
  readonly conversations: ReadonlyArray<Conversation>
  readonly templates: ReadonlyArray<{
    readonly name: string
    readonly source: string
    readonly cases: ReadonlyArray<{
      readonly refused?: boolean
      readonly ids?: ReadonlyArray<number>
      readonly askedIds?: ReadonlyArray<number>
      /** Of each turn of the assistant, the conversation up to its end. */
      readonly turns?: ReadonlyArray<{ readonly ids: ReadonlyArray<number> }> | "not rendered" | null
    }>
  }>
}

/** Further templates, as chat.test.ts takes them. */
const more = process.env["WINNOW_CHAT_GOLDEN"]
const all: ReadonlyArray<Golden> = [
  committed as unknown as Golden,
  ...(more === undefined ? [] : [JSON.parse(readFileSync(more, "utf8")) as Golden]),
]
const folder = mkdtempSync(join(tmpdir(), "winnow-chat-ids-"))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Templates with a blank between what is read and what is written. */
const spanned = new Set<string>()

for (const [g, { tokens, tokenizer: json, conversations, templates }] of all.entries()) {
  const file = join(folder, `${g}.json`)
  writeFileSync(file, JSON.stringify(json))
  const tokenizer = await Effect.runPromise(loadTokenizer(file, { eos: "</s>" }))
  const idsOf = (texts: ReadonlyArray<string>) => encodeAll(tokenizer, texts, { specialTokens: "ids" })

  for (const { name, source, cases } of templates)
    test(`transformers' ids: ${name}`, async () => {
      const template = chatTemplate(source, tokens)
      for (const [i, { refused, ids, askedIds, turns }] of cases.entries()) {
        if (refused) continue
        const conversation = conversations[i]!
        expect(await idsOf([template.render(conversation), template.render(conversation, true)])).toEqual([
          ids!,
          askedIds!,
        ])
        if (turns === null || turns === "not rendered") continue
        for (const [k, { prompt, answer }] of turnsOf(conversation, template, "</s>").entries()) {
          const [read, written] = await idsOf([prompt, answer])
          const whole = turns![k]!.ids
          const beside = [...read!, ...written!]
          // Prompt and answer are encoded apart: where a blank lies at their border, one of transformers' tokens spans it.
          if (prompt.endsWith(" ") || /^\s/.test(answer)) spanned.add(name)
          else expect(beside).toEqual(whole.slice(0, beside.length))
        }
      }
    })
}

test("few templates have a blank between prompt and answer; all others give the ids of whole turns", () => {
  expect([...spanned].filter((name) => committed.templates.some((one) => one.name === name))).toEqual([
    "brackets around the user's turns, which must alternate",
    "generation tags that take blanks",
  ])
})
