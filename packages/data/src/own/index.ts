/** The tasks from a user's own data. */
import { chat } from "./chat.ts"
import { csv } from "./csv.ts"
import { dataset } from "./dataset.ts"
import { jsonl } from "./jsonl.ts"
import { parquet } from "./parquet.ts"
import { text } from "./text.ts"

export { chat, csv, dataset, jsonl, parquet, text }

/** All tasks from a user's own data: an experiment can name each without an import. */
export const ownData = [jsonl, csv, parquet, text, chat, dataset] as const
