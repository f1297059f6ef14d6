/** The seed of every pair and its texts: parent and child processes make the same ones. */
export const SEED = 1
