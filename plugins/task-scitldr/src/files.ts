/** The files of SciTLDR's abstracts at one commit of its repository, their sentences joined. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { type } from "arktype"

const licence = "Apache-2.0"
const folder =
  "https://raw.githubusercontent.com/allenai/scitldr/5ccad9c00a60ad75c9e04abf7f27d0f53f983b20/SciTLDR-Data/SciTLDR-A"

const served = (name: string, bytes: number, sha256: string): ServedFile => ({
  path: `summarisation/SciTLDR-A/${name}.jsonl`,
  url: `${folder}/${name}.jsonl`,
  sha256,
  bytes,
  licence,
})
const servedTest = served("test", 1204107, "fb42dd6cd4f4a1928ae8a01a189456fbfe994a07e938bd49f68653933f6503c9")

/** A line of the source: its sentences also have labels and scores, which are dropped. */
const line = type({ source: "string[]", paper_id: "string", target: "string[]", title: "string" })

/** The first records of a file (all by default), each abstract one text. */
export const abstracts =
  (most?: number) =>
  (bytes: Uint8Array): string =>
    jsonLines(
      new TextDecoder()
        .decode(bytes)
        .trimEnd()
        .split("\n")
        .slice(0, most)
        .map((text) => {
          const { source, paper_id, target, title } = line.assert(JSON.parse(text))
          return { id: paper_id, title, document: source.join(" "), summaries: target }
        }),
    )

/** 1 992 abstracts. */
export const trainFile: DerivedFile = {
  path: "summarisation/scitldr_train.jsonl",
  of: [served("train", 3155015, "b222771d387be585cfdf5ae957b36757138415a352e0a3e3b23f73f87c3b1119")],
  by: abstracts(),
  sha256: "1e029ea6c5dfc72664ef273e636fbccbe292d80cefbeaaabaacc57748f64d93f",
  bytes: 2723758,
  licence,
}

/** 619 abstracts. */
export const validationFile: DerivedFile = {
  path: "summarisation/scitldr_dev.jsonl",
  of: [served("dev", 1124865, "3191fa98ccc09521332b7a1cd63b1930be4e8df125a235ccd31e40329709525e")],
  by: abstracts(),
  sha256: "7e9d60458ce1b51f903935378a5186cded07f7e7058d9687f6bf1f4b9e8a27fa",
  bytes: 989875,
  licence,
}

/** Abstracts 1 to 309 of the test file: for figures quoted during the development of a method. */
export const testStartFile: DerivedFile = {
  path: "summarisation/scitldr_test_a.jsonl",
  of: [servedTest],
  by: abstracts(309),
  sha256: "e110599a5eaff2e558f0a79a0c705cbbf6f7abf90ef54977d22438ebe58dfaed",
  bytes: 538867,
  licence,
}

/** All 618 test abstracts. */
export const testFile: DerivedFile = {
  path: "summarisation/scitldr_test.jsonl",
  of: [servedTest],
  by: abstracts(),
  sha256: "69c8fe2fa38373effe124392a51cef8e4ef2a3e32a3241b207324e3ca1bd5984",
  bytes: 1062092,
  licence,
}
