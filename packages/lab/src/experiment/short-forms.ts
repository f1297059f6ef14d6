/** Short texts for `--set`, each in place of an object. */
import { homedir } from "node:os"
import { join } from "node:path"
import { cut } from "@winnow/core"
import { isHubReference } from "@winnow/hub"

/** A short text in the form of error messages, and its object. */
interface ShortForm {
  readonly form: string
  /** In place of the word: true for a text that has this form as a whole. */
  readonly fits?: (text: string) => boolean
  /** Reads the text after the word and its colon; for a form with `fits`, the whole text. */
  readonly read: (rest: string) => unknown
}

/** The path of a folder or file, recognised by its beginning: "/DIR", "./DIR", "../DIR", "~/DIR". */
export const pathForm = (read: (path: string) => unknown): ShortForm => ({
  form: "./DIR",
  fits: (text) => /^(\.{0,2}|~)\//.test(text),
  read: (text) => read(text.startsWith("~/") ? join(homedir(), text.slice(2)) : text),
})

/** A model's repository on a hub. */
export const hubForm = (read: (reference: string) => unknown): ShortForm => ({
  form: "hf:owner/name[@revision]",
  fits: isHubReference,
  read,
})

/** By the text itself, or by the word before the colon if the form continues after it. */
export type ShortForms = Readonly<Record<string, ShortForm>>

/** The object of a short text. @error (thrown) made by `fail` from the fault */
export const fromShort = (forms: ShortForms, text: string, fail: (problem: string) => Error): unknown => {
  for (const [word, { form, fits, read }] of Object.entries(forms)) {
    if (fits?.(text) === true) return read(text)
    if (fits !== undefined) continue
    if (form === word ? text === word : text.startsWith(`${word}:`) && text.length > word.length + 1)
      return read(text.slice(word.length + 1))
  }
  const expected = Object.values(forms).map(({ form }) => form)
  throw fail(`expected ${expected.join(", ")}, or an object as JSON (was ${JSON.stringify(cut(text, 60))})`)
}
