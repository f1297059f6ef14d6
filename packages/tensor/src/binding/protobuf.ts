/** Fields of protobuf messages as bytes, for the few messages that TensorFlow takes. */

/** The body of a field. */
export type Bytes = ReadonlyArray<number> | Uint8Array

/** An integer, seven bits a byte; a negative one takes ten bytes. */
export const varint = (value: number | bigint): Array<number> => {
  const out: Array<number> = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest >= 0x80n; rest >>= 7n) out.push(Number(rest & 0x7fn) | 0x80)
  return [...out, Number(rest)]
}

/** A field with an integer or a truth value. */
export const integer = (field: number, value: number | bigint): Array<number> => [
  ...varint(field << 3),
  ...varint(value),
]

/** A field with a message, or with bytes. */
export const block = (field: number, body: Bytes): Array<number> => [
  ...varint((field << 3) | 2),
  ...varint(body.length),
  ...body,
]

/** A field with a text, or with its bytes. */
export const text = (field: number, value: string | Uint8Array): Array<number> =>
  block(field, typeof value === "string" ? Buffer.from(value) : value)
