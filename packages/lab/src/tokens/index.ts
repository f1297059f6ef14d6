/** The token page of a finished run. */
export { type TokensDocument, tokensDocument } from "./document.ts"
export { type TokensRequest, tokensOf } from "./of-run.ts"
export { tokensPage } from "./page.ts"
