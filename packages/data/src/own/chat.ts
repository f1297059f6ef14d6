/** A task from conversations of a user's own, rendered by a chat template. */
import { DataError, Datasets, defineTask, type Example, textKey } from "@winnow/core"
import { type } from "arktype"
import { Effect } from "effect"
import type { ChatMessage, Conversation } from "../chat/chat-template.ts"
import { plainTemplate, readTemplate } from "../chat/read-template.ts"
import { turnsOf } from "../chat/turns.ts"
import { fromRepository, namesRepository, repositoryOptions, rowsByEnding } from "./from-repository.ts"
import { fileOptions, leavesTraining, ownSplits } from "./own-splits.ts"

const options = type({
  "...": fileOptions,
  "+": "reject",
  /** The columns of a conversation's turns, and of its tools. */
  messages: "string >= 1 = 'messages'",
  tools: "string >= 1 = 'tools'",
  /** A model's folder, its tokenizer_config.json, or a .jinja file. Without it each turn is plain text after its role. */
  "template?": "string >= 1",
  "from?": repositoryOptions.get("from"),
  "subset?": "string >= 1",
})
  .narrow(leavesTraining)
  .narrow(namesRepository)

/** Roles by their names in the { from, value } form. */
const roles: Readonly<Record<string, string>> = { human: "user", gpt: "assistant" }

/** A turn, in the form { role, content } or { from, value }. */
const messageOf = (turn: unknown): ChatMessage | undefined => {
  if (typeof turn !== "object" || turn === null) return undefined
  const { from, value, ...rest } = turn as Readonly<Record<string, unknown>>
  if (typeof rest["role"] === "string") return turn as ChatMessage
  return typeof from === "string" ? { ...rest, role: roles[from] ?? from, content: value } : undefined
}

/** Parquet's wide integers as numbers, which a template can print. */
const narrow = (value: unknown): unknown => {
  if (typeof value === "bigint") return Number(value)
  if (Array.isArray(value)) return value.map(narrow)
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, narrow(field)]))
}

const isBlank = (value: unknown): boolean =>
  value === undefined || value === null || (typeof value === "string" ? value.trim() === "" : `${value}` === "")

/** True of a turn that says and calls nothing: a template writes its marks all the same. */
const isEmpty = ({ role: _, ...said }: ChatMessage): boolean => Object.values(said).every(isBlank)

/** The conversation of a row, or the fault of the row. */
const conversationOf = (
  columns: Readonly<Record<string, unknown>>,
  named: { readonly messages: string; readonly tools: string },
): Conversation | string => {
  const turns = columns[named.messages]
  if (turns === undefined) return `has no column ${named.messages}; it has ${Object.keys(columns).join(", ") || "none"}`
  if (!Array.isArray(turns) || turns.length === 0) return `its ${named.messages} is no list of turns`
  const messages: Array<ChatMessage> = []
  for (const [i, turn] of turns.entries()) {
    const message = messageOf(narrow(turn))
    if (message === undefined) return `its turn ${i + 1} has no role; expected { role, content } or { from, value }`
    messages.push(message)
  }
  if (messages.every(({ role }) => role !== "assistant")) return "it has no turn of the assistant: nothing is trained"
  return { messages, tools: narrow(columns[named.tools]) }
}

/** The turns, or the reason why the template refuses this conversation. */
const turnsIn = (...of: Parameters<typeof turnsOf>): ReadonlyArray<Example> | string => {
  try {
    return turnsOf(...of)
  } catch (error) {
    if (error instanceof DataError) return error.message
    throw error
  }
}

interface Turn extends Example {
  readonly conversation: string
}

/**
 * Examples from conversations: `chat({ train: "my.jsonl", template: "models/mine" })`. Each turn of the assistant is an
 * example; the turns of conversations with one beginning are in one split.
 */
export const chat = defineTask({
  name: "chat",
  options,
  make: (given) =>
    Effect.gen(function* () {
      const { own } = yield* Datasets
      const place = given.template === undefined ? undefined : yield* own(given.template)
      const { template, eos } = yield* Effect.tryPromise({
        try: async () => (place === undefined ? plainTemplate() : await readTemplate(place)),
        catch: (cause) =>
          cause instanceof DataError
            ? cause
            : new DataError({ message: `${given.template}: ${cause instanceof Error ? cause.message : cause}`, cause }),
      })
      const { from } = given
      return yield* ownSplits<Turn>(given, {
        files: from === undefined ? undefined : fromRepository({ ...given, from }),
        rows: (bytes, name) => rowsByEnding(bytes, name, [given.messages, given.tools]),
        examples: (row, faults) => {
          const conversation = conversationOf(row.columns, given)
          if (typeof conversation === "string") {
            faults.add(row.at, conversation, "without a conversation")
            return []
          }
          const written = conversation.messages.filter(({ role }) => role === "assistant")
          const turns = turnsIn(conversation, template, eos)
          if (typeof turns === "string") {
            faults.add(row.at, turns, "that the template cannot render")
            return []
          }
          const empty = turns.findIndex(
            ({ prompt, answer }, i) => isEmpty(written[i]!) || prompt.trim() === "" || answer.trim() === "",
          )
          if (empty >= 0) {
            const problem = `turn ${empty + 1} of the assistant is empty, or has nothing before it`
            faults.add(row.at, problem, "with an empty turn")
            return []
          }
          const first = conversation.messages.findIndex(({ role }) => role === "user")
          const beginning = textKey(JSON.stringify(conversation.messages.slice(0, first + 1)))
          return turns.map((turn) => ({ ...turn, conversation: beginning }))
        },
        keyOf: ({ conversation }) => conversation,
      })
    }),
})
