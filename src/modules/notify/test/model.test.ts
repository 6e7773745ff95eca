import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { timeOfDay } from '#kernel/time.ts'
import { messages as en } from '../messages.en.ts'
import { messages as zh } from '../messages.zh-CN.ts'
import { afterQuiet, nextMorning, placesOf, type Template, textOf } from '../model.ts'

const someDay = fc.date({ min: new Date('2024-01-01T00:00:00Z'), max: new Date('2030-01-01T00:00:00Z'), noInvalidDate: true })

test('an ordinary message leaves between 08:00 and 21:00, never earlier than asked and at most 11 hours later', () => {
  fc.assert(
    fc.property(someDay, at => {
      const leaves = afterQuiet(at)
      assert.ok(leaves >= at && leaves.getTime() - at.getTime() <= 11 * 3_600_000)
      assert.ok(timeOfDay(leaves) >= '08:00' && timeOfDay(leaves) < '21:00', timeOfDay(leaves))
      assert.equal(afterQuiet(leaves).getTime(), leaves.getTime())
    }),
  )
})

test('the borders of the quiet hours', () => {
  const cases = {
    '2026-03-02T20:59:59+08:00': '2026-03-02T20:59:59+08:00',
    '2026-03-02T21:00:00+08:00': '2026-03-03T08:00:00+08:00',
    '2026-03-03T07:59:59+08:00': '2026-03-03T08:00:00+08:00',
    '2026-03-03T08:00:00+08:00': '2026-03-03T08:00:00+08:00',
  }
  for (const [at, leaves] of Object.entries(cases)) assert.equal(afterQuiet(new Date(at)).getTime(), Date.parse(leaves), at)
  assert.equal(nextMorning(new Date('2026-03-02T09:00:00+08:00')).getTime(), Date.parse('2026-03-03T08:00:00+08:00'))
})

test('both languages ask for the same parameters, and a missing one is a bug of the sender', () => {
  for (const template of Object.keys(zh) as Template[]) {
    assert.deepEqual(placesOf(en[template]).sort(), placesOf(zh[template]).sort(), template)
    const params = Object.fromEntries(placesOf(zh[template]).map(name => [name, `<${name}>`]))
    for (const lang of ['zh-CN', 'en'] as const) assert.ok(!textOf(template, lang, params).includes('{'), template)
    assert.throws(() => textOf(template, 'zh-CN', {}), /is missing/)
  }
})

test('a parameter that looks like a place is text', () => {
  assert.equal(
    textOf('sign_in_code', 'en', { code: '{minutes}', minutes: 5 }),
    'Your code is {minutes}, valid 5 minutes. Never give it to anyone.',
  )
})
