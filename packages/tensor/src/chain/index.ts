/** Native kernels in a row, as one op. */
export { type Chain, type ChainActivation, type ChainAttention, chained, type Value } from "./chain.ts"
