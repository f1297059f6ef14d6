/** Short texts for `--set`, each in the place of an object. */
import { cut } from "@winnow/core"

/** A short text as errors show it, and the object that it stands for. */
interface ShortForm {
  readonly form: string
  readonly read: (rest: string) => unknown
}

/** By the text itself, or by the word before the colon where the form has something after it. */
export type ShortForms = Readonly<Record<string, ShortForm>>

/** The object that a short text stands for. @error (thrown) as `fail` makes it, from what is wrong */
export const fromShort = (forms: ShortForms, text: string, fail: (problem: string) => Error): unknown => {
  for (const [word, { form, read }] of Object.entries(forms)) {
    if (form === word ? text === word : text.startsWith(`${word}:`) && text.length > word.length + 1)
      return read(text.slice(word.length + 1))
  }
  const expected = Object.values(forms).map(({ form }) => form)
  throw fail(`expected ${expected.join(", ")}, or an object as JSON (was ${JSON.stringify(cut(text, 60))})`)
}
