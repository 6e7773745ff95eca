import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import Fastify from 'fastify'
import type { Server } from '../http/server.ts'
import { createStreams } from '../http/streams.ts'
import { createLive } from '../live.ts'

const LIMITS = { streams: 2, lookMs: 60_000, lifeMs: 60_000 }

/** A server with one stream about the topic `x`, which tells how often it was looked at. */
async function open(limits: Partial<typeof LIMITS> = {}, big = 0) {
  // Clients keep spare connections open, which nothing here is about.
  const server = Fastify({ forceCloseConnections: true })
  const live = createLive(50)
  const streams = createStreams(server as unknown as Server, live, { ...LIMITS, ...limits })
  let looks = 0
  server.get('/x', (_request, reply) =>
    streams.serve(reply, ['x'], async () => ({ data: { looks: ++looks, pad: ' '.repeat(big) }, ...(looks === 99 && { done: true }) })),
  )
  const url = await server.listen({ port: 0, host: '127.0.0.1' })
  return { server, live, url: `${url}/x`, looks: () => looks, jump: (to: number) => (looks = to) }
}

const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

async function* events(response: Response): AsyncGenerator<{ looks: number }> {
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      if (text.startsWith('data: ')) yield JSON.parse(text.slice(6, end))
      text = text.slice(end + 2)
    }
  }
}

test('a stream tells what stands, then each change; a burst is one or two, and the last word ends it', async () => {
  const { server, live, url, looks, jump } = await open()
  const response = await fetch(url)
  assert.equal(response.headers.get('content-type'), 'text/event-stream')
  const told = events(response)
  assert.equal((await told.next()).value!.looks, 1)
  for (let i = 0; i < 500; i++) live.publish('x')
  live.publish('y')
  await pause(200)
  assert.ok(looks() >= 2 && looks() <= 4, `${looks()} looks for 500 changes`)
  jump(98)
  live.publish('x')
  const rest: number[] = []
  for await (const event of told) rest.push(event.looks)
  assert.equal(rest.at(-1), 99)
  await server.close()
})

test('too many streams are refused, one that was left makes room, and listening stops with it', async () => {
  const { server, live, url, looks } = await open()
  const leave = [new AbortController(), new AbortController()]
  for (const { signal } of leave) assert.equal((await fetch(url, { signal })).status, 200)
  assert.equal((await fetch(url)).status, 503)
  for (const one of leave) one.abort()
  await pause(100)
  const before = looks()
  live.publish('x')
  await pause(50)
  assert.equal(looks(), before, 'nobody listens any more')
  const again = await fetch(url)
  assert.equal(again.status, 200)
  await again.body!.cancel()
  await server.close()
})

test('without being told it looks by itself, ends in its time, and a server that stops ends what is open', async () => {
  const one = await open({ lookMs: 20, lifeMs: 150 })
  const told: number[] = []
  for await (const event of events(await fetch(one.url))) told.push(event.looks)
  assert.ok(told.length >= 3, `${told.length} looks`)
  await one.server.close()
  const two = await open()
  const response = await fetch(two.url)
  const reading = response.text()
  const began = performance.now()
  await two.server.close()
  assert.match(await reading, /^data: /)
  assert.ok(performance.now() - began < 2_000)
})

test('a reader that does not read is let go before it holds much', async () => {
  const { server, live, url, looks } = await open({}, 200_000)
  const calling = request(url, response => void response.pause())
  calling.on('error', () => {})
  calling.end()
  for (let i = 0; i < 100; i++) {
    live.publish('x')
    await pause(60)
    if (looks() === i && i > 5) break
  }
  const atEnd = looks()
  live.publish('x')
  await pause(150)
  assert.equal(looks(), atEnd, 'nobody is told any more')
  assert.ok(atEnd < 90, `${atEnd} messages of 200 kB`)
  calling.destroy()
  await server.close()
})
