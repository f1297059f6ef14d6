/** The files of BANKING77 at one commit of its repository. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { parse } from "csv-parse/sync"

const licence = "CC BY 4.0"
const folder =
  "https://raw.githubusercontent.com/PolyAI-LDN/task-specific-datasets/57ec275d8078af65b7731c2a98be812d844a6d6b/banking_data"

const served = (name: string, bytes: number, sha256: string): ServedFile => ({
  path: `classification/banking77_${name}.csv`,
  url: `${folder}/${name}.csv`,
  sha256,
  bytes,
  licence,
})
const servedTest = served("test", 239961, "d12d6e3bc4c3103966ae786dc435913c0c563dfa328f5a3646d0e62cfeeb474d")

/** The rows of a table of queries and intents as records: all, or each other one from the first. */
export const queries =
  (which: "all" | "half") =>
  (file: Uint8Array | undefined): string => {
    const rows = parse(new TextDecoder().decode(file), { from_line: 2 })
    const records = rows.map(([text, label]) => ({ text: text!.trim(), label }))
    return jsonLines(which === "all" ? records : records.filter((_, i) => i % 2 === 0))
  }

/** 10 003 queries. */
export const trainFile: DerivedFile = {
  path: "classification/banking77_train.jsonl",
  of: [served("train", 839073, "b06e26ac675513959a63135f11b94ea7786ed02da65db93a5650d8838cbc664b")],
  by: queries("all"),
  sha256: "6ba01f2d275c2ce8694a5e86dddf1c6363b97cb0a9fbfb565bdbaa4971a23801",
  bytes: 1066396,
  licence,
}

/** Each other test query: those that figures are quoted on while a method is being worked on. */
export const testHalfFile: DerivedFile = {
  path: "classification/banking77_test_a.jsonl",
  of: [servedTest],
  by: queries("half"),
  sha256: "5e8653a94bfb91bd652d379aab137046c08b019094bf3dc1e283dcda724ec2e4",
  bytes: 155080,
  licence,
}

/** All 3 080 test queries. */
export const testFile: DerivedFile = {
  path: "classification/banking77_test.jsonl",
  of: [servedTest],
  by: queries("all"),
  sha256: "61a72eb8976c0bbfc96a2527aed0eaf61006cc8e2dec37c94e8161c7aee3c174",
  bytes: 310022,
  licence,
}
