import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { StatementRefused } from '#modules/payments/index.ts'
import { type CheckFile, type CheckLayout, checkLayoutSchema, parseCheckFile, renderCheckFile, STANDARD_CHECK } from '../checks/layout.ts'

/** Two more a biller might write: a mainframe's fixed width in GB18030 and fen, a desk's table in yuan with CRLF. */
const FIXED: CheckLayout = {
  ...{ format: 'fixed_width', encoding: 'GB18030', line_end: 'CRLF', date_format: 'yyyyMMdd', totals_of: 'all' },
  totals: [
    { is: 'mark', text: '合计', width: 6 },
    { is: 'day', width: 8 },
    { is: 'count', width: 6 },
    { is: 'sum', unit: 'fen', width: 15 },
    { is: 'digest', width: 64 },
  ],
  detail: [
    { is: 'posting_no', width: 40 },
    { is: 'bill_no', width: 30 },
    { is: 'amount', unit: 'fen', width: 12 },
    { is: 'state', standing: '成功', reversed: '冲正', width: 4 },
  ],
}
const TABLE: CheckLayout = {
  ...{ format: 'delimited', encoding: 'GB18030', delimiter: ',', line_end: 'CRLF', date_format: 'yyyy-MM-dd', totals_of: 'standing' },
  totals: [{ is: 'day' }, { is: 'count' }, { is: 'sum', unit: 'yuan' }],
  detail: [{ is: 'posting_no' }, { is: 'account_no' }, { is: 'amount', unit: 'yuan' }, { is: 'state', standing: '成功', reversed: '冲正' }],
}
const LAYOUTS = [STANDARD_CHECK, FIXED, TABLE]

const has = (layout: CheckLayout, is: string) => layout.detail.some(column => column.is === is)
const word = fc.stringMatching(/^[A-Za-z0-9-]{1,20}$/)
const chinese = fc.constantFrom('W1', '水2026', '𠮷号', '户')

const cases = fc.constantFrom(...LAYOUTS).chain(layout =>
  fc.record({
    layout: fc.constant(layout),
    file: fc.record({
      day: fc.constant('2026-11-20'),
      rows: fc.uniqueArray(
        fc.record({
          postingNo: word,
          billNo: has(layout, 'bill_no') ? chinese : fc.constant(''),
          accountNo: has(layout, 'account_no') ? word : fc.constant(''),
          amountFen: fc.integer({ min: 0, max: 10 ** 11 }),
          paidAt: has(layout, 'paid_at') ? fc.constant('2026-11-20T10:00:00+08:00') : fc.constant(''),
          isStanding: fc.boolean(),
        }),
        { selector: row => row.postingNo, maxLength: 6 },
      ),
    }),
  }),
) as fc.Arbitrary<{ layout: CheckLayout; file: CheckFile }>

const refusal = (layout: CheckLayout, bytes: Buffer): string | undefined => {
  try {
    parseCheckFile(layout, bytes)
    return undefined
  } catch (error) {
    assert.ok(error instanceof StatementRefused, String(error))
    return error.code
  }
}

test('layouts are data, checked before they are believed', () => {
  for (const layout of LAYOUTS) assert.deepEqual(checkLayoutSchema.parse(JSON.parse(JSON.stringify(layout))), layout)
  assert.equal(checkLayoutSchema.safeParse({ ...FIXED, detail: [{ is: 'posting_no' }, { is: 'amount', unit: 'fen' }] }).success, false)
  assert.equal(checkLayoutSchema.safeParse({ ...TABLE, totals: [{ is: 'day' }, { is: 'count' }] }).success, false)
  assert.equal(
    checkLayoutSchema.safeParse({ ...TABLE, detail: [{ is: 'posting_no' }, { is: 'amount' }] }).success,
    false,
    'money says its unit',
  )
})

test('a file read back is the file that was written, in each layout', () => {
  fc.assert(
    fc.property(cases, ({ layout, file }) => {
      assert.deepEqual(parseCheckFile(layout, renderCheckFile(layout, file), file.day), JSON.parse(JSON.stringify(file)))
    }),
    { numRuns: 300 },
  )
})

test('cut off anywhere or longer by anything a file is refused whole, or still says exactly the same', () => {
  fc.assert(
    fc.property(cases, fc.nat(), fc.string({ minLength: 1, maxLength: 40 }), ({ layout, file }, place, more) => {
      const bytes = renderCheckFile(layout, file)
      const cut = bytes.subarray(0, place % bytes.length)
      // What counts nothing may be missing from a file that has no digest; everything else shows in the totals.
      if (refusal(layout, cut) === undefined) {
        const read = parseCheckFile(layout, cut)
        const counted = (rows: CheckFile['rows']) => rows.filter(row => (row.isStanding || layout.totals_of === 'all') && row.amountFen > 0)
        assert.deepEqual(counted(read.rows), JSON.parse(JSON.stringify(counted(file.rows))))
        assert.ok(!layout.totals.some(column => column.is === 'digest'))
      }
      assert.notEqual(refusal(layout, Buffer.concat([bytes, Buffer.from(more)])), undefined)
    }),
    { numRuns: 400 },
  )
})

test('with a single bit turned a file that carries a digest is refused', () => {
  fc.assert(
    fc.property(cases, fc.nat(), fc.nat(7), ({ layout, file }, place, bit) => {
      fc.pre(layout.totals.some(column => column.is === 'digest'))
      const bytes = Buffer.from(renderCheckFile(layout, file))
      bytes[place % bytes.length]! ^= 1 << bit
      // The day is the one thing the digest does not cover; it is asked for by name.
      const isRefused = (() => {
        try {
          parseCheckFile(layout, bytes, file.day)
          return false
        } catch (error) {
          return error instanceof StatementRefused
        }
      })()
      assert.ok(isRefused)
    }),
    { numRuns: 400 },
  )
})

test('another day, wrong totals and a number twice are refused by name', () => {
  const row = { postingNo: 'P1', billNo: 'B', accountNo: 'A', amountFen: 100, paidAt: '', isStanding: true }
  const bytes = renderCheckFile(STANDARD_CHECK, { day: '2026-11-20', rows: [row] })
  assert.throws(() => parseCheckFile(STANDARD_CHECK, bytes, '2026-11-21'), { code: 'day' })
  assert.equal(refusal(STANDARD_CHECK, Buffer.from(bytes.toString().replace('|1|100|', '|2|100|'))), 'count')
  assert.equal(refusal(STANDARD_CHECK, Buffer.from(bytes.toString().replace('|1|100|', '|1|101|'))), 'sum')
  assert.equal(refusal(STANDARD_CHECK, renderCheckFile(STANDARD_CHECK, { day: '2026-11-20', rows: [row, row] })), 'conflict')
  assert.equal(refusal(STANDARD_CHECK, Buffer.alloc(0)), 'footer_missing')
})
