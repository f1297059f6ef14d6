/** The chat template of a server. */
import { DataError, InvalidInput } from "@winnow/core"
import { type ChatTemplate, findTemplate, plainTemplate, readTemplate } from "@winnow/data/chat"
import { isSystemError } from "@winnow/files"
import { Effect } from "effect"

/**
 * The template that was asked for, else the target's own.
 *
 * @param asked a .jinja file, a tokenizer_config.json, a folder, or `plain`: each turn after its role
 * @returns undefined for a target without one
 * @error InvalidInput for a place that is not there; DataError for a template that cannot be read
 */
export const templateOf = Effect.fnUntraced(function* (
  folder: string,
  asked: string | undefined,
): Effect.fn.Return<ChatTemplate | undefined, DataError | InvalidInput> {
  if (asked === "plain") return plainTemplate().template
  const found = yield* Effect.tryPromise({
    try: () => (asked === undefined ? findTemplate(folder) : readTemplate(asked)),
    catch: (error) => {
      const message = (error as Error).message
      if (asked === undefined || !isSystemError(error))
        return error instanceof DataError ? error : new DataError({ message: `${asked ?? folder}: ${message}` })
      const problem = `${message}; expected a .jinja file, a tokenizer_config.json, a folder, or plain`
      return new InvalidInput({ what: `--chat-template ${asked}`, problems: [problem] })
    },
  })
  return found?.template
})
