/** Pages that listen: one that reads gets every text; the stream of one that sleeps ends, with the texts that it missed. */
import { expect, test } from "bun:test"
import { Clients, mostWaiting } from "./clients.ts"

test("a page that reads gets all; one that sleeps is let go, and its stream ends after the texts that waited", async () => {
  const clients = new Clients()
  const signal = new AbortController().signal
  const [awake, asleep] = [clients.open(() => "all\n", signal), clients.open(() => "all\n", signal)]
  const reader = awake.getReader()
  const read = async () => new TextDecoder().decode((await reader.read()).value)
  expect(await read()).toBe("all\n")
  const texts = Array.from({ length: 3 * mostWaiting }, (_, i) => `${i}\n`)
  const seen: Array<string> = []
  for (const text of texts) {
    clients.send(text)
    seen.push(await read())
  }
  expect(seen).toEqual(texts)
  expect(clients.size).toBe(1)
  expect(await new Response(asleep).text()).toBe(["all\n", ...texts.slice(0, mostWaiting)].join(""))
  await reader.cancel()
  expect(clients.size).toBe(0)
})

test("a page that goes is forgotten", () => {
  const [clients, gone] = [new Clients(), new AbortController()]
  clients.open(() => "all\n", gone.signal)
  expect(clients.size).toBe(1)
  gone.abort()
  expect(clients.size).toBe(0)
  clients.send("none reads this\n")
})
