/** The splits of CLINC150, those out of scope too, from one file at one commit of its repository. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { type } from "arktype"

const licence = "CC BY 3.0"

const all: ServedFile = {
  path: "classification/clinc150_data_full.json",
  url: "https://raw.githubusercontent.com/clinc/oos-eval/828f8093932c8fe6ca7936c3d2e52903b1c523de/data/data_full.json",
  sha256: "36923c3705a59e08fe9c3883d8bc2dd966ef93e22cb78ac41171782a698d56e0",
  bytes: 2495390,
  licence,
}

const rows = type(["string", "string"]).array()
const source = type({ train: rows, oos_train: rows, val: rows, oos_val: rows, test: rows, oos_test: rows })

/** The queries of a split, then those that are out of scope, as records: all, or each other one from the first. */
export const queries =
  (split: "train" | "val" | "test", which: "all" | "half" = "all") =>
  (file: Uint8Array | undefined): string => {
    const splits = source.assert(JSON.parse(new TextDecoder().decode(file)))
    const records = [...splits[split], ...splits[`oos_${split}`]].map(([text, label]) => ({ text, label }))
    return jsonLines(which === "all" ? records : records.filter((_, i) => i % 2 === 0))
  }

/** 15 100 queries. */
export const trainFile: DerivedFile = {
  path: "classification/clinc150_train.jsonl",
  of: [all],
  by: queries("train"),
  sha256: "1c3aef9c48af51c5f3e01ca49ea20adfbfa9611c11ba043617b48b3f40b3024b",
  bytes: 1172151,
  licence,
}

/** 3 100 queries. */
export const validationFile: DerivedFile = {
  path: "classification/clinc150_val.jsonl",
  of: [all],
  by: queries("val"),
  sha256: "39afa094ba8495e9b8b30595394937bdd7b5b8e6dcdba71a9a380047759c88f9",
  bytes: 239360,
  licence,
}

/** Each other test query: those that figures are quoted on while a method is being worked on. */
export const testHalfFile: DerivedFile = {
  path: "classification/clinc150_test_a.jsonl",
  of: [all],
  by: queries("test", "half"),
  sha256: "68419932d1d22e38ecd577fbbcc2f0850c6d7f2bf160b5b203fce7c3417bf5db",
  bytes: 209909,
  licence,
}

/** All 5 500 test queries. */
export const testFile: DerivedFile = {
  path: "classification/clinc150_test.jsonl",
  of: [all],
  by: queries("test"),
  sha256: "93358e67adfecb85666949abd7ccdb846b676215435e0ea5c7bdf4e43e440d5e",
  bytes: 420059,
  licence,
}
