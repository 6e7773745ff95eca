import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CheckFileRefused, readCheckFile, renderCheckFile } from '../checks/layout.ts'

const rowOf = fc.record({
  postingNo: fc.uuid(),
  billNo: fc.stringMatching(/^[A-Z0-9]{1,12}$/),
  accountNo: fc.stringMatching(/^[A-Z0-9]{1,12}$/),
  amountFen: fc.integer({ min: 1, max: 1e11 }),
  isReversed: fc.boolean(),
  paidAt: fc.constant('2026-11-20T01:02:03.000Z'),
})
const rowsOf = fc.uniqueArray(rowOf, { maxLength: 30, selector: row => row.postingNo })
const DAY = '2026-11-20'

test('a check file reads back as it was written, with the total of what stands', () => {
  fc.assert(
    fc.property(rowsOf, rows => {
      const file = readCheckFile(renderCheckFile(DAY, rows))
      assert.equal(file.day, DAY)
      assert.deepEqual(
        file.rows,
        rows.map(({ paidAt: _, ...row }) => row),
      )
      assert.equal(
        file.totalFen,
        rows.reduce((sum, row) => sum + (row.isReversed ? 0 : row.amountFen), 0),
      )
    }),
  )
})

const isRefused = (bytes: Buffer): boolean => {
  try {
    readCheckFile(bytes)
    return false
  } catch (error) {
    assert.ok(error instanceof CheckFileRefused, String(error))
    return true
  }
}

test('cut anywhere, or with any bit flipped past its day, a check file is refused whole', () => {
  fc.assert(
    fc.property(rowsOf, fc.nat(), fc.nat({ max: 7 }), (rows, at, bit) => {
      const bytes = renderCheckFile(DAY, rows)
      assert.ok(isRefused(bytes.subarray(0, at % bytes.length)), `cut at ${at % bytes.length}`)
      const place = at % bytes.length
      const flipped = Buffer.from(bytes)
      flipped[place]! ^= 1 << bit
      // The day is checked against what was asked for, by who asked.
      if (!(place >= 2 && place < 2 + DAY.length)) assert.ok(isRefused(flipped), `bit ${bit} of byte ${place}`)
    }),
    { numRuns: 500 },
  )
})

test('a posting that stands twice, an amount of nothing and a state of its own are refused with their line', () => {
  const [row] = fc.sample(rowOf, { numRuns: 1, seed: 1 })
  const why = (bytes: Buffer) => {
    try {
      readCheckFile(bytes)
      return 'taken'
    } catch (error) {
      return error instanceof CheckFileRefused ? `${error.why} ${error.line}` : String(error)
    }
  }
  assert.equal(why(renderCheckFile(DAY, [row!, row!])), 'twice 3')
  assert.equal(why(renderCheckFile(DAY, [{ ...row!, amountFen: 0 }])), 'row 2')
  assert.equal(why(Buffer.from('')), 'total 1')
  assert.equal(why(Buffer.from([0xff, 0xff, 0x0a])), 'encoding 1')
})
