/** Numbers and names of the page's data, which the writer and the browser's code share. */

/** Tokens that a page shows for each place of a model. */
export const mostTokens = 5

/** Verdicts of greedy decoding on a token of the text, by their code. */
export const roles = ["accepted", "corrected", "bonus", "alone"] as const
export type Role = (typeof roles)[number]

/** The code of a place without a verdict. */
export const noRole = 255

/** The id of no token. */
export const noToken = 0xffff_ffff
