/** The paragraphs of contracts with summaries, from one file at one commit of its repository. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"
import { type } from "arktype"

const licence = "Apache-2.0"

const all: ServedFile = {
  path: "domains/legal/all_v1.json",
  url: "https://raw.githubusercontent.com/lauramanor/legal_summarization/9d203292eb188e13523366490863b0cc14c89017/all_v1.json",
  sha256: "062e2e176b10e08e2b56c1675a64f5a5ddaac537d84bd68a92257015f46797fd",
  bytes: 522635,
  licence,
}

/** Documents that are in no split. */
const heldBack = new Set([
  "Google Play Game Services (May 15th, 2013)",
  "Apple Website Terms of Service",
  "Additional Terms of Service",
  "Terms and Conditions",
  "Terms of Use",
  "Data License",
  "Open-Source Terms",
  "Terms of Service and Privacy",
  "Privacy",
  "Linking Policy",
  "Terms & Rules",
  "Terms and Conditions.txt",
  "Privacy Statement",
  "Interest-Based Ads",
  "Services Agreement",
  "Cookie Statement",
  "Data Use Policy",
  "Terms of Service.txt",
])

const record = type({ uid: "string", doc: "string", original_text: "string", reference_summary: "string" })

/** The paragraphs of the documents that are not held back. */
export const paragraphs = (json: Uint8Array | undefined): string =>
  jsonLines(
    Object.values(type("object").assert(JSON.parse(new TextDecoder().decode(json))))
      .map((value) => record.assert(value))
      .filter(({ doc }) => !heldBack.has(doc))
      .map(({ uid, doc, original_text, reference_summary }) => ({ uid, doc, original_text, reference_summary })),
  )

/** 358 paragraphs. */
export const paragraphsFile: DerivedFile = {
  path: "domains/legal/contract_summaries.jsonl",
  of: [all],
  by: paragraphs,
  sha256: "b5a2a7a9ff5cfcc2b0dd07e44ccc77a6f6e10408a142dff41c64106c3e475696",
  bytes: 298008,
  licence,
}
