import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { maskAddress, maskIdNumber, maskName, maskPhone } from '../crypto/mask.ts'
import { createVault } from '../crypto/vault.ts'
import { JsonRefused, parseStrictJson } from '../http/strict-json.ts'
import { divideHalfUp, FEN_MAX, formatYuan, parseYuan, splitFen } from '../money.ts'
import { addWorkingDays, addWorkingMinutes, calendar, dayOf, workingMinutesBetween } from '../time.ts'

test('yuan text and fen are the same amount, exactly, up to the largest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: FEN_MAX }), fen => {
      const parsed = parseYuan(formatYuan(fen))
      assert.ok(parsed.ok && parsed.value === fen)
    }),
  )
})

test('amounts in other forms are refused or mean what they say', () => {
  for (const text of ['-1', '+1', '1e3', '0x10', '1.005', '1,00', '', ' ', '1..2', 'NaN', '99999999999999'])
    assert.equal(parseYuan(text).ok, false, text)
  const wide = parseYuan('１２．３４')
  assert.ok(wide.ok && wide.value === 1234)
})

test('halves round away from zero, as the reference in whole numbers does', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(10n ** 15n), max: 10n ** 15n }), fc.bigInt({ min: 1n, max: 10n ** 6n }), (n, d) => {
      const rounded = divideHalfUp(n, d)
      const twice = 2n * (rounded * d - n)
      assert.ok(twice <= d && twice >= -d)
    }),
  )
})

test('what JSON.stringify writes of plain values, the strict parser reads back', () => {
  const plain = fc.letrec(tie => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.boolean(),
      fc.constant(null),
      fc.maxSafeInteger(),
      fc.string({ unit: 'grapheme' }).map(s => s.replaceAll('\u0000', '').toWellFormed()),
      fc.array(tie('value'), { maxLength: 5 }),
    ),
  })).value
  fc.assert(
    fc.property(plain, value => {
      fc.pre(!Object.is(value, -0))
      assert.deepEqual(
        parseStrictJson(JSON.stringify({ value })),
        Object.assign(Object.create(null), { value: JSON.parse(JSON.stringify(value)) }),
      )
    }),
  )
})

test('forms that programs read differently are refused, with the place', () => {
  const refused: [string, string, number][] = [
    ['{"a":1,"a":2}', 'duplicate_key', 7],
    ['{"a":1e3}', 'number_form', 5],
    ['{"a":1.0}', 'number_form', 5],
    ['{"a":-0}', 'number_form', 5],
    ['{"a":9007199254740993}', 'number_form', 5],
    ['{"a":"\\u0000"}', 'forbidden_character', 5],
    ['{"a":"\\ud800"}', 'forbidden_character', 5],
    ['{"a":1}x', 'malformed', 7],
    ['[1,]', 'malformed', 3],
    ['', 'malformed', 0],
  ]
  for (const [text, reason, at] of refused) {
    assert.throws(
      () => parseStrictJson(text),
      (error: unknown) => error instanceof JsonRefused && error.reason === reason && error.at === at,
      text,
    )
  }
})

test('a sealed value opens in its own cell only and not after a changed bit', () => {
  const vault = createVault([Buffer.alloc(32, 3)])
  fc.assert(
    fc.property(fc.string(), fc.nat(), (plain, at) => {
      const sealed = vault.seal(1, 'a|b', plain)
      assert.equal(vault.open(1, 'a|b', sealed), plain)
      assert.throws(() => vault.open(2, 'a|b', sealed))
      assert.throws(() => vault.open(1, 'a|c', sealed))
      const changed = Buffer.from(sealed)
      changed[1 + (at % (changed.length - 1))]! ^= 1
      assert.throws(() => vault.open(1, 'a|b', changed))
    }),
    { numRuns: 50 },
  )
})

test('masks never let odd input through', () => {
  assert.equal(maskName('张三丰'), '张**')
  assert.equal(maskPhone('13812345678'), '138****5678')
  assert.equal(maskPhone('1381234567'), '****')
  assert.equal(maskIdNumber('110105199001011234'), '110105********1234')
  assert.equal(maskIdNumber('11010519900101123'), '****')
  assert.equal(maskAddress('青砖一村3幢2单元401'), '青砖一村***')
  assert.equal(maskAddress('401'), '***')
})

test('working time skips nights, weekends, holidays and counts make-up days', () => {
  const days = calendar()
  // Wednesday 30 September 2026, then the national holiday until 7 October.
  const due = addWorkingMinutes(new Date('2026-09-30T08:30:00Z'), 60, days)
  assert.equal(due.toISOString(), '2026-10-08T01:30:00.000Z')
  assert.equal(dayOf(addWorkingDays(new Date('2026-09-30T08:30:00Z'), 1, days)), '2026-10-08')
  assert.ok(days.isWorkingDay('2026-10-10'))
})

test('adding working minutes and counting them are inverse', () => {
  const days = calendar()
  fc.assert(
    fc.property(
      fc.date({ min: new Date('2025-01-01'), max: new Date('2026-11-01'), noInvalidDate: true }),
      fc.integer({ min: 1, max: 5_000 }),
      (from, minutes) => {
        const whole = new Date(Math.ceil(from.getTime() / 60_000) * 60_000)
        assert.equal(workingMinutesBetween(whole, addWorkingMinutes(whole, minutes, days), days), minutes)
      },
    ),
    { numRuns: 100 },
  )
})

test('parts of a sum make the sum again, each within a fen of its share', () => {
  fc.assert(
    fc.property(fc.nat(FEN_MAX), fc.array(fc.nat(FEN_MAX), { minLength: 1, maxLength: 12 }), (fen, weights) => {
      const parts = splitFen(fen, weights)
      const sum = weights.reduce((total, weight) => total + weight, 0)
      if (sum === 0) return assert.ok(parts.every(part => part === 0))
      assert.equal(
        parts.reduce((total, part) => total + part, 0),
        fen,
      )
      for (const [i, part] of parts.entries())
        assert.ok(part >= 0 && Math.abs(part - (fen / sum) * weights[i]!) < 1.001, `${part} of ${fen}`)
    }),
  )
})
