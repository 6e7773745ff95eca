import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { createBreaker, FAILURES_MAX } from '../http/breaker.ts'
import { exchange } from '../http/exchange.ts'

test('a host is left alone after failures in a row, tried by one call, and used again once it answers', () => {
  let now_ms = 0
  const breaker = createBreaker(() => now_ms)
  for (let i = 1; i < FAILURES_MAX; i++) breaker.note('slow', 'failed')
  breaker.note('slow', 'answered')
  for (let i = 0; i < FAILURES_MAX; i++) {
    assert.equal(breaker.admits('slow'), true, `failure ${i} does not open it`)
    breaker.note('slow', 'failed')
  }
  assert.equal(breaker.admits('slow'), false)
  assert.equal(breaker.admits('other'), true, 'another host is not blamed')
  now_ms = 3_000
  assert.deepEqual([breaker.admits('slow'), breaker.admits('slow')], [true, false], 'one call tries, the others wait')
  breaker.note('slow', 'failed')
  now_ms = 6_000
  assert.equal(breaker.admits('slow'), false, 'the second rest is longer')
  now_ms = 9_000
  assert.equal(breaker.admits('slow'), true)
  breaker.note('slow', 'answered')
  assert.deepEqual([breaker.admits('slow'), breaker.admits('slow')], [true, true])
})

test('failures that come in after the break do not prolong it', () => {
  let now_ms = 0
  const breaker = createBreaker(() => now_ms)
  for (let i = 0; i < FAILURES_MAX; i++) breaker.note('slow', 'failed')
  now_ms = 2_000
  for (let i = 0; i < 20; i++) breaker.note('slow', 'failed')
  now_ms = 3_000
  assert.equal(breaker.admits('slow'), true)
})

test('calls to a host that hangs up are lost at once after a while, and go out again when it is back', { timeout: 20_000 }, async () => {
  let isSick = true
  let asked = 0
  const server = createServer((request, response) => {
    asked++
    if (isSick) request.socket.destroy()
    else response.end('well')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const call = () => exchange({ method: 'GET', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, headers: {} })
  try {
    for (let i = 0; i < FAILURES_MAX + 5; i++) assert.equal((await call()).kind, 'lost')
    assert.equal(asked, FAILURES_MAX, 'the last five never went out')
    isSick = false
    const end = Date.now() + 10_000
    let answer = await call()
    while (answer.kind === 'lost' && Date.now() < end) {
      await new Promise(resolve => setTimeout(resolve, 200))
      answer = await call()
    }
    assert.equal(answer.kind === 'answer' && answer.body.toString(), 'well')
  } finally {
    server.close()
  }
})
