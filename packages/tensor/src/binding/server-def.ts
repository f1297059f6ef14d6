/** The members of a group of processes, as the bytes of TensorFlow's ServerDef message. */
import { block, integer, text } from "./protobuf.ts"

/** The seat of this process in a group that computes together. */
export interface Seat {
  /** The number of this process, from 0. */
  readonly rank: number
  /** `host:port` of each process, by rank: the same list in all of them. */
  readonly members: ReadonlyArray<string>
}

const job = "worker"

/**
 * Encodes a ServerDef: cluster = 1 { job = 1 { name = 1, tasks = 2 } }, job_name = 2, task_index = 3,
 * default_session_config = 4, protocol = 5. Rank 0 leads: experimental = 16 { collective_group_leader = 1 } of the config.
 *
 * @param config a ConfigProto
 * @source tensorflow/core/protobuf/tensorflow_server.proto, cluster.proto, config.proto
 */
export const encodeServerDef = ({ rank, members }: Seat, config: Uint8Array): Uint8Array<ArrayBuffer> => {
  const tasks = members.flatMap((address, i) => block(2, [...integer(1, i), ...text(2, address)]))
  const led = [...config, ...block(16, text(1, `/job:${job}/replica:0/task:0`))]
  return Uint8Array.from([
    ...block(1, block(1, [...text(1, job), ...tasks])),
    ...text(2, job),
    ...integer(3, rank),
    ...block(4, led),
    ...text(5, "grpc"),
  ])
}
