import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ATTEMPT, ATTEMPT_TABLE, type AttemptState, askAgainAfterMs, nextAttemptState, outTradeNoOf, readOutTradeNo } from '../model.ts'

test('a payment is accepted in every state of an attempt but the one that already has it', () => {
  for (const state of Object.keys(ATTEMPT) as AttemptState[]) {
    assert.equal(nextAttemptState(state, 'paid'), state === 'succeeded' ? undefined : 'succeeded')
  }
})

test('a time-out is never a failure, and succeeded is left by nothing', () => {
  assert.equal(nextAttemptState('submitted', 'timed_out'), 'unknown')
  assert.ok(ATTEMPT_TABLE.every(([from]) => from !== 'succeeded'))
})

test('an order number carries its tenant and attempt and fits a channel', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 36 ** 3 - 1 }), fc.uuid(), (tenantId, attemptId) => {
      const number = outTradeNoOf(tenantId, attemptId)
      assert.ok(/^[0-9a-z]{6,32}$/.test(number))
      assert.deepEqual(readOutTradeNo(number), { tenantId, attemptId })
    }),
  )
})

test('a number of somebody else is not read as ours', () => {
  fc.assert(fc.property(fc.string({ maxLength: 40 }), text => assert.ok(readOutTradeNo(text) === undefined || text.length === 30)))
})

test('questions about an unknown outcome never come closer together', () => {
  for (let tries = 1; tries < 60; tries++) assert.ok(askAgainAfterMs(tries) >= askAgainAfterMs(tries - 1))
})
