import { expect, test } from "bun:test"
import golden from "../fixtures/parquet-golden.json"
import { parquetRows } from "./parquet.ts"

const bytesOf = ({ file }: { readonly file: string }) => Uint8Array.fromBase64(file)
const wanted = ["question", "answer", "n", "half", "even", "id", "messages.0.content"]
const numbers = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, v) => (typeof v === "bigint" ? Number(v) : v)))

for (const entry of golden.filter(({ name }) => !name.endsWith("lz4")))
  test(`pyarrow's rows: ${entry.name}`, async () => {
    const rows = await parquetRows(bytesOf(entry), wanted)
    expect(numbers(rows)).toEqual(entry.rows.map((columns, i) => ({ at: `row ${i + 1}`, columns })))
  })

test("columns that nobody asks for are not read; if none is there, all are named", async () => {
  const bytes = bytesOf(golden[1]!)
  expect((await parquetRows(bytes, ["n"]))[4]).toEqual({ at: "row 5", columns: { n: 4n } })
  const [row] = await parquetRows(bytes, ["solution"])
  expect(row).toHaveProperty("columns")
  expect(Object.keys("columns" in row! ? row.columns : {})).toEqual(["question", "answer", "n", "half", "even"])
})

test("a file that is not Parquet, is damaged or packed in another way is refused", async () => {
  const whole = bytesOf(golden[1]!)
  const refusal = (bytes: Uint8Array) => parquetRows(bytes, ["question"]).then(String, (error) => String(error))
  expect(await refusal(new TextEncoder().encode('{"question": "Is this JSON?"}\n'))).toContain("no Parquet that can be")
  expect(await refusal(whole.subarray(0, whole.length - 9))).toContain("no Parquet that can be read")
  expect(await refusal(new Uint8Array(3))).toContain("no Parquet that can be read")
  const lz4 = golden.find(({ name }) => name.endsWith("lz4"))!
  expect(await refusal(bytesOf(lz4))).toContain("LZ4_RAW; write it again with snappy, gzip, brotli, zstd or")
})
