/**
 * A process that kills itself at a moment that nothing in it knows: a thread of it waits, whatever the main thread does.
 *
 * A test that reads the process's output and then kills it may come late by as much as a busy machine likes, after the
 * process's end.
 */
declare const self: Worker

if (!Bun.isMainThread)
  self.onmessage = ({ data }: MessageEvent<Int32Array<SharedArrayBuffer>>) => {
    self.postMessage("ready")
    Atomics.wait(data, 0, 0)
    Atomics.wait(data, 1, 0, data[0]! / 1000)
    process.kill(process.pid, "SIGKILL")
  }

/** Starts the thread; the function has it kill the process after that many milliseconds. */
export const openKiller = async (): Promise<(delay: number) => void> => {
  const delay = new Int32Array(new SharedArrayBuffer(8))
  const thread = new Worker(import.meta.url)
  const ready = new Promise((resolve) => thread.addEventListener("message", resolve, { once: true }))
  thread.postMessage(delay)
  await ready
  thread.unref()
  return (milliseconds) => {
    Atomics.store(delay, 0, 1 + Math.round(milliseconds * 1000))
    Atomics.notify(delay, 0)
  }
}
