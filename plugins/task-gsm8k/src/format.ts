/** Converts a record of GSM8K to prompt and answer, and reads the final number of a generated text. */
import type { Example } from "@winnow/core"

export interface Format {
  readonly calculator: "removed" | "kept"
  readonly ending: "sentence" | "hashes"
}

export interface GsmRecord {
  readonly question: string
  readonly answer: string
}

/** `<<48/2=24>>`: a calculator's results in the source's solutions. */
const calculatorMark = /<<[^<>]*>>/g
/** The source's last line. */
const hashes = /^#### *(.+)$/m

/** Prompt and answer. A record without a last line "#### number" gives undefined: it cannot be scored. */
export const toExample = ({ question, answer }: GsmRecord, { calculator, ending }: Format): Example | undefined => {
  if (hashes.exec(answer) === null) return undefined
  const marked = calculator === "kept" ? answer : answer.replaceAll(calculatorMark, "")
  const ended = ending === "hashes" ? marked : marked.replace(hashes, "The final answer is: $1")
  return { prompt: `Question: ${question.trim()}\nAnswer:\n`, answer: ended.trim() }
}

/** A number in usual notation: a sign, a currency, thousands separated by commas. */
const number = String.raw`(-?)\$?(-?\d[\d,]*(?:\.\d+)?|-?\.\d+)`
const final = {
  sentence: new RegExp(`The final answer is: *${number}`),
  hashes: new RegExp(`^#### *${number}`, "m"),
}

/** The number at the end of a text, in the form of its ending; undefined if there is none. */
export const finalNumber = (text: string, ending: Format["ending"]): number | undefined => {
  const found = final[ending].exec(text)
  return found === null ? undefined : Number(`${found[1]}${found[2]!.replaceAll(",", "")}`)
}
