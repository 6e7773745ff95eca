import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { formatYuan } from '#kernel/money.ts'
import { readDay, readPeriod, scaled } from '../import/cells.ts'

test('yuan text and fen agree exactly up to ten thousand million yuan', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 ** 12 }), fen => {
      assert.equal(scaled(formatYuan(fen), 2), fen)
      assert.equal(scaled(formatYuan(fen).replaceAll(',', ''), 2), fen)
      assert.equal(scaled(String(fen).padStart(15, '0'), 0), fen)
    }),
  )
})

test('nothing is guessed: any text but a plain decimal is refused', () => {
  for (const text of [
    '',
    '-',
    '.',
    '1.',
    '.5',
    '1e3',
    '0x10',
    '1,04',
    '1,0460.00',
    ' 1',
    '1 ',
    '+1',
    '--1',
    'NaN',
    '１',
    '1.234',
    '9'.repeat(16),
    '90071992547409.93',
  ])
    assert.equal(scaled(text, 2), undefined, text)
  assert.equal(scaled('1.2300', 2), 123)
  assert.equal(scaled('-0.00', 2), 0)
})

test('days must exist', () => {
  assert.equal(readDay('2024/02/29', 'yyyy/MM/dd'), '2024-02-29')
  assert.equal(readDay('2026/02/29', 'yyyy/MM/dd'), undefined)
  assert.equal(readDay('20261301', 'yyyyMMdd'), undefined)
  assert.equal(readDay('2026-10-28T00:00:00+08:00', 'iso8601'), '2026-10-28')
  assert.equal(readDay('46287', 'excel_date', true), '2026-09-22')
  assert.equal(readDay('46287', 'excel_date'), undefined)
})

test('periods are months in order', () => {
  assert.deepEqual(readPeriod('202607-202608', { column: 'p', format: 'yyyyMM-yyyyMM' }), { from: '2026-07', to: '2026-08' })
  assert.deepEqual(readPeriod('2026-2027', { column: 'p', format: 'yyyy-yyyy', months: [11, 3] }), { from: '2026-11', to: '2027-03' })
  for (const text of ['2026-2028', '2027-2026', '2026'])
    assert.equal(readPeriod(text, { column: 'p', format: 'yyyy-yyyy', months: [11, 3] }), undefined)
  for (const text of ['202613', '202600', '190001', '2026-09']) assert.equal(readPeriod(text, { column: 'p', format: 'yyyyMM' }), undefined)
})
