/** Refusals in the form of OpenAI's API. */
import { DataError, InvalidInput } from "@winnow/core"

/** A refusal: its status, and the fields of its body. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: {
      /** The field of the request that is at fault. */
      readonly param?: string
      readonly code?: string
    } = {},
  ) {
    super(message)
  }

  /** The kind of refusal, as clients tell them apart. */
  get type(): string {
    if (this.status === 429) return "rate_limit_error"
    return this.status >= 500 ? "server_error" : "invalid_request_error"
  }

  get body() {
    const { param = null, code = null } = this.fields
    return { error: { message: this.message, type: this.type, param, code } }
  }
}

/** Any error of a request as a refusal: of the request's fault where it says so, else of the server's. */
export const apiErrorOf = (error: unknown): ApiError => {
  if (error instanceof ApiError) return error
  if (error instanceof InvalidInput) return new ApiError(400, error.message)
  const message = error instanceof Error ? error.message : String(error)
  return new ApiError(500, error instanceof DataError ? message : `a bug in winnow, please report it: ${message}`)
}
