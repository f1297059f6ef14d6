/** A judge of tokens by all of their text: a service that filters may ask, such as `future-gap`. */
import { Context } from "effect"

/** Scores the tokens of a text with the text on both sides of each. */
export interface TokenJudging {
  /**
   * -log p(token | all other tokens of the text) of each token, nats, [T]. The same text gives the same numbers.
   *
   * @error InvalidInput for a text that the judge cannot read
   */
  readonly nll: (text_T: Int32Array) => Float32Array
}

/** The service: an experiment provides its layer, for example of `maskedJudge` in `@winnow/models`. */
export class TokenJudge extends Context.Service<TokenJudge, TokenJudging>()("@winnow/core/TokenJudge") {}
