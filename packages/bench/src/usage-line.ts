/** The line on stderr for wrong input of `bun run bench`. */
import type { UsageError } from "./options.ts"

/** The code of wrong input in docs/errors.md. */
const usageCode = "WN-205"

/** The line of wrong input, with the near name where one was wrong. */
export const usageLine = async ({ message, wrong }: UsageError): Promise<string> => {
  const { didYouMean } = await import("@winnow/core") // here alone: a comparison starts without it
  return `error: ${message}${wrong === undefined ? "" : didYouMean(wrong.name, wrong.names)} [${usageCode}]\n`
}
