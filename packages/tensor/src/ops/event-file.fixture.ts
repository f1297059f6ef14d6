/** Reads TensorBoard's event files, for tests: records of TensorFlow, with protobuf messages in them. */
import { readFileSync } from "node:fs"

/** The records of an event file: length, its checksum, data, its checksum. */
export const recordsIn = (file: Buffer): ReadonlyArray<Buffer> => {
  const records: Array<Buffer> = []
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at))
    records.push(file.subarray(at + 12, at + 12 + length))
    at += 12 + length + 4
  }
  return records
}

/** The fields of a protobuf message, by number: the first of each. */
const fieldsOf = (message: Buffer): ReadonlyMap<number, number | Buffer> => {
  const fields = new Map<number, number | Buffer>()
  let at = 0
  const varint = () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++]!
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }
  while (at < message.length) {
    const key = varint()
    const wire = key & 7
    const length = wire === 0 ? 0 : wire === 1 ? 8 : wire === 5 ? 4 : varint()
    const value = wire === 0 ? varint() : message.subarray(at, at + length)
    at += length
    if (!fields.has(key >> 3)) fields.set(key >> 3, value)
  }
  return fields
}

/** The message at a path of field numbers. */
export const within = (message: Buffer, ...path: ReadonlyArray<number>): Buffer =>
  path.reduce((of, field) => fieldsOf(of).get(field) as Buffer, message)

/** A value of a summary. */
export interface LoggedValue {
  readonly step: number
  readonly tag: string
  /** The message Summary.Value. */
  readonly value: Buffer
}

/** The float of a scalar. */
export const scalarOf = ({ value }: LoggedValue): number => within(value, 2).readFloatLE(0)

/** The values of an event file, in its order. @error Error (thrown) for a file without the head of its version */
export const valuesIn = (file: string): ReadonlyArray<LoggedValue> => {
  const [head, ...events] = recordsIn(readFileSync(file))
  const version = within(head!, 3).toString()
  if (version !== "brain.Event:2") throw new Error(`${file}: found version ${version}, expected brain.Event:2`)
  return events.map((event) => {
    const value = within(event, 5, 1) // Event.summary.value
    // Protobuf leaves out a step of 0.
    return { step: (fieldsOf(event).get(2) as number | undefined) ?? 0, tag: within(value, 1).toString(), value }
  })
}
