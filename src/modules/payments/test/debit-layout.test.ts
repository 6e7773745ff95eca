import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type DebitFile, FILE_BYTES_MAX, type FileKind, fitText, instantOf, parseFile, renderFile, stampOf } from '../debit/layout.ts'
import { BATCH, BATCH_TABLE, nextBatchState, readCard } from '../debit/model.ts'
import { StatementRefused } from '../ports.ts'

const fen = fc.integer({ min: 0, max: 10 ** 12 - 1 })
const seq = fc.integer({ min: 0, max: 999_999 })
const word = (max: number) => fc.stringMatching(new RegExp(`^[A-Za-z0-9_.-]{0,${max}}$`))
/** What people and companies are called: Chinese of every plane, and what is no character at all. */
const note = (bytes: number) => fc.string({ unit: 'binary', maxLength: 60 }).map(text => fitText(`水费𠮷${text}`, bytes))
const answer = {
  seq,
  orderNo: word(32),
  amountFen: fen,
  result: fc.stringMatching(/^\d{2}$/),
  bankNo: word(24),
  at: fc.constantFrom('', '20261124103015'),
}
const rowOf: Record<FileKind, fc.Arbitrary<object>> = {
  O: fc.record({ seq, orderNo: word(32), mandateNo: word(20), card: fc.stringMatching(/^\d{12,19}$/), amountFen: fen, purpose: note(40) }),
  A: fc.record({ sha256: fc.stringMatching(/^[0-9a-f]{64}$/), result: fc.stringMatching(/^\d{2}$/), note: note(40) }),
  R: fc.record({ ...answer, note: note(40) }),
  B: fc.record({ ...answer, returnNo: word(24), note: note(40) }),
}
const files = fc.constantFrom<FileKind>('O', 'A', 'R', 'B').chain(kind =>
  fc.record({
    kind: fc.constant(kind),
    bank: fc.stringMatching(/^[a-z]{1,12}$/),
    batchNo: fc.stringMatching(/^\d{12}$/),
    day: fc.constant('20261124'),
    madeAt: fc.constant('20261124080000'),
    rows: fc.array(rowOf[kind], { maxLength: 6 }),
  }),
) as unknown as fc.Arbitrary<DebitFile>

const isRefused = (bytes: Buffer): boolean => {
  try {
    parseFile(bytes)
    return false
  } catch (error) {
    assert.ok(error instanceof StatementRefused, String(error))
    return true
  }
}

test('a file read back is the file that was written, in any characters GB18030 has', () => {
  fc.assert(
    fc.property(files, file => {
      assert.deepEqual(parseFile(renderFile(file)), JSON.parse(JSON.stringify(file)))
    }),
    { numRuns: 300 },
  )
})

test('cut off anywhere, longer by anything, or with a single bit turned, a file is refused whole', () => {
  fc.assert(
    fc.property(files, fc.nat(), fc.nat(7), (file, place, bit) => {
      const bytes = renderFile(file)
      assert.ok(isRefused(bytes.subarray(0, place % bytes.length)))
      assert.ok(isRefused(Buffer.concat([bytes, Buffer.alloc(1 + (place % 200), ' ')])))
      const turned = Buffer.from(bytes)
      turned[place % bytes.length]! ^= 1 << bit
      assert.ok(isRefused(turned), `bit ${bit} of byte ${place % bytes.length}`)
    }),
    { numRuns: 300 },
  )
})

test('every truncation and every bit of one file, one by one', () => {
  const row = { seq: 1, orderNo: 'y001abc', mandateNo: 'm1', card: '6200580000000000', amountFen: 5_250, purpose: '水费 2026-10' }
  const bytes = renderFile({ kind: 'O', bank: 'demobank', batchNo: '202611240001', day: '20261124', madeAt: '20261124080000', rows: [row] })
  for (let length = 0; length < bytes.length; length++) assert.ok(isRefused(bytes.subarray(0, length)), `${length} bytes`)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const turned = Buffer.from(bytes)
    turned[bit >> 3]! ^= 1 << (bit & 7)
    assert.ok(isRefused(turned), `bit ${bit}`)
  }
  assert.ok(!isRefused(bytes))
})

test('a thousand rows are a file, one more is not; what does not fit is refused when it is written', () => {
  const row = { seq: 1, orderNo: 'y', amountFen: 1, result: '00', bankNo: 'b', at: '', note: '' }
  const base = { kind: 'R' as const, bank: 'b', batchNo: '1', day: '20261124', madeAt: '20261124080000' }
  const full = renderFile({ ...base, rows: Array.from({ length: 1_000 }, () => row) })
  assert.ok(full.length <= FILE_BYTES_MAX)
  assert.equal(parseFile(full).rows.length, 1_000)
  assert.throws(() => renderFile({ ...base, rows: Array.from({ length: 1_001 }, () => row) }), RangeError)
  assert.throws(() => renderFile({ ...base, rows: [{ ...row, amountFen: -1 }] }), RangeError)
  assert.throws(() => renderFile({ ...base, rows: [{ ...row, note: '水'.repeat(21) }] }), RangeError)
})

test('the stamp of a file is an instant of Shanghai, and what is no time of day is none', () => {
  fc.assert(
    fc.property(fc.date({ min: new Date('2020-01-01T00:00:00Z'), max: new Date('2099-12-31T00:00:00Z'), noInvalidDate: true }), at => {
      assert.equal(instantOf(stampOf(at))?.getTime(), Math.floor(at.getTime() / 1000) * 1000)
    }),
  )
  for (const bad of ['', '20261124', '20261324101010', '20260230101010', '20261124250000']) assert.equal(instantOf(bad), undefined, bad)
})

test('a card number is read as people type it, and only with its check digit', () => {
  assert.equal(readCard('6200 5812 3456 7894'.replace('7894', '7895')), undefined)
  for (const typed of ['6217000010001234569', '４１１１ １１１１-1111 1111', ' 4111111111111111 ']) {
    const plain = typed.normalize('NFKC').replace(/[\s-]/g, '')
    assert.equal(readCard(typed), luhn(plain) ? plain : undefined, typed)
  }
  assert.equal(readCard('4111111111111111'), '4111111111111111')
  for (const bad of ['', '0000000000000000', '4111', '4111111111111112', '41111111111111111111111', 'abcd111111111111'])
    assert.equal(readCard(bad), undefined, bad)
})

const luhn = (digits: string): boolean =>
  [...digits].reverse().reduce((sum, d, i) => sum + (i % 2 ? [0, 2, 4, 6, 8, 1, 3, 5, 7, 9][Number(d)]! : Number(d)), 0) % 10 === 0

test('a batch only moves forward, except that a file the bank has not got is sent again', () => {
  for (const [from, event, to] of BATCH_TABLE) {
    assert.equal(nextBatchState(from, event), to)
    assert.ok(BATCH[to] > BATCH[from] || event === 'nacked')
  }
  assert.equal(nextBatchState('closed', 'returned'), undefined)
  assert.equal(nextBatchState('draft', 'returned'), undefined)
})
