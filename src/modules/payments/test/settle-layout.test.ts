import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StatementRefused } from '../ports.ts'
import { type BankFile, parseBankFile, purposeOf, renderBankFile } from '../settle/layout.ts'
import { coveredBy, feeFenOf, netOf } from '../settle/model.ts'

const AT = new Date('2026-11-20T02:00:00Z')

const files: fc.Arbitrary<BankFile> = fc
  .record({
    openingFen: fc.integer({ min: -(10 ** 9), max: 10 ** 12 }),
    rows: fc.uniqueArray(
      fc.record({
        serial: fc.stringMatching(/^[A-Z0-9]{1,12}$/),
        amountFen: fc.integer({ min: -(10 ** 9), max: 10 ** 9 }).filter(fen => fen !== 0),
        purpose: fc.constantFrom('SETTLE wechat 1900000109 20261119', 'REMIT water 20261119', '利息', '', 'REMIT'),
      }),
      { selector: row => row.serial, maxLength: 6 },
    ),
  })
  .map(({ openingFen, rows }) => {
    let balanceFen = openingFen
    return {
      ...{ bank: 'icb', day: '2026-11-20', openingFen },
      rows: rows.map(row => {
        balanceFen += row.amountFen
        return { ...row, at: AT, balanceFen }
      }),
    }
  })

const isRefused = (bytes: Buffer): boolean => {
  try {
    parseBankFile(bytes)
    return false
  } catch (error) {
    assert.ok(error instanceof StatementRefused, String(error))
    return true
  }
}

test('a file read back is the file that was written', () => {
  fc.assert(fc.property(files, file => assert.deepEqual(parseBankFile(renderBankFile(file)), JSON.parse(JSON.stringify(file), revive))))
})
const revive = (key: string, value: unknown) => (key === 'at' ? new Date(value as string) : value)

test('cut off anywhere, longer by anything, or with a single bit turned, a file is refused whole', () => {
  fc.assert(
    fc.property(files, fc.nat(), fc.nat(7), (file, place, bit) => {
      const bytes = renderBankFile(file)
      assert.ok(isRefused(bytes.subarray(0, place % bytes.length)))
      assert.ok(isRefused(Buffer.concat([bytes, Buffer.from('x')])))
      const turned = Buffer.from(bytes)
      turned[place % bytes.length]! ^= 1 << bit
      assert.ok(isRefused(turned))
    }),
    { numRuns: 300 },
  )
})

test('what a movement is for is read from what its payer wrote, and from the side it is on', () => {
  const is = (purpose: string, amountFen: number) => purposeOf({ purpose, amountFen })
  assert.deepEqual(is('SETTLE wechat 1900000109 20261119', 5), {
    kind: 'settle',
    channel: 'wechat',
    mchid: '1900000109',
    day: '2026-11-19',
  })
  assert.deepEqual(is('REMIT water 20261119', -5), { kind: 'remit', billerId: 'water', day: '2026-11-19' })
  for (const [purpose, fen] of [
    ['SETTLE wechat 1900000109 20261119', -5],
    ['REMIT water 20261119', 5],
    ['利息', 5],
  ] as const)
    assert.deepEqual(is(purpose, fen), { kind: 'other' })
})

test('a payout pays the day it names, or that and the ones before that brought too little', () => {
  const day = (n: number, grossFen: number, rows = 2) => ({
    day: `2026-11-0${n}`,
    rows,
    grossFen,
    feeE5: (600 * grossFen) / 100,
    discountFen: 0,
  })
  const open = [day(1, -500), day(2, 10_000)]
  assert.equal(netOf(open[1]!), 9_940)
  assert.deepEqual(
    coveredBy(open, '2026-11-02', 9_940)?.days.map(d => d.day),
    ['2026-11-02'],
  )
  assert.equal(coveredBy(open, '2026-11-02', 9_939)?.roundingFen, 1, 'less than a fen a row')
  assert.equal(coveredBy(open, '2026-11-02', 9_938), undefined)
  assert.deepEqual(coveredBy(open, '2026-11-02', netOf(open[0]!) + 9_940)?.days.length, 2)
  assert.equal(coveredBy(open, '2026-11-03', 9_940), undefined, 'a day nobody stated')
  assert.deepEqual([feeFenOf(499), feeFenOf(500), feeFenOf(-500)], [0, 1, -1])
})
