/** Speeches of Shakespeare's plays, from one text at one commit of a repository that carries it. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"

const licence = "public domain"

const text: ServedFile = {
  path: "domains/plain/tinyshakespeare.txt",
  url: "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare/input.txt",
  sha256: "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
  bytes: 1115394,
  licence,
}

/** Characters that the speeches of a record have at least, the last record's aside. */
const least = 400

/** The text as records of a first speech and those that follow it; each speech is in one record. */
export const speeches = (bytes: Uint8Array | undefined): string => {
  const all = new TextDecoder().decode(bytes).trim().split("\n\n")
  const records: Array<{ first: string; next: string }> = []
  let from = 0
  let length = 0
  for (const [i, speech] of all.entries()) {
    length += speech.length
    if (i === from || length < least) continue
    records.push({ first: all[from]!, next: all.slice(from + 1, i + 1).join("\n\n") })
    from = i + 1
    length = 0
  }
  if (from < all.length - 1) records.push({ first: all[from]!, next: all.slice(from + 1).join("\n\n") })
  return jsonLines(records)
}

export const speechesFile: DerivedFile = {
  path: "domains/plain/tinyshakespeare.jsonl",
  of: [text],
  by: speeches,
  sha256: "20007080c37d9b67806ca16aa0a6dc9c7b02e5f8edbd6ead3873514c619316c4",
  bytes: 1187922,
  licence,
}
