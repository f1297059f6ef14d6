/**
 * Variables of a process that trains or measures: Bun's allocator keeps freed memory for its next use.
 *
 * Without it the system takes the arrays of a step back, and clears their pages again in the next one. A user's own value
 * comes after these, and so counts. The allocator reads them when a process begins.
 *
 * @source github.com/microsoft/mimalloc, MIMALLOC_PURGE_DELAY: -1 gives nothing back
 */
export const keptMemory: Readonly<Record<string, string>> = { MIMALLOC_PURGE_DELAY: "-1" }
