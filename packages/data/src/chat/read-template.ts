/** Reads the chat template beside a model, from its place in Hugging Face's folders. */
import { existsSync } from "node:fs"
import { readFile, stat } from "node:fs/promises"
import { dirname, join } from "node:path"
import { DataError } from "@winnow/core"
import { parseJson } from "@winnow/files"
import { type } from "arktype"
import { type ChatTemplate, chatTemplate } from "./chat-template.ts"

const token = type("string").or({ content: "string" }).or("null")
const config = type({
  "chat_template?": type("string").or(type({ name: "string", template: "string" }).array()),
  "bos_token?": token,
  "eos_token?": token,
  "unk_token?": token,
  "pad_token?": token,
})
const names = ["bos_token", "eos_token", "unk_token", "pad_token"] as const

/** Plain turns, each after its role: for models without a template. */
const plain = [
  "{% for m in messages %}{% if m.role == 'assistant' %}",
  "{{ 'Assistant: ' }}{% generation %}{{ m.content }}{% endgeneration %}{{ '\\n\\n' }}",
  "{% else %}{{ (m.role | capitalize) + ': ' + m.content + '\\n\\n' }}{% endif %}{% endfor %}",
  "{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}",
].join("")

/** A template, with the token that ends a text. */
export interface ReadTemplate {
  readonly template: ChatTemplate
  readonly eos: string | undefined
}

/** The template of an experiment that names no other. */
export const plainTemplate = (): ReadTemplate => ({ template: chatTemplate(plain, {}), eos: undefined })

const readConfig = async (place: string) => {
  const found = config(parseJson(await readFile(place, "utf8")))
  if (found instanceof type.errors) throw new DataError({ message: `${place}: ${found.summary}` })
  return found
}

/**
 * Reads a template, as `readTemplate`.
 *
 * @returns undefined for a place without one
 * @error DataError (thrown) for a text that is no template
 */
export const findTemplate = async (place: string): Promise<ReadTemplate | undefined> => {
  const isFolder = (await stat(place)).isDirectory()
  const folder = isFolder ? place : dirname(place)
  const beside = join(folder, "tokenizer_config.json")
  const own = !isFolder && place.endsWith(".json") ? place : existsSync(beside) ? beside : undefined
  const told = own === undefined ? {} : await readConfig(own)
  const tokens = Object.fromEntries(
    names.flatMap((name) => {
      const value = told[name]
      const text = typeof value === "object" && value !== null ? value.content : value
      return typeof text === "string" ? [[name, text]] : []
    }),
  )
  const jinja = isFolder ? join(folder, "chat_template.jinja") : place.endsWith(".json") ? undefined : place
  const listed = told.chat_template
  const [file, source] =
    jinja !== undefined && existsSync(jinja)
      ? [jinja, await readFile(jinja, "utf8")]
      : typeof listed === "string"
        ? [own, listed]
        : [own, (listed?.find(({ name }) => name === "default") ?? listed?.[0])?.template]
  if (source === undefined) return undefined
  return { template: chatTemplate(source, tokens, `the chat template in ${file}`), eos: tokens["eos_token"] }
}

/**
 * Reads a template: a .jinja file, a tokenizer_config.json, or a folder that has one of them. The special tokens come from
 * the tokenizer_config.json in the same folder.
 *
 * @error DataError (thrown) for a place without a template, and for a text that is no template
 */
export const readTemplate = async (place: string): Promise<ReadTemplate> => {
  const found = await findTemplate(place)
  if (found === undefined)
    throw new DataError({
      message: `${place} has no chat template: expected chat_template.jinja, or chat_template in tokenizer_config.json`,
    })
  return found
}
