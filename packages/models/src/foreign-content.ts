/** Recognises files of another kind under the name of a model's file, by their first bytes. */

/** Number of bytes from the start that `foreignContent` reads. */
export const SNIFFED = 256

/** Bytes as text, one character a byte. */
const bytes = (...values: ReadonlyArray<number>) => String.fromCharCode(...values)

const savedOtherwise = "load it in transformers and write it with model.save_pretrained"
const ofServer = "this is an error message of a server, not the file; download the file again"

const starts: ReadonlyArray<readonly [start: string | RegExp, is: string]> = [
  [
    "version https://git-lfs",
    "this is a Git LFS pointer, not the file itself; fetch it with `git lfs pull` in its folder, or download the file",
  ],
  [
    /^\s*<(!doctype|html|head|\?xml)/i,
    "this is a web page (HTML), not the file; download the file itself, such as with `hf download`",
  ],
  ["GGUF", "this is a GGUF file, which is not read; take the safetensors of the model that it was made from"],
  [`PK${bytes(3, 4)}`, `this is a PyTorch file (a zip archive); ${savedOtherwise}`],
  ...[2, 3, 4, 5].map((version) => [bytes(0x80, version), `this is a pickle of PyTorch; ${savedOtherwise}`] as const),
  [bytes(0x1f, 0x8b), "this is compressed with gzip; unpack it"],
  [bytes(0x28, 0xb5, 0x2f, 0xfd), "this is compressed with zstd; unpack it"],
  [`${bytes(0x89)}HDF`, "this is an HDF5 file of TensorFlow; write the model as safetensors"],
  [/^(Entry not found|Invalid username|Access to model|Repository not found|Not Found|Unauthorized)/i, ofServer],
  [/^\s*\{\s*"(error|message|detail)"/, ofServer],
]

/** True if the first 8 bytes are not the length of a header: a file of safetensors begins with one far below 2^32. */
const isNoLength = (first: Uint8Array) => first.length < 8 || first.subarray(4, 8).some((byte) => byte !== 0)

/**
 * The kind of a file, by its first bytes, and the remedy; undefined for a file that may be the right one.
 *
 * Bytes that begin a file of safetensors are never mistaken for another kind: a header may be 0x80 + 2 * 256 bytes
 * long.
 */
export const foreignContent = (first: Uint8Array): string | undefined => {
  if (!isNoLength(first)) return undefined
  const text = String.fromCharCode(...first.subarray(0, SNIFFED))
  const match = starts.find(([start]) => (typeof start === "string" ? text.startsWith(start) : start.test(text)))
  return match?.[1]
}
