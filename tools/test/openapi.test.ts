import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sorted } from '../../src/app/openapi.ts'
import { openapi } from '../openapi.ts'

test('the document is OpenAPI 3.1 and the same each time, without a database', async () => {
  const text = await openapi()
  const document = JSON.parse(text) as { openapi: string; info: { version: string } }
  assert.match(document.openapi, /^3\.1\./)
  assert.match(document.info.version, /^\d+\.\d+\.\d+$/)
  assert.equal(await openapi(), text)
})

test('keys are in order at each depth and lists keep theirs', () => {
  assert.equal(JSON.stringify(sorted({ b: [{ d: 1, c: 2 }, 0], a: null })), '{"a":null,"b":[{"c":2,"d":1},0]}')
})
